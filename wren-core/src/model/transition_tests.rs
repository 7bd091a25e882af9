//! The table of the state machine: every state times every event, then what each edge does.

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::id::{CorrelationId, DeploymentId, OwnerId, RunId};
use crate::model::{FireKey, NewRun, RunPolicy, TriggerKind};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_366_400 + seconds, 0).unwrap()
}

fn worker() -> WorkerId {
    WorkerId::new("wkr_one").unwrap()
}

fn failure(message: &str) -> WireError {
    WireError::from(&Error::new(ErrorCode::ScriptException, message))
}

fn queued() -> Run {
    let new = NewRun {
        id: RunId::new(),
        owner: OwnerId::new("ada").unwrap(),
        deployment_id: DeploymentId::new(),
        revision: 1,
        trigger_id: None,
        trigger: TriggerKind::Manual,
        func: "main".into(),
        key: FireKey::Event("k".into()),
        scheduled_for: at(0),
        payload: None,
        policy: RunPolicy::default(),
        not_before: at(0),
        correlation_id: CorrelationId::new("corr_x").unwrap(),
    };
    Run::queued(new, at(0))
}

fn claim() -> RunEvent {
    RunEvent::Claim { worker: worker(), lease_until: at(60) }
}

/// Reports the end of the attempt with that epoch.
fn complete(epoch: u64, completion: Completion) -> RunEvent {
    RunEvent::Complete { fence: Fence { epoch }, completion, isolation: None }
}

fn cancel(message: &str) -> RunEvent {
    RunEvent::Cancel { error: failure(message) }
}

fn rescue(second: i64) -> RunEvent {
    RunEvent::Rescue(Rescue { not_before: at(second) })
}

fn running() -> Run {
    let mut run = queued();
    run.apply(claim(), at(1)).unwrap();
    run
}

fn completions() -> Vec<(Completion, RunState)> {
    vec![
        (Completion::Success(json!(1)), RunState::Success),
        (Completion::Failed(failure("f")), RunState::Failed),
        (Completion::Timeout(failure("t")), RunState::Timeout),
        (Completion::Cancelled(failure("c")), RunState::Cancelled),
        (Completion::Retry { error: failure("r"), timed_out: false, not_before: at(9) }, RunState::Queued),
        (Completion::Retry { error: failure("r"), timed_out: true, not_before: at(9) }, RunState::Queued),
        (Completion::Release { not_before: at(9) }, RunState::Queued),
    ]
}

/// Returns a run in each state, reached by events alone.
fn in_state(state: RunState) -> Run {
    let mut run = match state {
        RunState::Queued | RunState::Skipped => queued(),
        _ => running(),
    };
    match state {
        RunState::Queued | RunState::Running => {}
        RunState::Skipped => {
            run.apply(RunEvent::Skip(SkipReason::Expired), at(2)).unwrap();
        }
        ended => {
            let (completion, _) = completions().into_iter().find(|(_, end)| *end == ended).unwrap();
            run.apply(complete(1, completion), at(2)).unwrap();
        }
    }
    assert_eq!(run.state, state);
    run
}

fn events() -> Vec<(&'static str, RunEvent)> {
    let mut events = vec![
        ("claim", claim()),
        ("extend", RunEvent::Extend { fence: Fence { epoch: 1 }, lease_until: at(120) }),
        ("extend by a lost claim", RunEvent::Extend { fence: Fence { epoch: 7 }, lease_until: at(120) }),
        ("rescue", rescue(100)),
        ("cancel", cancel("enough")),
        ("skip", RunEvent::Skip(SkipReason::Overlap)),
    ];
    for (completion, _) in completions() {
        events.push(("complete", complete(1, completion.clone())));
        events.push(("complete by a lost claim", complete(7, completion)));
    }
    events
}

/// Says what an event at second 100, when the lease has ended, makes of a run in a state.
fn expected(state: RunState, name: &str, event: &RunEvent) -> Result<RunState, TransitionError> {
    if state.is_terminal() {
        return Err(TransitionError::Terminal(state));
    }
    match (state, name) {
        (RunState::Queued, "claim") => Ok(RunState::Running),
        (RunState::Queued, "cancel") => Ok(RunState::Cancelled),
        (RunState::Queued, "skip") => Ok(RunState::Skipped),
        (RunState::Queued, "rescue") => Err(TransitionError::NotAllowed(state)),
        (RunState::Queued, _) => Err(TransitionError::LostClaim),
        (_, "extend" | "cancel") => Ok(RunState::Running),
        (_, "rescue") => Ok(RunState::Queued),
        (_, "complete") => {
            let RunEvent::Complete { completion, .. } = event else { unreachable!("named complete") };
            Ok(completions().into_iter().find(|(other, _)| other == completion).unwrap().1)
        }
        (_, "claim" | "skip") => Err(TransitionError::NotAllowed(state)),
        (_, _) => Err(TransitionError::LostClaim),
    }
}

