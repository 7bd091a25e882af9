//! `wren init`: a script to begin with, which passes `wren test`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};

use serde_json::json;
use wren_core::{Error, ErrorCode};

use crate::args::{Beginning, InitArgs};
use crate::failure::Failure;
use crate::output::Output;

const SCHEDULE: &str = r#"# /// script
# [tool.wren]
# timezone = "UTC"
# ///
import wren


@wren.on_schedule("0 9 * * *", retries=3, timeout="5m")
def daily():
    """Runs every morning at nine."""
    runs = wren.state.get("runs", 0) + 1
    wren.state["runs"] = runs
    print(f"run {runs}")
    return {"runs": runs}
"#;

const EMAIL: &str = r#"import wren


@wren.on_email(subject="invoice", from_="*@example.com", retries=3)
def invoice(email: wren.Email):
    """Runs for each email about an invoice from example.com."""
    print(f"{email.subject} from {email.from_}")
    return {"attachments": [attachment.filename for attachment in email.attachments]}
"#;

/// Writes the script, in place of nothing.
pub(super) fn init(args: &InitArgs, output: Output) -> Result<(), Failure> {
    let file = &args.file;
    let text = match args.on {
        Beginning::Schedule => SCHEDULE,
        Beginning::Email => EMAIL,
    };
    let made = OpenOptions::new().write(true).create_new(true).open(file);
    let written = made.and_then(|mut made| made.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let error = Error::new(ErrorCode::Conflict, format!("{} is there already", file.display()));
            Failure::from(error.with_hint("name another file: nothing is written over"))
        }
        _ => Failure::request(format!("{} cannot be written: {error}", file.display())),
    })?;
    let shown = file.display();
    output.done(format_args!("made {shown}"));
    output.line(format_args!("Check it with `wren test {shown}`, deploy it with `wren deploy {shown}`"));
    output.document(&json!({"file": file}));
    Ok(())
}
