//! The command line's grammar.

mod again;
mod backup;
mod config;
mod email;
mod limits;
mod mail;
mod retention;
mod secrets;
mod tools;
mod tracing;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use wren_core::{KeyId, OwnerId, RunId};

pub(crate) use self::again::{RetryArgs, RollbackArgs};
pub(crate) use self::backup::{BackupArgs, BackupCommand};
pub(crate) use self::config::{ConfigArgs, ConfigCommand};
pub(crate) use self::email::{DryRunArgs, EmailArgs, EmailCommand};
pub(crate) use self::limits::{LimitArgs, QuotasArgs, QuotasCommand};
pub(crate) use self::mail::MailArgs;
pub(crate) use self::retention::RetentionArgs;
pub(crate) use self::secrets::{CredentialsArgs, CredentialsCommand, VaultArgs, VaultCommand, VaultCommandArgs};
pub(crate) use self::tools::{Beginning, CompletionsArgs, DoctorArgs, InitArgs, ManArgs};
pub(crate) use self::tracing::TracingArgs;
use crate::backends::{ExecutorChoice, StoreChoice};

/// Runs agent-written Python scripts on schedules and events, reliably
#[derive(Debug, Parser)]
#[command(name = "wren", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 the script or the call must change, 2 usage, 3 the user must act, 4 internal error or server unreachable";

/// What every command takes
#[derive(Debug, Clone, Args)]
pub(crate) struct GlobalArgs {
    /// Print JSON instead of text, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The server's address [default: http://127.0.0.1:7878]
    #[arg(long, global = true, env = "WREN_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The API key; other users of the machine can read it off a command line, so prefer the variable or the file
    #[arg(long, global = true, env = "WREN_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// A TOML file with `url`, `api_key` and a table `server` with options of `wren serve` [default: ./wren.toml, then
    /// ~/.config/wren/config.toml]
    #[arg(long, global = true, env = "WREN_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a script locally: syntax, import, schedules, functions
    Test(TestArgs),
    /// Show what a script declares, and with --remote whether the platform has what it needs
    Validate(ValidateArgs),
    /// Try a script's email triggers on the mails that have come already
    Email(EmailArgs),
    /// Deploy a script
    Deploy(DeployArgs),
    /// List deployments, or show one with its latest runs
    Status(StatusArgs),
    /// Show what the runs of a deployment printed
    Logs(LogsArgs),
    /// Run a function of a deployment now
    Run(RunArgs),
    /// Cancel a run
    Cancel(CancelArgs),
    /// Run again what has run: the same function, event and revision
    Retry(RetryArgs),
    /// List the revisions of a deployment
    Revisions(DeploymentArgs),
    /// Make the script of an earlier revision the current one
    Rollback(RollbackArgs),
    /// Stop the triggers of a deployment until it is resumed
    Pause(PauseArgs),
    /// Start the triggers of a paused deployment again
    Resume(DeploymentArgs),
    /// Remove a deployment's triggers; its history stays
    Undeploy(DeploymentArgs),
    /// Run a script in this process and deploy it anew whenever its file changes
    Dev(DevArgs),
    /// Make, list, rotate and revoke API keys in a data folder
    Keys(KeysArgs),
    /// Set and show what one owner may have and use
    Quotas(QuotasArgs),
    /// Connect an integration: prints a link for the user, and waits until it has been used
    Connect(ConnectArgs),
    /// Set, list and delete the secrets that the platform uses for scripts
    Credentials(CredentialsArgs),
    /// Show what credentials are sealed under, and rotate the keys
    Vault(VaultCommandArgs),
    /// Back a store up into one file, and make a store of it again
    Backup(BackupArgs),
    /// Copy everything from one store into another
    Store(StoreArgs),
    /// Say what a cron expression means: in words, and as the times to come
    Explain(ExplainArgs),
    /// Make a script to begin with
    Init(InitArgs),
    /// Show what the options of a server come to, and check configuration files
    Config(ConfigArgs),
    /// Say whether this machine can run a server, and what to do where it cannot
    Doctor(DoctorArgs),
    /// Print what an agent has to know: the SDK, the rules, every error code with its fix
    Guide,
    /// Print a script with which a shell completes, as in `wren completions bash > /etc/bash_completion.d/wren`
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
    /// Run the server
    Serve(Box<ServeArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Also list when the script's schedules are due from this time on, as 2026-03-01T00:00:00Z
    #[arg(long, value_name = "RFC3339", requires = "to")]
    pub(crate) from: Option<DateTime<Utc>>,
    /// The end of that time; a due time at this very moment counts
    #[arg(long, value_name = "RFC3339", requires = "from")]
    pub(crate) to: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The expression: five fields of cron, or a nickname such as @daily
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) expression: String,
    /// The zone whose clocks count, by its IANA name
    #[arg(long, value_name = "TZ", default_value = "UTC")]
    pub(crate) timezone: String,
    /// Only times later than this, as 2026-03-01T00:00:00Z; now without it
    #[arg(long, value_name = "RFC3339")]
    pub(crate) from: Option<DateTime<Utc>>,
    /// How many times to list
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) count: usize,
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The Python script
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Ask the server whether the script's integrations are configured
    #[arg(long)]
    pub(crate) remote: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// The deployment's name; without it the file's, its ending left out
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeploymentArgs {
    /// The deployment's id or name
    #[arg(value_name = "DEP")]
    pub(crate) deployment: String,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,
    /// Why, for whoever looks at its status
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// When the pause ends by itself, as 2026-03-01T00:00:00Z; without it the pause lasts until `wren resume`
    #[arg(long, value_name = "RFC3339")]
    pub(crate) until: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The deployment's id or name
    #[arg(value_name = "DEP")]
    pub(crate) deployment: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The deployment's id or name, or a run's id
    #[arg(value_name = "DEP")]
    pub(crate) target: String,
    /// Only this run
    #[arg(long)]
    pub(crate) run: Option<RunId>,
    /// Go on with what is printed from now on
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only the last N lines
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Print control characters as they are; a script can then move the cursor and forge lines
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,
    /// The function; the first one with a trigger without it
    #[arg(long)]
    pub(crate) func: Option<String>,
    /// The event handed to the function: JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    pub(crate) event: Option<String>,
    /// Wait for the run's end, show what it prints, and exit by how it ended
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(crate) run: RunId,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The integration, as in `gmail`
    #[arg(value_name = "NAME")]
    pub(crate) integration: String,
    /// A scope to ask for besides the usual ones; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Open the link in this machine's browser
    #[arg(long)]
    pub(crate) open: bool,
    /// Print the link and do not wait
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Keep history and state in this folder; without it they end with the command
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// What runs the scripts
    #[arg(long, value_enum, default_value_t)]
    pub(crate) executor: ExecutorChoice,
    /// Print control characters as they are; a script can then move the cursor and forge lines
    #[arg(long)]
    pub(crate) raw: bool,
}

