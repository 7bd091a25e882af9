//! Scripts as agents get them wrong: the first answer of `wren test --json` has to tell how to mend each.
//!
//! Every script of `broken_scripts` says in its first lines what is found in it, in the order of the answer:
//!
//! ```text
//! # expect: INVALID_CRON at 7:20: did you mean `0 9 * * *`?
//! ```
//!
//! That is the code, the line, the column where the answer has one, and words of the message or the hint. Without `at` there is no
//! place. `# grow: 20000` has the last line repeated so many times, so that the repository need not hold a script of a megabyte.
//!
//! Each code of class `AgentFixableError` is the first answer for two scripts at least, except for those of [`ELSEWHERE`]: they are
//! not about a script that is only examined. `bad_input`, `end_to_end` and the conformance suites see to them.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use support::{Ended, bare};
use wren_core::{ErrorClass, ErrorCode};

/// The codes that `wren test FILE` never says of a script, and why.
const ELSEWHERE: &[(ErrorCode, &str)] = &[
    (
        ErrorCode::MetadataMismatch,
        "compares a script with the metadata of a deploy's request, and `wren test` sends none",
    ),
    (ErrorCode::ScriptException, "is what a run comes to; an exception at the top level is an IMPORT_ERROR"),
    (ErrorCode::RunTimeout, "is what a run comes to; an import that does not end is an IMPORT_TIMEOUT"),
    (ErrorCode::ResultNotJson, "is about what a run returns"),
    (
        ErrorCode::EgressDenied,
        "is about the requests of a run; an import may make none at all, which is an IMPORT_ERROR",
    ),
    (
        ErrorCode::OutputLimit,
        "is about what a run returns; an import would have to declare 8 MiB of triggers, and a script has 1 MiB",
    ),
    (ErrorCode::InvalidRequest, "is about the call: a file that is not there, an option that cannot be read"),
    (ErrorCode::NotFound, "is about ids of the server"),
    (ErrorCode::Conflict, "is about the state of a deployment or a run"),
];

/// Fewer scripts than this would leave out mistakes that are made every day.
const FEWEST_SCRIPTS: usize = 60;

/// What a script says about itself.
struct Broken {
    name: String,
    path: PathBuf,
    expected: Vec<Expected>,
    /// How many times its last line is to be there.
    grow: Option<usize>,
}

/// A finding as a script states it.
#[derive(Debug)]
struct Expected {
    code: String,
    line: Option<u64>,
    column: Option<u64>,
    words: String,
}

impl Expected {
    /// Reads `CODE at LINE:COLUMN: words`.
    fn parse(text: &str) -> Option<Self> {
        let (head, words) = text.split_once(": ")?;
        let (code, place) = head.split_once(" at ").map_or((head, None), |(code, place)| (code, Some(place)));
        let (line, column) = match place.map(|place| place.split_once(':').unwrap_or((place, ""))) {
            Some((line, "")) => (Some(line.parse().ok()?), None),
            Some((line, column)) => (Some(line.parse().ok()?), Some(column.parse().ok()?)),
            None => (None, None),
        };
        code.parse::<ErrorCode>().ok()?;
        Some(Self { code: code.to_owned(), line, column, words: words.to_owned() })
    }

    /// Says how a finding differs.
    fn differs(&self, found: &Value) -> Option<String> {
        let (line, column) = (found["location"]["line"].as_u64(), found["location"]["column"].as_u64());
        let said = format!("{}; {}", text(found, "message"), text(found, "hint"));
        let same =
            found["code"] == self.code && line == self.line && column == self.column && said.contains(&self.words);
        (!same).then(|| format!("expected {self:?}, found {}", shown(found)))
    }
}

fn text<'a>(found: &'a Value, key: &str) -> &'a str {
    found[key].as_str().unwrap_or_default()
}

