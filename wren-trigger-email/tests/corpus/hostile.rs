//! Mails of people who want something.

use serde_json::{Value, json};
use wren_trigger_email::Omission;

use super::{Case, mail, raw};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = sizes();
    cases.extend(names());
    cases.extend(senders());
    cases.extend(dates());
    cases
}

fn sizes() -> Vec<Case> {
    let mut deep = String::from("Subject: deep\n");
    for level in 0..10_000 {
        deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    deep.push_str("\nhidden\n");
    // Twenty-eight levels are read; a text before the first that is not stands beside it.
    let beside = deep.replacen("--b5\n", "--b5\n\nseen\n--b5\n", 1);
    let same = format!(
        "Subject: same\nContent-Type: multipart/mixed; boundary=b\n\n{}",
        "--b\nContent-Type: multipart/mixed; boundary=b\n\n".repeat(10_000)
    );
    let many =
        format!("Subject: many\nContent-Type: multipart/mixed; boundary=b\n\n{}--b--\n", "--b\n\nx\n".repeat(100_000));
    let huge = format!("X: {}\nSubject: huge\n\nhi", "a".repeat(10_000_000));
    let folded = format!("X: a\n{}Subject: folded\n\nhi", " b\n".repeat(1_000_000));
    let fields = format!("Subject: fields\n{}\nhi", "X: y\n".repeat(100_000));
    let words = format!("Subject: {}\nFrom: a@x.org\n\nhi", "=?".repeat(30_000));
    let addresses = format!("From: a@x.org\nTo: {}\n\nhi", "b@x.org,".repeat(8000));
    let unended = format!("From: {}\nSubject: x\n\nhi", "(".repeat(60_000));
    let parameters: String = (0..2000).map(|at| format!(";filename*{at}*=a")).collect();
    let parameters = format!("Subject: x\nContent-Disposition: attachment{parameters}\n\nhi");
    let boundary = "b".repeat(10_000);
    let boundary =
        format!("Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n\nhi\n--{boundary}--\n");
    let dashes = format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{}hi", "--\n".repeat(1_000_000));
    let long_text = format!("Subject: long\n\n{}", "é".repeat(2_000_000));
    let long_file = format!(
        "Subject: x\nContent-Type: application/zip\nContent-Transfer-Encoding: base64\n\n{}",
        "AAAA".repeat(1_500_000)
    );
    let quotes = format!("Subject: quotes\n\n{}", "\"".repeat(1_500_000));
    let files =
        "--b\nContent-Disposition: attachment; filename=x\nContent-Transfer-Encoding: base64\n\nAAAA\n".repeat(999);
    let files = format!("Content-Type: multipart/mixed; boundary=b\n\n{files}--b--\n");
    let html = format!("Content-Type: text/html\n\n{}", "<".repeat(1_000_000));
    vec![
        raw("ten thousand levels", deep, json!({"subject": "deep", "text": ""})).without(&[Omission::Levels]),
        raw("a text beside ten thousand levels", beside, json!({"text": "seen"})).without(&[Omission::Levels]),
        raw("ten thousand levels of one boundary", same, json!({"subject": "same"}))
            .without(&[Omission::Levels, Omission::Parts]),
        raw("a hundred thousand parts", many, json!({"subject": "many", "text": format!("{}x", "x\n".repeat(998))}))
            .without(&[Omission::Parts]),
        raw("a field of ten megabytes", huge, json!({"subject": "huge", "text": "hi"})).without(&[Omission::Header]),
        raw("a million folds", folded, json!({"subject": "folded", "text": "hi"})).without(&[Omission::Header]),
        raw("a hundred thousand fields", fields, json!({"subject": "fields", "text": "hi"}))
            .without(&[Omission::Header]),
        raw("a subject of beginnings of words", words, json!({"from": "a@x.org", "text": "hi"})),
        raw("eight thousand recipients", addresses, json!({"from": "a@x.org", "text": "hi"})),
        raw("comments that never end", unended, json!({"subject": "x", "text": "hi"})),
        raw("two thousand pieces of a name", parameters, json!({"subject": "x", "attachments": [{"size": 2}]})),
        raw("a boundary of ten thousand letters", boundary, json!({"text": "hi"})),
        raw("a million lines that might be boundaries", dashes, json!({"attachments": []})).without(&[Omission::Text]),
        raw("a text that is too long", long_text, json!({"subject": "long"})).without(&[Omission::Text]),
        raw("a text that json makes too long", quotes, json!({"subject": "quotes"})).without(&[Omission::Text]),
        raw("a file that is too long", long_file, json!({"attachments": [{"size": 4_500_000, "content": null}]}))
            .without(&[Omission::Attachment]),
        raw("a thousand files", files, json!({"text": ""})),
        raw("a million tags", html, json!({"html": "<".repeat(1_000_000)})),
    ]
}

fn names() -> Vec<Case> {
    let named = |name: &'static str, filename: &str, expected: &str| {
        let text = format!(
            "Content-Type: application/x; name=fallback\nContent-Disposition: attachment; filename={filename}\n\nx"
        );
        mail(name, &text, json!({"attachments": [{"filename": expected, "content": "eA=="}]}))
    };
    vec![
        named("a name that climbs", "\"../../../etc/passwd\"", "passwd"),
        named("a name from the root", "/etc/passwd", "passwd"),
        named("a name of another system", "\"C:\\\\Windows\\\\..\\\\evil.exe\"", "evil.exe"),
        named("a name of dots", "\"..\"", "fallback"),
        named("a name with a zero", "\"a\0b.txt\"", "a b.txt"),
        named("a name with percents that are none", "a%00b.txt", "a%00b.txt"),
        mail(
            "a name with line breaks",
            "Content-Disposition: attachment; filename*=utf-8''a%0D%0ASet-Cookie%3A%20b%00.txt\n\nx",
            json!({"attachments": [{"filename": "a Set-Cookie: b .txt"}]}),
        ),
        mail(
            "a name that is read backwards",
            "Content-Disposition: attachment; filename*=utf-8''annexe%E2%80%AEfdp.exe\n\nx",
            json!({"attachments": [{"filename": "annexefdp.exe"}]}),
        ),
        mail(
            "a path in an encoded word",
            "Content-Disposition: attachment; filename=\"=?utf-8?q?=2E=2E=2Fevil?=\"\n\nx",
            json!({"attachments": [{"filename": "evil"}]}),
        ),
        mail(
            "a name in pieces that make a path",
            "Content-Disposition: attachment; filename*0=\"..\"; filename*1=\"/\"; filename*2=\"x\"\n\nx",
            json!({"attachments": [{"filename": "x"}]}),
        ),
        mail(
            "a name that is too long",
            &format!("Content-Disposition: attachment; filename={}\n\nx", "n".repeat(5000)),
            json!({"attachments": [{"filename": "n".repeat(255)}]}),
        ),
        mail(
            "a subject with line breaks in it",
            "Subject: =?utf-8?q?a=0D=0ABcc:_x@y.z?=\n\n",
            json!({"subject": "a  Bcc: x@y.z"}),
        ),
    ]
}

