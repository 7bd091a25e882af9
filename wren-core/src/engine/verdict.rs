//! What becomes of a run when an attempt has ended: a pure decision.

use chrono::{DateTime, Utc};

use super::inner::{StopReason, millis};
use crate::error::{Error, ErrorClass, ErrorCode, WireError};
use crate::executor::OutcomeEnd;
use crate::model::{Completion, Delivery, Run};

/// After so many attempts a run that no executor takes fails.
const MAX_UNABLE: u32 = 20;

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The executor says.
    Script(OutcomeEnd),
    /// The platform could not begin: the function was not called.
    NotStarted(Error),
    /// The executor failed, and the function may have been called.
    Broke(Error),
}

/// Decides what the store is told.
pub(super) fn verdict(
    run: &Run,
    ended: Ended,
    stopped: Option<StopReason>,
    now: DateTime<Utc>,
    jitter: f64,
) -> Completion {
    match ended {
        Ended::Script(OutcomeEnd::Success(value)) => Completion::Success(value),
        Ended::Script(OutcomeEnd::Cancelled) => interrupted(run, stopped, now),
        Ended::NotStarted(_) if stopped.is_some_and(|reason| reason != StopReason::Cancelled) => {
            Completion::Release { not_before: now }
        }
        // An executor that is being stopped may see its script fail because of that.
        Ended::Script(OutcomeEnd::Failed(_)) | Ended::NotStarted(_) | Ended::Broke(_) if stopped.is_some() => {
            interrupted(run, stopped, now)
        }
        Ended::Script(OutcomeEnd::Timeout) => {
            let seconds = std::time::Duration::from_millis(run.policy.timeout_ms);
            let error = Error::new(ErrorCode::RunTimeout, format!("the run took longer than {seconds:?}"))
                .with_hint("make the work smaller, or raise `timeout` on the trigger");
            failed(run, WireError::from(&error), true, now, jitter)
        }
        Ended::Script(OutcomeEnd::Failed(error)) => failed(run, WireError::from(&error), false, now, jitter),
        Ended::Broke(error) if run.policy.delivery == Delivery::AtMostOnce => {
            tracing::error!(run_id = %run.id, error = error.chain(), "the executor failed");
            Completion::Failed(lost("the executor failed"))
        }
        Ended::Broke(error) if !error.retryable() => {
            tracing::error!(run_id = %run.id, error = error.chain(), "the executor failed");
            failed(run, WireError::from(&error), false, now, jitter)
        }
        Ended::NotStarted(error) | Ended::Broke(error) => unable(run, &error, now, jitter),
    }
}

fn interrupted(run: &Run, stopped: Option<StopReason>, now: DateTime<Utc>) -> Completion {
    match stopped {
        Some(StopReason::Cancelled) => Completion::Cancelled(cancelled()),
        // Shutdown, a lease that ended, or an executor that cancelled on its own account.
        _ if run.policy.delivery == Delivery::AtMostOnce => Completion::Failed(lost("the worker shut down")),
        _ => Completion::Release { not_before: now },
    }
}

fn lost(message: &str) -> WireError {
    WireError::from(&Error::new(ErrorCode::WorkerLost, message))
}

/// What a cancelled run's record says.
pub(super) fn cancelled() -> WireError {
    WireError::from(&Error::new(ErrorCode::Conflict, "cancelled on request"))
}

fn failed(run: &Run, error: WireError, timed_out: bool, now: DateTime<Utc>, jitter: f64) -> Completion {
    if run.failures < run.policy.retries && may_succeed_later(&error) {
        let not_before = now + run.policy.backoff.wait(run.failures + 1, jitter);
        return Completion::Retry { error, timed_out, not_before };
    }
    if timed_out { Completion::Timeout(error) } else { Completion::Failed(error) }
}

/// Says whether another attempt with the same script can end better. What only a user or a new revision can mend cannot.
fn may_succeed_later(error: &WireError) -> bool {
    use ErrorCode::{
        EgressDenied, FunctionNotFound, FunctionSignature, OutputLimit, ResultNotJson, SyntaxError, UnsupportedImport,
    };
    error.retryable
        || error.class != ErrorClass::UserFacingConfigError
            && !matches!(
                error.code,
                SyntaxError
                    | UnsupportedImport
                    | FunctionNotFound
                    | FunctionSignature
                    | ResultNotJson
                    | OutputLimit
                    | EgressDenied
            )
}

