//! Lists of addresses: RFC 5322, section 3.4.

use mailparse::{MailAddr, SingleInfo, addrparse_header, parse_header};

use super::field::{bounded, decode, in_one_line, is_sensible};

/// Splits a list of addresses, each with its name. Encoded words are decoded after that: a comma in one separates nothing.
///
/// A field that is no list of addresses is returned as one text.
#[must_use]
pub fn addresses(value: &str) -> Vec<String> {
    let Some(list) = list(value) else { return vec![decode(value)] };
    singles(list).map(|one| one.to_string().replace(['\r', '\n', '\0'], " ")).collect()
}

/// Returns the addresses of a list without their names.
///
/// A name is what its sender likes: one that looks like an address is none. Where a field is no list of addresses, as with a
/// quote that never ends, what stands in angle brackets is one all the same: a rule about a sender should not fail for a name.
#[must_use]
pub fn bare_addresses(value: &str) -> Vec<String> {
    let bare: Vec<String> = match list(value) {
        Some(list) => singles(list).map(|one| one.addr).collect(),
        None => angled(bounded(value)),
    };
    bare.iter().map(|address| address.trim().to_owned()).filter(|address| !address.is_empty()).collect()
}

fn angled(value: &str) -> Vec<String> {
    let after = value.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
    let is_address = |address: &&str| address.contains('@') && !address.contains(char::is_whitespace);
    after.map(|(address, _)| address).filter(is_address).map(str::to_owned).collect()
}

/// Returns the one domain that a mail claims to come from, in lower case; `None` when it claims none, or more than one.
///
/// It takes the raw `From` fields: an address in an encoded word is a name that looks like one.
#[must_use]
pub fn sole_domain<'a>(froms: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut froms = froms.into_iter();
    let from = froms.next().filter(|_| froms.next().is_none())?;
    let list = list(from)?;
    let [MailAddr::Single(address)] = list.as_slice() else { return None };
    let (_, domain) = address.addr.rsplit_once('@')?;
    Some(domain.trim().to_ascii_lowercase()).filter(|domain| !domain.is_empty())
}

fn singles(list: Vec<MailAddr>) -> impl Iterator<Item = SingleInfo> {
    list.into_iter().flat_map(|address| match address {
        MailAddr::Single(one) => vec![one],
        MailAddr::Group(group) => group.addrs,
    })
}

/// Parses a list of addresses; `None` when a value is none.
fn list(value: &str) -> Option<Vec<MailAddr>> {
    let value = bounded(value);
    let line = in_one_line(value);
    let (header, _) = parse_header(&line).ok().filter(|_| is_sensible(value))?;
    addrparse_header(&header).ok().map(|list| list.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_addresses_are_split_as_rfc_5322_says() {
        for (raw, expected, bare) in [
            ("a@x.org, B <b@x.org>", &["a@x.org", "\"B\" <b@x.org>"][..], &["a@x.org", "b@x.org"][..]),
            ("\"Doe, Jane\" <j@x.org>", &["\"Doe, Jane\" <j@x.org>"], &["j@x.org"]),
            (
                "=?utf-8?q?Doe=2C_J=C3=A9?= <j@x.org>, k@x.org",
                &["\"Doe, Jé\" <j@x.org>", "k@x.org"],
                &["j@x.org", "k@x.org"],
            ),
            ("team: a@x.org, b@x.org;", &["a@x.org", "b@x.org"], &["a@x.org", "b@x.org"]),
            ("undisclosed-recipients:;", &[], &[]),
            ("\"ada@acme.com\" <x@evil.com>", &["\"ada@acme.com\" <x@evil.com>"], &["x@evil.com"]),
            ("no address at all", &["no address at all"], &[]),
        ] {
            assert_eq!(addresses(raw), expected, "{raw}");
            assert_eq!(bare_addresses(raw), bare, "{raw}");
        }
    }

    #[test]
    fn a_name_that_is_written_wrong_hides_no_address() {
        for raw in [
            "Foo, Inc. <a@x.org>",
            "\"Foo <a@x.org>",
            "Foo \"Bar <a@x.org>",
            "Foo: Bar <a@x.org>",
            "Foo; Bar <a@x.org>",
            "Foo (Bar <a@x.org>",
            "\"Foo\" Bar <a@x.org>",
            "Foo [Bar] <a@x.org>",
            "<a@x.org> Foo",
            "a@x.org <a@x.org>",
            "Foo@Bar <a@x.org>",
            "a@x.org (Foo)",
        ] {
            assert!(bare_addresses(raw).contains(&"a@x.org".to_owned()), "{raw}: {:?}", bare_addresses(raw));
        }
    }

    #[test]
    fn a_field_that_would_take_seconds_is_left_as_it_is() {
        for unit in ["=?", "=?utf-8?q?a?= ", "=?u?q?=?="] {
            let value = unit.repeat(64 * 1024 / unit.len());
            assert_eq!(addresses(&value), [value.trim_end()]);
        }
        let people = "=?utf-8?q?Ren=C3=A9e?= <renee@example.com>, ".repeat(500);
        assert!(addresses(&people).iter().all(|person| person == "\"Renée\" <renee@example.com>"));
    }
}