fn senders() -> Vec<Case> {
    let pass = "Authentication-Results: mx.example.org; dmarc=pass header.from=acme.com";
    let received = "Received: from x by mx.example.org; Fri, 1 May 2026 10:00:00 +0000";
    let from = "From: ada@acme.com";
    let seen = |name: &'static str, lines: &[&str], is_verified: bool| {
        mail(name, &format!("{}\n\nhi", lines.join("\n")), json!({"verified_sender": is_verified, "text": "hi"}))
    };
    let two = json!({"from": "ada@acme.com", "verified_sender": false, "headers": {"From": "ada@acme.com"}});
    vec![
        seen("a checked sender", &[pass, received, from], true),
        seen("a checked sender after a hand-over", &[received, pass, received, from], true),
        seen("results below what was received", &[received, received, pass, from], false),
        seen("results below the sender", &[from, pass, received], false),
        seen("results below a subject", &["Subject: x", pass, received, from], false),
        seen(
            "results of another system",
            &["Authentication-Results: mx.evil.com; dmarc=pass header.from=acme.com", received, from],
            false,
        ),
        seen(
            "results for another domain",
            &["Authentication-Results: mx.example.org; dmarc=pass header.from=evil.com", received, from],
            false,
        ),
        seen(
            "results that contradict each other",
            &["Authentication-Results: mx.example.org; dmarc=fail header.from=acme.com", pass, received, from],
            false,
        ),
        seen(
            "results in a comment",
            &["Authentication-Results: mx.example.org; spf=fail (; dmarc=pass header.from=acme.com)", received, from],
            false,
        ),
        seen(
            "results of each method in fields of their own",
            &["Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=acme.com", pass, received, from],
            true,
        ),
        seen(
            "a sender in an encoded word",
            &[pass, received, "From: =?utf-8?q?=3Cada=40acme.com=3E?= <x@evil.com>"],
            false,
        ),
        seen("a sender in a quoted name", &[pass, received, "From: \"ada@acme.com\" <x@evil.com>"], false),
        seen("two senders in a field", &[pass, received, "From: ada@acme.com, x@evil.com"], false),
        mail("two from fields", &format!("{pass}\n{received}\n{from}\nFrom: x@evil.com\n\n"), two),
    ]
}

fn dates() -> Vec<Case> {
    let dated = |name: &'static str, date: &str| {
        mail(name, &format!("Date: {date}\nSubject: x\n\n"), json!({"date": Value::Null, "subject": "x"}))
    };
    vec![
        dated("a date far away", "1 Jan 999999999 00:00:00 +0000"),
        dated("a date before all", "1 Jan 0000 00:00:00 +0000"),
        dated("a date that is none", "Fri, 99 Foo 2026 99:99:99 +9999"),
        dated("a date of digits", &"9".repeat(50_000)),
        dated("a date of comments", &"(".repeat(50_000)),
    ]
}
