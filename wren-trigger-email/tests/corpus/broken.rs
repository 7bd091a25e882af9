//! Mails as programs send them that nobody tested.

use serde_json::json;
use wren_trigger_email::Omission;

use super::{Case, mail, raw};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = structure();
    cases.extend(charsets());
    cases.extend(encodings());
    cases.extend(headers());
    cases
}

fn structure() -> Vec<Case> {
    vec![
        raw(
            "empty",
            "",
            json!({"subject": "", "from": "", "text": "", "html": null, "attachments": [], "headers": {}}),
        ),
        raw("one line break", "\r\n", json!({"text": ""})),
        raw("no header", "hello\r\nworld\r\n", json!({"subject": "", "text": "hello\nworld\n"})),
        raw("no body", "Subject: x\r\nFrom: a@x.org", json!({"subject": "x", "from": "a@x.org", "text": ""})),
        mail("no boundary", "Content-Type: multipart/mixed\n\n--b\n\nhi\n", json!({"text": "--b\n\nhi\n"}))
            .without(&[Omission::Boundary]),
        mail(
            "a boundary that never comes",
            "Content-Type: multipart/mixed; boundary=b\n\nhi\n",
            json!({"text": "hi\n"}),
        )
        .without(&[Omission::Boundary]),
        mail(
            "an empty boundary",
            "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nhi\n",
            json!({"text": "--\n\nhi\n"}),
        )
        .without(&[Omission::Boundary]),
        mail(
            "a boundary that is not closed",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n",
            json!({"text": "hi\n"}),
        ),
        mail(
            "only a closing boundary",
            "Content-Type: multipart/mixed; boundary=b\n\nhi\n--b--\n",
            json!({"text": "hi\n"}),
        )
        .without(&[Omission::Boundary]),
        mail(
            "doubled boundaries",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\nhi\n--b\n--b--\n--b--\n",
            json!({"text": "hi", "attachments": []}),
        ),
        mail(
            "a boundary that begins with another",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--\n",
            json!({"text": "one\ntwo"}),
        ),
        mail(
            "an inner boundary that is the outer one",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n",
            json!({"text": "one\ntwo"}),
        ),
        mail(
            "a boundary that ends with dashes",
            "Content-Type: multipart/mixed; boundary=b--\n\n--b--\n\none\n--b----\n",
            json!({"text": "one"}),
        ),
        mail(
            "an inner multipart that is not closed",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\none\n--b\n\ntwo\n--b--\n",
            json!({"text": "one\ntwo"}),
        ),
        mail(
            "a part that is all header",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\n--b\n\nhi\n--b--\n",
            json!({"text": "hi"}),
        ),
        mail(
            "a part without a header",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nno empty line\n--b--\n",
            json!({"text": "no empty line"}),
        ),
        mail(
            "text after the end",
            "Content-Type: multipart/mixed; boundary=b\n\nbefore\n--b\n\nhi\n--b--\nafter\n",
            json!({"text": "hi"}),
        ),
        mail(
            "a mail alone in a mail",
            "Content-Type: message/rfc822\n\nSubject: inner\n\nhi",
            json!({"attachments": [{"filename": "attachment.eml", "size": 20}]}),
        ),
        mail(
            "message/partial",
            "Content-Type: message/partial; number=1; total=2; id=x\n\nhalf",
            json!({"text": "", "attachments": [{"size": 4}]}),
        ),
        mail(
            "an attachment without bytes",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment; filename=x\n\n--b--\n",
            json!({"attachments": [{"filename": "x", "size": 0, "content": ""}]}),
        ),
    ]
}

