//! The vocabulary: deployments, revisions, manifests, triggers, runs, attempts, log entries.

mod deployment;
mod log;
mod page;
mod policy;
mod run;
mod transition;
mod trigger;

pub use deployment::{
    Deployment, DeploymentOverview, DeploymentStatus, Manifest, Revision, RevisionSummary, ScriptSettings,
};
pub use log::{LogEntry, LogLine, LogStream};
pub use page::{Page, PageOptions};
pub use policy::{Backoff, CatchUp, Delivery, Overlap, RunPolicy};
pub use run::{Attempt, AttemptEnd, Claim, FireKey, Isolation, NewRun, Run, RunState, SkipReason};
pub use transition::{Completion, Fence, Rescue, RunEvent, Transition, TransitionError};
pub use trigger::{ScheduleConfig, Trigger, TriggerKind, TriggerSpec};
