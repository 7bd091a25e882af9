//! What a source can be told.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::mail::MailLimits;

/// Settings of an [`EmailSource`](super::EmailSource).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EmailOptions {
    /// How often a mailbox is looked at when the server tells nothing.
    pub poll: Duration,
    /// How long a server may take to answer; for mails it is longer, by their sizes.
    pub patience: Duration,
    /// How often the triggers are read, and the credentials of accounts that were refused.
    pub look: Duration,
    /// How long an account belongs to a node that does not say that it is still there.
    pub lease: Duration,
    /// How many mails are read and recorded at once at most.
    pub batch: usize,
    /// The largest mail that is read, in bytes; of a larger one the header alone is, and the event says that it is truncated.
    pub mail_bytes: u64,
    /// How many mails are remembered for each mailbox, so that they are known when the server numbers them anew.
    pub remembered: usize,
    /// The shortest wait after a failure; it doubles with each one.
    pub first_wait: Duration,
    /// The longest wait after a failure.
    pub longest_wait: Duration,
    /// The wait after a refused login, unless the credential changes: servers lock out who tries too often.
    pub refused_wait: Duration,
    /// How long a look at past mails may take, with all that it needs; what has not been read by then is left out.
    pub preview: Duration,
    /// The mail servers that may be on private networks or on this machine, as accounts name them: whoever owns an account
    /// names its server, and is not to look around from here.
    pub private_hosts: BTreeSet<String>,
    /// How much of a mail is read. An account's fields `authserv_id` and `own_hops` come before what is said here.
    pub limits: MailLimits,
}

impl Default for EmailOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(60),
            patience: Duration::from_secs(30),
            look: Duration::from_secs(5),
            lease: Duration::from_secs(15),
            batch: 50,
            mail_bytes: 10 * 1024 * 1024,
            remembered: 1_000,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(5 * 60),
            refused_wait: Duration::from_secs(5 * 60),
            preview: Duration::from_secs(30),
            private_hosts: BTreeSet::new(),
            limits: MailLimits::default(),
        }
    }
}
