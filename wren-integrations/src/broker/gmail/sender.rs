//! Whether Google checked that an email comes from where it says: RFC 8601's `Authentication-Results`.

use wren_core::mail::{dmarc_passes, sole_domain};

use super::header::Fields;

/// Who Google says it is. Every other name is somebody else's word.
const AUTHORITY: &str = "mx.google.com";

/// Says whether Google's own check found that the domain in `From` sent the message (DMARC).
///
/// Only the topmost field counts: a mail system writes above what a message brings with it, so that those below may be the
/// sender's own.
pub(super) fn is_verified(fields: Fields<'_>) -> bool {
    let (results, domain) = (fields.raw("Authentication-Results"), sole_domain(fields.every("From")));
    domain.is_some_and(|domain| dmarc_passes(results, AUTHORITY, &domain))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PASS: &str = "mx.google.com;\r\n       dkim=pass header.i=@acme.com header.s=x header.b=a;\r\n       spf=pass \
                        (google.com: domain of a@acme.com; designates) smtp.mailfrom=a@acme.com;\r\n       \
                        dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=acme.com";

    fn verified(fields: &[(&str, &str)]) -> bool {
        let fields: Vec<Value> = fields.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        is_verified(Fields::of(&json!({"headers": fields})))
    }

    #[test]
    fn a_sender_that_google_checked_is_verified() {
        assert!(verified(&[("Authentication-Results", PASS), ("From", "Ada <ada@acme.com>")]));
        assert!(verified(&[("authentication-results", PASS), ("from", "ada@ACME.com")]));
    }

    #[test]
    fn nothing_else_is() {
        let from = ("From", "Ada <ada@acme.com>");
        let forged = "mx.google.com; dmarc=pass header.from=acme.com";
        for results in [
            "mx.google.com; dmarc=fail (p=NONE) header.from=acme.com",
            "mx.google.com; dmarc=pass header.from=evil.com",
            "mx.google.com; dmarc=pass header.from=acme.com.evil.com",
            "mx.google.com; dmarc=pass",
            "mx.google.com; dkim=pass header.i=@acme.com; spf=pass smtp.mailfrom=a@acme.com",
            "mx.evil.com; dmarc=pass header.from=acme.com",
            "mx.google.com.evil.com; dmarc=pass header.from=acme.com",
            "mx.google.com; spf=fail (; dmarc=pass header.from=acme.com ) smtp.mailfrom=x",
            "mx.google.com; spf=fail smtp.mailfrom=\"x; dmarc=pass header.from=acme.com\"",
            "mx.google.com; spf=fail smtp.mailfrom=\"; dmarc=pass header.from=acme.com",
            "mx.google.com; dmarc=fail header.from=acme.com; dmarc=pass header.from=acme.com",
            "mx.google.com; x-dmarc=pass header.from=acme.com",
            "(mx.google.com",
            "",
        ] {
            assert!(!verified(&[("Authentication-Results", results), from]), "{results}");
        }
        // What the message brings with it stands below.
        let fail = "mx.google.com; dmarc=fail header.from=acme.com";
        assert!(!verified(&[("Authentication-Results", fail), ("Authentication-Results", forged), from]));
        assert!(!verified(&[("Authentication-Results", "mx.other.com"), ("Authentication-Results", forged), from]));
        assert!(!verified(&[("ARC-Authentication-Results", PASS), from]));
        for from in [
            "=?utf-8?q?=3Cada=40acme.com=3E?= <x@evil.com>",
            "\"ada@acme.com\" <x@evil.com>",
            "ada@acme.com, x@evil.com",
            "a: ada@acme.com;",
            "nobody",
        ] {
            assert!(!verified(&[("Authentication-Results", PASS), ("From", from)]), "{from}");
        }
        assert!(!verified(&[("Authentication-Results", PASS), from, ("From", "x@evil.com")]));
        assert!(!verified(&[("Authentication-Results", PASS)]));
    }
}
