//! The cipher against the RFC, and boxes against everybody.

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

const ONE: &str = "0100000000000000000000000000000000000000000000000000000000000000";
const THREE: &str = "030000000000000000000000";
const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Key, nonce, associated data, plaintext, result: RFC 8452, appendices C.2 and (the last, where the counter wraps) C.3.
const RFC_8452: [[&str; 5]; 11] = [
    [ONE, THREE, "", "", "07f5f4169bbf55a8400cd47ea6fd400f"],
    [ONE, THREE, "", "0100000000000000", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"],
    [
        ONE,
        THREE,
        "",
        "01000000000000000000000000000000",
        "85a01b63025ba19b7fd3ddfc033b3e76c9eac6fa700942702e90862383c6c366",
    ],
    [ONE, THREE, "01", "0200000000000000", "1de22967237a813291213f267e3b452f02d01ae33e4ec854"],
    [ONE, THREE, "01", "020000000000000000000000", "163d6f9cc1b346cd453a2e4cc1a4a19ae800941ccdc57cc8413c277f"],
    [ONE, THREE, "010000000000000000000000", "02000000", "22b3f4cd1835e517741dfddccfa07fa4661b74cf"],
    [
        ONE,
        THREE,
        "010000000000000000000000000000000200",
        "0300000000000000000000000000000004000000",
        "43dd0163cdb48f9fe3212bf61b201976067f342bb879ad976d8242acc188ab59cabfe307",
    ],
    [
        "e66021d5eb8e4f4066d4adb9c33560e4f46e44bb3da0015c94f7088736864200",
        "e0eaf5284d884a0e77d31646",
        "",
        "",
        "169fbb2fbf389a995f6390af22228a62",
    ],
    [
        "bae8e37fc83441b16034566b7a806c46bb91c3c5aedb64a6c590bc84d1a5e269",
        "e4b47801afc0577e34699b9e",
        "4fbdc66f14",
        "671fdd",
        "0eaccb93da9bb81333aee0c785b240d319719d",
    ],
    [
        "3c535de192eaed3822a2fbbe2ca9dfc88255e14a661b8aa82cc54236093bbc23",
        "688089e55540db1872504e1c",
        "734320ccc9d9bbbb19cb81b2af4ecbc3e72834321f7aa0f70b7282b4f33df23f167541",
        "ced532ce4159b035277d4dfbb7db62968b13cd4eec",
        "626660c26ea6612fb17ad91e8e767639edd6c9faee9d6c7029675b89eaf4ba1ded1a286594",
    ],
    [
        ZERO,
        "000000000000000000000000",
        "",
        "000000000000000000000000000000004db923dc793ee6497c76dcc03a98e108",
        "f3f80f2cf0cb2dd9c5984fcda908456cc537703b5ba70324a6793a7bf218d3eaffffffff000000000000000000000000",
    ],
];

#[test]
fn the_cipher_is_that_of_rfc_8452() {
    for [key, nonce, aad, plaintext, result] in RFC_8452 {
        let key = Key::from_slice(&bytes(key)).unwrap();
        let nonce: [u8; NONCE] = bytes(nonce).try_into().unwrap();
        let sealed = encrypt(&key, nonce, &bytes(aad), &bytes(plaintext)).unwrap();
        assert_eq!(sealed, bytes(result));
        assert_eq!(*decrypt(&key, nonce, &bytes(aad), &sealed).unwrap(), bytes(plaintext));
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(decrypt(&key, nonce, &bytes(aad), &changed).is_none());
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
