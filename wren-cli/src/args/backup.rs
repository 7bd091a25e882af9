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
        /// Leave out credentials and the keys that they are sealed under: for when the master key is lost. They have to be set and
        /// connected anew
        #[arg(long)]
        without_credentials: bool,
        /// Pause every deployment that would fire, so that nothing runs before somebody has looked: what was undeployed or paused since
        /// the backup is active in it. Due times until it is resumed are skipped
        #[arg(long)]
        paused: bool,
        #[command(flatten)]
        data: DataArgs,
        #[command(flatten)]
        vault: VaultArgs,
    },
}
