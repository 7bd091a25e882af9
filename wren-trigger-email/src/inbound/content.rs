//! The mail in a delivery's body.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream;
use multer::{Constraints, Multipart, SizeLimit};
use wren_core::source::MAX_INBOUND_BYTES;
use wren_core::{Error, ErrorCode, Result};

/// The fields of a form that may hold the mail. SendGrid calls it `email`, others `message`.
const FIELDS: [&str; 2] = ["email", "message"];
/// How many fields of a form are looked through.
const MOST_FIELDS: usize = 64;

/// Returns the bytes of the mail.
///
/// # Errors
/// `INVALID_REQUEST` when the body is none of what a delivery may be, or has no mail in it.
pub(super) async fn mail_of(content_type: &str, body: Bytes) -> Result<Bytes> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mail = match essence.as_str() {
        "message/rfc822" => body,
        "multipart/form-data" => field(content_type, body).await?,
        _ => return Err(refused("the body is neither `message/rfc822` nor `multipart/form-data`")),
    };
    if mail.is_empty() { Err(refused("the mail is empty")) } else { Ok(mail) }
}

async fn field(content_type: &str, body: Bytes) -> Result<Bytes> {
    let unreadable = |error: multer::Error| refused("the form cannot be read").with_source(error);
    let boundary = multer::parse_boundary(content_type).map_err(unreadable)?;
    let limits = SizeLimit::new().whole_stream(MAX_INBOUND_BYTES as u64);
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let mut form = Multipart::with_constraints(body, boundary, Constraints::new().size_limit(limits));
    for _ in 0..MOST_FIELDS {
        let Some(field) = form.next_field().await.map_err(unreadable)? else { break };
        if field.name().is_some_and(|name| FIELDS.contains(&name)) {
            return field.bytes().await.map_err(unreadable);
        }
    }
    Err(refused("the form has no field `email` or `message`"))
}

fn refused(what: &str) -> Error {
    let hint = "send the mail as `message/rfc822`, or in the field `email` of a `multipart/form-data` body";
    Error::new(ErrorCode::InvalidRequest, what).with_hint(hint)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod tests {
    use super::*;

    const MAIL: &str = "Subject: hi\r\n\r\nhello\r\n--not-the-boundary\r\n";
    const FORM: &str = "multipart/form-data; boundary=b0";

    async fn read(content_type: &str, body: impl Into<Bytes>) -> Result<Bytes> {
        mail_of(content_type, body.into()).await
    }

    fn part(name: &str, content: &str) -> String {
        format!("--b0\r\nContent-Disposition: form-data; {name}\r\n\r\n{content}\r\n")
    }

    #[tokio::test]
    async fn a_mail_is_taken_as_it_came() {
        for content_type in ["message/rfc822", "Message/RFC822; charset=utf-8"] {
            assert_eq!(read(content_type, MAIL).await.unwrap(), MAIL);
        }
    }

    #[tokio::test]
    async fn a_forms_mail_is_found_among_its_fields() {
        for name in ["name=\"email\"; filename=\"mail.eml\"", "name=\"message\""] {
            let form =
                format!("{}{}{}--b0--\r\n", part("name=\"from\"", "a@b"), part(name, MAIL), part("name=\"x\"", ""));
            assert_eq!(read(FORM, form).await.unwrap(), MAIL, "{name}");
        }
    }

    #[tokio::test]
    async fn what_holds_no_mail_is_refused_with_what_to_send() {
        let many = format!("{}{}--b0--\r\n", part("name=\"x\"", "y").repeat(MOST_FIELDS), part("name=\"email\"", MAIL));
        for (content_type, body) in [
            ("message/rfc822", String::new()),
            ("application/json", "{}".to_owned()),
            ("", MAIL.to_owned()),
            ("multipart/form-data", part("name=\"email\"", MAIL)),
            (FORM, String::new()),
            (FORM, MAIL.to_owned()),
            (FORM, format!("{}--b0--\r\n", part("name=\"other\"", MAIL))),
            (FORM, format!("{}--b0--\r\n", part("name=\"email\"", ""))),
            // Broken off: what is there may be half a mail.
            (FORM, part("name=\"email\"", MAIL)),
            (FORM, many),
        ] {
            let error = read(content_type, body.clone()).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{content_type}: {body}");
            assert!(error.hint().unwrap().contains("message/rfc822"));
        }
    }
}
