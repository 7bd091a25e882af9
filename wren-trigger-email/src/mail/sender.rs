//! Whether the mail system of the mailbox checked the sender.

use wren_core::mail::{dmarc_passes, sole_domain};

use super::fields::Fields;
use super::limits::MailLimits;

/// What a sender writes. A field below one of these came with the mail.
const AUTHORS: [&str; 14] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Says whether the mail system found that the domain in `From` sent the mail.
///
/// RFC 8601 wants it to remove fields under its own name that a mail brings along (section 5), which not all do. But each system
/// writes its `Received` above what it got (RFC 5321, section 4.4): what stands above the last of those that the mail system
/// writes is its own, and only that is believed.
pub(super) fn is_verified(fields: &Fields<'_>, limits: &MailLimits) -> bool {
    let (Some(authority), Some(domain)) = (&limits.authserv_id, sole_domain(fields.every("From"))) else {
        return false;
    };
    dmarc_passes(own_results(fields, limits.own_hops), authority, &domain)
}

fn own_results<'a>(fields: &'a Fields<'_>, own_hops: usize) -> impl Iterator<Item = &'a str> {
    let mut hops = 0;
    let own = fields.all().take_while(move |(name, _)| {
        hops += usize::from(name.eq_ignore_ascii_case("Received"));
        hops <= own_hops && !AUTHORS.iter().any(|author| author.eq_ignore_ascii_case(name))
    });
    own.filter(|(name, _)| name.eq_ignore_ascii_case("Authentication-Results")).map(|(_, value)| value)
}
