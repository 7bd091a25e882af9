//! The arguments of what keeps secrets.

use std::time::Duration;

use clap::{Args, Subcommand};
use wren_core::OwnerId;

use super::DataArgs;
use crate::backends::VaultChoice;

/// Where credentials are kept, and what they are sealed under
#[derive(Debug, Clone, Args)]
pub(crate) struct VaultArgs {
    /// The vault: file (a key beside the data folder), file:PATH, passphrase:FILE or transit:MOUNT/KEY seals credentials in
    /// the store, openbao:MOUNT/FOLDER keeps them there; the last two ask the server of BAO_ADDR and BAO_TOKEN
    #[arg(long, env = "WREN_VAULT", hide_env_values = true, value_name = "VAULT", default_value = "file")]
    pub(crate) vault: VaultChoice,
    /// What they were sealed under before, until `wren vault rotate` has ended
    #[arg(long, env = "WREN_PREVIOUS_VAULT", hide_env_values = true, value_name = "VAULT")]
    pub(crate) previous_vault: Option<VaultChoice>,
}

#[derive(Debug, Args)]
pub(crate) struct VaultCommandArgs {
    #[command(subcommand)]
    pub(crate) command: VaultCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Show the master key's kind and generations, and how much is sealed
    Status {
        #[command(flatten)]
        vault: VaultArgs,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Make new keys and wrap every credential under them; goes on where it was cut off
    Rotate {
        #[command(flatten)]
        vault: VaultArgs,
        #[command(flatten)]
        data: DataArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CredentialsArgs {
    #[command(subcommand)]
    pub(crate) command: CredentialsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialsCommand {
    /// Keep a secret, read from the standard input, in place of the one of that name
    Set {
        /// The integration, as in `slack`, or a name of your own
        name: String,
        /// Whose it is
        #[arg(long)]
        owner: OwnerId,
        /// How long it is valid, as in 90d; without end when absent
        #[arg(long, value_name = "DURATION", value_parser = wren_core::schedule::parse_duration)]
        expires_in: Option<Duration>,
        /// What it allows, in the service's words; may be given several times
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// What else belongs to it and is no secret, as in host=imap.example.com; may be given several times
        #[arg(long = "field", value_name = "NAME=VALUE")]
        fields: Vec<String>,
        #[command(flatten)]
        vault: VaultArgs,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List an owner's credentials, without their secrets
    List {
        /// Whose credentials
        #[arg(long)]
        owner: OwnerId,
        #[command(flatten)]
        vault: VaultArgs,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Let the scripts of one deployment read a secret themselves, by `wren.secret` or `inject_env`; each read is audited
    Release {
        /// The credential's name
        name: String,
        /// Whose it is
        #[arg(long)]
        owner: OwnerId,
        /// The deployment's id or name
        #[arg(long, value_name = "DEP")]
        to: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Take a release back
    Withdraw {
        /// The credential's name
        name: String,
        /// Whose it is
        #[arg(long)]
        owner: OwnerId,
        /// The deployment's id or name
        #[arg(long, value_name = "DEP")]
        from: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Delete a credential
    Delete {
        /// Its name, as `wren credentials list` shows it
        name: String,
        /// Whose it is
        #[arg(long)]
        owner: OwnerId,
        #[command(flatten)]
        vault: VaultArgs,
        #[command(flatten)]
        data: DataArgs,
    },
}
