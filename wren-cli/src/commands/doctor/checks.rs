//! What is looked at: the executors, the data folder, the store, the master key, the API keys, the clock and the server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use wren_core::executor::Executor;
use wren_core::keys::ApiKeys;
use wren_core::store::{Expect, Namespace, PutOptions, Store};

use super::Finding;
use crate::args::{DoctorArgs, GlobalArgs};
use crate::backends::{ExecutorChoice, StoreChoice, as_options, make_executors, open_existing_store, open_vault};
use crate::client::{Client, SERVER_UNREACHABLE};
use crate::config;
use crate::failure::Problem;
use crate::output::Output;

/// The least room that a disk should have, in bytes.
const LITTLE_ROOM: u64 = 1 << 30;
/// How far apart clocks may be.
const SKEW: TimeDelta = TimeDelta::seconds(5);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks at everything, in the order in which a server needs it.
pub(super) async fn all(args: &DoctorArgs, global: &GlobalArgs, output: Output) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, executor) in make_executors(ExecutorChoice::default(), None).iter().enumerate() {
        findings.push(sandbox(executor, place == 0).await);
    }
    findings.extend(folder(&args.data.data, &args.data.store));
    match opened(args).await {
        Ok(Some(store)) => {
            findings.push(Finding::ok("store", format!("{} opens and can be written", args.data.store)));
            findings.push(vault(args, &store).await);
            findings.push(keys(args, &store).await);
        }
        Ok(None) => {}
        Err(finding) => findings.push(finding),
    }
    findings.extend(server(global, output).await);
    findings
}

async fn sandbox(executor: &Arc<dyn Executor>, is_default: bool) -> Finding {
    let check = format!("executor {}", executor.name());
    let checked = tokio::time::timeout(PATIENCE, executor.check()).await;
    let tier = executor.isolation().tier;
    match checked {
        Ok(Ok(())) if tier == "reduced" => Finding::warning(
            check,
            "runs get a reduced sandbox",
            "install bubblewrap, and let users make namespaces: `sysctl kernel.unprivileged_userns_clone=1`",
        ),
        Ok(Ok(())) => Finding::ok(check, format!("runs are sandboxed ({tier})")),
        Ok(Err(error)) => {
            let finding = Finding::failed(check, &Problem::from(&error), "choose another executor");
            if is_default { finding } else { Finding { status: super::Status::Warning, ..finding } }
        }
        Err(_) => Finding::warning(check, "it did not answer in time", "look again when the machine has less to do"),
    }
}

/// Looks at the folder's leave and at the room on its disk.
fn folder(data: &Path, store: &StoreChoice) -> Vec<Finding> {
    if matches!(store, StoreChoice::Memory | StoreChoice::Postgres(_)) {
        return Vec::new();
    }
    let Ok(metadata) = std::fs::metadata(data) else {
        let detail = format!("{} is not there yet", data.display());
        return vec![Finding::warning("data folder", detail, "`wren serve` makes it; --data names another one")];
    };
    let mut findings = Vec::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let detail = format!("{}, mode {:o}", data.display(), metadata.permissions().mode() & 0o777);
        findings.push(if metadata.permissions().mode() & 0o077 == 0 {
            Finding::ok("data folder", detail)
        } else {
            let fix = format!("run `chmod 700 {}`: scripts and logs are in it", data.display());
            Finding::warning("data folder", detail, fix)
        });
        if let Ok(disk) = rustix::fs::statvfs(data) {
            let room = disk.f_bavail.saturating_mul(disk.f_frsize);
            let detail = format!("{} MiB are free", room >> 20);
            findings.push(if room >= LITTLE_ROOM {
                Finding::ok("disk", detail)
            } else {
                Finding::warning("disk", detail, "make room: a store that cannot grow stops everything")
            });
        }
    }
    #[cfg(not(unix))]
    drop(metadata);
    findings.extend(clock_of_files(data));
    findings
}

/// What was written in the future was written under another clock.
fn clock_of_files(data: &Path) -> Option<Finding> {
    let files = std::fs::read_dir(data).ok()?.flatten();
    let newest = files.filter_map(|file| file.metadata().ok()?.modified().ok()).max()?;
    let ahead = newest.duration_since(SystemTime::now()).ok()?;
    (ahead > Duration::from_secs(60)).then(|| {
        let detail = format!("the data was written {} s in the future", ahead.as_secs());
        let fix = "set the clock, and keep it by NTP (`timedatectl set-ntp true`): due times are late until then";
        Finding::warning("clock", detail, fix)
    })
}

