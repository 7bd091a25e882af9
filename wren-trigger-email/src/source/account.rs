//! An account: what its credential says, and getting in with it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use wren_core::vault::AccessPurpose;
use wren_core::{Error, ErrorClass, ErrorCode, Result};

use super::retry::Trouble;
use super::{Context, Place};
use crate::imap::{Endpoint, Login, LoginFault, Security, Session, log_in, open, wrong_setting};
use crate::mail::MailLimits;

/// What the audit trail says that secrets are used for.
const PURPOSE: &str = "email.imap";

/// The settings of an account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) endpoint: Endpoint,
    user: String,
    /// The credential whose access token logs in; the password does without it.
    oauth: Option<String>,
    /// How much of its mails is read, and whose word about their senders is believed.
    pub(super) limits: Arc<MailLimits>,
}

/// The versions of the credentials that an account needs.
pub(super) type Versions = (Option<u64>, Option<u64>);

impl Account {
    /// Reads the fields of a credential.
    pub(super) async fn load(context: &Context, place: &Place) -> std::result::Result<Self, Trouble> {
        let field = async |name: &str| field(context, place, name).await;
        let missing = |name: &str| {
            let account = &place.account;
            Trouble::refused(wrong_setting(
                format!("the credential `{account}` has no field `{name}`"),
                format!(
                    "set `{account}` again with the fields `host` and `user`; `port`, `tls` and `auth` where the defaults do not do"
                ),
            ))
        };
        if context.vault.status(&place.owner, &place.account, context.clock.now()).await?.is_none() {
            let account = &place.account;
            return Err(Trouble::refused(wrong_setting(
                format!("there is no credential `{account}` to read the mailbox `{}` with", place.mailbox),
                format!(
                    "set it, as in `wren credentials set {account} --field host=imap.example.com --field user=me@example.com`, \
                     or have mail handed over to an address of the deployment"
                ),
            )
            .with_detail("integration", account.as_str())));
        }
        let host = field("host").await?.ok_or_else(|| missing("host"))?;
        let user = field("user").await?.ok_or_else(|| missing("user"))?;
        let security = match field("tls").await?.as_deref() {
            None | Some("implicit") => Security::Implicit,
            Some("starttls") => Security::StartTls,
            Some("none") => Security::None,
            Some(_) => return Err(wrong(place, "tls", "`implicit`, `starttls` or, on this machine alone, `none`")),
        };
        let port = match field("port").await? {
            None => {
                if security == Security::Implicit {
                    993
                } else {
                    143
                }
            }
            Some(text) => text.trim().parse().map_err(|_| wrong(place, "port", "a number, for example 993"))?,
        };
        let oauth = match field("auth").await?.as_deref() {
            None | Some("password") => None,
            Some("xoauth2") => Some(field("oauth_integration").await?.ok_or_else(|| missing("oauth_integration"))?),
            Some(_) => return Err(wrong(place, "auth", "`password` or `xoauth2`")),
        };
        let mut limits = context.options.limits.clone();
        if let Some(name) = field("authserv_id").await? {
            limits = limits.with_authserv_id(name.trim());
        }
        if let Some(hops) = field("own_hops").await? {
            limits = limits.with_own_hops(hops.trim().parse().map_err(|_| wrong(place, "own_hops", "a number, as 1"))?);
        }
        let endpoint = Endpoint { host: host.trim().to_owned(), port, security };
        Ok(Self { endpoint, user, oauth, limits: Arc::new(limits) })
    }

    /// Returns the versions that this account was read at, or would be read at now.
    pub(super) async fn versions(context: &Context, place: &Place, oauth: Option<&str>) -> Result<Versions> {
        let own = version(context, place, &place.account).await?;
        let other = match oauth {
            Some(name) => version(context, place, name).await?,
            None => None,
        };
        Ok((own, other))
    }

    fn may_be_private(&self, context: &Context) -> bool {
        context.options.private_hosts.iter().any(|host| host.eq_ignore_ascii_case(&self.endpoint.host))
    }

