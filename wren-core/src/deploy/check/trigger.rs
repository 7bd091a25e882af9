//! One trigger: its raw config becomes a typed spec, or faults.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::fields::{Fault, Fields};
use super::{policy, schedule};
use crate::deploy::DeployRules;
use crate::deploy::parse::config_key;
use crate::error::{Error, ErrorCode};
use crate::model::{ScriptSettings, TriggerKind, TriggerSpec};
use crate::schedule::{format_duration, parse_duration};

/// What reading a config gave: the spec as far as it goes, and everything that is wrong.
#[derive(Debug)]
pub(super) struct ReadTrigger {
    pub(super) spec: Option<TriggerSpec>,
    pub(super) faults: Vec<Fault>,
    /// What the source of events says about its own arguments.
    pub(super) errors: Vec<Error>,
}

/// Returns a config as it is compared and stored: `from_` is `from`, and `None` is the same as nothing.
pub(super) fn normalised(config: &Map<String, Value>) -> Map<String, Value> {
    config
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (config_key(key).to_owned(), value.clone()))
        .collect()
}

/// Returns a config with what it leaves to the defaults written out, so that equal triggers have equal configs.
pub(super) fn canonical(
    kind: TriggerKind,
    config: &Map<String, Value>,
    settings: &ScriptSettings,
) -> Map<String, Value> {
    let mut config = normalised(config);
    if kind == TriggerKind::Schedule {
        if let Some(Value::String(cron)) = config.get_mut("cron") {
            *cron = cron.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        if config.contains_key("cron") {
            let zone = settings.timezone.unwrap_or_default();
            config.entry("timezone").or_insert_with(|| Value::from(zone.name()));
        }
    }
    for key in DURATIONS {
        if let Some(value) = config.get_mut(key) {
            canonical_duration(value);
        }
    }
    if let Some(Value::Object(backoff)) = config.get_mut("backoff") {
        backoff.values_mut().for_each(canonical_duration);
    }
    config
}

/// The keys that hold a duration, which has many spellings.
const DURATIONS: [&str; 5] = ["every", "timeout", "jitter", "catch_up_window", "backoff"];

/// Writes `900s` as `15m`; leaves what is no duration as it is.
fn canonical_duration(value: &mut Value) {
    if let Value::String(text) = value
        && let Ok(duration) = parse_duration(text)
    {
        *text = format_duration(duration);
    }
}

/// Reads a normalised config.
pub(super) fn read(
    kind: TriggerKind,
    func: &str,
    config: &Map<String, Value>,
    settings: &ScriptSettings,
    rules: &DeployRules,
    now: DateTime<Utc>,
) -> ReadTrigger {
    let mut fields = Fields::new(kind, config);
    let mut errors = Vec::new();
    let schedule = if kind == TriggerKind::Schedule {
        schedule::read(&mut fields, settings, now)
    } else {
        errors = events(&mut fields, config, rules);
        None
    };
    let policy = policy::read(&mut fields, settings, rules);
    let complete = schedule.is_some() || kind != TriggerKind::Schedule;
    let fits = complete && fields.faults.is_empty() && errors.is_empty();
    let spec = fits.then(|| TriggerSpec { kind, func: func.to_owned(), config: config.clone(), schedule, policy });
    ReadTrigger { spec, faults: fields.faults, errors }
}

/// Leaves what is not shared to the source that serves the kind.
fn events(fields: &mut Fields<'_>, config: &Map<String, Value>, rules: &DeployRules) -> Vec<Error> {
    let kind = fields.kind;
    let Some(source) = rules.sources.iter().find(|source| source.kind() == kind) else {
        let error = unserved(kind.as_str(), rules);
        let hint = error.hint().map(str::to_owned);
        fields.faults.push(Fault::new(None, error.code(), error.message(), hint));
        return Vec::new();
    };
    source.validate(&source_config(config))
}

/// Returns what of a trigger's config is for its [source](crate::source::TriggerSource): all but what says how runs are run.
#[must_use]
pub fn source_config(config: &Map<String, Value>) -> Map<String, Value> {
    let own = config.iter().filter(|(key, _)| !policy::KEYS.contains(&key.as_str()));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Makes the error for a type of trigger that nothing here serves.
pub(super) fn unserved(kind: &str, rules: &DeployRules) -> Error {
    let mut served = vec![TriggerKind::Schedule.as_str()];
    served.extend(rules.sources.iter().map(|source| source.kind().as_str()));
    let message = match TriggerKind::parse(kind) {
        Some(TriggerKind::Manual) => "manual runs need no trigger".to_owned(),
        Some(_) => format!("`{kind}` triggers are not served here"),
        None => format!("unknown trigger type `{kind}`"),
    };
    let hint = match crate::suggest::nearest(kind, served.iter().copied()) {
        Some(near) if near != kind => format!("did you mean `{near}`?"),
        _ => format!("this platform serves only {}", super::units::list(&served)),
    };
    Error::new(ErrorCode::UnknownTriggerType, message).with_hint(hint).with_detail("type", kind)
}

/// Says whether triggers of a kind fire here.
pub(super) fn is_served(kind: TriggerKind, rules: &DeployRules) -> bool {
    kind == TriggerKind::Schedule || rules.sources.iter().any(|source| source.kind() == kind)
}
