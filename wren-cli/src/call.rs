//! The command line as it was given, together with what a configuration file says.
//!
//! It is read twice: once to learn which command it is and which file, and again with what the file says as defaults.

use std::ffi::OsString;

use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use crate::args::{Cli, GlobalArgs};
use crate::config::{ConfigFile, Setting, defaulted, has_settings, settings, with_defaults};
use crate::failure::Failure;

/// What the process was started with.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) cli: Cli,
    /// The file, where the command takes settings of the server.
    pub(crate) file: Option<ConfigFile>,
    /// What these came to.
    pub(crate) settings: Vec<Setting>,
}

/// Why a call cannot be read.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Clap has something to say, which may be the help.
    Arguments(Box<clap::Error>),
    /// The file is not to be used.
    File { failure: Failure, json: bool },
}

impl From<clap::Error> for Refused {
    fn from(error: clap::Error) -> Self {
        Self::Arguments(Box::new(error))
    }
}

impl Call {
    /// Reads arguments, variables, and the file that they name.
    pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, Refused> {
        let args: Vec<OsString> = args.into_iter().collect();
        let mut command = Cli::command();
        let matches = command.try_get_matches_from_mut(&args)?;
        if !has_settings(innermost(&command, &matches).0) {
            return Ok(Self { cli: understood(&matches, &mut command)?, file: None, settings: Vec::new() });
        }
        let GlobalArgs { config, json, .. } = GlobalArgs::from_arg_matches(&matches)?;
        let refused = |failure| Refused::File { failure, json };
        let file = ConfigFile::load(config.as_deref()).map_err(refused)?;
        let (mut command, matches) = match &file {
            Some(file) => {
                let mut command = with_defaults(Cli::command(), file);
                let matches = command.try_get_matches_from_mut(&args)?;
                (command, matches)
            }
            None => (command, matches),
        };
        let (inner, inner_matches) = innermost(&command, &matches);
        if let Some(file) = &file {
            let used = defaulted(inner, inner_matches);
            let used = used.iter().map(String::as_str).filter(|name| file.server().contains_key(*name));
            file.refuse_foreign(used).map_err(refused)?;
        }
        let settings = settings(inner, inner_matches, file.as_ref());
        Ok(Self { cli: understood(&matches, &mut command)?, file, settings })
    }
}

/// Returns the command that was called, as `wren keys create`, with what it was given.
fn innermost<'a>(command: &'a Command, matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    let called = matches.subcommand().and_then(|(name, matches)| Some((command.find_subcommand(name)?, matches)));
    called.map_or((command, matches), |(command, matches)| innermost(command, matches))
}

fn understood(matches: &ArgMatches, command: &mut Command) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(matches).map_err(|error| error.format(command))
}
