//! The forms of a secret that are looked for, written apart from what redacts them.

/// A secret that stands nowhere else.
pub(crate) struct Canary {
    pub(crate) name: &'static str,
    pub(crate) secret: &'static str,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    pub(crate) fn new(name: &'static str, secret: &'static str) -> Self {
        let bytes = secret.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let json = serde_json::to_string(secret).unwrap();
        let ascii: String = json
            .chars()
            .map(|letter| if letter.is_ascii() { letter.to_string() } else { format!("\\u{:04x}", letter as u32) })
            .collect();
        let mut forms = vec![
            ("itself", bytes.to_vec()),
            ("hex", hex.to_ascii_lowercase().into_bytes()),
            ("HEX", hex.to_ascii_uppercase().into_bytes()),
            ("JSON", json.trim_matches('"').as_bytes().to_vec()),
            ("ASCII JSON", ascii.trim_matches('"').as_bytes().to_vec()),
            ("percent-encoded", percent(secret).into_bytes()),
            ("a form", percent(secret).replace("%20", "+").into_bytes()),
        ];
        // However many bytes stand before it: the middle of its base64 is the same.
        for before in 0..3 {
            let mut padded = vec![b'x'; before];
            padded.extend_from_slice(bytes);
            let text = base64(&padded);
            let middle = text[before * 8_usize.div_ceil(6)..text.len() - 4].to_owned();
            forms.push(("base64", middle.clone().into_bytes()));
            forms.push(("base64url", middle.replace('+', "-").replace('/', "_").into_bytes()));
        }
        // A half of it would be bad enough.
        forms.push(("its head", bytes[..bytes.len() * 2 / 3].to_vec()));
        assert!(forms.iter().all(|(_, form)| form.len() >= 8), "a form would be found by chance");
        Self { name, secret, forms }
    }

    /// Returns the form that stands in some bytes.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let found = self.forms.iter().find(|(_, form)| bytes.windows(form.len()).any(|window| window == form));
        found.map(|(name, _)| *name)
    }
}

/// Escapes everything but letters, digits and `-._~` (RFC 3986).
pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let value =
                chunk.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            (0..=chunk.len()).map(move |place| char::from(LETTERS[(value >> (18 - 6 * place)) as usize & 63]))
        })
        .collect()
}
