//! The options of `wren serve` as keys of a file: read off the command line's own grammar, so that the two cannot differ.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::error::Error as _;

use clap::builder::ArgAction;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory as _};
use toml::de::DeValue;

use super::ConfigFile;
use crate::args::Cli;

/// What may stand in the table `server`.
pub(super) struct Grammar {
    options: Vec<Arg>,
}

/// Why a value is none of an option.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) hint: Option<String>,
}

impl Grammar {
    /// Reads the grammar.
    pub(super) fn new() -> Self {
        let command = Cli::command();
        let serve = command.find_subcommand("serve");
        let options = serve.into_iter().flat_map(Command::get_arguments).filter(|arg| arg.get_long().is_some());
        Self { options: options.cloned().collect() }
    }

    /// Returns the names of the options, without dashes before them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.options.iter().filter_map(Arg::get_long)
    }

    /// Finds an option.
    pub(super) fn option(&self, name: &str) -> Option<ServerOption<'_>> {
        self.options.iter().find(|arg| arg.get_long() == Some(name)).map(ServerOption)
    }
}

/// An option of `wren serve`.
pub(super) struct ServerOption<'a>(&'a Arg);

impl ServerOption<'_> {
    /// Returns a value of a file as the command line would have it: each is one that the option takes.
    pub(super) fn values(&self, value: &DeValue<'_>) -> Result<Vec<String>, Refusal> {
        let is_list = matches!(self.0.get_action(), ArgAction::Append);
        let values = match value {
            DeValue::Array(list) if is_list && list.is_empty() => {
                return Err(refused("an empty list sets nothing", "leave the key out"));
            }
            DeValue::Array(list) if is_list => {
                list.iter().map(|value| self.text(value.get_ref())).collect::<Result<Vec<_>, _>>()?
            }
            DeValue::Array(_) => return Err(refused("it is a list, and takes one value", "write the value alone")),
            value => vec![self.text(value)?],
        };
        values.iter().try_for_each(|text| self.check(text))?;
        Ok(values)
    }

    /// Writes one value as an argument.
    fn text(&self, value: &DeValue<'_>) -> Result<String, Refusal> {
        let is_switch = !self.0.get_action().takes_values();
        match value {
            DeValue::Boolean(on) if is_switch => Ok(on.to_string()),
            _ if is_switch => {
                Err(refused(&format!("it is {}, and takes on or off", kind(value)), "write true or false"))
            }
            DeValue::String(text) => Ok(text.clone().into_owned()),
            DeValue::Integer(number) if self.is_number() => i64::from_str_radix(number.as_str(), number.radix())
                .map(|number| number.to_string())
                .map_err(|_| refused("the number is too large", "write a smaller one")),
            DeValue::Float(number) if self.is_fraction() => Ok(number.as_str().to_owned()),
            value => Err(refused(&format!("it is {}, and takes {}", kind(value), self.wanted()), &self.example())),
        }
    }

    fn is_fraction(&self) -> bool {
        self.0.get_value_parser().type_id() == TypeId::of::<f64>()
    }

    fn is_number(&self) -> bool {
        if self.is_fraction() {
            return true;
        }
        let id = self.0.get_value_parser().type_id();
        [TypeId::of::<u64>(), TypeId::of::<u32>(), TypeId::of::<usize>(), TypeId::of::<u16>()]
            .iter()
            .any(|number| id == *number)
    }

    fn wanted(&self) -> &'static str {
        if self.is_number() { "a number" } else { "a text in quotes" }
    }

    /// Says how the key is written: as its default, if it has one.
    fn example(&self) -> String {
        let name = self.0.get_long().unwrap_or_default();
        let default = self.0.get_default_values().first().and_then(|default| default.to_str());
        match default {
            Some(default) => format!("write it as {name} = \"{default}\""),
            None => format!("`wren serve --help` says what --{name} takes"),
        }
    }

    /// Has clap read a value as one of a flag; the answer never holds the value, which may be a secret.
    fn check(&self, text: &str) -> Result<(), Refusal> {
        if !self.0.get_action().takes_values() {
            return Ok(());
        }
        let alone = Command::new("wren").no_binary_name(true).disable_help_flag(true).arg(self.0.clone());
        let argument = format!("--{}={text}", self.0.get_long().unwrap_or_default());
        let Err(error) = alone.try_get_matches_from([argument]) else { return Ok(()) };
        Err(match (error.get(ContextKind::ValidValue), error.source()) {
            (Some(ContextValue::Strings(known)), _) if !known.is_empty() => refused(
                "it is none of the values that there are",
                &format!("write one of \"{}\"", known.join("\", \"")),
            ),
            (_, Some(source)) => refused(&source.to_string(), &self.example()),
            _ => refused("a value is missing", &self.example()),
        })
    }
}

