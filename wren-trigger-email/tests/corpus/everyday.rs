//! Mails as mail programs send them.

use serde_json::json;

use super::{Case, mail, raw};

const INVOICE: &str = "\
Return-Path: <billing@acme.com>
Received: by store.example.org with LMTP; Fri, 1 May 2026 10:00:02 +0000
Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=acme.com;
 dmarc=pass (p=reject) header.from=acme.com
Received: from out.acme.com by mx.example.org; Fri, 1 May 2026 10:00:01 +0000
From: \"Acme Billing\" <billing@acme.com>
To: =?utf-8?q?Ren=C3=A9e?= <renee@example.org>, ops@example.org
Cc: team: a@example.org, b@example.org;
Subject: =?utf-8?B?UmVjaG51bmcgZsO8ciBNYWk=?=
 =?utf-8?q?_2026?=
Date: Fri, 1 May 2026 12:00:00 +0200
Message-ID: <2026-05@acme.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"outer\"

This is a multi-part message in MIME format.
--outer
Content-Type: multipart/alternative; boundary=\"inner\"

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Der Betrag ist 42=E2=82=AC.
--inner
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<p>f=FCr Sie</p>
--inner--
--outer
Content-Type: application/pdf; name=\"ignored.pdf\"
Content-Disposition: attachment; filename*0*=utf-8''Rechnung%20f%C3; filename*1*=%BCr%20Mai; filename*2=.pdf
Content-Transfer-Encoding: base64

JVBERi0x
LjQ=
--outer--
";

pub(super) fn cases() -> Vec<Case> {
    vec![
        mail(
            "an invoice",
            INVOICE,
            json!({
                "from": "\"Acme Billing\" <billing@acme.com>",
                "to": ["\"Renée\" <renee@example.org>", "ops@example.org"],
                "cc": ["a@example.org", "b@example.org"],
                "subject": "Rechnung für Mai 2026",
                "date": "2026-05-01T12:00:00+02:00",
                "message_id": "<2026-05@acme.com>",
                "text": "Der Betrag ist 42€.",
                "html": "<p>für Sie</p>",
                "verified_sender": true,
                "headers": {"Return-Path": "<billing@acme.com>", "MIME-Version": "1.0"},
                "attachments": [{
                    "filename": "Rechnung für Mai.pdf",
                    "content_type": "application/pdf",
                    "size": 8,
                    "content": "JVBERi0xLjQ=",
                }],
            }),
        ),
        mail(
            "plain text",
            "From: a@x.org\nTo: b@x.org\nSubject: hello\n\nHow\nare you?\n",
            json!({"from": "a@x.org", "to": ["b@x.org"], "cc": [], "subject": "hello", "text": "How\nare you?\n",
                   "html": null, "date": null, "message_id": null, "attachments": [], "verified_sender": false}),
        ),
        mail(
            "html alone",
            "Subject: x\nContent-Type: TEXT/HTML\n\n<b>hi</b>",
            json!({"text": "", "html": "<b>hi</b>"}),
        ),
        mail(
            "texts in several parts",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Disposition: inline\n\ntwo\n--b--\n",
            json!({"text": "one\ntwo", "attachments": []}),
        ),
        mail(
            "a text that is a file",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment\n\none\n--b\n\
             Content-Type: text/plain; name=notes.txt\n\ntwo\n--b--\n",
            json!({"text": "", "attachments": [{"filename": "attachment.txt", "size": 3}, {"filename": "notes.txt", "content": "dHdv"}]}),
        ),
        mail(
            "a forwarded mail",
            "Subject: Fwd\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee below\n--b\nContent-Type: message/rfc822\n\n\
             From: c@x.org\nSubject: inner\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nsaid by another\n--i--\n--b--\n",
            json!({"subject": "Fwd", "text": "see below",
                   "attachments": [{"filename": "attachment.eml", "content_type": "message/rfc822", "size": 105}]}),
        ),
        mail(
            "a digest",
            "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\n1\n--b\nContent-Type: text/plain\n\ntwo\n--b--\n",
            json!({"text": "two", "attachments": [{"content_type": "message/rfc822"}]}),
        ),
        mail(
            "a bounce",
            "From: MAILER-DAEMON@x.org\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n\
             not delivered\n--b\nContent-Type: message/delivery-status\n\nAction: failed\n--b--\n",
            json!({"text": "not delivered", "attachments": [{"content_type": "message/delivery-status", "filename": "attachment"}]}),
        ),
        mail(
            "an invitation",
            "Content-Type: multipart/alternative; boundary=b\n\n--b\n\ncome\n--b\nContent-Type: text/calendar; method=REQUEST\n\n\
             BEGIN:VCALENDAR\n--b--\n",
            json!({"text": "come", "attachments": [{"filename": "attachment.ics"}]}),
        ),
        mail(
            "winmail",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b\nContent-Type: application/ms-tnef\n\
             Content-Transfer-Encoding: base64\n\neJ8+IgAA\n--b--\n",
            json!({"text": "hi", "attachments": [{"filename": "winmail.dat", "size": 6}]}),
        ),
        mail(
            "a signed mail",
            "Content-Type: multipart/signed; micalg=pgp-sha256; boundary=b\n\n--b\n\nsigned\n--b\n\
             Content-Type: application/pgp-signature; name=signature.asc\n\nxyz\n--b--\n",
            json!({"text": "signed", "attachments": [{"filename": "signature.asc"}]}),
        ),
        mail(
            "quoted printable",
            "Content-Transfer-Encoding: Quoted-Printable\nContent-Type: text/plain; charset=UTF-8\n\nsoft=\n ly, caf=C3=A9 =3D=20\n",
            json!({"text": "soft ly, café = \n"}),
        ),
        mail(
            "boundary in quotes with spaces",
            "Content-Type: multipart/mixed; boundary=\"a b c=_\"\n\n--a b c=_\n\nhi\n--a b c=_--\n",
            json!({"text": "hi"}),
        ),
        mail(
            "japanese",
            "Subject: =?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=\nContent-Type: text/plain; charset=ISO-2022-JP\n\n\u{1b}$B%F%9%H\u{1b}(B\n",
            json!({"subject": "テスト", "text": "テスト\n"}),
        ),
        raw(
            "only lf",
            "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b--\n",
            json!({"subject": "x", "text": "hi"}),
        ),
        raw(
            "only cr",
            "Subject: x\rContent-Type: multipart/mixed; boundary=b\r\r--b\r\rone\rtwo\r--b--\r",
            json!({"subject": "x", "text": "one\ntwo"}),
        ),
        raw(
            "mixed line ends",
            "Subject: x\r\nFrom: a@x.org\n\r\nhi\n",
            json!({"subject": "x", "from": "a@x.org", "text": "hi\n"}),
        ),
    ]
}