/// The platform could not run it: no fault of the script, so no retry of the script's is used up.
fn unable(run: &Run, error: &Error, now: DateTime<Utc>, jitter: f64) -> Completion {
    tracing::error!(run_id = %run.id, error = error.chain(), "the platform could not run an attempt");
    // Attempts that ended neither by the script nor with their worker were given back.
    let given_back = run.attempt.saturating_sub(run.failures + run.orphaned);
    if given_back >= MAX_UNABLE || !error.retryable() {
        return Completion::Failed(WireError::from(error));
    }
    let wait = millis(1_000).max(crate::model::Backoff { initial_ms: 1_000, max_ms: 60_000 }.wait(run.attempt, jitter));
    Completion::Release { not_before: now + wait }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CorrelationId, DeploymentId, OwnerId, RunId};
    use crate::model::{FireKey, NewRun, RunPolicy, RunState, TriggerKind};

    fn run(policy: RunPolicy) -> Run {
        let now = DateTime::UNIX_EPOCH;
        let new = NewRun {
            id: RunId::new(),
            owner: OwnerId::new("ada").unwrap(),
            deployment_id: DeploymentId::new(),
            revision: 1,
            trigger_id: None,
            trigger: TriggerKind::Manual,
            func: "f".into(),
            key: FireKey::Event("k".into()),
            scheduled_for: now,
            payload: None,
            policy,
            not_before: now,
            correlation_id: CorrelationId::generate(),
        };
        Run { state: RunState::Running, epoch: 1, started_at: Some(now), ..Run::queued(new, now) }
    }

    fn raised(code: ErrorCode) -> Ended {
        Ended::Script(OutcomeEnd::Failed(Error::new(code, "it broke")))
    }

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn a_failure_is_retried_until_the_retries_are_used_up() {
        let mut run = run(RunPolicy { retries: 2, ..RunPolicy::default() });
        for failures in 0..2 {
            run.failures = failures;
            let completion = verdict(&run, raised(ErrorCode::ScriptException), None, NOW, 1.0);
            let wait = millis(5_000 << failures);
            assert!(matches!(completion, Completion::Retry { not_before, .. } if not_before == NOW + wait));
        }
        run.failures = 2;
        assert!(matches!(verdict(&run, raised(ErrorCode::ScriptException), None, NOW, 1.0), Completion::Failed(_)));
        assert!(matches!(verdict(&run, Ended::Script(OutcomeEnd::Timeout), None, NOW, 1.0), Completion::Timeout(_)));
    }

    #[test]
    fn what_a_retry_cannot_mend_fails_at_once() {
        let run = run(RunPolicy { retries: 5, ..RunPolicy::default() });
        for code in [ErrorCode::IntegrationNotConfigured, ErrorCode::ResultNotJson, ErrorCode::FunctionNotFound] {
            assert!(matches!(verdict(&run, raised(code), None, NOW, 1.0), Completion::Failed(_)), "{code}");
        }
    }

    #[test]
    fn a_shutdown_gives_back_what_may_run_twice_and_fails_what_may_not() {
        let cancelled = || Ended::Script(OutcomeEnd::Cancelled);
        let shutdown = Some(StopReason::Shutdown);
        assert!(matches!(
            verdict(&run(RunPolicy::default()), cancelled(), shutdown, NOW, 0.0),
            Completion::Release { .. }
        ));
        let once = run(RunPolicy { delivery: Delivery::AtMostOnce, ..RunPolicy::default() });
        let Completion::Failed(error) = verdict(&once, cancelled(), shutdown, NOW, 0.0) else { panic!("must fail") };
        assert_eq!(error.code, ErrorCode::WorkerLost);
        assert!(matches!(verdict(&once, cancelled(), Some(StopReason::Cancelled), NOW, 0.0), Completion::Cancelled(_)));
    }

    #[test]
    fn a_rate_limit_is_waited_for_and_not_held_to_be_the_users_fault() {
        let run = run(RunPolicy { retries: 1, ..RunPolicy::default() });
        assert!(matches!(verdict(&run, raised(ErrorCode::RateLimited), None, NOW, 1.0), Completion::Retry { .. }));
    }

    #[test]
    fn at_most_once_runs_again_only_if_the_function_was_not_called() {
        let once = run(RunPolicy { delivery: Delivery::AtMostOnce, retries: 3, ..RunPolicy::default() });
        let error = || Error::new(ErrorCode::ExecutorUnavailable, "gone");
        let Completion::Failed(lost) = verdict(&once, Ended::Broke(error()), None, NOW, 0.0) else {
            panic!("must fail")
        };
        assert_eq!(lost.code, ErrorCode::WorkerLost);
        let stopped = Some(StopReason::Shutdown);
        for ended in [Ended::NotStarted(error()), Ended::NotStarted(Error::new(ErrorCode::Internal, "x"))] {
            assert!(matches!(verdict(&once, ended, stopped, NOW, 0.0), Completion::Release { .. }));
        }
    }

    #[test]
    fn a_missing_executor_uses_up_no_retry_and_ends_at_last() {
        let mut run = run(RunPolicy::default());
        let missing = || Ended::NotStarted(Error::new(ErrorCode::ExecutorUnavailable, "no python"));
        assert!(matches!(verdict(&run, missing(), None, NOW, 0.5), Completion::Release { .. }));
        run.attempt = MAX_UNABLE;
        assert!(matches!(verdict(&run, missing(), None, NOW, 0.5), Completion::Failed(_)));
    }
}
