//! What a mail is known again by, without what it says.

use serde_json::{Map, Value};

use super::Mail;

/// How many characters of a sender or of a subject are told.
const LONGEST: usize = 200;

impl Mail {
    /// Returns the sender, the subject, the Message-ID and whether there is an attachment: as handlers get them, but cut short.
    pub(crate) fn summary(&self) -> Map<String, Value> {
        let text = |key: &str| {
            let text = self.event.get(key).and_then(Value::as_str).unwrap_or_default();
            Value::from(match text.char_indices().nth(LONGEST) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text.to_owned(),
            })
        };
        let mut summary = Map::new();
        summary.insert("from".to_owned(), text("from"));
        summary.insert("subject".to_owned(), text("subject"));
        summary.insert("message_id".to_owned(), self.message_id().map(Value::from).unwrap_or_default());
        summary.insert("has_attachment".to_owned(), self.searched.has_attachment.into());
        summary
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::mail::MailLimits;

    #[test]
    fn a_summary_is_short_and_has_nothing_of_the_body() {
        let raw = format!(
            "From: =?utf-8?q?J=C3=BCrgen?= <j@x.org>\r\nSubject: {}\r\nMessage-ID: <1@x.org>\r\n\r\nsecret\r\n",
            "ü".repeat(300)
        );
        let summary = Mail::parse(raw.as_bytes(), &MailLimits::default()).summary();
        assert_eq!(summary["from"], "Jürgen <j@x.org>");
        assert_eq!(summary["subject"].as_str().unwrap().chars().count(), 201);
        assert_eq!((&summary["message_id"], &summary["has_attachment"]), (&json!("1@x.org"), &json!(false)));
        assert!(!Value::Object(summary).to_string().contains("secret"));
        let empty = Mail::parse(b"", &MailLimits::default()).summary();
        assert_eq!(
            Value::Object(empty),
            json!({"from": "", "subject": "", "message_id": null, "has_attachment": false})
        );
    }
}