/// Opens the store and writes to it; none when there is none yet.
async fn opened(args: &DoctorArgs) -> Result<Option<Arc<dyn Store>>, Finding> {
    let failed = |problem: &Problem| Finding::failed("store", problem, "see the server's log");
    let look = async {
        let store = open_existing_store(&args.data).await?;
        store.check().await?;
        let (space, now) = (Namespace::system("doctor"), Utc::now());
        let options = PutOptions::at(now).expiring(now + TimeDelta::minutes(1));
        store.put_record(&space, "written", b"yes".as_slice().into(), options).await?;
        store.delete_record(&space, "written", Expect::Any, now).await?;
        Ok::<_, crate::failure::Failure>(store)
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(store)) => Ok(Some(store)),
        Ok(Err(failure)) if failure.problem.code == "NOT_FOUND" => {
            let detail = format!("{} is not there yet", args.data.store);
            Err(Finding::warning("store", detail, "`wren serve` makes it; --data or --store names another one"))
        }
        Ok(Err(failure)) => Err(failed(&failure.problem)),
        Err(_) => Err(failed(&crate::failure::Failure::internal("opening the store", "no answer in time").problem)),
    }
}

async fn vault(args: &DoctorArgs, store: &Arc<dyn Store>) -> Finding {
    if args.data.store == StoreChoice::Memory {
        return Finding::ok("master key", "in memory, as the store");
    }
    match open_vault(&args.vault, &args.data.data, Arc::clone(store), None).await {
        Ok(_) => Finding::ok("master key", format!("{} opens what is sealed", args.vault.vault)),
        Err(failure) => Finding::failed("master key", &failure.problem, "name the key with --vault"),
    }
}

async fn keys(args: &DoctorArgs, store: &Arc<dyn Store>) -> Finding {
    match ApiKeys::new(Arc::clone(store) as _).any(Utc::now()).await {
        Ok(true) => Finding::ok("API keys", "there are some"),
        Ok(false) => {
            let fix = format!("make one with `wren keys create --owner NAME {}`", as_options(&args.data));
            Finding::warning("API keys", "there is none", fix)
        }
        Err(error) => Finding::failed("API keys", &Problem::from(&error), "see the server's log"),
    }
}

/// Asks the server whether it is ready, and what time it has.
async fn server(global: &GlobalArgs, output: Output) -> Vec<Finding> {
    let connection = match config::connection(global) {
        Ok(connection) => connection,
        Err(failure) => return vec![Finding::failed("server", &failure.problem, "mend the configuration")],
    };
    let url = connection.url.clone();
    let asked = async {
        let client = Client::new(connection, output)?;
        client.get_dated::<Value>("/readyz").await
    };
    match asked.await {
        Ok((_, date)) => {
            let mut findings = vec![Finding::ok("server", format!("{url} is ready"))];
            findings.extend(date.map(|date| clock_of_server(date, Utc::now())));
            findings
        }
        Err(failure) if failure.problem.code == SERVER_UNREACHABLE => {
            let detail = format!("nothing answers at {url}");
            vec![Finding::warning("server", detail, "start it with `wren serve`, or name it with --url or WREN_URL")]
        }
        Err(failure) => vec![Finding::failed("server", &failure.problem, "see the server's log")],
    }
}

fn clock_of_server(date: DateTime<Utc>, now: DateTime<Utc>) -> Finding {
    let apart = (now - date).abs();
    // Dates on the wire have no fractions.
    if apart <= SKEW {
        return Finding::ok("clock", "the server's is this machine's");
    }
    let detail = format!("the server's is {} s from this machine's", apart.num_seconds());
    Finding::warning("clock", detail, "keep both by NTP (`timedatectl set-ntp true`)")
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn clocks_that_differ_are_told() {
        let now = Utc::now();
        assert_eq!(clock_of_server(now - TimeDelta::seconds(2), now).status, Status::Ok);
        assert_eq!(clock_of_server(now + TimeDelta::seconds(60), now).status, Status::Warning);
    }
}
