//! Mailboxes and mail that is handed over, by the arguments.

use std::fs;
use std::sync::Arc;

use wren_core::engine::Engine;
use wren_core::store::Store;
use wren_core::vault::CredentialVault;
use wren_core::{Error, ErrorCode};
use wren_trigger_email::{EmailOptions, EmailSource, InboundEmail, MailLimits};

use crate::args::MailArgs;
use crate::failure::Failure;

/// Makes the source that watches the mailboxes of accounts in a vault; how far each was read is in the store.
pub(crate) fn make_mailboxes(
    args: &MailArgs,
    vault: Arc<dyn CredentialVault>,
    store: Arc<dyn Store>,
) -> Result<EmailSource, Failure> {
    let mut options = EmailOptions::default();
    options.private_hosts = args.private_hosts.iter().cloned().collect();
    let mut builder = EmailSource::builder(vault, store).options(options);
    if let Some(file) = &args.authorities {
        let unreadable = |why: String| {
            let message = format!("the certificates in {} cannot be read: {why}", file.display());
            Error::new(ErrorCode::InvalidRequest, message).with_hint("give --mail-ca a file in PEM format")
        };
        builder = builder.trust(fs::read(file).map_err(|error| unreadable(error.to_string()))?);
        return builder.build().map_err(|error| unreadable(error.message().to_owned()).into());
    }
    Ok(builder.build()?)
}

/// Makes what takes mail that is handed over in requests.
pub(crate) fn make_inbound(args: &MailArgs, engine: &Engine) -> InboundEmail {
    let limits = MailLimits::default();
    InboundEmail::new(engine).with_limits(match &args.inbound_authserv_id {
        Some(name) => limits.with_authserv_id(name),
        None => limits,
    })
}
