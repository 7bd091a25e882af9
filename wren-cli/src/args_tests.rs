use clap::CommandFactory;

use super::*;

#[test]
fn the_grammar_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_duration_that_is_none_is_refused() {
    assert!(Cli::try_parse_from(["wren", "serve", "--lease", "soon"]).is_err());
    assert!(Cli::try_parse_from(["wren", "serve", "--lease", "2s"]).is_ok());
}

#[test]
fn a_store_of_an_unknown_kind_is_refused() {
    assert!(Cli::try_parse_from(["wren", "serve", "--store", "papyrus"]).is_err());
}

/// Returns every command that does something, as `keys create`.
fn commands(command: &clap::Command, path: &str) -> Vec<String> {
    let inner: Vec<&clap::Command> = command.get_subcommands().collect();
    if inner.is_empty() {
        return vec![path.to_owned()];
    }
    let within = |inner: &clap::Command| commands(inner, format!("{path} {}", inner.get_name()).trim_start());
    inner.into_iter().flat_map(within).collect()
}

#[test]
fn every_command_is_in_the_document_about_json_and_no_other() {
    let text = include_str!("../JSON.md");
    let table = text.split("| command | document |").nth(1).unwrap().split("\n\n").next().unwrap();
    let cells = table.lines().skip(2).filter_map(|row| row.strip_prefix("| ")?.split(" | ").next());
    // Behind the command are its arguments.
    let is_word = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_lowercase());
    let first_words = |call: &str| call.split(' ').take_while(is_word).collect::<Vec<_>>().join(" ");
    let documented: std::collections::BTreeSet<String> =
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(first_words).collect();
    let commands = commands(&Cli::command(), "").into_iter().collect();
    assert_eq!(documented, commands);
}

fn help(path: &[&str]) -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut current = &mut command;
    for name in path {
        current = current.find_subcommand_mut(name).unwrap();
    }
    current.render_help().to_string()
}

