//! What helps to begin, and to live with the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::{DataArgs, VaultArgs};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The file to make
    #[arg(default_value = "script.py")]
    pub(crate) file: PathBuf,
    /// What the script's function runs on
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on: Beginning,
}

/// What a new script runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Beginning {
    /// A schedule.
    #[default]
    Schedule,
    /// An email that arrives.
    Email,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder, instead of the one of `wren` to the standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
