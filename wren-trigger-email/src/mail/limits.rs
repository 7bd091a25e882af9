//! How much of a mail is read.

/// How much of a mail is read, and whose word about its sender is believed.
///
/// What is beyond a limit is left out, never the mail: its `truncated` says so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailLimits {
    /// The longest mail, in bytes as it is sent; what comes after them is not looked at.
    pub raw_bytes: usize,
    /// How much the event says, in bytes of JSON, without the bytes of attachments.
    pub text_bytes: usize,
    /// How many bytes all attachments have together, before they are written as base64. One that does not fit comes without its
    /// bytes, smaller ones after it with theirs.
    pub attachment_bytes: usize,
    /// How many parts are looked at, those that hold others included.
    pub parts: usize,
    /// How deep parts may be nested. Mail programs need some six levels.
    pub levels: usize,
    /// The name under which the mailbox's own mail system writes `Authentication-Results` (RFC 8601, section 2.5). Without one
    /// no sender is verified: every such field may be the sender's own.
    pub authserv_id: Option<String>,
    /// How many `Received` fields that mail system writes above its `Authentication-Results`, as for a hand-over from the
    /// server that faces the world to the one with the mailboxes. It has to be the same on every way into a mailbox: one more
    /// means that the field came with the mail.
    pub own_hops: usize,
}

impl Default for MailLimits {
    /// With these a mail fits into a frame of 8 MiB to the guest, whatever it holds.
    fn default() -> Self {
        Self {
            raw_bytes: 64 * 1024 * 1024,
            text_bytes: 2 * 1024 * 1024,
            attachment_bytes: 4 * 1024 * 1024,
            parts: 1000,
            levels: 30,
            authserv_id: None,
            own_hops: 0,
        }
    }
}

impl MailLimits {
    /// Believes the `Authentication-Results` that a mail system writes under this name.
    #[must_use]
    pub fn with_authserv_id(mut self, authserv_id: impl Into<String>) -> Self {
        self.authserv_id = Some(authserv_id.into());
        self
    }

    /// Says how many `Received` fields that mail system writes above them.
    #[must_use]
    pub fn with_own_hops(mut self, own_hops: usize) -> Self {
        self.own_hops = own_hops;
        self
    }
}