    pub(super) fn oauth(&self) -> Option<&str> {
        self.oauth.as_deref()
    }

    /// Connects and logs in. A refused access token is renewed once.
    pub(super) async fn enter(&self, context: &Context, place: &Place) -> std::result::Result<Session, Trouble> {
        let Context { vault, options, tls, .. } = context;
        let purpose = || AccessPurpose::new(PURPOSE);
        let client = open(&self.endpoint, tls, options.patience, self.may_be_private(context)).await?;
        let name = self.oauth.as_deref().unwrap_or(&place.account);
        let secret = vault.access(&place.owner, name, purpose(), context.clock.now()).await.map_err(of_vault)?;
        let fault = match log_in(client, self.login(&secret), options.patience).await {
            Ok(session) => return Ok(session),
            Err(fault) => fault,
        };
        if self.oauth.is_none() || !matches!(fault, LoginFault::Refused { .. }) {
            return Err(self.trouble(fault, place, &secret));
        }
        let next =
            vault.refresh(&place.owner, name, &secret, purpose(), context.clock.now()).await.map_err(of_vault)?;
        // Servers close a connection after a refusal, or count it.
        let client = open(&self.endpoint, tls, options.patience, self.may_be_private(context)).await?;
        let entered = log_in(client, self.login(&next), options.patience).await;
        entered.map_err(|fault| self.trouble(fault, place, &next))
    }

    fn trouble(&self, fault: LoginFault, place: &Place, secret: &SecretString) -> Trouble {
        match fault {
            LoginFault::Refused { words, is_sure } => {
                // A server that repeats what it was told tells nobody of ours.
                let error = self.refused(place, &words.replace(secret.expose_secret(), "…"));
                Trouble { error, refused: is_sure }
            }
            LoginFault::Other(fault) => Trouble::fault(fault, &self.endpoint.host),
        }
    }

    fn login<'a>(&'a self, secret: &'a SecretString) -> Login<'a> {
        match self.oauth {
            Some(_) => Login::Token { user: &self.user, token: secret },
            None => Login::Password { user: &self.user, password: secret },
        }
    }

    fn refused(&self, place: &Place, words: &str) -> Error {
        let Endpoint { host, .. } = &self.endpoint;
        let (code, integration, hint) = match &self.oauth {
            Some(integration) => (
                ErrorCode::OauthTokenExpired,
                integration,
                format!("connect `{integration}` again, with leave to read mail over IMAP"),
            ),
            None => (
                ErrorCode::IntegrationNotConfigured,
                &place.account,
                format!(
                    "set the credential `{}` again with the right password; many providers want an app password",
                    place.account
                ),
            ),
        };
        Error::new(code, format!("the mail server `{host}` refused the login: {words}"))
            .with_hint(hint)
            .with_detail("integration", integration.as_str())
    }
}

/// A vault that says that the user must act says it until the user has.
fn of_vault(error: Error) -> Trouble {
    let refused = error.class() == ErrorClass::UserFacingConfigError;
    Trouble { error, refused }
}

fn wrong(place: &Place, field: &str, allowed: &str) -> Trouble {
    let message = format!("the field `{field}` of the credential `{}` is not one that is known", place.account);
    Trouble::refused(wrong_setting(message, format!("set it to {allowed}")))
}

async fn field(context: &Context, place: &Place, name: &str) -> std::result::Result<Option<String>, Trouble> {
    let (vault, now): (_, DateTime<Utc>) = (&context.vault, context.clock.now());
    match vault.access_field(&place.owner, &place.account, name, AccessPurpose::new(PURPOSE), now).await {
        Ok(value) => Ok(Some(value.expose_secret().to_owned())),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(of_vault(error)),
    }
}

async fn version(context: &Context, place: &Place, name: &str) -> Result<Option<u64>> {
    let status = context.vault.status(&place.owner, name, context.clock.now()).await?;
    Ok(status.map(|status| status.version))
}
