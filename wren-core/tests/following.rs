//! Following runs: every line once and in order, whatever the follower's pace, and little work for many of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use support::faulty::{Fault, FaultyStore, Op};
use support::{Act, World, start_time};
use tokio_util::sync::CancellationToken;
use wren_core::clock::ManualClock;
use wren_core::engine::{RunFollower, RunNews, RunNow};
use wren_core::memory::MemoryStore;
use wren_core::model::{Run, RunState};
use wren_core::{ErrorCode, RunId};

const JOB: &str = "def job():\n    pass\n";

/// All that a follower hears: the numbers of the lines, and the states with how many lines came before them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    lines: Vec<u64>,
    states: Vec<(usize, RunState, u32)>,
}

async fn hear(mut follower: RunFollower) -> Heard {
    let mut heard = Heard::default();
    while let Some(news) = follower.next().await.unwrap() {
        match news {
            RunNews::Lines(lines) => {
                assert!(!lines.is_empty());
                let told = heard.states.last().map_or(0, |(_, _, attempt)| *attempt);
                assert!(lines.iter().all(|line| line.attempt >= told), "a line of an attempt that is over");
                heard.lines.extend(lines.iter().map(|line| line.seq));
            }
            RunNews::Changed(run) | RunNews::Ended(run) => {
                assert_eq!((run.payload.as_ref(), run.result.as_ref()), (None, None));
                heard.states.push((heard.lines.len(), run.state, run.attempt));
            }
            _ => unreachable!(),
        }
    }
    heard
}

async fn ask(world: &World, act: Act) -> Run {
    let id = world.deploy(JOB).await;
    world.acting.act("job", act);
    world.engine.run_now(&world.owner, id, RunNow::default()).await.unwrap()
}

