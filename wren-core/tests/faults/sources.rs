//! Sources that stop, and what they emit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use wren_core::clock::{Clock, ManualClock};
use wren_core::model::{FireKey, RunState, Trigger, TriggerKind};
use wren_core::source::{
    AccountHealth, Emission, EventSink, Preview, PreviewOptions, SourceEvent, TriggerSource, Watched,
};
use wren_core::store::{Expect, Namespace, PutOptions, RecordWrite};
use wren_core::{Error, ErrorCode, Result};

use crate::support::faulty::FaultyStore;
use crate::support::{World, all_done, start_time};
use crate::{JOB, ended, run_now};

/// Returns, fails and panics before it does its work.
#[derive(Debug, Default)]
struct Moody {
    starts: AtomicUsize,
}

#[async_trait]
impl TriggerSource for Moody {
    fn kind(&self) -> TriggerKind {
        TriggerKind::Email
    }

    fn validate(&self, _config: &Map<String, Value>) -> Vec<Error> {
        Vec::new()
    }

    async fn watched(&self, _: &Trigger) -> Result<Option<Watched>> {
        Ok(None)
    }

    fn health(&self) -> Vec<AccountHealth> {
        Vec::new()
    }

    async fn preview(&self, _: PreviewOptions) -> Option<Vec<Preview>> {
        None
    }

    async fn run(&self, sink: Arc<dyn EventSink>, shutdown: CancellationToken) -> Result<()> {
        match self.starts.fetch_add(1, Ordering::SeqCst) {
            0 => return Ok(()),
            1 => return Err(Error::new(ErrorCode::Internal, "the line is dead")),
            2 => panic!("out of mood"),
            _ => {}
        }
        let trigger_id = sink.triggers().await?[0].id;
        let event = |key: &str, at: DateTime<Utc>| SourceEvent {
            trigger_id,
            dedupe_key: key.to_owned(),
            at,
            payload: json!({"key": key}),
        };
        let far = "2099-01-01T00:00:00Z".parse().unwrap();
        sink.emit(vec![event("a", start_time()), event("a", start_time()), event("far", far)].into()).await?;
        sink.emit(vec![event("a", start_time()), event("b", start_time()), event("far", far)].into()).await?;
        shutdown.cancelled().await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_stops_is_started_again_and_each_event_becomes_one_run_at_once() {
    let store = Arc::new(FaultyStore::default());
    let mut world =
        World::built(store, ManualClock::new(start_time()), |_| {}, |builder| builder.source(Moody::default()));
    world.deploy("import wren\n\n@wren.on_email(subject=\"x\")\ndef handle(email):\n    pass\n").await;
    let job = world.deploy(JOB).await;
    world.run();
    let runs = world.until("the events", all_done(3)).await;
    let mut keys: Vec<_> = runs.iter().map(|run| run.key.clone()).collect();
    keys.sort_by_key(FireKey::dedupe_key);
    assert_eq!(keys, ["a", "b", "far"].map(|key| FireKey::Event(key.into())));
    for run in &runs {
        assert_eq!((run.state, run.trigger), (RunState::Success, TriggerKind::Email));
        assert!(run.scheduled_for <= world.clock.now(), "nothing is due in the future");
        assert_eq!(run.key, FireKey::Event(run.payload.as_ref().unwrap()["key"].as_str().unwrap().into()));
    }
    let health = &world.engine.source_health()[0];
    assert_eq!((health.kind, health.restarts), (TriggerKind::Email, 3));
    assert_eq!(health.last_error.as_deref(), Some("it panicked"));

    let id = run_now(&world, job).await;
    assert_eq!(ended(&world, id).await.state, RunState::Success);
    assert_eq!(world.runs().await.len(), 4);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_written_with_the_events_it_stands_for_or_neither_is() {
    let store = Arc::new(FaultyStore::default());
    let world = World::built(store, ManualClock::new(start_time()), |_| {}, |builder| builder.source(Moody::default()));
    world.deploy("import wren\n\n@wren.on_email(subject=\"x\")\ndef handle(email):\n    pass\n").await;
    let sink = world.engine.sink(TriggerKind::Email);
    let trigger_id = sink.triggers().await.unwrap()[0].id;
    let space = Namespace::system("cursors");
    let emission = |key: &str, expect: Expect| {
        let event = SourceEvent { trigger_id, dedupe_key: key.to_owned(), at: start_time(), payload: json!({}) };
        let options = PutOptions::at(start_time()).expecting(expect);
        let value = key.as_bytes().to_vec().into();
        let record = RecordWrite { namespace: space.clone(), key: "inbox".to_owned(), value, options };
        Emission::from(vec![event]).with_records(vec![record])
    };
    let cursor = async || {
        let record = world.engine.store().record(&space, "inbox", start_time()).await.unwrap();
        record.map(|record| String::from_utf8(record.value.to_vec()).unwrap())
    };
    sink.emit(emission("a", Expect::Absent)).await.unwrap();
    assert_eq!((cursor().await.as_deref(), world.runs().await.len()), (Some("a"), 1));

    let refused = sink.emit(emission("b", Expect::Absent)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    let refused = sink.emit(emission(&"b".repeat(513), Expect::Any)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidRequest);
    assert_eq!((cursor().await.as_deref(), world.runs().await.len()), (Some("a"), 1));

    // What was seen before keeps the cursor from nothing.
    sink.emit(Emission { records: emission("c", Expect::Any).records, ..emission("a", Expect::Any) }).await.unwrap();
    assert_eq!((cursor().await.as_deref(), world.runs().await.len()), (Some("c"), 1));
}
