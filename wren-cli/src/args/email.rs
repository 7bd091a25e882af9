//! The arguments of `wren email`.

use clap::{Args, Subcommand};
use wren_core::source::DEFAULT_PREVIEW_EVENTS;

use super::FileArgs;

#[derive(Debug, Args)]
pub(crate) struct EmailArgs {
    #[command(subcommand)]
    pub(crate) command: EmailCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EmailCommand {
    /// Show which past mails would have fired a script's email triggers, and why the others would not; nothing is deployed
    DryRun(DryRunArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DryRunArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// How many mails of each mailbox are looked at, the newest ones; up to 500
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PREVIEW_EVENTS)]
    pub(crate) last: usize,
}