fn refused(why: &str, hint: &str) -> Refusal {
    Refusal { why: why.to_owned(), hint: Some(hint.to_owned()) }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Returns the variables that are settings, with their names in a file.
fn variables() -> BTreeMap<String, String> {
    let grammar = Grammar::new();
    let named = |arg: &Arg| Some((variable(arg)?, arg.get_long()?.to_owned()));
    grammar.options.iter().filter_map(named).collect()
}

/// Returns the variable that an argument is read from.
pub(super) fn variable(arg: &Arg) -> Option<String> {
    arg.get_env().and_then(|name| name.to_str()).map(str::to_owned)
}

/// Gives a command what a file says as defaults: itself and all commands in it, since an argument of any of them that is read
/// from the same variable as an option of the server is the same setting.
pub(crate) fn with_defaults(command: Command, file: &ConfigFile) -> Command {
    let values: BTreeMap<String, Vec<String>> = variables()
        .into_iter()
        .filter_map(|(variable, name)| Some((variable, file.server().get(&name)?.clone())))
        .collect();
    set_defaults(command, &values)
}

fn set_defaults(command: Command, values: &BTreeMap<String, Vec<String>>) -> Command {
    let with_default = |arg: Arg| match variable(&arg).and_then(|variable| values.get(&variable)) {
        Some(values) => arg.default_values(values.clone()),
        None => arg,
    };
    command.mut_args(with_default).mut_subcommands(|inner| set_defaults(inner, values))
}

/// Says whether a command takes a setting of the server.
pub(crate) fn has_settings(command: &Command) -> bool {
    let variables = variables();
    command.get_arguments().filter_map(variable).any(|variable| variables.contains_key(&variable))
}

/// Returns the settings that a command took from its defaults, by their names in a file.
pub(crate) fn defaulted(command: &Command, matches: &ArgMatches) -> Vec<String> {
    let variables = variables();
    let is_default = |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::DefaultValue);
    let name = |arg: &Arg| variables.get(&variable(arg)?).cloned();
    command.get_arguments().filter(is_default).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_the_server_has_a_variable_of_its_own() {
        let grammar = Grammar::new();
        assert_eq!(variables().len(), grammar.options.len(), "two options share a variable, or one has none");
        for arg in &grammar.options {
            let variable = variable(arg).unwrap_or_default();
            // What OpenTelemetry has names for goes by these.
            let is_known = variable.starts_with("WREN_") || variable.starts_with("OTEL_");
            assert!(is_known, "--{} has no variable", arg.get_long().unwrap_or_default());
        }
    }

    #[test]
    fn a_value_is_read_as_the_option_reads_it() {
        let grammar = Grammar::new();
        let read = |name: &str, toml: &str| {
            let value = DeValue::parse(toml).unwrap();
            grammar.option(name).unwrap().values(value.get_ref()).map_err(|refusal| refusal.why)
        };
        assert_eq!(read("concurrency", "0x10"), Ok(vec!["16".to_owned()]));
        assert_eq!(read("quota-log-bytes-per-day", "\"1GiB\""), Ok(vec!["1GiB".to_owned()]));
        assert_eq!(read("allow-host", "[\"a\", \"b\"]"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(read("allow-host", "\"a\""), Ok(vec!["a".to_owned()]));
        assert_eq!(read("trace-ratio", "0.25"), Ok(vec!["0.25".to_owned()]));
        assert_eq!(read("trace-ratio", "1"), Ok(vec!["1".to_owned()]));
        for (name, toml, why) in [
            ("lease", "15", "it is a number, and takes a text in quotes"),
            ("listen", "true", "it is true or false, and takes a text in quotes"),
            ("concurrency", "1.5", "it is a number with a fraction, and takes a number"),
            ("concurrency", "-1", "invalid digit"),
            ("data", "[\"a\"]", "it is a list, and takes one value"),
            ("allow-host", "[]", "an empty list"),
            ("allow-host", "[1]", "it is a number, and takes a text"),
            ("executor", "\"docker\"", "none of the values"),
            ("store", "\"postgers://me:canary@db/wren\"", "expected `sqlite`"),
        ] {
            let refused = read(name, toml).unwrap_err();
            assert!(refused.contains(why) && !refused.contains("canary"), "{name} = {toml}: {refused}");
        }
    }
}
