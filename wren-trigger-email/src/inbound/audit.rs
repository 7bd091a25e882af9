//! What the log's target `wren::audit` says of addresses and deliveries. Nothing of a mail stands there, and no secret.

use wren_core::source::{Delivered, InboundDelivery};

use super::InboundAddress;

const TARGET: &str = "wren::audit";
/// How much of what a stranger sent is written down, in bytes.
const SHOWN: usize = 64;

/// Writes that an address was made, or got a new secret.
pub(super) fn opened(address: &InboundAddress, created: bool) {
    let (owner, deployment_id) = (address.owner.as_str(), address.deployment_id);
    tracing::info!(target: TARGET, owner, %deployment_id, address = address.address, created, "inbound address opened");
}

/// Writes that an address was taken away.
pub(super) fn closed(address: &InboundAddress) {
    let (owner, deployment_id) = (address.owner.as_str(), address.deployment_id);
    tracing::info!(target: TARGET, owner, %deployment_id, address = address.address, "inbound address closed");
}

/// Writes what became of a delivery.
pub(super) fn delivered(address: &InboundAddress, delivery: &InboundDelivery, delivered: &Delivered, replay: bool) {
    let (owner, deployment_id) = (address.owner.as_str(), address.deployment_id);
    tracing::info!(
        target: TARGET,
        owner,
        %deployment_id,
        delivery = delivery.id,
        bytes = delivery.body.len(),
        triggers = delivered.triggers.len(),
        replay,
        "inbound mail delivered"
    );
}

/// Writes that a delivery was turned away, and why: the answer does not say it.
pub(super) fn refused(delivery: &InboundDelivery, reason: &str) {
    let shown = |text: &str| text[..text.floor_char_boundary(SHOWN)].to_owned();
    tracing::warn!(
        target: TARGET,
        address = shown(&delivery.address),
        delivery = shown(&delivery.id),
        bytes = delivery.body.len(),
        reason,
        "inbound mail refused"
    );
}
