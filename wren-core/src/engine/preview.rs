//! What a script's triggers would have done with past events, before it is deployed.

use futures::future::join_all;

use super::Engine;
use super::presence::Presence;
use crate::deploy;
use crate::error::{Error, ErrorCode, Result};
use crate::id::OwnerId;
use crate::model::TriggerSpec;
use crate::source::{Preview, PreviewOptions, TriggerSource, check_last};

/// How many previews may be under way: of one owner, and of all. Each holds connections that the owner's accounts allow few of,
/// and what it has read of them.
const PER_OWNER: usize = 2;
const IN_ALL: usize = 16;

/// How many events all triggers of a script together are told about.
const MOST_ROWS: usize = 10_000;

/// What one trigger of a script would have done.
#[derive(Debug, Clone)]
pub struct TriggerPreview {
    /// The trigger, as the script declares it.
    pub spec: TriggerSpec,
    /// What it would have done; `None` for a kind without past events to look at, as a schedule.
    pub preview: Option<Preview>,
}

pub(super) fn presence() -> Presence {
    Presence::new(PER_OWNER, IN_ALL)
}

impl Engine {
    /// Says what the triggers of a script would have done with the `last` events that came, up to
    /// [`MAX_PREVIEW_EVENTS`](crate::source::MAX_PREVIEW_EVENTS) in each place: in the order in which the script declares
    /// them. Nothing is deployed, fired or marked as seen. The script is examined as a deploy examines it, but that the
    /// integrations which it imports need not be connected yet.
    ///
    /// What keeps one place from being looked at stands in the previews of its triggers, beside what the others found.
    ///
    /// # Errors
    /// Everything that is wrong with the script, at once: the first finding, with all in `details.diagnostics`.
    /// `INVALID_REQUEST` when `last` is out of range, or too many for so many triggers; `RATE_LIMITED` when too many
    /// previews are under way; `EXECUTOR_UNAVAILABLE`.
    pub async fn preview(&self, owner: &OwnerId, script: &str, last: usize) -> Result<Vec<TriggerPreview>> {
        check_last(last)?;
        let inner = &self.inner;
        let hint = "wait for the answers of those before";
        let _present = inner.previews.enter(owner).map_err(|crowd| crowd.error("previews are under way", hint))?;
        let examination = {
            let _place = inner.inspections.enter(owner).await?;
            deploy::examine(script.as_bytes(), None, &inner.rules, inner.clock.now()).await?
        };
        if let Some(error) = Error::from_diagnostics(examination.diagnostics) {
            return Err(error);
        }
        let specs = examination.manifest.triggers;
        let sources = &inner.rules.sources;
        let events = specs.iter().filter(|spec| sources.iter().any(|source| source.kind() == spec.kind)).count();
        check_rows(events, last)?;
        let mut previews: Vec<TriggerPreview> =
            specs.into_iter().map(|spec| TriggerPreview { spec, preview: None }).collect();
        let asked = sources.iter().map(|source| ask(source.as_ref(), owner, &previews, last));
        for (place, preview) in join_all(asked).await.into_iter().flatten() {
            previews[place].preview = Some(preview);
        }
        Ok(previews)
    }
}

/// Asks a source about the triggers of its kind; returns the answers with their places in the list.
async fn ask(
    source: &dyn TriggerSource,
    owner: &OwnerId,
    triggers: &[TriggerPreview],
    last: usize,
) -> Vec<(usize, Preview)> {
    let own = triggers.iter().enumerate().filter(|(_, trigger)| trigger.spec.kind == source.kind());
    let (places, configs): (Vec<usize>, Vec<_>) =
        own.map(|(place, trigger)| (place, trigger.spec.source_config())).unzip();
    if places.is_empty() {
        return Vec::new();
    }
    let answers = source.preview(PreviewOptions { owner: owner.clone(), configs, last }).await;
    places.into_iter().zip(answers.unwrap_or_default()).collect()
}

/// Refuses what would be an answer of many megabytes.
fn check_rows(triggers: usize, last: usize) -> Result<()> {
    if triggers.saturating_mul(last) <= MOST_ROWS {
        return Ok(());
    }
    let most = MOST_ROWS / triggers.max(1);
    let message = format!("`last` is {last}, and at most {most} past events are looked at for {triggers} triggers");
    Err(Error::new(ErrorCode::InvalidRequest, message)
        .with_hint(format!("send a `last` of up to {most}"))
        .with_detail("limit", most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_triggers_may_ask_for_fewer_events() {
        assert!(check_rows(0, 500).is_ok() && check_rows(20, 500).is_ok());
        let error = check_rows(21, 500).unwrap_err();
        assert_eq!((error.code(), &error.details()["limit"]), (ErrorCode::InvalidRequest, &476.into()));
        assert!(check_rows(21, 476).is_ok());
    }
}
