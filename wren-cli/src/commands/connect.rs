//! `wren connect`: a link for the user, and waiting until it has been used.

use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use wren_core::{Error, ErrorCode};
use wren_http::views::{ConnectLink, ConnectionStatus, IntegrationView};

use super::understood;
use crate::args::ConnectArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::progress::waiting;
use crate::output::style::harmless;
use crate::output::time::rfc3339;
use crate::output::{Output, arrived};

/// How often the server is asked whether the link has been used.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks for a link and waits for the user.
pub(super) async fn connect(args: ConnectArgs, client: &Client, output: Output) -> Result<(), Failure> {
    // A name of any other form could lead elsewhere on the server.
    let is_name =
        args.integration.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if !is_name || args.integration.is_empty() {
        return Err(Failure::usage(format!("`{}` is no name of an integration", args.integration), "try `gmail`"));
    }
    let path = format!("/v1/integrations/{}", args.integration);
    let before: IntegrationView = understood(&client.get::<Value>(&path, &[]).await?)?;
    let answer: Value = client.post(&format!("{path}/connect"), &json!({"scopes": args.scopes})).await?;
    let link: ConnectLink = understood(&answer)?;

    output.line(format_args!(
        "Open this link to connect {}; it works once, until {}:\n\n  {}\n",
        harmless(&before.title),
        rfc3339(link.expires_at),
        harmless(&link.url)
    ));
    output.document(&json!({"event": "link", "url": link.url, "expires_at": rfc3339(link.expires_at)}));
    arrived()?;
    if args.open
        && let Err(error) = opener::open_browser(&link.url)
    {
        output.remark(format_args!("no browser was opened: {error}"));
    }
    if args.no_wait {
        return Ok(());
    }
    let now = waiting(output, "waiting for the link to be used", used(&path, &before, &link, client)).await?;
    output.done(format_args!("{} connected", harmless(&now.title)));
    output.document(&json!({"event": "connected", "integration": now}));
    Ok(())
}

/// Asks until the link has been used, or cannot be any more.
async fn used(
    path: &str,
    before: &IntegrationView,
    link: &ConnectLink,
    client: &Client,
) -> Result<IntegrationView, Failure> {
    loop {
        let now: IntegrationView = understood(&client.get::<Value>(path, &[]).await?)?;
        if now.version > before.version && now.status == ConnectionStatus::Connected {
            return Ok(now);
        }
        if Utc::now() >= link.expires_at {
            let message = format!("the link to connect {} was not used in time", before.title);
            let error = Error::new(ErrorCode::IntegrationNotConfigured, message);
            return Err(error.with_hint("run the command again for a new link").into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
