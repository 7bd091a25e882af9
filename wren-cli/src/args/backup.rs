//! Backups of a store.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{DataArgs, VaultArgs};

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) command: BackupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Write everything of a store, as it is now, into one file, and read it back; not the vault's master key. A server may run
    /// meanwhile, unless its store is redb
    Create {
        /// The file to make
        file: PathBuf,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Say what a backup holds, and whether it is whole
    Verify {
        /// The backup
        file: PathBuf,
    },
    /// Make an empty store, of any kind, what the backup is of, and compare; goes on where it was cut off
    Restore {
        /// The backup
        file: PathBuf,
        #[command(flatten)]
        data: DataArgs,
        #[command(flatten)]
        vault: VaultArgs,
    },
}
