//! The configuration file: which one it is, and what it says.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use wren_core::suggest::nearest;
use wren_core::{ErrorClass, ErrorCode, Location};
use zeroize::Zeroizing;

use super::grammar::{Grammar, Refusal};
use super::origin::hide_password;
use crate::backends::is_open_to_others;
use crate::failure::{Failure, Problem};

/// The file of the current folder.
const LOCAL: &str = "wren.toml";
/// The user's own, within the folder of their configuration.
const OWN: &str = "wren/config.toml";
/// The table with the options of `wren serve`.
const SERVER: &str = "server";
/// What stands outside of it.
const OUTER: [&str; 3] = ["url", "api-key", SERVER];

/// What a file may tell a server that nobody asked to read it, since no harm can come of it: not where to listen, what to let
/// scripts reach, or where data, requests and secrets go. An option that is not here needs a file that its user trusts.
const HARMLESS: [&str; 9] = [
    "concurrency",
    "drain",
    "lease",
    "log-format",
    "quota-deployments",
    "quota-log-bytes-per-day",
    "quota-runs-per-day",
    "quota-triggers",
    "rate-limit",
];

/// A file that was read and holds nothing wrong.
#[derive(Default)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    /// Whether the user asked for it, or keeps it in a folder of their own; else it may be anybody's.
    is_trusted: bool,
    url: Option<String>,
    api_key: Option<SecretString>,
    server: BTreeMap<String, Vec<String>>,
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConfigFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// Reads the file asked for, which has to be there, or else the first usual one that is.
    pub(crate) fn load(asked: Option<&Path>) -> Result<Option<Self>, Failure> {
        // What is empty or relative counts for nothing, says the XDG Base Directory Specification: else a file of the current
        // folder could be taken for the user's own.
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
        let Some((path, is_trusted)) = find(asked, Path::new(LOCAL), home.as_deref()) else { return Ok(None) };
        let file = Self { is_trusted, ..Self::read(&path)? };
        if let Some(own) = home.map(|home| home.join(OWN)).filter(|own| !is_trusted && own.is_file()) {
            file.refuse_in_place_of(&own)?;
        }
        Ok(Some(file))
    }

    /// Refuses settings of a file that may be anybody's where the user has settings: it would take the place of those, say of what
    /// scripts may reach.
    fn refuse_in_place_of(&self, own: &Path) -> Result<(), Failure> {
        if self.server.is_empty() || Self::read(own)?.server.is_empty() {
            return Ok(());
        }
        let (path, own) = (self.path.display(), own.display());
        let message = format!("./{path} has settings of the server, and so has {own}");
        Err(Failure::usage(message, format!("say which one holds: --config {path} or --config {own}")))
    }

    /// Reads and checks a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let unusable = |error: std::io::Error| Failure::request(format!("{}: {error}", path.display()));
        let mut file = File::open(path).map_err(unusable)?;
        let metadata = file.metadata().map_err(unusable)?;
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(unusable)?;
        let mut reader = Reader { path, text: &text, grammar: Grammar::new(), faults: Vec::new() };
        let read = reader.read();
        let mut faults = reader.faults;
        faults.sort_by_key(|fault| fault.location.as_ref().map(|place| (place.line, place.column)));
        if let Some(problem) = Problem::gather(faults) {
            // The lines stay hidden: one may hold a secret.
            return Err(Failure::from(problem).in_script(path.display().to_string(), b""));
        }
        if read.has_secrets() && is_open_to_others(&metadata) {
            let path = path.display();
            let mut failure = Failure::request(format!("{path} holds a secret, and other users can read it"));
            failure.problem.hint = Some(format!("run `chmod 600 {path}`"));
            return Err(failure);
        }
        Ok(read)
    }

    /// Returns where it was read.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the options of `wren serve` that it sets, by their names without dashes.
    pub(crate) fn server(&self) -> &BTreeMap<String, Vec<String>> {
        &self.server
    }

    /// Returns the address and the key of a server.
    pub(super) fn into_connection(self) -> (Option<String>, Option<SecretString>) {
        (self.url, self.api_key)
    }

    /// Returns the address, and whether there is a key.
    pub(super) fn outer(&self) -> (Option<&str>, bool) {
        (self.url.as_deref(), self.api_key.is_some())
    }

    /// Returns the address of a file that may be anybody's, and where it was read.
    pub(super) fn foreign_url(&self) -> Option<(&str, &str)> {
        self.url.as_deref().filter(|_| !self.is_trusted).map(|url| (LOCAL, url))
    }

    /// Refuses what a file that may be anybody's must not decide. `used` are the settings that a command takes from it.
    pub(crate) fn refuse_foreign<'a>(&self, used: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let mut harmful = used.into_iter().filter(|name| !self.is_trusted && !HARMLESS.contains(name)).peekable();
        if harmful.peek().is_none() {
            return Ok(());
        }
        let path = self.path.display();
        let names: Vec<String> = harmful.map(|name| format!("`{name}`")).collect();
        let message = format!(
            "./{path} sets {}, which is not taken from a file of the current folder that nobody asked for",
            names.join(", ")
        );
        Err(Failure::usage(message, format!("if you trust that file, name it: --config {path} or WREN_CONFIG={path}")))
    }

    fn has_secrets(&self) -> bool {
        let has_password = |value: &String| hide_password(value) != *value;
        self.api_key.is_some() || self.url.iter().chain(self.server.values().flatten()).any(has_password)
    }
}

