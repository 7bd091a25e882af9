//! A whole engine: mails become runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wren_core::deploy::DeployRequest;
use wren_core::engine::{Engine, EngineOptions};
use wren_core::executor::{Executor, Inspection, Invocation, Limits, LogSink, Outcome, OutcomeEnd, Script};
use wren_core::host::RunHost;
use wren_core::model::{Isolation, PageOptions, Run, RunState};
use wren_core::source::WatchState;
use wren_core::store::ListRuns;
use wren_core::{DeploymentId, Result};
use wren_trigger_email::EmailSource;

use crate::support::{World, health, owner};

const SCRIPT: &str = "import wren\n\n@wren.on_email()\ndef handle(email):\n    pass\n";

/// Returns the subject of the mail that it gets.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl Executor for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    fn isolation(&self) -> Isolation {
        Isolation { executor: "echo".into(), tier: "none".into() }
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn inspect(&self, _: &Script, _: &Limits) -> Result<Inspection> {
        Ok(Inspection::default())
    }

    async fn run(
        &self,
        invocation: Invocation,
        _: RunHost,
        _: Arc<dyn LogSink>,
        _: CancellationToken,
    ) -> Result<Outcome> {
        let subject = invocation.event.unwrap()["subject"].clone();
        Ok(Outcome { end: OutcomeEnd::Success(subject), isolation: self.isolation() })
    }
}

struct Running {
    engine: Engine,
    source: EmailSource,
    shutdown: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Running {
    /// An engine on the store that the one before left.
    fn start(world: &World) -> Self {
        let source = world.source(|options| options.batch = 7);
        let mut options = EngineOptions::default();
        options.poll_ms = 20;
        options.per_deployment = 50;
        let builder = Engine::builder().shared_store(world.store.clone()).shared_vault(world.vault.clone());
        let engine = builder.executor(Echo).options(options).source(source.clone()).build().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let (engine, shutdown) = (engine.clone(), shutdown.clone());
            async move { engine.run(shutdown).await }
        });
        Self { engine, source, shutdown, task }
    }

    async fn deploy(&self, name: &str) -> DeploymentId {
        let request =
            DeployRequest { script: SCRIPT.to_owned(), name: Some(name.to_owned()), ..DeployRequest::default() };
        self.engine.deploy(&owner(), request).await.unwrap().overview.deployment.id
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    async fn runs(&self) -> Vec<Run> {
        let mut options = ListRuns { page: PageOptions::first(1000), ..ListRuns::default() };
        let mut runs = Vec::new();
        loop {
            let page = self.engine.runs(&owner(), options.clone()).await.unwrap();
            runs.extend(page.items);
            options.page.after = page.next;
            if options.page.after.is_none() {
                return runs;
            }
        }
    }

    /// Waits until there are so many runs, and all that there are have ended.
    async fn until(&self, count: usize) -> Vec<Run> {
        let watch = async {
            loop {
                let runs = self.runs().await;
                if runs.len() >= count && runs.iter().all(|run| run.state.is_terminal()) {
                    return runs;
                }
                self.engine.run_changed().await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(120), watch).await {
            Ok(runs) => runs,
            Err(_) => panic!("waited in vain for {count} runs; there are {}", self.runs().await.len()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_three_hundred_mails_is_one_run_of_each_trigger_while_both_sides_stop_and_die() {
    let Some(mut world) = World::start().await else { return };
    let mut running = Running::start(&world);
    let deployments = [running.deploy("one").await, running.deploy("two").await];
    health(&running.source, "the first look", |health| health.state == WatchState::Idle).await;
    let shown = running.engine.source_health();
    assert_eq!((shown.len(), shown[0].accounts[0].state), (1, WatchState::Idle));

    // 30 before and 30 after each round's first mails have come: some are on their way when something ends.
    let mut delivered = 0;
    let mut deliver = |world: &World, count: usize| {
        for _ in 0..count {
            world.deliver(&format!("mail-{delivered}"));
            delivered += 1;
        }
        delivered
    };
    for round in 0..5 {
        let before = running.runs().await.len();
        deliver(&world, 30);
        running.until(before + 1).await;
        if round % 2 == 0 {
            world.server.kill();
            world.server.start_again();
        }
        if round % 2 == 0 {
            running.crash().await;
        } else {
            running.stop().await;
        }
        deliver(&world, 30);
        running = Running::start(&world);
    }
    let runs = running.until(2 * 300).await;
    assert_eq!(runs.len(), 2 * 300);
    let mut count: BTreeMap<(DeploymentId, String), usize> = BTreeMap::new();
    for run in &runs {
        assert_eq!(run.state, RunState::Success);
        let subject = run.payload.as_ref().unwrap()["subject"].as_str().unwrap().to_owned();
        *count.entry((run.deployment_id, subject)).or_default() += 1;
    }
    for deployment in deployments {
        for number in 0..300 {
            assert_eq!(count.get(&(deployment, format!("mail-{number}"))), Some(&1), "mail-{number}");
        }
    }
    running.stop().await;
}
