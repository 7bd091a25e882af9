//! What a delivery is signed with.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2_for_hmac::Sha256;
use wren_core::source::InboundDelivery;

/// How far a signature's time may be from the server's.
const WINDOW: TimeDelta = TimeDelta::seconds(300);
/// How many signatures are looked at: those of a secret and of the one before, and then some.
const MOST: usize = 8;
/// The length of an HMAC-SHA-256, in bytes.
const BYTES: usize = 32;

/// A signature header, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    /// The time as it stands there: it is signed letter by letter.
    time: String,
    at: DateTime<Utc>,
    codes: Vec<[u8; BYTES]>,
}

impl Signature {
    /// Takes a header apart: `t=…,v1=…`. Fields of other names are for later versions, and are skipped.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut time = None;
        let mut codes = Vec::new();
        for field in text.split(',') {
            match field.trim().split_once('=')? {
                // Of two times a proxy and this server could each believe another one.
                ("t", _) if time.is_some() => return None,
                ("t", value) => time = Some(value),
                ("v1", _) if codes.len() == MOST => return None,
                ("v1", value) => codes.push(unhex(value)?),
                _ => {}
            }
        }
        let time =
            time.filter(|time| (1..=12).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit()))?;
        let at = DateTime::from_timestamp(time.parse().ok()?, 0)?;
        (!codes.is_empty()).then(|| Self { time: time.to_owned(), at, codes })
    }

    /// Says whether it was made at about this time.
    pub(super) fn is_timely(&self, now: DateTime<Utc>) -> bool {
        (now - self.at).abs() <= WINDOW
    }

    /// Says whether one of the codes is the delivery's under the secret. How long that takes tells nothing of the right one.
    pub(super) fn is_of(&self, delivery: &InboundDelivery, secret: &SecretString) -> bool {
        // HMAC takes keys of every length, so there is none that it refuses.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return false };
        for part in [self.time.as_bytes(), b".", delivery.id.as_bytes(), b".", &delivery.body] {
            mac.update(part);
        }
        self.codes.iter().fold(false, |found, code| mac.clone().verify_slice(code).is_ok() | found)
    }
}

/// Reads lower-case hexadecimal digits: one way to write each code.
fn unhex(text: &str) -> Option<[u8; BYTES]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut code = [0; BYTES];
    if text.len() != 2 * BYTES {
        return None;
    }
    for (place, pair) in code.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *place = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(code)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod tests {
    use bytes::Bytes;

    use super::*;

    const CODE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn a_header_is_taken_apart() {
        let parsed = Signature::parse(&format!("t=1733653800,v1={CODE}")).unwrap();
        assert_eq!((parsed.time.as_str(), parsed.codes.len()), ("1733653800", 1));
        assert_eq!(parsed.codes[0][..3], [0x00, 0x11, 0x22]);
        let two = format!("v0=old, t=1733653800, v1={CODE}, v1={CODE}, v2=new");
        assert_eq!(Signature::parse(&two).unwrap().codes.len(), 2);
    }

    #[test]
    fn a_header_of_another_form_is_none() {
        let many = format!("t=1{}", format!(",v1={CODE}").repeat(MOST + 1));
        for text in [
            "",
            "t=1",
            &format!("v1={CODE}"),
            &format!("t=,v1={CODE}"),
            &format!("t=1,t=1,v1={CODE}"),
            &format!("t=-1,v1={CODE}"),
            &format!("t=+1,v1={CODE}"),
            &format!("t=1.5,v1={CODE}"),
            &format!("t=9999999999999999999,v1={CODE}"),
            &format!("t=1,v1={}", CODE.to_uppercase()),
            &format!("t=1,v1={}", &CODE[1..]),
            &format!("t=1,v1={CODE}0"),
            &format!("t=1,v1={}é", &CODE[2..]),
            &format!("t=1,v1={CODE},"),
            &format!("t=1;v1={CODE}"),
            &many,
        ] {
            assert_eq!(Signature::parse(text), None, "{text}");
        }
    }

    /// Made with `openssl dgst -sha256 -hmac`.
    #[test]
    fn a_code_is_the_hmac_of_time_name_and_body() {
        let code = "7fd76ed8a6b8cf1fb22b66f49387a4d9588a9115f94d9e942c201dd9ffbcd797";
        let signature = Signature::parse(&format!("t=1733653800,v1={code}")).unwrap();
        let delivery = InboundDelivery {
            address: "any".into(),
            id: "d-1".into(),
            signature: String::new(),
            content_type: "message/rfc822".into(),
            body: Bytes::from_static(b"Subject: hi\r\n\r\nhello"),
        };
        assert!(signature.is_of(&delivery, &"secret".to_owned().into()));
        assert!(!signature.is_of(&delivery, &"Secret".to_owned().into()));
        let other = InboundDelivery { id: "d-2".into(), ..delivery };
        assert!(!signature.is_of(&other, &"secret".to_owned().into()));
    }

    #[test]
    fn a_signature_is_timely_for_five_minutes_either_way() {
        let signature = Signature::parse(&format!("t=1733653800,v1={CODE}")).unwrap();
        for (seconds, timely) in [(0, true), (300, true), (301, false), (-300, true), (-301, false), (86_400, false)] {
            let now = DateTime::from_timestamp(1_733_653_800 + seconds, 0).unwrap();
            assert_eq!(signature.is_timely(now), timely, "{seconds}");
        }
    }
}
