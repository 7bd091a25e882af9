//! Several engines on one store: each trigger is planned by one of them, and by another one soon after that one is gone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use support::faulty::{FaultyStore, Op};
use support::{World, all_done, start_time};
use wren_core::RunId;
use wren_core::clock::{Clock as _, ManualClock};
use wren_core::model::Run;
use wren_core::store::{DeploymentStore as _, Signals, Store as _};

const LEASE_MS: u64 = 600;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Twenty functions, each due every hour.
fn script() -> String {
    let job = |number| format!("@wren.on_schedule(every=\"1h\")\ndef job_{number}():\n    pass\n\n");
    format!("import wren\n\n{}", (0..20).map(job).collect::<String>())
}

struct Cluster {
    store: Arc<FaultyStore>,
    clock: ManualClock,
}

impl Cluster {
    fn new() -> Self {
        Self { store: Arc::new(FaultyStore::shared()), clock: ManualClock::new(start_time()) }
    }

    fn start(&self) -> World {
        self.start_with_lease(LEASE_MS)
    }

    fn start_with_lease(&self, lease_ms: u64) -> World {
        let mut world = World::on(self.store.clone(), self.clock.clone(), |options| {
            options.lease_ms = lease_ms;
            // Nothing here is to wait for the reconciler's own time, nor does it come while the clock leaps from due time to
            // due time: what is on its way then looks lost to it, and is recorded again.
            options.reconcile_ms = 10_000 * DAY_MS;
        });
        world.run();
        world
    }
}

/// Waits, bounded, until each engine plans so many of the 64 parts.
async fn shares(worlds: &[&World], wanted: &[u32]) {
    let found = || worlds.iter().map(|world| world.engine.shards().0).collect::<Vec<_>>();
    let watch = async {
        while found() != wanted {
            // A bounded poll: no signal says that a part has changed hands.
            let _ = tokio::time::timeout(Duration::from_millis(10), worlds[0].engine.run_changed()).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(60), watch).await.is_err() {
        panic!("waited in vain for {wanted:?}, found {:?}", found());
    }
}

fn distinct(runs: &[Run]) -> usize {
    let mut keys: Vec<_> = runs.iter().map(|run| (run.trigger_id, run.scheduled_for)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_trigger_is_planned_by_one_node() {
    let cluster = Cluster::new();
    // The clock runs ahead of the nodes' turns, and is not to end a lease with that.
    let start = || cluster.start_with_lease(1_000 * DAY_MS);
    let mut nodes = [start(), start(), start()];
    let [one, two, three] = &nodes;
    // 64 in three parts; who gets the odd one is a matter of names.
    let all = || nodes.iter().map(|node| node.engine.shards().0).collect::<Vec<_>>();
    let watch = async {
        while all().iter().any(|share| !(21..=22).contains(share)) || all().iter().sum::<u32>() != 64 {
            // A turn comes every sixth of a lease by this clock.
            cluster.clock.advance(TimeDelta::days(30));
            let _ = tokio::time::timeout(Duration::from_millis(10), one.engine.run_changed()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), watch).await.unwrap();

    two.deploy(&script()).await;
    let planned = || nodes.iter().map(|node| node.engine.planned_triggers()).sum::<usize>();
    let heard = async {
        while planned() != 20 {
            // A node in the middle of a turn does not hear a signal, and by this clock the next turn is months away.
            cluster.store.peers().unwrap().signal(Signals::PLAN);
            let _ = tokio::time::timeout(Duration::from_millis(10), one.engine.run_changed()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), heard).await.unwrap();
    let before = cluster.store.fires();
    three.pass_time_until("five hours", TimeDelta::minutes(30), all_done(100)).await;
    // The clock stands still now; what is due by it is on its way.
    let is_behind = || async {
        let triggers = cluster.store.inner.scan_triggers(None, 1_000).await.unwrap();
        triggers.iter().any(|trigger| trigger.next_due().is_some_and(|due| due <= cluster.clock.now()))
    };
    let settled = async {
        while is_behind().await {
            let _ = tokio::time::timeout(Duration::from_millis(10), three.engine.run_changed()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await.unwrap();
    let runs = three.runs().await;
    assert_eq!(distinct(&runs), runs.len(), "each due time is one run");
    assert_eq!(cluster.store.fires() - before, runs.len(), "and was recorded by one node, once");
    for node in &mut nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_is_replaced_once_its_lease_has_ended() {
    let cluster = Cluster::new();
    let (mut one, mut two) = (cluster.start(), cluster.start());
    shares(&[&one, &two], &[32, 32]).await;
    two.deploy(&script()).await;
    one.crash().await;
    shares(&[&two], &[32]).await;
    cluster.clock.advance(TimeDelta::milliseconds(LEASE_MS as i64));
    shares(&[&two], &[64]).await;
    let runs = two.pass_time_until("an hour", TimeDelta::minutes(30), |runs| all_done(20)(runs)).await;
    assert_eq!(distinct(&runs), runs.len());
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_leaves_hands_over_at_once_and_one_that_comes_gets_its_share() {
    let cluster = Cluster::new();
    let (mut one, mut two) = (cluster.start(), cluster.start());
    shares(&[&one, &two], &[32, 32]).await;
    one.stop().await;
    // The clock stands still: no lease has ended.
    shares(&[&one, &two], &[0, 64]).await;
    let mut three = cluster.start();
    shares(&[&two, &three], &[32, 32]).await;
    two.stop().await;
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_trigger_is_planned_by_nobody() {
    let cluster = Cluster::new();
    let (mut one, mut two) = (cluster.start(), cluster.start());
    shares(&[&one, &two], &[32, 32]).await;
    let id = one.deploy(&script()).await;
    let runs = one.pass_time_until("an hour", TimeDelta::minutes(30), all_done(20)).await;
    assert_eq!(distinct(&runs), runs.len());
    two.engine.undeploy(&two.owner, id).await.unwrap();
    let before = (cluster.store.fires(), one.runs().await.len());
    // Both nodes have had their turns once these calls are done.
    cluster.store.more_calls(Op::Other, 20).await;
    cluster.clock.advance(TimeDelta::hours(3));
    cluster.store.more_calls(Op::Other, 20).await;
    assert_eq!((cluster.store.fires(), one.runs().await.len()), before);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_claimed_and_cancelled_across_nodes() {
    let cluster = Cluster::new();
    let (mut one, mut two) = (cluster.start(), cluster.start());
    shares(&[&one, &two], &[32, 32]).await;
    let id = one.deploy("def job():\n    pass\n").await;
    for world in [&one, &two] {
        world.acting.act("job", support::Act::Hang);
    }
    let run = one.engine.run_now(&one.owner, id, wren_core::engine::RunNow::default()).await.unwrap().id;
    one.until("the run to start", |_| one.running() + two.running() == 1).await;
    let (has, other) = if one.running() == 1 { (&one, &two) } else { (&two, &one) };
    other.engine.cancel(&other.owner, run).await.unwrap();
    let ended = |runs: &[Run]| runs.iter().all(|run| run.state.is_terminal());
    let runs: Vec<RunId> = has.until("its end", ended).await.iter().map(|run| run.id).collect();
    assert_eq!(runs, [run]);
    one.stop().await;
    two.stop().await;
}
