//! `wren config`: what the settings of a server come to, and whether a file can be read.

use serde_json::json;

use crate::args::{ConfigArgs, ConfigCommand};
use crate::config::{ConfigFile, Setting, Source};
use crate::failure::Failure;
use crate::output::Output;
use crate::output::tables::table;

/// Shows settings, or checks a file.
pub(super) fn config(
    args: ConfigArgs,
    settings: Vec<Setting>,
    file: Option<ConfigFile>,
    output: Output,
) -> Result<(), Failure> {
    match args.command {
        ConfigCommand::Show(_) => {
            let file = file.map(|file| file.path().display().to_string());
            output.line(match &file {
                Some(file) => format!("The file is {file}\n"),
                None => "There is no configuration file\n".to_owned(),
            });
            output.line(table(["SETTING", "VALUE", "FROM"], settings.iter().map(row)));
            output.document(&json!({"file": file, "settings": settings}));
        }
        ConfigCommand::Check { file } => {
            let read = ConfigFile::read(&file)?;
            let names: Vec<&String> = read.server().keys().collect();
            output.done(format_args!("Checked: {}, {} settings of a server", file.display(), names.len()));
            output.document(&json!({"file": file, "valid": true, "settings": names}));
        }
    }
    Ok(())
}

fn row(setting: &Setting) -> [String; 3] {
    let Setting { name, values, hidden, source, from } = setting;
    let value = match (hidden, values.is_empty()) {
        (true, _) => "(hidden)".to_owned(),
        (false, true) => "-".to_owned(),
        (false, false) => values.join(", "),
    };
    let from = match (source, from) {
        (Source::Default, _) | (_, None) => "default".to_owned(),
        (_, Some(from)) => from.clone(),
    };
    [name.clone(), value, from]
}
