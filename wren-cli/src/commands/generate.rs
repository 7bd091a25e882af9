//! What is made from the grammar and the tables: the guide, completions and manual pages.

use std::fs;

use clap::CommandFactory as _;
use serde_json::json;
use wren_integrations::Catalogue;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::failure::Failure;
use crate::guide;
use crate::output::Output;

/// Prints the guide for agents.
pub(super) fn guide(output: Output) -> Result<(), Failure> {
    let text = guide::guide(&Catalogue::built_in()?);
    output.line(text.trim_end());
    output.document(&json!({"guide": text}));
    Ok(())
}

/// Prints a script with which a shell completes.
pub(super) fn completions(args: &CompletionsArgs, output: Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wren", &mut script);
    let script = String::from_utf8(script).map_err(|error| Failure::internal("making completions", error))?;
    output.line(script.trim_end());
    output.document(&json!({"shell": args.shell.to_string(), "script": script}));
    Ok(())
}

/// Prints the manual page of `wren`, or writes those of all commands into a folder.
pub(super) fn man(args: &ManArgs, output: Output) -> Result<(), Failure> {
    let failed = |error| Failure::internal("writing manual pages", error);
    if let Some(folder) = &args.dir {
        fs::create_dir_all(folder).map_err(failed)?;
        clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
        output.done(format_args!("the manual pages are in {}", folder.display()));
        output.document(&json!({"folder": folder}));
        return Ok(());
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
    let page = String::from_utf8(page).map_err(|error| Failure::internal("making the manual page", error))?;
    output.line(page.trim_end());
    output.document(&json!({"page": page}));
    Ok(())
}