fn charsets() -> Vec<Case> {
    let text = |charset: &str, body: &[u8]| {
        let mut raw = format!("Content-Type: text/plain; charset={charset}\r\n\r\n").into_bytes();
        raw.extend_from_slice(body);
        raw
    };
    vec![
        raw("a charset nobody knows", text("x-klingon", b"caf\xe9"), json!({"text": "café"})),
        raw("no charset", "\r\ncaf\u{e9}", json!({"text": "café"})),
        raw("utf-8 under another label", text("iso-8859-1", "café".as_bytes()), json!({"text": "café"})),
        raw("latin-1 under the label of utf-8", text("utf-8", b"caf\xe9"), json!({"text": "caf\u{fffd}"})),
        raw("utf-7", text("utf-7", b"caf+AOk- +AGEAYg-"), json!({"text": "café ab"})),
        raw("half a surrogate in utf-7", text("utf-7", b"a+2D0-b"), json!({"text": "a\u{fffd}b"})),
        raw("half a surrogate in utf-16", text("utf-16le", b"a\0\x3d\xd8b\0"), json!({"text": "a\u{fffd}b"})),
        raw(
            "half a surrogate in utf-8",
            text("utf-8", b"a\xed\xa0\xbdb"),
            json!({"text": "a\u{fffd}\u{fffd}\u{fffd}b"}),
        ),
        raw("ascii under the label of utf-16", text("utf-16", b"plain"), json!({"text": "plain"})),
        raw("a byte order mark", text("utf-8", b"\xef\xbb\xbfcaf\xc3\xa9"), json!({"text": "café"})),
        raw("a charset that is replaced", text("hz-gb-2312", b"~{<:Ky2;~}"), json!({"text": "~{<:Ky2;~}"})),
        raw("zeros", text("us-ascii", b"a\0b\0\0c"), json!({"text": "abc"})),
        raw(
            "zeros in fields",
            "Sub\0ject: no\r\nSubject: a\0b\r\nFrom: a\0@x.org\r\n\r\n",
            json!({"subject": "a b", "from": "a @x.org"}),
        )
        .without(&[Omission::Header]),
        raw("gb18030", text("gb2312", b"\xc4\xe3\xba\xc3"), json!({"text": "你好"})),
        raw(
            "two charsets in a subject",
            "Subject: =?utf-8?q?=C3?= =?iso-8859-1?q?=E9?= =?x-none?q?a?=\r\n\r\n",
            json!({"subject": "\u{fffd}é =?x-none?q?a?="}),
        ),
        raw("raw bytes in a subject", b"Subject: caf\xe9\r\n\r\n".as_slice(), json!({"subject": "café"})),
    ]
}

fn encodings() -> Vec<Case> {
    vec![
        mail("base64 garbage", "Content-Transfer-Encoding: base64\n\naGVs!!bG8=\n~~~\n", json!({"text": "hello"}))
            .without(&[Omission::Encoding]),
        mail(
            "base64 that ends early",
            "Content-Transfer-Encoding: base64\n\naGVsbG8gd29yb",
            json!({"text": "hello wor"}),
        )
        .without(&[Omission::Encoding]),
        mail(
            "base64 in pieces",
            "Content-Transfer-Encoding: base64\n\naGVsbG8=d29ybGQ=\n",
            json!({"text": "helloworld"}),
        ),
        mail(
            "quoted printable garbage",
            "Content-Transfer-Encoding: quoted-printable\n\na=ZZb=4=\n==\n=",
            json!({"text": "a=ZZb=4="}),
        )
        .without(&[Omission::Encoding]),
        mail(
            "an encoding nobody knows",
            "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n",
            json!({"text": "begin 644 x\n"}),
        ),
        mail(
            "a multipart in base64",
            "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\nhi\n--b--\n",
            json!({"text": "hi"}),
        ),
        mail(
            "two encodings",
            "Content-Transfer-Encoding: 8bit\nContent-Transfer-Encoding: base64\n\naGk=\n",
            json!({"text": "aGk=\n"}),
        ),
    ]
}

fn headers() -> Vec<Case> {
    vec![
        mail(
            "a line without a colon",
            "Subject: x\nthis is no field\nFrom: a@x.org\n\nhi",
            json!({"subject": "x", "from": "a@x.org", "text": "hi"}),
        )
        .without(&[Omission::Header]),
        mail(
            "a line of a mailbox file",
            "From a@x.org Fri May  1 10:00:00 2026\nSubject: x\n\nhi",
            json!({"subject": "x", "text": "hi"}),
        ),
        mail("a damaged name of a field", "Sübject: no\nSubject: x\n\nhi", json!({"subject": "x", "text": "hi"}))
            .without(&[Omission::Header]),
        mail(
            "a header that begins with a fold",
            " folded\nSubject: x\n\nhi",
            json!({"text": " folded\nSubject: x\n\nhi"}),
        ),
        mail("spaces before a colon", "Subject \t: x\n\nhi", json!({"subject": "x", "text": "hi"})),
        mail(
            "two content types",
            "Content-Type: text/html\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhi",
            json!({"html": "--b\n\nhi", "text": ""}),
        ),
        mail("a content type that is none", "Content-Type: ;;; =\n\nhi", json!({"text": "hi"})),
        mail("a content type without a sort", "Content-Type: text\n\nhi", json!({"text": "hi"})),
        mail("an address that is none", "From: nobody\nTo: ;,<\n\n", json!({"from": "nobody"})),
        mail("no date", "Date: tomorrow\n\n", json!({"date": null, "headers": {"Date": "tomorrow"}})),
        mail(
            "a date with a comment",
            "Date: Fri, 1 May 2026 12:00 +0200 (CEST)\n\n",
            json!({"date": "2026-05-01T12:00:00+02:00"}),
        ),
        mail("an old date", "Date: 1 May 26 12:00 EST\n\n", json!({"date": "2026-05-01T12:00:00-05:00"})),
    ]
}
