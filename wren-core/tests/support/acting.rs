//! An executor that does what the test says, without Python.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wren_core::executor::{
    Executor, InspectedTrigger, Inspection, Invocation, Limits, LogSink, Outcome, OutcomeEnd, Script,
};
use wren_core::host::{HostRequest, RunHost};
use wren_core::model::{Isolation, LogLine, LogStream};
use wren_core::{Error, ErrorCode, Result};

/// What a function does in this executor.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Prints its attempt and returns its number of calls.
    Return,
    /// Fails this often with this code, then returns.
    FailTimes(usize, ErrorCode),
    /// Fails with this code.
    Fail(ErrorCode),
    /// Fails with this code for want of this integration.
    FailFor(ErrorCode, &'static str),
    /// Asks the host for a secret, prints it, and returns it or fails with it.
    Tell {
        /// Whether it fails.
        fails: bool,
    },
    /// Waits until it is cancelled.
    Hang,
    /// Waits for this, deaf to being cancelled, then prints a line and returns.
    Wait(CancellationToken),
    /// Prints so many lines of 1 KiB, each in a call of its own, then returns.
    Print(usize),
    /// Prints so many lines of 1 KiB in one call, then waits until it is cancelled.
    PrintAndHang(usize),
    /// Times out at once.
    Timeout,
    /// The executor itself cannot work this often.
    Unable(usize),
}

/// Runs functions of Python scripts by a table of acts, without Python.
#[derive(Debug, Default)]
pub(crate) struct Acting {
    acts: Mutex<HashMap<String, Act>>,
    calls: Mutex<HashMap<String, usize>>,
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
    /// What inspections wait for, where there is something.
    pub(crate) inspections_wait: Mutex<Option<CancellationToken>>,
}

/// Counts a call among those running until it ends, dropped or not.
struct Running<'a>(&'a Acting);

impl<'a> Running<'a> {
    fn start(acting: &'a Acting) -> Self {
        let now_running = acting.running.fetch_add(1, Ordering::SeqCst) + 1;
        acting.most_running.fetch_max(now_running, Ordering::SeqCst);
        Self(acting)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The text of a printed line.
pub(crate) fn printed(number: usize) -> String {
    format!("{number:>1024}")
}

impl Acting {
    pub(crate) fn act(&self, func: &str, act: Act) {
        self.acts.lock().insert(func.to_owned(), act);
    }

    pub(crate) fn calls(&self, func: &str) -> usize {
        self.calls.lock().get(func).copied().unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Arc<Acting>);

#[async_trait]
impl Executor for Shared {
    fn name(&self) -> &str {
        "acting"
    }

    fn isolation(&self) -> Isolation {
        Isolation { executor: "acting".into(), tier: "none".into() }
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Says what the static stage will find, too, so that both agree.
    async fn inspect(&self, script: &Script, _limits: &Limits) -> Result<Inspection> {
        let gate = self.0.inspections_wait.lock().clone();
        if let Some(gate) = gate {
            gate.cancelled().await;
        }
        let mut triggers = Vec::new();
        let lines: Vec<&str> = script.source.lines().collect();
        for (place, line) in lines.iter().enumerate() {
            let Some(every) = line.strip_prefix("@wren.on_schedule(every=\"") else { continue };
            let period = every.split('"').next().unwrap_or_default();
            let func = lines[place + 1].trim_start_matches("def ").split('(').next().unwrap_or_default();
            let mut config = serde_json::Map::new();
            config.insert("every".into(), json!(period));
            for (name, value) in line.split(", ").skip(1).filter_map(|part| part.trim_end_matches(')').split_once('='))
            {
                config.insert(name.into(), serde_json::from_str(value).unwrap());
            }
            triggers.push(InspectedTrigger {
                kind: "schedule".into(),
                func: func.into(),
                line: u32::try_from(place + 1).unwrap(),
                config,
                problems: Vec::new(),
                signature: wren_core::executor::HandlerSignature {
                    required: 0,
                    max: Some(0),
                    required_keywords: vec![],
                },
            });
        }
        Ok(Inspection { triggers, ..Inspection::default() })
    }

    async fn run(
        &self,
        invocation: Invocation,
        host: RunHost,
        logs: Arc<dyn LogSink>,
        cancel: CancellationToken,
    ) -> Result<Outcome> {
        let acting = &self.0;
        let call = {
            let mut calls = acting.calls.lock();
            let call = calls.entry(invocation.func.clone()).or_insert(0);
            *call += 1;
            *call
        };
        let _running = Running::start(acting);
        let at = invocation.context.scheduled_for;
        let line = |text| LogLine { at, stream: LogStream::Stdout, text };
        logs.write(vec![line(format!("attempt {}", invocation.context.attempt))]).await;
        let act = acting.acts.lock().get(&invocation.func).cloned().unwrap_or(Act::Return);
        let broke = |code| OutcomeEnd::Failed(Error::new(code, "it broke"));
        let end = match act {
            Act::FailTimes(times, code) if call <= times => broke(code),
            Act::Fail(code) => broke(code),
            Act::FailFor(code, integration) => {
                let error = Error::new(code, "it broke").with_detail("integration", integration);
                OutcomeEnd::Failed(error.with_action_url("https://wrens.ie/a"))
            }
            Act::Tell { fails } => {
                let request = HostRequest { op: "secret.get".to_owned(), args: serde_json::Map::new() };
                let secret = host.call(request).await?.as_str().unwrap().to_owned();
                logs.write(vec![line(format!("it is {secret}"))]).await;
                if fails {
                    OutcomeEnd::Failed(Error::new(ErrorCode::ScriptException, format!("not {secret}")))
                } else {
                    OutcomeEnd::Success(json!({ "told": [secret] }))
                }
            }
            Act::Hang => {
                cancel.cancelled().await;
                OutcomeEnd::Cancelled
            }
            Act::Wait(gate) => {
                gate.cancelled().await;
                logs.write(vec![line(format!("late {call}"))]).await;
                OutcomeEnd::Success(Value::from(call))
            }
            Act::Print(count) => {
                for number in 0..count {
                    logs.write(vec![line(printed(number))]).await;
                }
                OutcomeEnd::Success(Value::from(call))
            }
            Act::PrintAndHang(count) => {
                logs.write((0..count).map(|number| line(printed(number))).collect()).await;
                cancel.cancelled().await;
                OutcomeEnd::Cancelled
            }
            Act::Timeout => OutcomeEnd::Timeout,
            Act::Unable(times) if call <= times => return Err(Error::new(ErrorCode::ExecutorUnavailable, "no python")),
            Act::Return | Act::FailTimes(..) | Act::Unable(_) => OutcomeEnd::Success(Value::from(call)),
        };
        Ok(Outcome { end, isolation: self.isolation() })
    }
}
