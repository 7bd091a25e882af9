//! The cipher against the RFC, and boxes against everybody.

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The cases of RFC 8452 and of Wycheproof; the file says what its lines are.
const VECTORS: &str = include_str!("../tests/vectors/aes-256-gcm-siv.txt");

struct Vector {
    name: &'static str,
    opens: bool,
    key: Key,
    nonce: [u8; NONCE],
    aad: Vec<u8>,
    plaintext: Vec<u8>,
    sealed: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let lines = VECTORS.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, result, key, nonce, aad, plaintext, sealed] = fields[..] else { panic!("{line}") };
        let optional = |hex: &str| if hex == "-" { Vec::new() } else { bytes(hex) };
        Vector {
            name,
            opens: match result {
                "opens" => true,
                "fails" => false,
                _ => panic!("{line}"),
            },
            key: Key::from_slice(&bytes(key)).unwrap(),
            nonce: bytes(nonce).try_into().unwrap(),
            aad: optional(aad),
            plaintext: optional(plaintext),
            sealed: optional(sealed),
        }
    });
    parsed.collect()
}

#[test]
fn the_cipher_is_that_of_rfc_8452() {
    let vectors = vectors();
    // A file that lost lines would still pass.
    let of = |source: &str, opens| vectors.iter().filter(|v| v.name.starts_with(source) && v.opens == opens).count();
    assert_eq!([of("rfc8452-c2-", true), of("rfc8452-c3-", true)], [24, 2]);
    assert_eq!([of("wycheproof-", true), of("wycheproof-", false)], [69, 34]);
    for Vector { name, opens, key, nonce, aad, plaintext, sealed } in &vectors {
        let opened = decrypt(key, *nonce, aad, sealed);
        assert_eq!(opened.as_deref(), opens.then_some(plaintext), "{name}");
        let made = encrypt(key, *nonce, aad, plaintext).unwrap();
        assert_eq!(made == *sealed, *opens, "{name}");
    }
}

#[test]
fn no_bit_of_a_ciphertext_may_change() {
    for Vector { name, key, nonce, aad, sealed, .. } in vectors().iter().filter(|vector| vector.name.starts_with("rfc"))
    {
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(decrypt(key, *nonce, aad, &changed).is_none(), "{name} bit {at}");
        }
    }
}

/// RFC 4231, case 2, which has a short key; this crate's labels take part in the message, so the parts are joined by hand.
#[test]
fn the_check_is_hmac_sha256() {
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let mac = Hmac::<sha2_for_hmac::Sha256>::new_from_slice(b"Jefe").unwrap();
    let tag = mac.chain_update(b"what do ya want for nothing?").finalize().into_bytes();
    assert_eq!(tag.to_vec(), bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
}

#[test]
fn a_box_opens_with_its_key_and_context_only() {
    let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
    let context = || Context::default().with(b"ada").with(b"slack");
    let sealed = seal(&key, &context(), b"xoxb").unwrap();
    assert_eq!(sealed.len(), OVERHEAD + 4);
    assert_eq!(**open(&key, &context(), &sealed).unwrap(), *b"xoxb");
    assert!(open(&other, &context(), &sealed).is_none());
    assert!(open(&key, &Context::default().with(b"adas").with(b"lack"), &sealed).is_none());
    assert!(open(&key, &Context::default().with(b"adaslack"), &sealed).is_none());
    for length in 0..sealed.len() {
        assert!(open(&key, &context(), &sealed[..length]).is_none());
    }
    let longer = [&sealed[..], &[0]].concat();
    assert!(open(&key, &context(), &longer).is_none());
}

#[test]
fn no_bit_of_a_box_may_change() {
    let key = Key::generate().unwrap();
    let sealed = seal(&key, &Context::default(), b"xoxb").unwrap();
    for at in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(open(&key, &Context::default(), &changed).is_none(), "bit {at}");
    }
}

/// The commitment is what refuses: with it taken from another key, a ciphertext that is right in itself does not open.
#[test]
fn a_box_is_of_the_key_that_it_names() {
    let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
    let mut sealed = seal(&key, &Context::default(), b"xoxb").unwrap();
    let nonce: [u8; NONCE] = sealed[..NONCE].try_into().unwrap();
    sealed[NONCE..NONCE + CHECK].copy_from_slice(&check(&other, &nonce, &Context::default()));
    assert!(open(&key, &Context::default(), &sealed).is_none());
    assert!(open(&other, &Context::default(), &sealed).is_none());
}

#[test]
fn equal_contents_give_boxes_that_share_nothing() {
    let key = Key::generate().unwrap();
    let [one, two] = [0, 1].map(|_| seal(&key, &Context::default(), b"xoxb").unwrap());
    assert_ne!(one[..NONCE], two[..NONCE]);
    assert_ne!(one[NONCE..NONCE + CHECK], two[NONCE..NONCE + CHECK]);
    assert_ne!(one[NONCE + CHECK..], two[NONCE + CHECK..]);
}

#[test]
fn keys_print_nothing() {
    let key = Key::from_slice(&[0xAB; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "Key([REDACTED])");
    assert!(Key::from_slice(&[0; 31]).is_none());
}
