//! Where mail comes from.

use std::path::PathBuf;

use clap::Args;

/// Where mail comes from
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct MailArgs {
    /// A mail server that may be on a private network or on this machine, as the credentials name it; may be given several times
    #[arg(
        long = "allow-private-mail",
        env = "WREN_ALLOW_PRIVATE_MAIL",
        hide_env_values = true,
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub(crate) private_hosts: Vec<String>,
    /// A PEM file with certificates that mail servers may show besides those that this machine trusts
    #[arg(long = "mail-ca", env = "WREN_MAIL_CA", hide_env_values = true, value_name = "FILE")]
    pub(crate) authorities: Option<PathBuf>,
    /// The name that begins the Authentication-Results of the mail system which hands mail over to /v1/inbound/email; without it
    /// no sender of such a mail is verified. A mailbox's is the field authserv_id of its credential
    #[arg(long, env = "WREN_INBOUND_AUTHSERV_ID", hide_env_values = true, value_name = "NAME")]
    pub(crate) inbound_authserv_id: Option<String>,
}