#[test]
fn every_state_answers_every_event_and_a_refusal_changes_nothing() {
    for state in RunState::ALL {
        for (name, event) in events() {
            let before = in_state(state);
            let mut run = before.clone();
            let answer = run.apply(event.clone(), at(100)).map(|_| run.state);
            assert_eq!(answer, expected(state, name, &event), "{name} of a {} run", state.as_str());
            if answer.is_err() {
                assert_eq!(run, before, "{name} of a {} run", state.as_str());
            }
        }
    }
}

#[test]
fn what_is_true_of_a_state_is_true_however_it_was_reached() {
    for state in RunState::ALL {
        for (name, event) in events() {
            let mut run = in_state(state);
            if run.apply(event, at(100)).is_err() {
                continue;
            }
            assert_eq!(run.claim.is_some(), run.state == RunState::Running, "{name}");
            assert_eq!(run.completed_at.is_some(), run.state.is_terminal(), "{name}");
            assert_eq!(run.skip_reason.is_some(), run.state == RunState::Skipped, "{name}");
            assert_eq!(run.result.is_some(), run.state == RunState::Success, "{name}");
            let explains = matches!(run.state, RunState::Failed | RunState::Timeout | RunState::Cancelled);
            assert!(run.error.is_some() || !explains, "{name}");
            assert!(run.error.is_none() || run.state != RunState::Success, "{name}");
        }
    }
}

#[test]
fn a_claim_starts_an_attempt_under_a_new_epoch() {
    let mut run = queued();
    assert_eq!(run.apply(claim(), at(5)), Ok(Transition::Started));
    assert_eq!((run.epoch, run.attempt, run.started_at), (1, 1, Some(at(5))));
    assert_eq!(run.claim, Some(Claim { worker: worker(), lease_until: at(60) }));
}

#[test]
fn a_run_is_claimed_from_its_time_on() {
    let mut run = Run { not_before: at(10), ..queued() };
    let before = run.clone();
    assert_eq!(run.apply(claim(), at(10) - TimeDelta::microseconds(1)), Err(TransitionError::NotDue));
    assert_eq!(run, before);
    assert_eq!(run.apply(claim(), at(10)), Ok(Transition::Started));
}

#[test]
fn a_lease_grows_and_never_shrinks() {
    let mut run = running();
    for (wanted, got) in [(120, 120), (90, 120), (121, 121)] {
        let event = RunEvent::Extend { fence: Fence { epoch: 1 }, lease_until: at(wanted) };
        assert_eq!(run.apply(event, at(2)), Ok(Transition::Extended));
        assert_eq!(run.claim.as_ref().unwrap().lease_until, at(got));
    }
}

#[test]
fn each_completion_ends_the_attempt_with_its_own_word() {
    let ends = [
        AttemptEnd::Success,
        AttemptEnd::Failed,
        AttemptEnd::Timeout,
        AttemptEnd::Cancelled,
        AttemptEnd::Failed,
        AttemptEnd::Timeout,
        AttemptEnd::Lost,
    ];
    for ((completion, _), expected) in completions().into_iter().zip(ends) {
        assert_eq!(completion.attempt_end(), expected);
        let mut run = running();
        let Ok(Transition::Ended { end, error }) = run.apply(complete(1, completion), at(3)) else {
            panic!("the attempt ended")
        };
        assert_eq!(end, expected);
        assert_eq!(error, run.error);
        assert_eq!(error.is_none(), expected == AttemptEnd::Success);
    }
}

#[test]
fn a_retry_uses_up_a_failure_and_a_release_does_not() {
    for (completion, failures) in [
        (Completion::Retry { error: failure("r"), timed_out: true, not_before: at(9) }, 1),
        (Completion::Release { not_before: at(9) }, 0),
    ] {
        let mut run = running();
        run.apply(complete(1, completion), at(3)).unwrap();
        assert_eq!((run.attempt, run.failures, run.orphaned, run.not_before), (2, failures, 0, at(9)));
        assert_eq!(run.apply(complete(1, Completion::Success(json!(1))), at(4)), Err(TransitionError::LostClaim));
    }
}

