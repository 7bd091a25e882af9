//! Transfer encodings: RFC 2045, section 6.
//!
//! mailparse decodes a body as a whole before it can be cut, and refuses all of it for one character that is none; here what can
//! be read is read, and no more than is wanted is held.

use memchr::memchr_iter;

/// A body without its transfer encoding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// As much of it as was wanted.
    pub(super) bytes: Vec<u8>,
    /// How long all of it is.
    pub(super) size: usize,
    /// There were characters in it that the encoding does not have.
    pub(super) is_damaged: bool,
}

impl Decoded {
    fn with_room(most: usize, size: usize) -> Self {
        Self { bytes: Vec::with_capacity(most.min(size)), size: 0, is_damaged: false }
    }

    fn push(&mut self, byte: u8, most: usize) {
        if self.size < most {
            self.bytes.push(byte);
        }
        self.size += 1;
    }
}

/// Decodes a body, of which at most so many bytes are wanted. An encoding that nobody knows is none.
pub(super) fn decode(body: &[u8], encoding: &str, most: usize) -> Decoded {
    // Some write a comment after it.
    let encoding = encoding.split(['(', ';']).next().unwrap_or_default().trim();
    if encoding.eq_ignore_ascii_case("base64") {
        base64(body, most)
    } else if encoding.eq_ignore_ascii_case("quoted-printable") {
        quoted_printable(body, most)
    } else {
        Decoded { bytes: body[..body.len().min(most)].to_vec(), size: body.len(), is_damaged: false }
    }
}

/// Base64: characters that are none of it are passed over, as the RFC wants. After a padding it may begin again, since some
/// programs encode in pieces.
fn base64(body: &[u8], most: usize) -> Decoded {
    let mut decoded = Decoded::with_room(most, body.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in body {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                held = 0;
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => {
                decoded.is_damaged = true;
                continue;
            }
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push((bits >> held) as u8, most);
        }
    }
    // A last character that is not enough for a byte.
    decoded.is_damaged |= held == 6;
    decoded
}

/// Quoted-printable: a `=` that introduces nothing stands for itself.
fn quoted_printable(body: &[u8], most: usize) -> Decoded {
    let mut decoded = Decoded::with_room(most, body.len());
    let ends = memchr_iter(b'\n', body).map(|at| at + 1).chain([body.len()]);
    let mut start = 0;
    for end in ends {
        quoted_line(&body[start..end], most, &mut decoded);
        start = end;
    }
    decoded
}

fn quoted_line(line: &[u8], most: usize, decoded: &mut Decoded) {
    let text = line.trim_ascii_end();
    let (text, line_break) = match text.strip_suffix(b"=") {
        // The line goes on.
        Some(text) => (text, &b""[..]),
        // Spaces at the end of a line were put there on the way.
        None if line.ends_with(b"\r\n") => (text, &b"\r\n"[..]),
        None if line.ends_with(b"\n") => (text, &b"\n"[..]),
        None => (text, &b""[..]),
    };
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let quoted = if *byte == b'=' { text.get(at + 1).zip(text.get(at + 2)) } else { None };
        let quoted = quoted.and_then(|(high, low)| Some(hexadecimal(*high)? << 4 | hexadecimal(*low)?));
        decoded.is_damaged |= *byte == b'=' && quoted.is_none();
        at += if quoted.is_some() { 3 } else { 1 };
        decoded.push(quoted.unwrap_or(*byte), most);
    }
    for byte in line_break {
        decoded.push(*byte, most);
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, encoding: &str) -> (String, bool) {
        let decoded = decode(body.as_bytes(), encoding, 1000);
        assert_eq!(decoded.size, decoded.bytes.len());
        (String::from_utf8_lossy(&decoded.bytes).into_owned(), decoded.is_damaged)
    }

    #[test]
    fn what_can_be_decoded_is() {
        for (body, encoding, expected, is_damaged) in [
            ("aGVs\r\nbG8=", "Base64", "hello", false),
            ("aGVsbG8", "base64", "hello", false),
            ("aGVs!bG8=d29ybGQ=", "base64 (comment)", "helloworld", true),
            ("a", "base64", "", true),
            ("caf=C3=a9 =\r\nau lait \t\r\nb=3D", "quoted-printable", "café au lait\r\nb=", false),
            ("=XY = =4", "QUOTED-PRINTABLE", "=XY = =4", true),
            ("=", "quoted-printable", "", false),
            ("as =41 it is", "x-unheard-of", "as =41 it is", false),
        ] {
            assert_eq!(read(body, encoding), (expected.to_owned(), is_damaged), "{body}");
        }
    }

    #[test]
    fn no_more_is_held_than_is_wanted() {
        for encoding in ["base64", "quoted-printable", "8bit"] {
            let decoded = decode(&vec![b'A'; 4_000_000], encoding, 10);
            assert_eq!(decoded.bytes.len(), 10, "{encoding}");
            assert!(decoded.bytes.capacity() <= 10 && decoded.size >= 3_000_000, "{encoding}");
        }
    }
}