async fn follow(world: &World, id: RunId, after: u64) -> RunFollower {
    world.engine.follow(&world.owner, id, after).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_follower_hears_each_line_once_wherever_it_begins() {
    let mut world = World::new(|_| {});
    let run = ask(&world, Act::Print(901)).await;
    let early = follow(&world, run.id, 0).await;
    let later = follow(&world, run.id, 450).await;
    let beyond = follow(&world, run.id, 5_000).await;
    world.run();
    let (early, later, beyond) = tokio::join!(hear(early), hear(later), hear(beyond));
    assert_eq!(early.lines, (1..=902).collect::<Vec<_>>());
    assert_eq!(later.lines, (451..=902).collect::<Vec<_>>());
    assert_eq!(beyond.lines, Vec::<u64>::new());
    for heard in [&early, &later, &beyond] {
        assert_eq!(heard.states.last().unwrap().1, RunState::Success);
    }
    // Those who come when all is over, one by one and side by side, hear the same.
    let after = hear(follow(&world, run.id, 0).await).await;
    assert_eq!((after.lines, after.states), (early.lines, vec![(902, RunState::Success, 1)]));
    let (first, second) = (follow(&world, run.id, 900).await, follow(&world, run.id, 3).await);
    let (first, second) = tokio::join!(hear(first), hear(second));
    assert_eq!((first.lines, second.lines), ((901..=902).collect(), (4..=902).collect()));
    assert_eq!(world.engine.followed_runs(), 0);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_follower_may_be_wrong_about_where_the_run_is() {
    let mut world = World::new(|_| {});
    let run = ask(&world, Act::Print(10)).await;
    let (beyond, early) = (follow(&world, run.id, 5_000).await, follow(&world, run.id, 0).await);
    let hearing = tokio::spawn(async { tokio::join!(hear(beyond), hear(early)) });
    tokio::task::yield_now().await;
    world.run();
    let (beyond, early) = hearing.await.unwrap();
    assert_eq!((beyond.lines, early.lines), (vec![], (1..=11).collect::<Vec<_>>()));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lines_of_an_attempt_come_before_word_of_the_next() {
    let mut world = World::new(|_| {});
    world.deploy("import wren\n\n@wren.on_schedule(every=\"1h\", retries=3)\ndef tick():\n    pass\n").await;
    world.acting.act("tick", Act::FailTimes(2, ErrorCode::ScriptException));
    world.run();
    world.clock.advance(chrono::TimeDelta::hours(1));
    let runs = world.until("the run", |runs| !runs.is_empty()).await;
    let follower = follow(&world, runs[0].id, 0).await;
    let hearing = tokio::spawn(hear(follower));
    world.pass_time_until("its end", chrono::TimeDelta::seconds(10), |runs| runs[0].state.is_terminal()).await;
    let heard = hearing.await.unwrap();
    assert_eq!(heard.lines, [1, 2, 3, 4, 5]);
    assert_eq!(heard.states.last(), Some(&(5, RunState::Success, 3)));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_hundred_followers_read_as_much_as_one() {
    let store = Arc::new(FaultyStore::default());
    let mut world = World::on(store.clone(), ManualClock::new(start_time()), |_| {});
    let gate = CancellationToken::new();
    let run = ask(&world, Act::Wait(gate.clone())).await;
    let mut followers = Vec::new();
    for _ in 0..200 {
        followers.push(tokio::spawn(hear(follow(&world, run.id, 0).await)));
    }
    let before = (store.calls(Op::Run), store.calls(Op::Logs));
    assert!(before.0 >= 200 && before.0 < 210, "each asks once whether there is such a run: {before:?}");
    world.run();
    world.until("it to run", |runs| runs[0].state == RunState::Running).await;
    gate.cancel();
    for follower in followers {
        let heard = follower.await.unwrap();
        assert_eq!(heard.lines, [1, 2]);
        assert_eq!(heard.states.last(), Some(&(2, RunState::Success, 1)));
    }
    let reads = (store.calls(Op::Run) - before.0, store.calls(Op::Logs) - before.1);
    assert!(reads.0 < 20 && reads.1 < 20, "each change is read once: {reads:?}");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_does_not_change_is_hardly_read() {
    let store = Arc::new(FaultyStore::default());
    let mut world = World::on(store.clone(), ManualClock::new(start_time()), |_| {});
    let run = ask(&world, Act::Hang).await;
    world.run();
    world.until("it to run", |runs| runs[0].state == RunState::Running).await;
    let followers: Vec<_> = {
        let mut all = Vec::new();
        for _ in 0..50 {
            all.push(tokio::spawn(hear(follow(&world, run.id, 0).await)));
        }
        all
    };
    let before = store.calls(Op::Logs);
    // Other runs come and go, a minute long.
    let other = world.deploy("def other():\n    pass\n").await;
    for _ in 0..60 {
        let other = world.engine.run_now(&world.owner, other, RunNow::default()).await.unwrap();
        world.engine.wait_for(&world.owner, other.id).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    let reads = store.calls(Op::Logs) - before;
    assert!(reads < 30, "{reads}");
    world.engine.cancel(&world.owner, run.id).await.unwrap();
    for follower in followers {
        assert_eq!(follower.await.unwrap().states.last().unwrap().1, RunState::Cancelled);
    }
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_another_engine_does_is_seen_and_a_store_that_is_away_is_waited_for() {
    let inner = Arc::new(FaultyStore::shared());
    let clock = ManualClock::new(start_time());
    let mut runs_it = World::on(inner.clone(), clock.clone(), |_| {});
    let watches = World::on(inner.clone(), clock, |_| {});
    let gate = CancellationToken::new();
    let run = ask(&runs_it, Act::Wait(gate.clone())).await;
    let hearing = tokio::spawn(hear(follow(&watches, run.id, 0).await));
    runs_it.run();
    runs_it.until("it to run", |runs| runs[0].state == RunState::Running).await;
    inner.inject(Op::Logs, 3, Fault::Down);
    inner.inject(Op::Run, 3, Fault::Down);
    gate.cancel();
    let heard = hearing.await.unwrap();
    assert_eq!((heard.lines, heard.states.last()), (vec![1, 2], Some(&(2, RunState::Success, 1))));
    runs_it.stop().await;
}

#[tokio::test]
async fn nobody_follows_what_is_not_theirs() {
    let world = World::on(Arc::new(MemoryStore::default()), ManualClock::new(start_time()), |_| {});
    let run = ask(&world, Act::Return).await;
    let bob = wren_core::OwnerId::new("bob").unwrap();
    for (owner, id) in [(&bob, run.id), (&world.owner, RunId::new())] {
        assert_eq!(world.engine.follow(owner, id, 0).await.unwrap_err().code(), ErrorCode::NotFound);
    }
    assert_eq!(world.engine.followed_runs(), 0);
}
