//! The forms in which a secret stands in what passes.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Returns every form of a secret that is looked for, the secret itself among them, each once.
pub(super) fn all(secret: &str) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::from([secret.as_bytes().to_vec()]);
    forms.extend(base64(secret.as_bytes()));
    forms.extend(percent(secret.as_bytes()));
    forms.extend(json(secret));
    forms.extend(python(secret));
    forms.extend([hex(secret.as_bytes(), LOWER), hex(secret.as_bytes(), UPPER)]);
    forms
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

fn digits(byte: u8, alphabet: &[u8; 16]) -> [u8; 2] {
    [alphabet[usize::from(byte >> 4)], alphabet[usize::from(byte & 15)]]
}

fn hex(secret: &[u8], alphabet: &[u8; 16]) -> Vec<u8> {
    secret.iter().flat_map(|byte| digits(*byte, alphabet)).collect()
}

/// Three bytes are four characters, so what a secret looks like depends on how many bytes stand before it, and its last
/// character on what follows.
fn base64(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        for before in 0..3_usize {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(secret);
            let text = engine.encode(&bytes).into_bytes();
            // The characters that hold bits of what stands before.
            let first = (before * 8).div_ceil(6);
            // The characters that hold nothing but bits of the secret.
            let whole = bytes.len() * 8 / 6;
            forms.push(text[first..whole].to_vec());
            // When the secret stands at the end.
            forms.push(text[first..].to_vec());
            let mut padded = text[first..].to_vec();
            padded.resize(padded.len() + (3 - bytes.len() % 3) % 3, b'=');
            forms.push(padded);
        }
    }
    forms
}

/// Encoders differ in what they leave as it is, and in the case of the digits.
fn percent(secret: &[u8]) -> Vec<Vec<u8>> {
    let kept: [&[u8]; 7] = [
        // RFC 3986's unreserved ones; with the slash of Python's `quote`; those of `encodeURIComponent`.
        b"-._~",
        b"-._~/",
        b"-._~!'()*",
        // What paths, queries and whole addresses leave.
        b"-._~!$&'()*+,;=:@/",
        b"-._~!$&'()*+,;=:@/?",
        b"-._~!$&'()*+,;=:@/?#[]",
        // A form's, as the URL standard has it.
        b"-._*",
    ];
    let mut forms = Vec::new();
    for alphabet in [UPPER, LOWER] {
        for kept in kept {
            for plus in [false, true] {
                let encode = |byte: &u8| match *byte {
                    b' ' if plus => vec![b'+'],
                    byte if byte.is_ascii_alphanumeric() || kept.contains(&byte) => vec![byte],
                    byte => escaped(byte, alphabet),
                };
                forms.push(secret.iter().flat_map(encode).collect());
            }
        }
        forms.push(secret.iter().flat_map(|byte| escaped(*byte, alphabet)).collect());
    }
    forms
}

fn escaped(byte: u8, alphabet: &[u8; 16]) -> Vec<u8> {
    let [high, low] = digits(byte, alphabet);
    vec![b'%', high, low]
}

/// Writers of JSON differ in whether they escape slashes, what HTML gives a meaning, and all that is not ASCII.
fn json(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for alphabet in [LOWER, UPPER] {
        for options in 0..8_u8 {
            let (slashes, html, ascii) = (options & 1 != 0, options & 2 != 0, options & 4 != 0);
            let mut form = Vec::new();
            for letter in secret.chars() {
                match letter {
                    '"' | '\\' => form.extend([b'\\', letter as u8]),
                    '/' if slashes => form.extend(b"\\/"),
                    '\n' => form.extend(b"\\n"),
                    '\r' => form.extend(b"\\r"),
                    '\t' => form.extend(b"\\t"),
                    '\u{8}' => form.extend(b"\\b"),
                    '\u{c}' => form.extend(b"\\f"),
                    '<' | '>' | '&' | '\'' if html => unicode(letter, alphabet, &mut form),
                    letter if letter < ' ' || (ascii && !letter.is_ascii()) => unicode(letter, alphabet, &mut form),
                    letter => form.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            forms.push(form);
        }
    }
    forms
}

/// Python's `repr` of a text, and of its bytes. Which quotes are escaped depends on which others there are.
fn python(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for (quotes, bytes) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut form = Vec::new();
        for letter in secret.chars() {
            match letter {
                '\\' => form.extend(b"\\\\"),
                '\'' if quotes => form.extend(b"\\'"),
                '\n' => form.extend(b"\\n"),
                '\r' => form.extend(b"\\r"),
                '\t' => form.extend(b"\\t"),
                letter if letter.is_ascii_control() || (bytes && !letter.is_ascii()) => {
                    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                        form.extend(b"\\x");
                        form.extend(digits(byte, LOWER));
                    }
                }
                letter => form.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        forms.push(form);
    }
    forms
}

fn unicode(letter: char, alphabet: &[u8; 16], form: &mut Vec<u8>) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        let [high, low] = unit.to_be_bytes();
        form.extend(b"\\u");
        form.extend(digits(high, alphabet));
        form.extend(digits(low, alphabet));
    }
}
