//! Whom an email is for.

use mailparse::{MailAddr, addrparse};
use serde_json::{Map, Value};
use url::Host;
use wren_core::{Error, Result};

use super::super::call::{invalid, texts};

/// The longest address, and the longest name of a mailbox: RFC 5321, section 4.5.3.1.
const LONGEST_ADDRESS: usize = 254;
const LONGEST_LOCAL: usize = 64;
const LONGEST_NAME: usize = 200;

/// Somebody who gets an email.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) name: Option<String>,
    pub(super) address: String,
}

/// Reads an argument's addresses. Each text may be an address, a name with one as in `Ada <ada@example.com>`, or a list of
/// them with commas between, or semicolons, as some mail programs have it.
///
/// # Errors
/// `INVALID_REQUEST` for an address that is none, with the place among the arguments; never with the address, which may be
/// anything.
pub(super) fn read(args: &Map<String, Value>, key: &str) -> Result<Vec<Recipient>> {
    let mut recipients = Vec::new();
    for (at, text) in texts(args, key)?.into_iter().enumerate() {
        let place = format!("{key}[{at}]");
        // Before anything is parsed: what comes after a line break would be a header field of its own.
        if text.chars().any(char::is_control) {
            let error = invalid(format!("`{place}` has a line break or another control character in it"));
            return Err(error.with_hint("an address stands in one line").with_detail("argument", place));
        }
        let list = addrparse(text).map(|list| list.into_inner()).unwrap_or_default();
        if list.is_empty() {
            return Err(none(&place));
        }
        for address in list {
            let MailAddr::Single(one) = address else { return Err(none(&place)) };
            let address = normal(one.addr.trim()).ok_or_else(|| none(&place))?;
            let name = one.display_name.filter(|name| !name.trim().is_empty());
            if name.as_ref().is_some_and(|name| name.len() > LONGEST_NAME) {
                return Err(none(&place));
            }
            recipients.push(Recipient { name, address });
        }
    }
    Ok(recipients)
}

fn none(place: &str) -> Error {
    invalid(format!("`{place}` is not an email address"))
        .with_hint("write it as ada@example.com or Ada Lovelace <ada@example.com>")
        .with_detail("argument", place)
}

/// Returns an address as mail systems take it: a dot-atom (RFC 5322, section 3.2.3) at a domain, which becomes ASCII.
/// Quoted names of mailboxes and addresses of hosts are not among them; nobody has one, and much breaks on them.
fn normal(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    if local.len() > LONGEST_LOCAL || !local.split('.').all(is_atom) || !domain.contains('.') {
        return None;
    }
    let Ok(Host::Domain(domain)) = Host::parse(domain) else { return None };
    let is_label = |label: &str| {
        let is_sound = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && is_sound && !label.starts_with('-') && !label.ends_with('-')
    };
    let address = format!("{local}@{domain}");
    (domain.split('.').all(is_label) && address.len() <= LONGEST_ADDRESS).then_some(address)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn to(value: Value) -> Result<Vec<(Option<String>, String)>> {
        let args = Map::from_iter([("to".to_owned(), value)]);
        Ok(read(&args, "to")?.into_iter().map(|one| (one.name, one.address)).collect())
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let bare = |address: &str| (None, address.to_owned());
        let named = |name: &str, address: &str| (Some(name.to_owned()), address.to_owned());
        for (value, expected) in [
            (json!("ada@example.com"), vec![bare("ada@example.com")]),
            (json!(["a.b+c@Example.COM", " b@x.org "]), vec![bare("a.b+c@example.com"), bare("b@x.org")]),
            (json!("a@x.org, Ada Lovelace <b@x.org>"), vec![bare("a@x.org"), named("Ada Lovelace", "b@x.org")]),
            (json!("a@x.org;b@x.org"), vec![bare("a@x.org"), bare("b@x.org")]),
            (json!("\"Lovelace, Ada\" <b@x.org>"), vec![named("Lovelace, Ada", "b@x.org")]),
            (json!("Zoë <z@bücher.example>"), vec![named("Zoë", "z@xn--bcher-kva.example")]),
            (json!([]), vec![]),
            (json!(null), vec![]),
        ] {
            assert_eq!(to(value.clone()).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_address_is_named_by_its_place() {
        for text in [
            "",
            " ",
            "ada",
            "@x.org",
            "ada@",
            "ada@localhost",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "a@b@x.org",
            "a b@x.org",
            "a..b@x.org",
            ".a@x.org",
            "ada@x..org",
            "ada@-x.org",
            "ada@x_y.org",
            "<ada@x.org",
            "ada@x.org>",
            "\"a b\"@x.org",
            "é@x.org",
            "team: a@x.org, b@x.org;",
            "a@x.org b@x.org",
        ] {
            let error = to(json!(["fine@x.org", text])).expect_err(text);
            assert_eq!(error.details()["argument"], "to[1]", "{text}: {error}");
        }
        for text in ["a@x.org\r\nBcc: b@x.org", "a@x.org\n", "A\rB <a@x.org>", "a@x.org\0", "\u{85}a@x.org"] {
            let error = to(json!(text)).expect_err(text);
            assert!(error.message().contains("`to[0]` has a line break"), "{error}");
        }
        assert!(to(json!(["a@x.org", 7])).is_err());
        assert!(to(json!({})).is_err());
    }
}