/// Returns the file to read, and whether its user vouches for it: the one asked for, whether it exists or not, else the first
/// usual one that exists.
fn find(asked: Option<&Path>, local: &Path, home: Option<&Path>) -> Option<(PathBuf, bool)> {
    if let Some(path) = asked.filter(|path| !path.as_os_str().is_empty()) {
        return Some((path.to_owned(), true));
    }
    let own = home.map(|home| (home.join(OWN), true));
    [Some((local.to_owned(), false)), own].into_iter().flatten().find(|(path, _)| path.is_file())
}

/// Reads a text, and gathers every fault in it.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    grammar: Grammar,
    faults: Vec<Problem>,
}

impl Reader<'_> {
    fn read(&mut self) -> ConfigFile {
        let mut file = ConfigFile { path: self.path.to_owned(), ..ConfigFile::default() };
        let table = match DeTable::parse(self.text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                // The parser's own message would quote the line.
                self.fault(error.span().unwrap_or(0..0), error.message().to_owned(), None);
                return file;
            }
        };
        for (name, key, value) in self.keys(&table) {
            match (name.as_str(), value.get_ref()) {
                ("url", DeValue::String(url)) => file.url = Some(url.clone().into_owned()),
                ("api-key", DeValue::String(api_key)) => file.api_key = Some(api_key.clone().into_owned().into()),
                (SERVER, DeValue::Table(server)) => file.server = self.server(server),
                (SERVER, _) => {
                    self.fault(value.span(), "`server` is not a table".to_owned(), Some("write [server]".to_owned()))
                }
                ("url" | "api-key", _) => {
                    self.fault(value.span(), format!("`{name}` is not a text"), Some("write it in quotes".to_owned()));
                }
                _ => {
                    let hint = match self.grammar.option(&name) {
                        Some(_) => Some("it belongs under [server]".to_owned()),
                        None => nearest(&name, OUTER).map(|near| format!("did you mean `{near}`?")),
                    };
                    let hint = hint.or_else(|| Some(format!("there are `{}`", OUTER.join("`, `"))));
                    let message = format!("unknown key `{}`", self.written(&key));
                    self.fault(key, message, hint);
                }
            }
        }
        file
    }

    fn server(&mut self, table: &DeTable<'_>) -> BTreeMap<String, Vec<String>> {
        let mut server = BTreeMap::new();
        for (name, key, value) in self.keys(table) {
            let Some(option) = self.grammar.option(&name) else {
                let near = nearest(&name, self.grammar.names());
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "the keys are the options of `wren serve`, which `wren serve --help` lists".to_owned(),
                };
                let message = format!("unknown key `{}` in [server]", self.written(&key));
                self.fault(key, message, Some(hint));
                continue;
            };
            match option.values(value.get_ref()) {
                Ok(values) => drop(server.insert(name, values)),
                Err(Refusal { why, hint }) => self.fault(value.span(), format!("`{name}` in [server]: {why}"), hint),
            }
        }
        server
    }

    /// Returns the keys of a table in the order of the file, as options are spelled: with dashes.
    fn keys<'b, 'i>(&mut self, table: &'b DeTable<'i>) -> Vec<(String, Range<usize>, &'b Spanned<DeValue<'i>>)> {
        let mut all: Vec<_> = table.iter().collect();
        all.sort_by_key(|(key, _)| key.span().start);
        let mut keys: Vec<(String, Range<usize>, &Spanned<DeValue<'i>>)> = Vec::new();
        for (key, value) in all {
            let name = key.get_ref().replace('_', "-");
            if keys.iter().any(|(known, ..)| *known == name) {
                self.fault(key.span(), format!("`{name}` is set twice"), Some("keep one of the two".to_owned()));
                continue;
            }
            keys.push((name, key.span(), value));
        }
        keys
    }

    fn written(&self, key: &Range<usize>) -> &str {
        self.text.get(key.clone()).unwrap_or_default().trim_matches(['"', '\''])
    }

    fn fault(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        let message = format!("{}: {message}", self.path.display());
        let mut problem = Problem::new(ErrorClass::AgentFixableError, ErrorCode::InvalidRequest.as_str(), message);
        problem.hint = hint;
        problem.location = Some(self.place(span));
        self.faults.push(problem);
    }

    fn place(&self, span: Range<usize>) -> Location {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let column = number(before[line_start..].chars().count() + 1);
        let marked = self.text.get(span).unwrap_or_default();
        let end = (!marked.contains('\n')).then(|| column.saturating_add(number(marked.chars().count())));
        Location {
            line: number(before.matches('\n').count() + 1),
            column: Some(column),
            end_column: end.filter(|end| *end > column),
            snippet: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_asked_for_must_exist_while_the_usual_ones_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.toml");
        assert!(ConfigFile::load(Some(&missing)).is_err());
        assert_eq!(find(None, &missing, Some(folder.path())), None);
        std::fs::create_dir(folder.path().join("wren")).unwrap();
        let own = folder.path().join("wren/config.toml");
        std::fs::write(&own, "").unwrap();
        assert_eq!(find(None, &missing, Some(folder.path())), Some((own.clone(), true)));
        assert_eq!(find(None, &own, None), Some((own, false)), "the current folder's may be anybody's");
    }

    #[test]
    fn a_file_that_may_be_anybodys_takes_no_place_of_the_users_settings() {
        let folder = tempfile::tempdir().unwrap();
        let (own, local) = (folder.path().join("own.toml"), folder.path().join("wren.toml"));
        std::fs::write(&own, "[server]\nallow-host = [\"api.example.com\"]\n").unwrap();
        std::fs::write(&local, "[server]\nconcurrency = 2\n").unwrap();
        let refused = ConfigFile::read(&local).unwrap().refuse_in_place_of(&own).unwrap_err();
        assert!(refused.problem.hint.unwrap().contains("--config"));
        for (path, harmless) in [(&own, "url = \"http://127.0.0.1:1\"\n"), (&local, "")] {
            std::fs::write(path, harmless).unwrap();
            ConfigFile::read(&local).unwrap().refuse_in_place_of(&own).unwrap();
        }
    }

    #[test]
    fn what_is_harmless_is_an_option_and_what_sends_secrets_somewhere_is_not_harmless() {
        let grammar = Grammar::new();
        for name in HARMLESS {
            assert!(grammar.option(name).is_some(), "{name}");
        }
        for name in [
            "data",
            "store",
            "vault",
            "executor",
            "integration-url",
            "oauth-clients",
            "listen",
            "allow-private",
            "mail-ca",
        ] {
            assert!(grammar.option(name).is_some() && !HARMLESS.contains(&name), "{name}");
        }
    }
}
