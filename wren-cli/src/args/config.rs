//! The arguments of `wren config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServeArgs;

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting, and whether it is from a flag, a variable, a file or a default; takes the options of `wren serve`
    Show(Box<ServeArgs>),
    /// Check a file: every fault with its line, column and hint
    Check {
        /// The file
        file: PathBuf,
    },
}