#[test]
fn a_new_attempt_forgets_what_the_one_before_left() {
    let mut run = running();
    let isolation = Some(Isolation { executor: "process".into(), tier: "reduced".into() });
    let retry = Completion::Retry { error: failure("r"), timed_out: false, not_before: at(9) };
    run.apply(RunEvent::Complete { fence: Fence { epoch: 1 }, completion: retry, isolation: isolation.clone() }, at(3))
        .unwrap();
    assert_eq!((&run.isolation, &run.error), (&isolation, &Some(failure("r"))));
    run.apply(claim(), at(9)).unwrap();
    assert_eq!((run.epoch, &run.isolation, &run.error), (2, &None, &None));
}

#[test]
fn a_rescue_waits_for_the_end_of_the_lease() {
    let mut run = running();
    let before = run.clone();
    assert_eq!(run.apply(rescue(60), at(60) - TimeDelta::microseconds(1)), Err(TransitionError::LeaseHeld));
    assert_eq!(run, before);
    assert!(run.apply(rescue(61), at(60)).is_ok());
    assert_eq!((run.state, run.attempt, run.orphaned, run.failures), (RunState::Queued, 2, 1, 0));
    assert_eq!((run.not_before, run.error.unwrap().code), (at(61), ErrorCode::WorkerLost));
}

#[test]
fn a_run_survives_five_lost_workers_and_not_a_sixth() {
    let mut run = queued();
    for lost in 1..=MAX_ORPHANED {
        run.apply(claim(), at(1)).unwrap();
        run.apply(rescue(0), at(100)).unwrap();
        assert_eq!((run.state, run.orphaned), (RunState::Queued, lost));
    }
    run.apply(claim(), at(1)).unwrap();
    run.apply(rescue(0), at(100)).unwrap();
    assert_eq!((run.state, run.error.unwrap().code), (RunState::Failed, ErrorCode::WorkerLost));
}

#[test]
fn at_most_once_is_not_run_again_after_a_lost_worker() {
    let mut run = running();
    run.policy.delivery = Delivery::AtMostOnce;
    run.apply(rescue(0), at(100)).unwrap();
    assert_eq!((run.state, run.completed_at), (RunState::Failed, Some(at(100))));
    assert_eq!(run.error.unwrap().code, ErrorCode::WorkerLost);
}

#[test]
fn a_run_asked_to_end_is_not_tried_again_and_keeps_who_asked_first() {
    let mut asked = running();
    assert_eq!(asked.apply(cancel("first"), at(2)), Ok(Transition::CancelRequested));
    let once = asked.clone();
    assert_eq!(asked.apply(cancel("second"), at(3)), Ok(Transition::CancelRequested));
    assert_eq!(asked, once);
    let again = completions().into_iter().filter(|(_, state)| *state == RunState::Queued);
    for event in again.map(|(completion, _)| complete(1, completion)).chain([rescue(100)]) {
        let mut run = asked.clone();
        let Ok(Transition::Ended { error, .. }) = run.apply(event, at(100)) else { panic!("the attempt ended") };
        assert_eq!((run.state, run.attempt, run.failures), (RunState::Cancelled, 1, 0));
        assert_eq!(run.error, Some(failure("first")));
        assert!(error.is_some() && error != run.error, "the attempt keeps its own error");
    }
    asked.policy.delivery = Delivery::AtMostOnce;
    asked.apply(rescue(100), at(100)).unwrap();
    assert_eq!(asked.state, RunState::Cancelled);
}

#[test]
fn a_run_asked_to_end_may_end_by_itself_before() {
    for (completion, state) in completions().into_iter().filter(|(_, state)| state.is_terminal()) {
        let mut run = running();
        run.apply(cancel("stop"), at(2)).unwrap();
        run.apply(complete(1, completion), at(3)).unwrap();
        assert_eq!(run.state, state);
        // What ended it is said, and who asked only where that is what ended it.
        assert_eq!(run.error == Some(failure("stop")), state == RunState::Cancelled);
    }
}

#[test]
fn a_clock_set_back_ends_no_run_before_it_started() {
    let mut run = running();
    run.apply(complete(1, Completion::Success(json!(1))), at(-50)).unwrap();
    assert_eq!(run.completed_at, Some(at(1)));
    assert_eq!(run.duration_ms(), Some(0));
}