/// Where a Wren keeps what it keeps
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// The data folder
    #[arg(long, env = "WREN_DATA", hide_env_values = true, value_name = "DIR", default_value = "./wren-data")]
    pub(crate) data: PathBuf,
    /// The store: sqlite or redb (a file in the data folder), sqlite:PATH, redb:PATH, postgres://… or memory
    #[arg(long, env = "WREN_STORE", hide_env_values = true, value_name = "STORE", default_value = "sqlite")]
    pub(crate) store: StoreChoice,
}

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key; it is shown once
    Create {
        /// Whose key it is
        #[arg(long)]
        owner: OwnerId,
        /// How long it is valid, as in 90d; without end when absent
        #[arg(long, value_name = "DURATION", value_parser = wren_core::schedule::parse_duration)]
        expires_in: Option<Duration>,
        /// What it allows; may be given several times
        #[arg(long = "scope", value_name = "SCOPE", default_value = "admin", value_parser = ["admin", "read", "deploy", "run"])]
        scopes: Vec<String>,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List an owner's keys, without their secrets
    List {
        /// Whose keys
        #[arg(long)]
        owner: OwnerId,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Give a key a new secret, which is shown once; the one before stays good for a while
    Rotate {
        /// The key's id, as `wren keys list` shows it
        key: KeyId,
        /// Whose key it is
        #[arg(long)]
        owner: OwnerId,
        /// How long the secret before stays good, at most 7d; 0s ends it at once
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = limits::grace)]
        grace: Duration,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Revoke a key; a server that runs hears of it within a second
    Revoke {
        /// The key's id, as `wren keys list` shows it
        key: KeyId,
        /// Whose key it is
        #[arg(long)]
        owner: OwnerId,
        #[command(flatten)]
        data: DataArgs,
    },
}

