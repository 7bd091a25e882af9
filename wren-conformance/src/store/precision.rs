//! Instants are kept to the microsecond, whatever is handed in.

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use wren_core::model::{Completion, FireKey, LogLine};
use wren_core::store::{AppendLogs, ClaimOptions, EnqueueRun, Fire, Namespace, PutOptions, PutRevision, RecordFires};

use super::StoreUnderTest;
use super::steps::{deploy, minutely};
use crate::fixtures::{LEASE, NOW, ada, claim, every_minute, fire, finish, held, line, request, revision};

/// An instant with a fraction of which stores keep the first six places.
fn fine(seconds: i64) -> DateTime<Utc> {
    NOW + TimeDelta::seconds(seconds) + TimeDelta::nanoseconds(123_456_789)
}

fn kept(seconds: i64) -> DateTime<Utc> {
    fine(seconds).trunc_subsecs(6)
}

pub async fn a_run_keeps_its_instants_to_the_microsecond(test: StoreUnderTest) {
    let store = &*test.store;
    let id = deploy(store, &ada(), "daily", vec![]).await.deployment.id;
    let queued = store.enqueue(&ada(), EnqueueRun { now: fine(0), ..request(id) }).await.unwrap();
    let options = ClaimOptions { now: fine(1), ..claim(NOW) };
    let run = store.claim(options).await.unwrap().runs.remove(0);
    let text = line("now").text;
    let lines = vec![LogLine { at: fine(2), text, ..line("") }];
    store.append_logs(vec![AppendLogs { held: held(&run), lines }]).await.unwrap();
    let retry = Completion::Release { not_before: fine(9) };
    store.finish(finish(&run, retry, fine(3))).await.unwrap();
    let (read, attempts) = store.run(&ada(), queued.id).await.unwrap();
    assert_eq!((read.created_at, read.scheduled_for, read.started_at), (kept(0), kept(0), Some(kept(1))));
    assert_eq!(read.not_before, kept(9));
    assert_eq!((attempts[0].started_at, attempts[0].ended_at), (kept(1), Some(kept(3))));
    assert_eq!(store.logs(&ada(), run.id, 0, 1).await.unwrap()[0].at, kept(2));
    let again = store.claim(ClaimOptions { now: fine(9), ..claim(NOW) }).await.unwrap().runs.remove(0);
    store.extend(vec![held(&again)], fine(10), LEASE).await.unwrap();
    let read = store.run(&ada(), run.id).await.unwrap().0;
    assert_eq!(read.claim.unwrap().lease_until, kept(10) + LEASE);
    store.finish(finish(&again, crate::fixtures::success(), fine(11))).await.unwrap();
    assert_eq!(store.run(&ada(), run.id).await.unwrap().0.completed_at, Some(kept(11)));
}

pub async fn due_times_a_microsecond_apart_are_two_and_a_nanosecond_apart_one(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    let micro = NOW + TimeDelta::microseconds(1);
    let nano = micro + TimeDelta::nanoseconds(1);
    let batch = [NOW, micro, nano].map(|due| fire(&trigger, due));
    let fired = store.record_fires(RecordFires::new(batch.to_vec(), fine(1))).await.unwrap();
    assert_eq!(fired[2].run_id, fired[1].run_id);
    assert_ne!(fired[1].run_id, fired[0].run_id);
    let run = store.run(&ada(), fired[1].run_id).await.unwrap().0;
    assert_eq!((run.key, run.scheduled_for, run.created_at), (FireKey::Scheduled(micro), micro, kept(1)));
    let cursor = store.deployment(&ada(), trigger.deployment_id).await.unwrap().triggers[0].cursor;
    assert_eq!(cursor, micro);
}

pub async fn deployments_and_records_keep_the_microsecond(test: StoreUnderTest) {
    let store = &*test.store;
    let fine_revision = PutRevision { now: fine(0), ..revision("daily", vec![every_minute("main")]) };
    let deployed = store.put_revision(&ada(), fine_revision).await.unwrap();
    let id = deployed.deployment.id;
    let read = store.deployment(&ada(), id).await.unwrap();
    assert_eq!((read.deployment.created_at, read.deployment.updated_at), (kept(0), kept(0)));
    assert_eq!((read.triggers[0].cursor, read.triggers[0].created_at), (kept(0), kept(0)));
    assert_eq!(store.revision(&ada(), id, 1).await.unwrap().created_at, kept(0));
    let space = Namespace::system("fine");
    store.put_record(&space, "key", Bytes::new(), PutOptions::at(NOW).expiring(fine(0))).await.unwrap();
    assert_eq!(store.record(&space, "key", NOW).await.unwrap().unwrap().expires_at, Some(kept(0)));
}

pub async fn instants_far_away_are_kept(test: StoreUnderTest) {
    let store = &*test.store;
    let trigger = minutely(store, &ada(), "daily").await;
    for far in ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2262-04-12T00:00:00Z", "9999-12-31T23:59:59.999999Z"] {
        let far: DateTime<Utc> = far.parse().unwrap();
        let due = Fire { not_before: far, ..fire(&trigger, far) };
        let id = due.run_id;
        store.record_fires(RecordFires::new(vec![due], NOW)).await.unwrap();
        let run = store.run(&ada(), id).await.unwrap().0;
        assert_eq!((run.scheduled_for, run.not_before, run.key), (far, far, FireKey::Scheduled(far)));
    }
    let page = store.runs(&ada(), Default::default()).await.unwrap();
    assert!(page.items.is_sorted_by(|a, b| a.scheduled_for > b.scheduled_for));
    let claimed = store.claim(claim(NOW)).await.unwrap();
    assert_eq!((claimed.runs.len(), claimed.next_at), (2, Some("2262-04-12T00:00:00Z".parse().unwrap())));
}
