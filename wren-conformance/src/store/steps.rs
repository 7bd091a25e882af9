//! The steps that many cases take before they come to their point.

use wren_core::model::{Run, Trigger, TriggerSpec};
use wren_core::store::{Deployed, Disposition, RecordFires, Store};
use wren_core::{ErrorCode, OwnerId, Result, RunId};

use crate::fixtures::{claim, every_minute, fire, request, revision};

/// Deploys a script of that name with these triggers.
pub(super) async fn deploy(store: &dyn Store, owner: &OwnerId, name: &str, triggers: Vec<TriggerSpec>) -> Deployed {
    store.put_revision(owner, revision(name, triggers)).await.unwrap()
}

/// Deploys a script with one trigger, due every minute, and returns the trigger.
pub(super) async fn minutely(store: &dyn Store, owner: &OwnerId, name: &str) -> Trigger {
    deploy(store, owner, name, vec![every_minute("main")]).await.triggers.remove(0)
}

/// Records a due time and returns the queued run's id.
pub(super) async fn queue(store: &dyn Store, trigger: &Trigger, due: chrono::DateTime<chrono::Utc>) -> RunId {
    let fired = store.record_fires(RecordFires::new(vec![fire(trigger, due)], due)).await.unwrap().remove(0);
    assert_eq!(fired.disposition, Disposition::Queued);
    fired.run_id
}

/// Deploys a script of its own, queues a manual run of it and claims everything that is due; returns the run.
pub(super) async fn running(store: &dyn Store, owner: &OwnerId) -> Run {
    let name = format!("script-{}", crate::fixtures::run_id());
    let deployment = deploy(store, owner, &name, vec![]).await.deployment;
    let queued = store.enqueue(owner, request(deployment.id)).await.unwrap();
    claimed(store, queued.id).await
}

/// Claims everything that is due at the time of the fixtures and returns the run of that id.
pub(super) async fn claimed(store: &dyn Store, id: RunId) -> Run {
    let runs = store.claim(claim(crate::fixtures::NOW)).await.unwrap().runs;
    runs.into_iter().find(|run| run.id == id).unwrap()
}

/// Returns a run as it stands in the store.
pub(super) async fn read(store: &dyn Store, run: &Run) -> Run {
    store.run(&run.owner, run.id).await.unwrap().0
}

/// Returns the code of a refusal.
pub(super) fn refused<T>(result: Result<T>) -> ErrorCode {
    match result {
        Ok(_) => panic!("was not refused"),
        Err(error) => error.code(),
    }
}
