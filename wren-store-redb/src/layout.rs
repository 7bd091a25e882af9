//! The tables of the file. Ids are the 16 bytes of their UUID, which sort as the ids do; instants are microseconds since the
//! epoch. Every index is written in the transaction of what it points to.

use redb::TableDefinition;

/// An id.
pub(crate) type Id = &'static [u8; 16];
/// A value in one of the [encodings](crate::encoding).
pub(crate) type Bytes = &'static [u8];
/// An owner's list by an instant: owner, instant, id.
pub(crate) type OwnersList = TableDefinition<'static, (&'static str, i64, Id), ()>;
/// A list of something by an instant: its id, instant, id.
pub(crate) type ListOf = TableDefinition<'static, (Id, i64, Id), ()>;
/// All by an instant.
pub(crate) type Timeline = TableDefinition<'static, (i64, Id), ()>;

/// Facts about the file, by name.
pub(crate) const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

pub(crate) const DEPLOYMENTS: TableDefinition<'static, Id, Bytes> = TableDefinition::new("deployments");
/// Deployment → when the latest of its runs started.
pub(crate) const LAST_RUNS: TableDefinition<'static, Id, i64> = TableDefinition::new("last_runs");
/// Owner and name → the deployment that has the name: an undeployed one gives it free.
pub(crate) const NAMES: TableDefinition<'static, (&'static str, &'static str), Id> = TableDefinition::new("names");
/// By creation.
pub(crate) const DEPLOYMENTS_OF_OWNER: OwnersList = TableDefinition::new("deployments_of_owner");
/// By the end of a pause that has one.
pub(crate) const PAUSES: Timeline = TableDefinition::new("pauses");
pub(crate) const REVISIONS: TableDefinition<'static, (Id, u32), Bytes> = TableDefinition::new("revisions");
/// Deployment and SHA-256 → source. One text for all the revisions of a deployment that carry it, and not shared between
/// deployments, so that a wrong hash can never show one owner another's script.
pub(crate) const SCRIPTS: TableDefinition<'static, (Id, &'static str), &'static str> = TableDefinition::new("scripts");
pub(crate) const TRIGGERS: TableDefinition<'static, Id, Bytes> = TableDefinition::new("triggers");
/// Trigger → cursor, apart from the trigger because every fire moves it.
pub(crate) const CURSORS: TableDefinition<'static, Id, i64> = TableDefinition::new("cursors");
/// Deployment and place in the manifest → trigger.
pub(crate) const TRIGGERS_OF: TableDefinition<'static, (Id, u32), Id> = TableDefinition::new("triggers_of_deployment");

/// Run → the part of it that never changes, without its payload.
pub(crate) const RUNS: TableDefinition<'static, Id, Bytes> = TableDefinition::new("runs");
/// Run → the part of it that changes, without its result.
pub(crate) const PROGRESS: TableDefinition<'static, Id, Bytes> = TableDefinition::new("progress");
pub(crate) const PAYLOADS: TableDefinition<'static, Id, &'static str> = TableDefinition::new("payloads");
pub(crate) const RESULTS: TableDefinition<'static, Id, &'static str> = TableDefinition::new("results");
/// Trigger, or deployment of a manual run, and dedupe key → run.
pub(crate) const KEYS: TableDefinition<'static, (Id, &'static str), Id> = TableDefinition::new("run_keys");
/// By due time.
pub(crate) const RUNS_OF_OWNER: OwnersList = TableDefinition::new("runs_of_owner");
pub(crate) const RUNS_OF_DEPLOYMENT: ListOf = TableDefinition::new("runs_of_deployment");
pub(crate) const RUNS_OF_TRIGGER: ListOf = TableDefinition::new("runs_of_trigger");
/// The queued and running ones by due time.
pub(crate) const ACTIVE: OwnersList = TableDefinition::new("active_runs");
/// Those that failed, timed out, were cancelled or skipped, by due time.
pub(crate) const ASTRAY: OwnersList = TableDefinition::new("runs_astray");
/// The ended ones by their end.
pub(crate) const COMPLETED: Timeline = TableDefinition::new("completed_runs");
/// Run and epoch → attempt.
pub(crate) const ATTEMPTS: TableDefinition<'static, (Id, u64), Bytes> = TableDefinition::new("attempts");
/// Run and number → line.
pub(crate) const LOGS: TableDefinition<'static, (Id, u64), Bytes> = TableDefinition::new("logs");

/// Owner (empty for the platform), space, key.
pub(crate) type RecordPlace = (&'static str, &'static str, &'static str);
/// → version, expiry, value.
pub(crate) const RECORDS: TableDefinition<'static, RecordPlace, (u64, Option<i64>, Bytes)> =
    TableDefinition::new("records");
/// By expiry.
pub(crate) const EXPIRIES: TableDefinition<'static, (i64, &'static str, &'static str, &'static str), ()> =
    TableDefinition::new("expiries");

/// The name in [`META`] of the version of this layout.
pub(crate) const SCHEMA: &str = "schema";
/// The version of this layout.
pub(crate) const VERSION: u64 = 1;
/// The name in [`META`] of the version of the latest record written, of whatever key: so no key ever sees a version twice.
pub(crate) const LAST_VERSION: &str = "last_record_version";
/// Sorts before and after every other id.
pub(crate) const FIRST: &[u8; 16] = &[0; 16];
pub(crate) const LAST: &[u8; 16] = &[0xFF; 16];
