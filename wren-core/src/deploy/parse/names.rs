//! The names of the SDK: what `wren.…` may be, and what was meant when it is something else.

use ruff_text_size::TextRange;

use super::super::location::SourceMap;
use super::foreign;
use crate::error::{Error, ErrorCode};
use crate::integration::IntegrationDirectory;
use crate::model::TriggerKind;
use crate::suggest::nearest;

/// The decorators that declare triggers.
pub(super) const DECORATORS: [(&str, TriggerKind); 3] =
    [("on_schedule", TriggerKind::Schedule), ("on_email", TriggerKind::Email), ("on_webhook", TriggerKind::Webhook)];

/// The lower-case names of the SDK that are neither decorators nor integrations.
const HELPERS: [&str; 9] =
    ["ai", "context", "decorators", "errors", "http", "integration", "registry", "secret", "state"];

/// Those of them that scripts have no use for.
const INTERNALS: [&str; 3] = ["decorators", "errors", "registry"];

/// Returns the lower-case names of the SDK that are no integrations, for the test that keeps this list and the SDK in step.
#[doc(hidden)]
#[must_use]
pub fn sdk_names() -> Vec<&'static str> {
    DECORATORS.iter().map(|(name, _)| *name).chain(HELPERS).collect()
}

/// Returns the kind of trigger that a decorator declares.
pub(super) fn decorator(name: &str) -> Option<TriggerKind> {
    DECORATORS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// Says whether a name of `wren` could be an integration: not one of the SDK's own, and spelled like a module.
pub(super) fn may_be_integration(name: &str) -> bool {
    decorator(name).is_none()
        && !HELPERS.contains(&name)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.contains(|c: char| c.is_ascii_uppercase())
}

/// Makes the diagnostic for a name that `wren` does not have, unless it has it after all. What is called was not meant as an
/// integration.
pub(super) fn unknown(
    name: &str,
    range: TextRange,
    is_called: bool,
    integrations: &IntegrationDirectory,
    map: &SourceMap,
) -> Option<Error> {
    if !may_be_integration(name) || integrations.find(name).is_some() {
        return None;
    }
    let is_integration = integrations.all().iter().any(|known| nearest(name, [known.name.as_str()]).is_some());
    let error = match (foreign::instead_of(name), nearest(name, sdk_names())) {
        (Some(hint), _) => unknown_own(name, hint),
        (None, Some(near)) if !is_integration => unknown_own(name, &format!("did you mean `{near}`?")),
        (None, _) if name.starts_with("on_") => {
            let known: Vec<&str> = DECORATORS.iter().map(|(known, _)| *known).collect();
            unknown_own(name, &format!("the triggers are {}", known.join(", ")))
        }
        (None, _) if is_called && !is_integration => {
            let known: Vec<&str> = sdk_names().into_iter().filter(|known| !INTERNALS.contains(known)).collect();
            let services: Vec<&str> = integrations.all().iter().map(|known| known.name.as_str()).collect();
            unknown_own(name, &format!("wren has {}; its integrations are {}", known.join(", "), services.join(", ")))
        }
        _ => integrations.unknown(name),
    };
    Some(error.with_location(map.locate(range)))
}

fn unknown_own(name: &str, hint: &str) -> Error {
    Error::new(ErrorCode::InvalidMetadata, format!("wren has no `{name}`")).with_hint(hint)
}
