//! Inbound mail on the wire.

use serde::{Deserialize, Serialize};
use wren_core::{DeploymentId, TriggerId};

/// What became of a delivery: the answer of `POST /v1/inbound/email/{address}`, and of the same delivery again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryReceipt {
    /// The delivery, as it was named.
    pub delivery_id: String,
    /// The triggers that the mail fires; none when no filter matches.
    pub triggers: Vec<TriggerId>,
}

/// A deployment's address: the answer of `POST /v1/deployments/{id}/inbound`. Whoever prints it prints the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundAddressView {
    /// The address.
    pub address: String,
    /// Where mail to it is sent; the path alone where the server knows of no public address.
    pub url: String,
    /// What deliveries are signed with; shown this once.
    pub secret: String,
}

impl std::fmt::Debug for InboundAddressView {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("InboundAddressView").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The answer of `DELETE /v1/deployments/{id}/inbound`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedInbound {
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// Whether it had an address.
    pub closed: bool,
}
