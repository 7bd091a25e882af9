//! What goes wrong with a server, and what to do about it.

use std::io;

use wren_core::{Error, ErrorCode};

/// Why a server did not do what was asked. None holds anything of a mail: the IMAP library's own errors may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It did not answer in time.
    Silent,
    /// The connection ended.
    Lost,
    /// It refused, in these words.
    No(String),
    /// It did not understand, in these words.
    Bad(String),
    /// It sent more than it may.
    TooMuch,
    /// It answered what cannot be read.
    Unreadable,
}

impl Fault {
    /// Says whether the server itself says that it may go well later; RFC 5530 names these.
    pub(crate) fn is_passing(&self) -> bool {
        const PASSING: [&str; 4] = ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"];
        match self {
            Self::No(words) => PASSING.iter().any(|code| words.contains(&format!("[{code}]"))),
            _ => true,
        }
    }

    /// Returns the error that is shown.
    pub(crate) fn into_error(self, host: &str) -> Error {
        let what = match self {
            Self::Silent => format!("the mail server `{host}` does not answer in time"),
            Self::Lost => format!("the connection to the mail server `{host}` was lost"),
            Self::No(words) => format!("the mail server `{host}` refused: {words}"),
            Self::Bad(words) => format!("the mail server `{host}` did not understand: {words}"),
            Self::TooMuch => format!("the mail server `{host}` sent more than it had announced"),
            Self::Unreadable => format!("the mail server `{host}` answered something other than IMAP"),
        };
        Error::new(ErrorCode::Internal, what)
            .with_hint("it is tried again by itself; if it stays so, ask whoever runs the mail server")
            .with_retryable(true)
    }
}

impl From<async_imap::error::Error> for Fault {
    fn from(error: async_imap::error::Error) -> Self {
        use async_imap::error::Error as Imap;
        match error {
            Imap::Io(error) => error.into(),
            Imap::No(words) => Self::No(clean(said(&words))),
            Imap::Bad(words) => Self::Bad(clean(said(&words))),
            Imap::ConnectionLost => Self::Lost,
            _ => Self::Unreadable,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::QuotaExceeded => Self::TooMuch,
            io::ErrorKind::TimedOut => Self::Silent,
            // What the library's parser says holds what the server sent.
            io::ErrorKind::Other => Self::Unreadable,
            _ => Self::Lost,
        }
    }
}

/// Takes a server's words out of what the library makes of them: `code: None, info: Some("…")`.
fn said(words: &str) -> &str {
    words.split_once("info: Some(\"").and_then(|(_, rest)| rest.strip_suffix("\")")).unwrap_or(words)
}

/// Returns a server's words as they may be shown: one short line.
pub(super) fn clean(words: &str) -> String {
    words.chars().filter(|character| !character.is_control()).take(200).collect()
}

/// Returns the error of an account whose settings do not do; `hint` says what to change.
pub(crate) fn wrong_setting(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorCode::IntegrationNotConfigured, message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_servers_words_and_a_passing_one_is_known() {
        let no = |words: &str| Fault::from(async_imap::error::Error::No(words.to_owned()));
        let refused = no("code: None, info: Some(\"[AUTHENTICATIONFAILED] no such user\")");
        assert_eq!(refused, Fault::No("[AUTHENTICATIONFAILED] no such user".to_owned()));
        assert!(!refused.is_passing());
        assert!(no("code: None, info: Some(\"[UNAVAILABLE] later\")").is_passing());
    }

    #[test]
    fn nothing_of_a_mail_is_in_an_error() {
        let parser = io::Error::other("Error during parsing of \"Subject: secret\"");
        let shown = Fault::from(async_imap::error::Error::Io(parser)).into_error("mail.example.com");
        assert!(!shown.chain().contains("secret"), "{}", shown.chain());
    }
}