/// What scripts may ask of the world
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BrokerArgs {
    /// A host that scripts may ask by `wren.http`, as api.example.com or *.example.com; may be given several times, and every
    /// host on the public internet is one without it
    #[arg(
        long = "allow-host",
        env = "WREN_ALLOW_HOSTS",
        hide_env_values = true,
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub(crate) allow_hosts: Vec<String>,
    /// An origin whose addresses may be private, as in `http://10.0.0.5:8080`; for `wren.http` --allow-host has to name its host, too
    #[arg(long, env = "WREN_ALLOW_PRIVATE", hide_env_values = true, value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) allow_private: Vec<String>,
    /// Where an integration's requests go instead, as in `openai=https://llm.example.com`
    #[arg(
        long = "integration-url",
        env = "WREN_INTEGRATION_URLS",
        hide_env_values = true,
        value_name = "NAME=URL",
        value_delimiter = ','
    )]
    pub(crate) integration_urls: Vec<String>,
    /// A TOML file that describes an integration besides those that come with Wren; may be given several times
    #[arg(
        long = "integration-file",
        env = "WREN_INTEGRATION_FILES",
        hide_env_values = true,
        value_name = "FILE",
        value_delimiter = ','
    )]
    pub(crate) integration_files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Copy deployments, runs, logs and records into an empty store, and compare; goes on where it was cut off
    Migrate {
        /// The store to read; no server may run on it
        #[arg(long, env = "WREN_MIGRATE_FROM", hide_env_values = true, value_name = "STORE")]
        from: StoreChoice,
        /// The store to fill; made if it is missing
        #[arg(long, env = "WREN_MIGRATE_TO", hide_env_values = true, value_name = "STORE")]
        to: StoreChoice,
        /// The folder of a store without a path of its own
        #[arg(long, env = "WREN_DATA", hide_env_values = true, value_name = "DIR", default_value = "./wren-data")]
        data: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on; port 0 takes any free one, and the first line printed says which
    #[arg(long, env = "WREN_LISTEN", hide_env_values = true, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The address that users reach the server by, for the links it makes; the one it listens on without it
    #[arg(long, env = "WREN_PUBLIC_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// A TOML file with the OAuth clients that integrations are connected with: a table named gmail with client_id and
    /// client_secret, and one for each other integration; only its owner may be able to read it
    #[arg(long, env = "WREN_OAUTH_CLIENTS", hide_env_values = true, value_name = "FILE")]
    pub(crate) oauth_clients: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) mail: MailArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) tracing: TracingArgs,
    #[command(flatten)]
    pub(crate) retention: RetentionArgs,
    /// What runs the scripts
    #[arg(long, env = "WREN_EXECUTOR", hide_env_values = true, value_enum, default_value_t)]
    pub(crate) executor: ExecutorChoice,
    /// How many runs run at once; by the number of cores without it
    #[arg(long, env = "WREN_CONCURRENCY", hide_env_values = true, value_name = "N")]
    pub(crate) concurrency: Option<usize>,
    /// How long a run stays claimed without a heartbeat: what a crash costs until its runs are taken up again
    #[arg(
        long,
        env = "WREN_LEASE",
        hide_env_values = true,
        default_value = "15s",
        value_name = "DURATION",
        value_parser = wren_core::schedule::parse_duration
    )]
    pub(crate) lease: Duration,
    /// How long a shutdown waits for the runs in progress
    #[arg(
        long,
        env = "WREN_DRAIN",
        hide_env_values = true,
        default_value = "30s",
        value_name = "DURATION",
        value_parser = wren_core::schedule::parse_duration
    )]
    pub(crate) drain: Duration,
    /// How the log on the standard error is written; WREN_LOG filters it, as in WREN_LOG=info,wren_core=debug
    #[arg(long, env = "WREN_LOG_FORMAT", hide_env_values = true, value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

/// How the server writes its log.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
