//! Logging in.

use std::time::Duration;

use async_imap::{Authenticator, Client};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::line::Line;
use super::name::quoted;
use super::session::Session;

/// What stands for a secret until it is written.
const PLACEHOLDER: &str = "the-secret-is-put-in-here-when-it-is-sent";

/// Who logs in, and how.
#[derive(Debug)]
pub(crate) enum Login<'a> {
    /// With a password.
    Password { user: &'a str, password: &'a SecretString },
    /// With an OAuth access token: XOAUTH2, as Gmail and Outlook document it.
    Token { user: &'a str, token: &'a SecretString },
}

/// Why a login failed.
#[derive(Debug)]
pub(crate) enum LoginFault {
    /// The server does not take this user with this secret; it says why.
    Refused {
        /// Its words.
        words: String,
        /// Whether it says that it is for good, as RFC 5530 lets it; others say no to whom they are too busy for.
        is_sure: bool,
    },
    /// Something else.
    Other(Fault),
}

/// Says the placeholder where the secret is asked for, and nothing where the server says why it refuses.
struct Says(Option<&'static str>);

impl Authenticator for Says {
    type Response = &'static str;

    fn process(&mut self, _challenge: &[u8]) -> Self::Response {
        self.0.take().unwrap_or("")
    }
}

/// Logs in.
pub(crate) async fn log_in(
    mut client: Client<Line>,
    login: Login<'_>,
    patience: Duration,
) -> Result<Session, LoginFault> {
    let sasl = |secret: Zeroizing<String>| Zeroizing::new(STANDARD.encode(secret.as_bytes()).into_bytes());
    let said = STANDARD.encode(PLACEHOLDER).into_bytes();
    let entering = async {
        match login {
            // LOGIN knows ASCII only, and every server knows LOGIN.
            Login::Password { user, password } if user.is_ascii() && password.expose_secret().is_ascii() => {
                let secret = Zeroizing::new(quoted(password.expose_secret()));
                let inner = Zeroizing::new(secret.as_bytes()[1..secret.len() - 1].to_vec());
                client.get_mut().put_secret(PLACEHOLDER.as_bytes().to_vec(), inner);
                client.login(user, PLACEHOLDER).await
            }
            Login::Password { user, password } => {
                let secret = Zeroizing::new(format!("\0{user}\0{}", password.expose_secret()));
                client.get_mut().put_secret(said, sasl(secret));
                client.authenticate("PLAIN", Says(Some(PLACEHOLDER))).await
            }
            Login::Token { user, token } => {
                let secret = format!("user={user}\x01auth=Bearer {}\x01\x01", token.expose_secret());
                client.get_mut().put_secret(said, sasl(Zeroizing::new(secret)));
                client.authenticate("XOAUTH2", Says(Some(PLACEHOLDER))).await
            }
        }
    };
    let entered = tokio::time::timeout(patience, entering).await.map_err(|_| LoginFault::Other(Fault::Silent))?;
    match entered {
        Ok(session) => Session::new(session, patience).await.map_err(LoginFault::Other),
        Err((error, _)) => Err(match Fault::from(error) {
            fault @ Fault::No(_) if fault.is_passing() => LoginFault::Other(fault),
            Fault::No(words) | Fault::Bad(words) => {
                const SURE: [&str; 4] = ["AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"];
                let is_sure = SURE.iter().any(|code| words.contains(&format!("[{code}]")));
                LoginFault::Refused { words, is_sure }
            }
            fault => LoginFault::Other(fault),
        }),
    }
}
