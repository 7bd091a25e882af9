//! What the log's target `wren::audit` says of connections.

use wren_core::{Error, OwnerId};

use super::Invited;

const TARGET: &str = "wren::audit";

/// Writes that a link was made.
pub(super) fn invited(invited: &Invited) {
    let (owner, integration) = (invited.owner.as_str(), invited.integration.as_str());
    tracing::info!(target: TARGET, owner, integration, "link to connect an integration made");
}

/// Writes that an integration has a new credential.
pub(super) fn connected(owner: &OwnerId, integration: &str, means: &str) {
    tracing::info!(target: TARGET, owner = owner.as_str(), integration, means, "integration connected");
}

/// Writes that an integration has no credential any more.
pub(super) fn disconnected(owner: &OwnerId, integration: &str) {
    tracing::info!(target: TARGET, owner = owner.as_str(), integration, "integration disconnected");
}

/// Writes that somebody who came with a ticket, a state or a code was turned away. Whose account it was about is not known.
pub(super) fn refused(integration: &str, error: &Error) {
    let integration = &integration[..integration.floor_char_boundary(64)];
    // The chain says why, which the answer does not.
    tracing::warn!(
        target: TARGET,
        integration,
        code = error.code().as_str(),
        reason = error.chain(),
        "connecting an integration refused"
    );
}
