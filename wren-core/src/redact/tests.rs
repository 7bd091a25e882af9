use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

/// Everything in it is written differently by somebody.
const SECRET: &str = "s3cr€t/+&=\"<k\\y>~ ÿz";

fn redactor(secrets: &[(&str, &str)]) -> Redactor {
    let secrets: Vec<(&str, SecretString)> = secrets.iter().map(|(name, secret)| (*name, (*secret).into())).collect();
    Redactor::new(secrets.iter().map(|(name, secret)| (*name, secret))).unwrap()
}

fn redact(secret: &str, text: &str) -> String {
    redactor(&[("key", secret)]).redact_text(text)
}

#[test]
fn a_secret_is_found_in_the_forms_in_which_it_is_usually_written() {
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let forms = [
        SECRET.to_owned(),
        STANDARD.encode(SECRET),
        STANDARD_NO_PAD.encode(SECRET),
        URL_SAFE.encode(SECRET),
        URL_SAFE_NO_PAD.encode(SECRET),
        hex.to_uppercase(),
        hex,
        // Python's `quote`, `quote_plus` and `json.dumps`.
        "s3cr%E2%82%ACt/%2B%26%3D%22%3Ck%5Cy%3E~%20%C3%BFz".to_owned(),
        "s3cr%E2%82%ACt%2F%2B%26%3D%22%3Ck%5Cy%3E~+%C3%BFz".to_owned(),
        r#"s3cr\u20act/+&=\"<k\\y>~ \u00ffz"#.to_owned(),
        // Python's `repr` of the text and of its bytes.
        "s3cr€t/+&=\"<k\\\\y>~ ÿz".to_owned(),
        r#"s3cr\xe2\x82\xact/+&="<k\\y>~ \xc3\xbfz"#.to_owned(),
        // Go's `json.Marshal`, PHP's `json_encode`, and digits in lower case.
        r#"s3cr€t/+\u0026=\"\u003ck\\y\u003e~ ÿz"#.to_owned(),
        r#"s3cr\u20act\/+&=\"<k\\y>~ \u00ffz"#.to_owned(),
        "s3cr%e2%82%act%2f%2b%26%3d%22%3ck%5cy%3e~%20%c3%bfz".to_owned(),
        serde_json::to_string(SECRET).unwrap().trim_matches('"').to_owned(),
        url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(),
    ];
    for form in forms {
        assert_eq!(redact(SECRET, &format!("a {form} b {form}")), "a [redacted key] b [redacted key]", "{form}");
    }
}

#[test]
fn a_secret_is_found_within_the_base64_of_a_longer_text() {
    for secret in ["secret", "secret7", "secret78", "a much longer secret than the others are"] {
        for before in ["", "u", "us", "use", "user:"] {
            for after in ["", "x", "xy", "xyz"] {
                for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                    let text = engine.encode(format!("{before}{secret}{after}"));
                    let seen = redact(secret, &text);
                    assert!(seen.contains("[redacted key]"), "{before}{secret}{after}: {text}");
                    // At most a character at each end holds bits of the secret, besides those of the neighbours.
                    assert!(seen.len() <= "[redacted key]".len() + 2 * 8 + 2, "{text}: {seen}");
                }
            }
        }
    }
}

#[test]
fn a_short_secret_is_left_and_the_longest_of_several_counts() {
    assert_eq!(redact("five5", "five5"), "five5");
    assert!(redactor(&[("key", "five5")]).is_empty());
    assert_eq!(redact("sixsix", "sixsixsix"), "[redacted key]six");
    let two = redactor(&[("short", "abcdef"), ("long", "abcdefgh"), ("again", "abcdef")]);
    assert_eq!(two.redact_text("abcdefgh abcdefg"), "[redacted long] [redacted short]g");
}

#[test]
fn how_a_stream_is_cut_makes_no_difference() {
    let redactor = redactor(&[("one", "abcabd-1"), ("two", "bcabd-12345"), ("three", "aaaaaaaa"), ("four", SECRET)]);
    let pieces = [
        "abcabd-1".to_owned(),
        "bcabd-12345".to_owned(),
        "aaaaaaaaaaaaaaaaaaa".to_owned(),
        SECRET.to_owned(),
        STANDARD.encode(SECRET),
        "abcab".to_owned(),
        "abcabd-12345".to_owned(),
        "\n".to_owned(),
    ];
    // A generator of numbers of its own: the same cuts in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..300 {
        let text: String = (0..12).map(|_| pieces[next(pieces.len())].as_str()).collect();
        let whole = redactor.redact(text.as_bytes());
        let (mut stream, mut seen, mut rest) = (redactor.stream(), Vec::new(), text.as_bytes());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at((1 + next(20)).min(rest.len()));
            seen.extend(stream.push(chunk));
            rest = after;
        }
        seen.extend(stream.finish());
        assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&whole));
        for secret in ["abcabd-1", "aaaaaaaa", SECRET] {
            assert!(!String::from_utf8_lossy(&whole).contains(secret));
        }
    }
}

#[test]
fn only_what_may_be_the_beginning_of_a_secret_is_held_back() {
    let mut stream = redactor(&[("key", "canary-7f3a")]).stream();
    for (chunk, seen) in [
        ("one line\n", "one line\n"),
        ("then can", "then "),
        ("cel: cana", "cancel: "),
        ("ry-7f3a!", "[redacted key]!"),
        ("canary-7f3", ""),
    ] {
        assert_eq!(String::from_utf8(stream.push(chunk.as_bytes())).unwrap(), seen);
    }
    assert_eq!(stream.finish(), b"canary-7f3");
    assert_eq!(stream.finish(), b"");
}

#[test]
fn nothing_prints_a_secret() {
    let redactor = redactor(&[("key", "canary-7f3a")]);
    let mut stream = redactor.stream();
    stream.push(b"canary-7f");
    assert!(!format!("{redactor:?} {stream:?}").contains("canary"));
}
