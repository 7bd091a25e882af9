//! What can be said about a script without a server: the pipeline's stages that need no store.

use std::path::Path;
use std::sync::Arc;

use chrono::Utc;
use wren_core::deploy::{self, DeployRules, Examination};
use wren_core::memory::{MemoryStore, MemoryVault};
use wren_core::{Error, ErrorCode};
use wren_trigger_email::EmailSource;

use crate::backends::{ExecutorChoice, built_in_directory, make_executors};
use crate::failure::{Failure, Problem};

/// A script file as it was read.
#[derive(Debug)]
pub(super) struct LocalScript {
    /// The path as the user gave it.
    pub(super) name: String,
    /// The bytes, UTF-8 or not.
    pub(super) bytes: Vec<u8>,
}

impl LocalScript {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Ok(Self { name, bytes }),
            Err(error) => {
                let problem = Failure::request(format!("cannot read {name}: {error}")).problem;
                Err(problem.with_hint("name the script's file, as seen from this folder").into())
            }
        }
    }

    /// Returns the text, or the findings that say why it is none.
    pub(super) fn text(&self) -> Result<String, Failure> {
        if let Ok(text) = std::str::from_utf8(&self.bytes) {
            return Ok(text.to_owned());
        }
        let parsed = deploy::parse(&self.bytes, &DeployRules::new(Vec::new()));
        let unreadable = || {
            let error = Error::new(ErrorCode::SyntaxError, "the script is not UTF-8").with_hint("save it as UTF-8");
            Problem::from(&error)
        };
        Err(self.blame(found(parsed.diagnostics()).unwrap_or_else(unreadable)))
    }

    /// Makes an error about this script a failure that shows its lines.
    pub(super) fn blame(&self, problem: Problem) -> Failure {
        Failure::from(problem).in_script(self.name.clone(), &self.bytes)
    }

    /// Examines the script as a deploy would, on the executor that it asks for.
    ///
    /// Where scripts cannot be contained, nothing is imported: what the static stage finds is returned, or, when that finds
    /// nothing, why the import could not be tried.
    pub(super) async fn examine(&self) -> Result<Examination, Failure> {
        let rules = local_rules()?;
        let parsed = deploy::parse(&self.bytes, &rules);
        let usable = match rules.executor(parsed.settings().executor.as_deref()) {
            Some(executor) => executor.check().await,
            // The examination says which there are.
            None => Ok(()),
        };
        let Err(error) = usable else {
            return Ok(deploy::examine(&self.bytes, None, &rules, Utc::now()).await?);
        };
        if let Some(problem) = found(parsed.diagnostics()) {
            return Err(self.blame(problem));
        }
        let mut problem = Problem::from(&error);
        problem.message = format!("the syntax is valid, but the script was not imported: {}", problem.message);
        Err(problem.into())
    }
}

/// Makes the rules of a server that was given no options: what it would refuse is refused here.
fn local_rules() -> Result<DeployRules, Failure> {
    let mut rules = DeployRules::new(make_executors(ExecutorChoice::default(), None));
    rules.integrations = built_in_directory()?;
    // It judges filters and watches nothing, so it needs neither accounts nor a place to keep how far it has read.
    let mailboxes = EmailSource::builder(Arc::new(MemoryVault::new()), Arc::new(MemoryStore::new())).build()?;
    rules.sources.push(Arc::new(mailboxes));
    Ok(rules)
}

/// Makes one problem of everything that was found.
pub(super) fn found(diagnostics: &[Error]) -> Option<Problem> {
    Problem::gather(diagnostics.iter().map(Problem::from).collect())
}
