//! The bytes of a script: size, encoding, and what an editor may have left in them.

use super::super::location::{SourceMap, text_range};
use crate::error::{Error, ErrorCode};

/// What the bytes gave.
#[derive(Debug)]
pub(super) struct Source {
    /// The text without a byte order mark; broken bytes stand as U+FFFD so that the rest can still be examined.
    pub(super) map: SourceMap,
    pub(super) diagnostics: Vec<Error>,
}

/// The names under which Python knows UTF-8, normalised; ASCII is a part of it.
const UTF8_NAMES: [&str; 6] = ["utf-8", "utf8", "utf-8-sig", "u8", "ascii", "us-ascii"];

/// Reads a script's bytes.
///
/// # Errors
/// `SCRIPT_TOO_LARGE`: nothing of it is read then, since reading is what the cap protects.
pub(super) fn read(bytes: &[u8], max_bytes: usize) -> Result<Source, Error> {
    if bytes.len() > max_bytes {
        let message = format!("the script has {} bytes, at most {max_bytes} are allowed", bytes.len());
        return Err(Error::new(ErrorCode::ScriptTooLarge, message)
            .with_hint("move large data out of the script, for example into `wren.state` or behind an HTTP request")
            .with_detail("size_bytes", bytes.len())
            .with_detail("max_bytes", max_bytes));
    }
    if let Some(name) = utf16_mark(bytes) {
        let error = syntax("the script is not UTF-8").with_hint(format!("it is {name}: save it as UTF-8"));
        let map = SourceMap::new("");
        let diagnostics = vec![error.with_location(crate::error::Location {
            line: 1,
            column: Some(1),
            end_column: None,
            snippet: None,
        })];
        return Ok(Source { map, diagnostics });
    }
    Ok(read_text(bytes))
}

fn read_text(bytes: &[u8]) -> Source {
    // Python reads a marked file as if the mark were not there.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let map = SourceMap::new(String::from_utf8_lossy(bytes));
    let mut diagnostics = Vec::new();
    let cookie = coding_cookie(map.text());
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        let hint = match &cookie {
            Some((name, _)) => {
                format!("the script declares `{name}`: convert it to UTF-8, and remove the `coding` comment")
            }
            None => "save the script as UTF-8".to_owned(),
        };
        // What comes before the first bad byte is the same in the repaired text, so its offset holds there too.
        let place = map.locate(text_range(at..at + char::REPLACEMENT_CHARACTER.len_utf8()));
        diagnostics.push(
            syntax(format!("the script is not UTF-8: byte 0x{byte:02x} does not fit"))
                .with_hint(hint)
                .with_detail("offset", at)
                .with_location(place),
        );
    } else if let Some((name, range)) = cookie
        && !UTF8_NAMES.contains(&name.to_lowercase().replace('_', "-").as_str())
    {
        diagnostics.push(
            syntax(format!("the script declares the encoding `{name}`, scripts are read as UTF-8"))
                .with_hint("remove the `coding` comment")
                .with_location(map.locate(text_range(range))),
        );
    }
    if let Some(at) = map.text().find('\0') {
        diagnostics.push(
            syntax("the script contains a NUL byte")
                .with_hint("remove it; in a string, write `\\0`")
                .with_location(map.locate(text_range(at..at + 1))),
        );
    }
    Source { map, diagnostics }
}

fn utf16_mark(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// Finds PEP 263's declaration, `^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)` in the first two lines, the second only
/// when the first is a comment or blank.
fn coding_cookie(text: &str) -> Option<(String, std::ops::Range<usize>)> {
    let mut offset = 0;
    for line in text.split_inclusive('\n').take(2) {
        let body = line.trim_start_matches([' ', '\t', '\x0c']);
        if let Some(comment) = body.strip_prefix('#')
            && let Some(found) = cookie_in(comment)
        {
            let start = offset + line.len() - comment.len() + found.start;
            let range = start..start + found.len();
            return Some((text.get(range.clone())?.to_owned(), range));
        }
        if !body.starts_with('#') && !body.trim().is_empty() {
            return None;
        }
        offset += line.len();
    }
    None
}

fn cookie_in(comment: &str) -> Option<std::ops::Range<usize>> {
    comment.match_indices("coding").find_map(|(at, word)| {
        let rest = comment[at + word.len()..].strip_prefix([':', '='])?;
        let name = rest.trim_start_matches([' ', '\t']);
        let length = name.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(name.len());
        let start = comment.len() - name.len();
        (length > 0).then_some(start..start + length)
    })
}

fn syntax(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::SyntaxError, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(bytes: &[u8]) -> Vec<(u32, u32, String)> {
        read(bytes, 1000)
            .unwrap()
            .diagnostics
            .iter()
            .map(|error| {
                let place = error.location().unwrap();
                (place.line, place.column.unwrap(), format!("{}; {}", error.message(), error.hint().unwrap()))
            })
            .collect()
    }

    #[test]
    fn the_first_bad_byte_is_located() {
        let found = faults(b"x = 1\n# \xc3\xbc caf\xe9 \xff\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0, found[0].1), (2, 8));
        assert!(found[0].2.contains("0xe9") && found[0].2.contains("save the script as UTF-8"));
    }

    #[test]
    fn a_declared_encoding_is_named() {
        let found = faults(b"#!/usr/bin/env python3\n# -*- coding: latin-1 -*-\nx = 1\n");
        assert_eq!((found[0].0, found[0].1), (2, 15));
        assert!(found[0].2.contains("`latin-1`"));
        assert!(faults(b"# coding=latin-1\n'\xe9'\n")[0].2.contains("convert it to UTF-8"));
        for fine in ["# coding: utf-8\n", "# vim: set fileencoding=UTF_8 :\n", "x = 1\n# coding: latin-1\n"] {
            assert_eq!(faults(fine.as_bytes()), []);
        }
        assert_eq!(faults("x = 1\n\n# coding: latin-1\n".as_bytes()), []);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text_unless_it_is_of_another_encoding() {
        assert_eq!(faults(b"\xef\xbb\xbfx = 1\n"), []);
        assert_eq!(faults(b"\xef\xbb\xbfx = '\xff'\n").first().map(|fault| (fault.0, fault.1)), Some((1, 6)));
        assert!(faults(b"\xff\xfex\0").first().unwrap().2.contains("UTF-16"));
    }

    #[test]
    fn a_nul_byte_is_located() {
        assert_eq!(faults(b"x = 1\ny = '\0'\n").first().map(|fault| (fault.0, fault.1)), Some((2, 6)));
    }

    #[test]
    fn the_cap_names_both_sizes() {
        let error = read(&[b'#'; 1001], 1000).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ScriptTooLarge);
        assert_eq!(error.message(), "the script has 1001 bytes, at most 1000 are allowed");
    }
}
