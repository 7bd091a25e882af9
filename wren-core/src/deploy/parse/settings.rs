//! The settings of the metadata block: what `[tool.wren]` may say, held to the platform's caps.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::super::location::SourceMap;
use super::pep723::{Block, Item};
use crate::deploy::check::units;
use crate::deploy::{DeployRules, MOST_DIAGNOSTICS};
use crate::egress::HostPattern;
use crate::error::{Error, ErrorCode};
use crate::model::ScriptSettings;
use crate::schedule::Timezone;
use crate::suggest::nearest;

const TOP_KEYS: [&str; 3] = ["dependencies", "requires-python", "tool"];
/// What is not of the script but of each of its triggers.
const TRIGGER_KEYS: [&str; 10] =
    ["cron", "every", "at", "overlap", "catch_up", "jitter", "start", "end", "retries", "backoff"];
const WREN_KEYS: [&str; 6] = ["timezone", "executor", "timeout", "memory", "egress", "inject_env"];

/// Reads tables into settings and gathers what is wrong with them.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    block: &'a Block,
    map: &'a SourceMap,
    rules: &'a DeployRules,
    pub(super) diagnostics: Vec<Error>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(block: &'a Block, map: &'a SourceMap, rules: &'a DeployRules) -> Self {
        Self { block, map, rules, diagnostics: Vec::new() }
    }

    pub(super) fn read(&mut self, table: &DeTable<'_>) -> ScriptSettings {
        let mut settings = ScriptSettings::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "dependencies" => {
                    settings.dependencies =
                        self.strings("dependencies", value).into_iter().map(|(text, _)| text).collect()
                }
                "requires-python" => settings.requires_python = self.text("requires-python", value).map(str::to_owned),
                "tool" => {
                    if let Some(tools) = self.table("tool", value) {
                        self.read_tools(tools, &mut settings);
                    }
                }
                other => self.unknown(other, key.span(), "the metadata block", &TOP_KEYS),
            }
        }
        settings
    }

    fn read_tools(&mut self, tools: &DeTable<'_>, settings: &mut ScriptSettings) {
        for (key, value) in tools {
            match key.get_ref().as_ref() {
                "wren" => {
                    if let Some(table) = self.table("tool.wren", value) {
                        self.read_wren(table, settings);
                    }
                }
                // The tables of other tools are theirs, but a slip would lose all settings in silence.
                other if nearest(other, ["wren"]).is_some() => {
                    self.unknown(other, key.span(), "[tool]", &["wren"]);
                }
                _ => {}
            }
        }
    }

    fn read_wren(&mut self, table: &DeTable<'_>, settings: &mut ScriptSettings) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "timezone" => settings.timezone = self.timezone(value),
                "executor" => settings.executor = self.executor(value),
                "timeout" => settings.timeout_ms = self.timeout(value),
                "memory" => settings.memory_bytes = self.memory(value),
                "egress" => settings.egress = self.egress(value),
                "inject_env" => settings.inject_env = self.inject_env(value),
                other => self.unknown(other, key.span(), "[tool.wren]", &WREN_KEYS),
            }
        }
    }

    fn timezone(&mut self, value: &Item<'_>) -> Option<Timezone> {
        let name = self.text("timezone", value)?;
        Timezone::parse(name)
            .map_err(|error| {
                self.push(ErrorCode::InvalidTimezone, inside(value), error.message, error.hint);
            })
            .ok()
    }

    fn executor(&mut self, value: &Item<'_>) -> Option<String> {
        let name = self.text("executor", value)?;
        let known: Vec<&str> = self.rules.executors.iter().map(|executor| executor.name()).collect();
        if known.contains(&name) {
            return Some(name.to_owned());
        }
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("this platform has {}", units::list(&known)),
        };
        let message = format!("unknown executor `{name}`");
        self.push(ErrorCode::InvalidMetadata, inside(value), message, Some(hint));
        None
    }

    fn timeout(&mut self, value: &Item<'_>) -> Option<u64> {
        let read = match value.get_ref() {
            DeValue::String(text) => units::timeout(text, self.rules.max_timeout_ms),
            other => Err(units::Misfit::wants("timeout", "a duration such as \"5m\"", &shown(other))
                .with_hint(units::seconds_hint(&shown(other)))),
        };
        self.take(value, read)
    }

    fn memory(&mut self, value: &Item<'_>) -> Option<u64> {
        let read = match value.get_ref() {
            DeValue::String(text) => units::memory(text, self.rules.max_memory_bytes),
            DeValue::Integer(number) => units::memory(number.as_str(), self.rules.max_memory_bytes),
            other => Err(units::Misfit::wants("memory", "a size such as \"256MiB\"", &shown(other))),
        };
        self.take(value, read)
    }

    fn egress(&mut self, value: &Item<'_>) -> Vec<String> {
        let mut hosts = Vec::new();
        for (text, span) in self.strings("egress", value) {
            match HostPattern::parse(&text) {
                Ok(host) => hosts.push(host.to_string()),
                Err(error) => {
                    let message = format!("an entry of egress must be a host: {}", error.message());
                    self.push(ErrorCode::InvalidMetadata, span, message, error.hint().map(str::to_owned));
                }
            }
        }
        hosts
    }

    fn inject_env(&mut self, value: &Item<'_>) -> BTreeMap<String, String> {
        let Some(table) = self.table("inject_env", value) else { return BTreeMap::new() };
        let mut variables = BTreeMap::new();
        for (key, secret) in table {
            let name = key.get_ref().as_ref();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.chars().all(fits) || name.starts_with(|c: char| c.is_ascii_digit()) {
                let message = format!("`{name}` is not a name of an environment variable");
                let hint = "use letters, digits and `_`, such as `API_TOKEN`".to_owned();
                self.push(ErrorCode::InvalidMetadata, key.span(), message, Some(hint));
            } else if let Some(secret) = self.text(&format!("inject_env.{name}"), secret) {
                variables.insert(name.to_owned(), secret.to_owned());
            }
        }
        variables
    }

    fn take(&mut self, value: &Item<'_>, read: Result<u64, units::Misfit>) -> Option<u64> {
        read.map_err(|misfit| {
            let whole = inside(value);
            let span = match &misfit.span {
                Some(span) => whole.start + span.start..whole.start + span.end,
                None => whole,
            };
            self.push(ErrorCode::InvalidMetadata, span, misfit.message, misfit.hint);
        })
        .ok()
    }

    fn text<'v>(&mut self, key: &str, value: &'v Item<'_>) -> Option<&'v str> {
        if let Some(text) = value.get_ref().as_str() {
            return Some(text);
        }
        self.misfit(key, "a string", value);
        None
    }

    fn table<'v, 'i>(&mut self, key: &str, value: &'v Item<'i>) -> Option<&'v DeTable<'i>> {
        if let Some(table) = value.get_ref().as_table() {
            return Some(table);
        }
        self.misfit(key, "a table", value);
        None
    }

    fn strings(&mut self, key: &str, value: &Item<'_>) -> Vec<(String, Range<usize>)> {
        let Some(array) = value.get_ref().as_array() else {
            let example = value.get_ref().as_str().map(|text| format!("write `{key} = [\"{text}\"]`"));
            self.misfit_with(key, "a list of strings", value, example);
            return Vec::new();
        };
        let entries =
            array.iter().map(|item| Some((self.text(&format!("an entry of {key}"), item)?.to_owned(), inside(item))));
        entries.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn misfit(&mut self, key: &str, wanted: &str, value: &Item<'_>) {
        self.misfit_with(key, wanted, value, None);
    }

    fn misfit_with(&mut self, key: &str, wanted: &str, value: &Item<'_>, hint: Option<String>) {
        let misfit = units::Misfit::wants(key, wanted, &shown(value.get_ref())).with_hint(hint);
        self.push(ErrorCode::InvalidMetadata, value.span(), misfit.message, misfit.hint);
    }

    fn unknown(&mut self, key: &str, span: Range<usize>, place: &str, known: &[&str]) {
        let hint = if TRIGGER_KEYS.contains(&key) {
            format!("`{key}` is said of each trigger: `@wren.on_schedule(…, {key}=…)`")
        } else {
            units::meant(key, known)
        };
        self.push(ErrorCode::InvalidMetadata, span, format!("unknown key `{key}` in {place}"), Some(hint));
    }

    fn push(&mut self, code: ErrorCode, span: Range<usize>, message: String, hint: Option<String>) {
        if self.diagnostics.len() >= MOST_DIAGNOSTICS {
            return;
        }
        let mut error = Error::new(code, message).with_location(self.map.locate(self.block.range(span)));
        if let Some(hint) = hint {
            error = error.with_hint(hint);
        }
        self.diagnostics.push(error);
    }
}

/// Returns the place of a string's characters, inside its quotes; that of the value when it is no string.
fn inside(value: &Item<'_>) -> Range<usize> {
    let span = value.span();
    match value.get_ref() {
        DeValue::String(text) if span.len() == text.len() + 2 => span.start + 1..span.end - 1,
        _ => span,
    }
}

/// Returns how a value is called in a message.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("`{text}`"),
        DeValue::Integer(number) => format!("`{}`", number.as_str()),
        DeValue::Float(number) => format!("`{}`", number.as_str()),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
        DeValue::Datetime(_) => "a date".to_owned(),
    }
}
