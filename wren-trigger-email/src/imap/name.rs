//! How mailboxes and strings are written in IMAP.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const ENGINE: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// Writes a string in quotes; what cannot stand in them is left out.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|character| !matches!(character, '\r' | '\n' | '\0')) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Writes the name of a mailbox: in the UTF-7 of RFC 3501, section 5.1.3.
pub(super) fn mailbox(name: &str) -> String {
    let mut written = String::new();
    let mut wide: Vec<u8> = Vec::new();
    let flush = |wide: &mut Vec<u8>, written: &mut String| {
        if !wide.is_empty() {
            written.push('&');
            ENGINE.encode_string(&*wide, written);
            written.push('-');
            wide.clear();
        }
    };
    for character in name.chars() {
        if (' '..='~').contains(&character) {
            flush(&mut wide, &mut written);
            written.push(character);
            if character == '&' {
                written.push('-');
            }
        } else {
            let mut units = [0; 2];
            wide.extend(character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut wide, &mut written);
    quoted(&written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_the_rfc_says() {
        for (name, written) in [
            ("INBOX", r#""INBOX""#),
            ("a \"b\" \\", r#""a \"b\" \\""#),
            ("R&D", r#""R&-D""#),
            ("~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}", r#""~peter/mail/&U,BTFw-/&ZeVnLIqe-""#),
            ("Entw\u{fc}rfe", r#""Entw&APw-rfe""#),
        ] {
            assert_eq!(mailbox(name), written);
        }
    }
}
