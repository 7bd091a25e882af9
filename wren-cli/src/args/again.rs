//! The arguments of the commands that go back: `wren retry`, `wren revisions` and `wren rollback`.

use clap::Args;
use wren_core::RunId;

use super::DeploymentArgs;

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(crate) run: RunId,
    /// Wait for the new run's end, show what it prints, and exit by how it ended
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,
    /// The revision whose script is to be the current one; without it the one before the current one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) to: Option<u32>,
}