/// Returns a finding as a script would state it, which makes it easy to correct one.
fn shown(found: &Value) -> String {
    let number = |key: &str| found["location"][key].as_u64().map(|number| number.to_string());
    let column = number("column").map_or(String::new(), |column| format!(":{column}"));
    let place = number("line").map_or(String::new(), |line| format!(" at {line}{column}"));
    format!("{}{place}: {}; {}", text(found, "code"), text(found, "message"), text(found, "hint"))
}

/// Reads what every script says about itself.
fn scripts() -> Vec<Broken> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken_scripts");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Broken {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    // Not all of them are UTF-8.
    let script = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    let head = || script.lines().take_while(|line| line.starts_with('#'));
    let expected = head()
        .filter_map(|line| line.strip_prefix("# expect: "))
        .map(|line| Expected::parse(line).unwrap_or_else(|| panic!("{name}: cannot read `{line}`")))
        .collect();
    let grow = head().find_map(|line| line.strip_prefix("# grow: ")).map(|times| times.parse().unwrap());
    Broken { name, path, expected, grow }
}

/// Tests a script and returns how the answer differs from what it says.
fn differences(script: &Broken, folder: &Path) -> Vec<String> {
    let path = match script.grow {
        Some(times) => {
            let whole = fs::read_to_string(&script.path).unwrap();
            let last = whole.lines().next_back().unwrap();
            let path = folder.join(&script.name);
            let rest = format!("{last}\n").repeat(times.saturating_sub(1));
            fs::write(&path, whole + &rest).unwrap();
            path
        }
        None => script.path.clone(),
    };
    let ended = Ended::from(bare(folder, &["test", path.to_str().unwrap(), "--json"]).output().unwrap());
    if ended.code != 1 {
        return vec![format!("exits with {}: {ended:?}", ended.code)];
    }
    let error = ended.error();
    let found = error["details"]["diagnostics"].as_array().cloned().unwrap_or_else(|| vec![error.clone()]);
    let mut differences: Vec<String> =
        script.expected.iter().zip(&found).filter_map(|(expected, found)| expected.differs(found)).collect();
    // The error itself is the first of the findings.
    differences.extend(script.expected.first().and_then(|expected| expected.differs(&error)));
    differences.extend(found.iter().skip(script.expected.len()).map(|more| format!("not expected: {}", shown(more))));
    differences.extend(script.expected.iter().skip(found.len()).map(|missing| format!("not found: {missing:?}")));
    let lacking = found.iter().filter(|found| text(found, "hint").trim().is_empty());
    differences.extend(lacking.map(|found| format!("no hint: {}", shown(found))));
    differences
}

#[test]
fn the_first_answer_tells_how_to_mend_every_script() {
    let folder = tempfile::tempdir().unwrap();
    let (scripts, next, wrong) = (scripts(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    // Most of the time is spent on the imports that do not end.
    let at_once = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = differences(script, folder.path());
                    let found = found.iter().map(|difference| format!("{}: {difference}", script.name));
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_code_that_a_script_can_have_is_the_answer_twice() {
    let scripts = scripts();
    assert!(scripts.len() >= FEWEST_SCRIPTS, "{} scripts", scripts.len());
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for script in &scripts {
        let first = script.expected.first().unwrap_or_else(|| panic!("{} expects nothing", script.name));
        *counts.entry(first.code.as_str()).or_default() += 1;
    }
    let fixable = ErrorCode::ALL.iter().filter(|code| code.class() == ErrorClass::AgentFixableError);
    for code in fixable {
        let count = counts.remove(code.as_str()).unwrap_or_default();
        match ELSEWHERE.iter().find(|(elsewhere, _)| elsewhere == code) {
            Some((_, why)) => assert_eq!(count, 0, "{code} is said of a script after all, although it {why}"),
            None => assert!(count >= 2, "{code} is the answer for {count} scripts only"),
        }
    }
    assert!(counts.is_empty(), "not for an agent to mend: {counts:?}");
}