#[test]
fn the_help_names_every_command_and_exit_code() {
    insta::assert_snapshot!(help(&[]), @r#"
    Runs agent-written Python scripts on schedules and events, reliably

    Usage: wren [OPTIONS] <COMMAND>

    Commands:
      test         Check a script locally: syntax, import, schedules, functions
      validate     Show what a script declares, and with --remote whether the platform has what it needs
      email        Try a script's email triggers on the mails that have come already
      deploy       Deploy a script
      status       List deployments, or show one with its latest runs
      logs         Show what the runs of a deployment printed
      run          Run a function of a deployment now
      cancel       Cancel a run
      retry        Run again what has run: the same function, event and revision
      revisions    List the revisions of a deployment
      rollback     Make the script of an earlier revision the current one
      pause        Stop the triggers of a deployment until it is resumed
      resume       Start the triggers of a paused deployment again
      undeploy     Remove a deployment's triggers; its history stays
      dev          Run a script in this process and deploy it anew whenever its file changes
      keys         Make, list, rotate and revoke API keys in a data folder
      quotas       Set and show what one owner may have and use
      connect      Connect an integration: prints a link for the user, and waits until it has been used
      credentials  Set, list and delete the secrets that the platform uses for scripts
      vault        Show what credentials are sealed under, and rotate the keys
      backup       Back a store up into one file, and make a store of it again
      store        Copy everything from one store into another
      explain      Say what a cron expression means: in words, and as the times to come
      init         Make a script to begin with
      config       Show what the options of a server come to, and check configuration files
      doctor       Say whether this machine can run a server, and what to do where it cannot
      guide        Print what an agent has to know: the SDK, the rules, every error code with its fix
      completions  Print a script with which a shell completes, as in `wren completions bash >
                   /etc/bash_completion.d/wren`
      man          Print the manual page
      serve        Run the server
      help         Print this message or the help of the given subcommand(s)

    Options:
          --json           Print JSON instead of text, errors included
          --url <URL>      The server's address [default: http://127.0.0.1:7878] [env: WREN_URL]
          --api-key <KEY>  The API key; other users of the machine can read it off a command line, so
                           prefer the variable or the file [env: WREN_API_KEY]
          --config <FILE>  A TOML file with `url`, `api_key` and a table `server` with options of `wren
                           serve` [default: ./wren.toml, then ~/.config/wren/config.toml] [env:
                           WREN_CONFIG]
      -h, --help           Print help
      -V, --version        Print version

    Exit codes: 0 done, 1 the script or the call must change, 2 usage, 3 the user must act, 4 internal
    error or server unreachable
    "#);
}

#[test]
fn the_help_of_a_command_names_its_arguments() {
    insta::assert_snapshot!(help(&["logs"]), @r#"
    Show what the runs of a deployment printed

    Usage: wren logs [OPTIONS] <DEP>

    Arguments:
      <DEP>  The deployment's id or name, or a run's id

    Options:
          --json           Print JSON instead of text, errors included
          --run <RUN>      Only this run
      -f, --follow         Go on with what is printed from now on
          --url <URL>      The server's address [default: http://127.0.0.1:7878] [env: WREN_URL]
          --api-key <KEY>  The API key; other users of the machine can read it off a command line, so
                           prefer the variable or the file [env: WREN_API_KEY]
          --tail <N>       Only the last N lines
          --config <FILE>  A TOML file with `url`, `api_key` and a table `server` with options of `wren
                           serve` [default: ./wren.toml, then ~/.config/wren/config.toml] [env:
                           WREN_CONFIG]
          --raw            Print control characters as they are; a script can then move the cursor and
                           forge lines
      -h, --help           Print help
    "#);
}

#[test]
fn the_help_of_the_server_names_its_defaults() {
    insta::assert_snapshot!(help(&["serve"]), @r#"
    Run the server

    Usage: wren serve [OPTIONS]

    Options:
          --json                            Print JSON instead of text, errors included
          --listen <ADDRESS>                The address to listen on; port 0 takes any free one, and the
                                            first line printed says which [env: WREN_LISTEN] [default:
                                            127.0.0.1:7878]
          --public-url <URL>                The address that users reach the server by, for the links it
                                            makes; the one it listens on without it [env:
                                            WREN_PUBLIC_URL]
          --url <URL>                       The server's address [default: http://127.0.0.1:7878] [env:
                                            WREN_URL]
          --api-key <KEY>                   The API key; other users of the machine can read it off a
                                            command line, so prefer the variable or the file [env:
                                            WREN_API_KEY]
          --oauth-clients <FILE>            A TOML file with the OAuth clients that integrations are
                                            connected with: a table named gmail with client_id and
                                            client_secret, and one for each other integration; only its
                                            owner may be able to read it [env: WREN_OAUTH_CLIENTS]
          --config <FILE>                   A TOML file with `url`, `api_key` and a table `server` with
                                            options of `wren serve` [default: ./wren.toml, then
                                            ~/.config/wren/config.toml] [env: WREN_CONFIG]
          --data <DIR>                      The data folder [env: WREN_DATA] [default: ./wren-data]
          --store <STORE>                   The store: sqlite or redb (a file in the data folder),
                                            sqlite:PATH, redb:PATH, postgres://… or memory [env:
                                            WREN_STORE] [default: sqlite]
          --vault <VAULT>                   The vault: file (a key beside the data folder), file:PATH,
                                            passphrase:FILE or transit:MOUNT/KEY seals credentials in
                                            the store, openbao:MOUNT/FOLDER keeps them there; the last
                                            two ask the server of BAO_ADDR and BAO_TOKEN [env:
                                            WREN_VAULT] [default: file]
          --previous-vault <VAULT>          What they were sealed under before, until `wren vault
                                            rotate` has ended [env: WREN_PREVIOUS_VAULT]
          --allow-host <HOST>               A host that scripts may ask by `wren.http`, as
                                            api.example.com or *.example.com; may be given several
                                            times, and every host on the public internet is one without
                                            it [env: WREN_ALLOW_HOSTS]
          --allow-private <ORIGIN>          An origin whose addresses may be private, as in
                                            `http://10.0.0.5:8080`; for `wren.http` --allow-host has to
                                            name its host, too [env: WREN_ALLOW_PRIVATE]
          --integration-url <NAME=URL>      Where an integration's requests go instead, as in
                                            `openai=https://llm.example.com` [env:
                                            WREN_INTEGRATION_URLS]
          --integration-file <FILE>         A TOML file that describes an integration besides those that
                                            come with Wren; may be given several times [env:
                                            WREN_INTEGRATION_FILES]
          --allow-private-mail <HOST>       A mail server that may be on a private network or on this
                                            machine, as the credentials name it; may be given several
                                            times [env: WREN_ALLOW_PRIVATE_MAIL]
          --mail-ca <FILE>                  A PEM file with certificates that mail servers may show
                                            besides those that this machine trusts [env: WREN_MAIL_CA]
          --inbound-authserv-id <NAME>      The name that begins the Authentication-Results of the mail
                                            system which hands mail over to /v1/inbound/email; without
                                            it no sender of such a mail is verified. A mailbox's is the
                                            field authserv_id of its credential [env:
                                            WREN_INBOUND_AUTHSERV_ID]
          --quota-deployments <N>           How many deployments an owner may have; no limit without it,
                                            as with the other quotas [env: WREN_QUOTA_DEPLOYMENTS]
          --quota-triggers <N>              How many triggers an owner's deployments may have together
                                            [env: WREN_QUOTA_TRIGGERS]
          --quota-runs-per-day <N>          How many runs of an owner may be queued in a day of UTC; due
                                            times beyond it are recorded as skipped [env:
                                            WREN_QUOTA_RUNS_PER_DAY]
          --quota-log-bytes-per-day <SIZE>  How much an owner's runs may print in a day of UTC, as in
                                            100MiB; lines beyond it are dropped under a mark [env:
                                            WREN_QUOTA_LOG_BYTES_PER_DAY]
          --rate-limit <N/min>              How many requests a key may send, as in 600/min, a sixth of
                                            it at once; or unlimited [env: WREN_RATE_LIMIT] [default:
                                            600/min]
          --trusted-proxy <ADDRESS|CIDR>    A proxy before this server, or a network of them, whose
                                            X-Forwarded-For says where requests come from [env:
                                            WREN_TRUSTED_PROXIES]
          --otlp-endpoint <URL>             The OpenTelemetry collector that gets spans, as in
                                            `http://localhost:4318`, in OTLP over HTTP; `/v1/traces` is
                                            added. The other variables of OpenTelemetry's exporter hold,
                                            too: `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`…
                                            [env: OTEL_EXPORTER_OTLP_ENDPOINT]
          --trace-ratio <RATIO>             Which part of all traces is sent, from 0 to 1; a trace is
                                            sent as a whole, by all servers or by none [env:
                                            OTEL_TRACES_SAMPLER_ARG] [default: 1]
          --keep-runs <DURATION>            How long ended runs are kept, as in 90d, or forever [env:
                                            WREN_KEEP_RUNS] [default: 30d]
          --keep-logs <DURATION>            How long what ended runs printed is kept; as long as the
                                            runs without it, and never longer [env: WREN_KEEP_LOGS]
          --executor <EXECUTOR>             What runs the scripts [env: WREN_EXECUTOR] [default: wasm]
                                            [possible values: wasm, process]
          --concurrency <N>                 How many runs run at once; by the number of cores without it
                                            [env: WREN_CONCURRENCY]
          --lease <DURATION>                How long a run stays claimed without a heartbeat: what a
                                            crash costs until its runs are taken up again [env:
                                            WREN_LEASE] [default: 15s]
          --drain <DURATION>                How long a shutdown waits for the runs in progress [env:
                                            WREN_DRAIN] [default: 30s]
          --log-format <LOG_FORMAT>         How the log on the standard error is written; WREN_LOG
                                            filters it, as in WREN_LOG=info,wren_core=debug [env:
                                            WREN_LOG_FORMAT] [default: text] [possible values: text,
                                            json]
      -h, --help                            Print help (see more with '--help')
    "#);
}
