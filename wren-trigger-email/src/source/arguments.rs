//! The arguments of `@wren.on_email` that say which mailbox is watched, beside the rules.

use serde_json::{Map, Value};
use wren_core::source::Watched;
use wren_core::{Error, ErrorCode};

use crate::filter::Filter;

/// The credential of a trigger that names none.
pub(super) const ACCOUNT: &str = "imap";
/// The mailbox of a trigger that names none.
const MAILBOX: &str = "INBOX";

/// What a trigger's config says.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The name of the credential.
    pub(crate) account: String,
    pub(crate) mailbox: String,
    pub(crate) filter: Filter,
}

impl Arguments {
    /// Reads what of a config is the source's.
    pub(crate) fn read(config: &Map<String, Value>) -> Result<Self, Vec<Error>> {
        let mut config = config.clone();
        let mut faults = Vec::new();
        let mut heard = |read: Result<String, Error>| read.map_err(|fault| faults.push(fault)).unwrap_or_default();
        let account = heard(argument(&config, "account", ACCOUNT).and_then(credential));
        let mailbox = heard(argument(&config, "mailbox", MAILBOX));
        // The filter knows nothing of accounts.
        config.remove("account");
        match Filter::parse(&config) {
            Ok(filter) if faults.is_empty() => Ok(Self { account, mailbox, filter }),
            Ok(_) => Err(faults),
            Err(mut all) => {
                all.extend(faults);
                Err(all)
            }
        }
    }
}

/// Returns the account and the mailbox that a config names, without a look at its rules.
pub(super) fn watched(config: &Map<String, Value>) -> Result<Watched, Error> {
    let account = argument(config, "account", ACCOUNT).and_then(credential)?;
    let place = argument(config, "mailbox", MAILBOX)?;
    Ok(Watched { account, place })
}

fn argument(config: &Map<String, Value>, name: &str, default: &str) -> Result<String, Error> {
    let text = match config.get(name) {
        None | Some(Value::Null) => default,
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 255 && !text.contains(char::is_control) => text,
        Some(_) => {
            return Err(fault(name, &format!("`{name}` is no name"), &format!("for example {name}=\"{default}\"")));
        }
    };
    // RFC 3501: this one name is the same in capitals and in small letters.
    let is_inbox = name == "mailbox" && text.eq_ignore_ascii_case(MAILBOX);
    Ok(if is_inbox { MAILBOX.to_owned() } else { text.to_owned() })
}

fn credential(name: String) -> Result<String, Error> {
    let is_one = name.len() <= 128
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character));
    if is_one {
        return Ok(name);
    }
    Err(fault("account", "`account` is no name of a credential", "up to 128 letters, digits or `._-`"))
}

fn fault(argument: &str, message: &str, hint: &str) -> Error {
    Error::new(ErrorCode::InvalidFilter, message).with_hint(hint).with_detail("argument", argument)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_of_the_sources_own_arguments_is_said_at_once() {
        let faults = |config: Value| Arguments::read(config.as_object().unwrap()).err().unwrap_or_default();
        assert!(faults(json!({})).is_empty());
        assert!(faults(json!({"account": "work.imap", "mailbox": "Invoices/2026"})).is_empty());
        let found = faults(json!({"account": "a b", "mailbox": ["INBOX"]}));
        let arguments: Vec<_> = found.iter().map(|fault| fault.details()["argument"].as_str().unwrap()).collect();
        assert_eq!(arguments, ["account", "mailbox"]);
        assert!(found.iter().all(|fault| fault.code() == ErrorCode::InvalidFilter && fault.hint().is_some()));
    }

    #[test]
    fn the_inbox_has_one_name() {
        let config = json!({"mailbox": "inbox"});
        assert_eq!(argument(config.as_object().unwrap(), "mailbox", MAILBOX).unwrap(), "INBOX");
    }
}
