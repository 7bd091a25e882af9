//! Reading a trigger's config key by key, with every fault gathered.

use std::ops::Range;

use serde_json::{Map, Value};

use super::units::{self, Misfit};
use crate::error::ErrorCode;
use crate::model::TriggerKind;
use crate::suggest::nearest;

/// Something wrong with a trigger's config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::deploy) struct Fault {
    /// The key at fault; none when the config as a whole is.
    pub(in crate::deploy) key: Option<String>,
    /// The key itself is wrong, not its value.
    pub(in crate::deploy) on_key: bool,
    pub(in crate::deploy) code: ErrorCode,
    pub(in crate::deploy) message: String,
    pub(in crate::deploy) hint: Option<String>,
    /// The faulty part of a string value, in byte offsets.
    pub(in crate::deploy) span: Option<Range<usize>>,
}

impl Fault {
    pub(super) fn new(key: Option<&str>, code: ErrorCode, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { key: key.map(str::to_owned), on_key: false, code, message: message.into(), hint, span: None }
    }

    pub(super) fn with_span(mut self, span: Option<Range<usize>>) -> Self {
        self.span = span;
        self
    }
}

/// What people write for a key when they know another scheduler.
const SYNONYMS: [(&str, &str); 14] = [
    ("tz", "timezone"),
    ("zone", "timezone"),
    ("interval", "every"),
    ("period", "every"),
    ("schedule", "cron"),
    ("expression", "cron"),
    ("expr", "cron"),
    ("max_retries", "retries"),
    ("attempts", "retries"),
    ("concurrency", "overlap"),
    ("start_date", "start"),
    ("end_date", "end"),
    ("until", "end"),
    ("run_at", "at"),
];

/// The keys by which other schedulers say at what time, and those by which they say how often.
const CLOCK_WORDS: [&str; 12] = [
    "hour",
    "minute",
    "second",
    "day",
    "month",
    "week",
    "day_of_month",
    "day_of_week",
    "weekday",
    "days_of_week",
    "time",
    "when",
];
const PERIOD_WORDS: [(&str, char); 6] =
    [("seconds", 's'), ("minutes", 'm'), ("hours", 'h'), ("days", 'd'), ("weeks", 'w'), ("mins", 'm')];

/// Reads the keys of one config.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) kind: TriggerKind,
    config: &'a Map<String, Value>,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(kind: TriggerKind, config: &'a Map<String, Value>) -> Self {
        Self { kind, config, faults: Vec::new() }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.config.contains_key(key)
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.config.get(key)
    }

    /// Refuses the keys that are none of those known.
    pub(super) fn refuse_unknown(&mut self, known: &[&str]) {
        for key in self.config.keys().filter(|key| !known.contains(&key.as_str())) {
            let synonym = SYNONYMS.iter().find(|(other, _)| other == key).map(|(_, meant)| *meant);
            let meant = synonym.filter(|meant| known.contains(meant)).or_else(|| nearest(key, known.iter().copied()));
            let hint = match meant {
                _ if self.kind == TriggerKind::Schedule && is_clock_word(key) => self.in_our_words(key),
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the arguments are {}", units::list(known)),
            };
            let message = format!("unknown argument `{key}` of on_{}", self.kind.as_str());
            let fault = Fault::new(Some(key), ErrorCode::InvalidMetadata, message, Some(hint));
            self.faults.push(Fault { on_key: true, ..fault });
        }
    }

    /// Says whether the time is given in the words of another scheduler.
    pub(super) fn has_clock_words(&self) -> bool {
        self.config.keys().any(|key| is_clock_word(key))
    }

    /// Says how what another scheduler takes is written here.
    fn in_our_words(&self, key: &str) -> String {
        if let Some((_, unit)) = PERIOD_WORDS.iter().find(|(word, _)| *word == key) {
            let number = self.config.get(key).and_then(Value::as_u64).unwrap_or(5);
            return format!("write `every=\"{number}{unit}\"`");
        }
        let at = |key: &str, otherwise: u64| self.config.get(key).and_then(Value::as_u64).unwrap_or(otherwise);
        format!("write the time as a cron expression, such as `\"{} {} * * *\"`", at("minute", 0), at("hour", 9))
    }

    pub(super) fn text(&mut self, key: &str, example: &str) -> Option<&'a str> {
        match self.config.get(key)? {
            Value::String(text) => Some(text),
            other => {
                let misfit = Misfit::wants(key, &format!("a string such as \"{example}\""), &shown(other));
                let several = (key == "cron" && other.is_array())
                    .then(|| "use one decorator for each expression: a function may have several".to_owned());
                self.misfit(key, misfit.with_hint(several));
                None
            }
        }
    }

    /// Reads a duration into milliseconds.
    pub(super) fn duration(&mut self, key: &str) -> Option<u64> {
        self.duration_with(key, |text| units::duration(key, text))
    }

    /// Reads a duration that more is asked of.
    pub(super) fn duration_with(&mut self, key: &str, read: impl Fn(&str) -> Result<u64, Misfit>) -> Option<u64> {
        let value = self.config.get(key)?;
        let result = match value {
            Value::String(text) => read(text),
            other => {
                let shown = shown(other);
                Err(Misfit::wants(key, "a duration such as \"5m\"", &shown).with_hint(units::seconds_hint(&shown)))
            }
        };
        result.map_err(|misfit| self.misfit(key, misfit)).ok()
    }

    pub(super) fn whole(&mut self, key: &str, most: u32) -> Option<u32> {
        let value = self.config.get(key)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= most);
        if number.is_none() {
            let misfit = Misfit::wants(key, &format!("a whole number from 0 to {most}"), &shown(value));
            let quoted = value.as_str().and_then(|text| text.parse::<u32>().ok()).filter(|number| *number <= most);
            self.misfit(key, misfit.with_hint(quoted.map(|number| format!("write `{number}` without quotes"))));
        }
        number
    }

    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.config.get(key)?;
        let known: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let found = value.as_str().and_then(|text| choices.iter().find(|(name, _)| *name == text));
        if found.is_none() {
            let misfit = Misfit::wants(key, &format!("one of {}", units::list(&known)), &shown(value));
            let near = value.as_str().and_then(|text| nearest(text, known.iter().copied()));
            self.misfit(key, misfit.with_hint(near.map(|near| format!("did you mean \"{near}\"?"))));
        }
        found.map(|(_, choice)| *choice)
    }

    pub(super) fn misfit(&mut self, key: &str, misfit: Misfit) {
        let fault = Fault::new(Some(key), ErrorCode::InvalidMetadata, misfit.message, misfit.hint);
        self.faults.push(fault.with_span(misfit.span));
    }
}

fn is_clock_word(key: &str) -> bool {
    CLOCK_WORDS.contains(&key) || PERIOD_WORDS.iter().any(|(word, _)| *word == key)
}

/// Returns how a value is called in a message, in the words of Python.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "`None`".to_owned(),
        Value::Bool(true) => "`True`".to_owned(),
        Value::Bool(false) => "`False`".to_owned(),
        Value::Number(number) => format!("`{number}`"),
        Value::String(text) if text.chars().count() <= 60 => format!("`{text}`"),
        Value::String(_) => "a long string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a dict".to_owned(),
    }
}
