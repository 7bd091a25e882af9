//! Where each setting came from, and what of it may be shown.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use super::grammar::variable;
use super::{ConfigFile, DEFAULT_URL};

/// Who said what a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// The command line.
    Flag,
    /// A variable of the environment.
    Environment,
    /// A configuration file.
    File,
    /// Nobody.
    Default,
}

/// A setting as it may be shown: passwords are left out, and a secret altogether.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    /// None where it is not set, or is a secret.
    pub(crate) values: Vec<String>,
    /// Whether it is set and not shown.
    pub(crate) hidden: bool,
    pub(crate) source: Source,
    /// The flag, the variable or the file.
    pub(crate) from: Option<String>,
}

/// Returns everything that a command came to: how to reach a server, then what a server is started with.
pub(crate) fn settings(command: &Command, matches: &ArgMatches, file: Option<&ConfigFile>) -> Vec<Setting> {
    let path = || file.map(|file| file.path().display().to_string());
    let (file_url, file_has_key) = file.map(ConfigFile::outer).unwrap_or_default();
    let outer = |name: &str, id: &str, variable: &str, in_file: Option<&str>, default: Option<&str>| {
        // An empty variable is none, as for the commands that ask a server.
        let given = matches.try_get_one::<String>(id).ok().flatten().filter(|given| !given.is_empty());
        let (source, from, value) = match given {
            Some(given) if matches.value_source(id) == Some(ValueSource::CommandLine) => {
                (Source::Flag, Some(format!("--{name}")), Some(given.as_str()))
            }
            Some(given) => (Source::Environment, Some(variable.to_owned()), Some(given.as_str())),
            None if in_file.is_some() => (Source::File, path(), in_file),
            None => (Source::Default, None, default),
        };
        Setting {
            name: name.to_owned(),
            values: value.map(hide_password).into_iter().collect(),
            hidden: false,
            source,
            from,
        }
    };
    let url = outer("url", "url", "WREN_URL", file_url, Some(DEFAULT_URL));
    let mut api_key = outer("api-key", "api_key", "WREN_API_KEY", file_has_key.then_some(""), None);
    api_key.hidden = !api_key.values.is_empty();
    api_key.values.clear();
    let inner = command.get_arguments().filter_map(|arg| {
        variable(arg)?;
        let name = arg.get_long().filter(|_| !arg.is_global_set())?;
        let values = matches.get_raw(arg.get_id().as_str());
        let values = values.into_iter().flatten().map(|value| hide_password(&value.to_string_lossy())).collect();
        let (source, from) = source(arg, matches, file);
        Some(Setting { name: name.to_owned(), values, hidden: false, source, from })
    });
    [url, api_key].into_iter().chain(inner).collect()
}

fn source(arg: &Arg, matches: &ArgMatches, file: Option<&ConfigFile>) -> (Source, Option<String>) {
    let name = arg.get_long().unwrap_or_default();
    match (matches.value_source(arg.get_id().as_str()), file.filter(|file| file.server().contains_key(name))) {
        (Some(ValueSource::CommandLine), _) => (Source::Flag, Some(format!("--{name}"))),
        (Some(ValueSource::EnvVariable), _) => (Source::Environment, variable(arg)),
        (Some(_), Some(file)) => (Source::File, Some(file.path().display().to_string())),
        _ => (Source::Default, None),
    }
}

/// Leaves out of an address what may be a secret: all of the user's part but the name of a database's user, and parameters. Where
/// one cannot tell what is what, nothing is shown. A text that is no address stays as it is.
pub(crate) fn hide_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    if query.is_some_and(|query| query.contains('@')) {
        return format!("{scheme}://…");
    }
    let is_database = scheme.starts_with("postgres");
    let place = match place.rsplit_once('@') {
        // Services take tokens as the user; databases have users with names.
        Some((user, place)) if is_database => format!("{}@{place}", user.split(':').next().unwrap_or_default()),
        Some((_, place)) => place.to_owned(),
        None => place.to_owned(),
    };
    // A password parameter of a database goes by several names.
    let is_shown = |part: &&str| is_database && !part.to_ascii_lowercase().contains("pass");
    let query: Vec<&str> = query.into_iter().flat_map(|query| query.split('&')).filter(is_shown).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("{scheme}://{place}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_a_secret() {
        for (text, shown) in [
            ("sqlite:/var/lib/wren.db", "sqlite:/var/lib/wren.db"),
            ("postgres://me@db/wren?sslmode=require", "postgres://me@db/wren?sslmode=require"),
            ("postgres://me:se:cr@et@db/wren?sslmode=require&password=canary", "postgres://me@db/wren?sslmode=require"),
            ("postgers://me:canary@db/wren", "postgers://db/wren"),
            ("postgres://me:ca?nary@db/wren", "postgres://…"),
            ("crm=https://canary@crm.example.com/v1?token=canary", "crm=https://crm.example.com/v1"),
            ("https://wren.example.com", "https://wren.example.com"),
        ] {
            assert_eq!(hide_password(text), shown);
        }
    }
}
