//! Inbound mail on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wren_core::{DeploymentId, TriggerId};

use crate::openapi::words;

/// What became of a delivery: the answer of `POST /v1/inbound/email/{address}`, and of the same delivery again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryReceipt {
    /// The delivery, as it was named.
    pub delivery_id: String,
    /// The triggers that the mail fires; none when no filter matches.
    #[schema(value_type = Vec<words::TriggerId>)]
    pub triggers: Vec<TriggerId>,
}

/// A deployment's address: the answer of `POST /v1/deployments/{id}/inbound`. Whoever prints it prints the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InboundAddressView {
    /// The address.
    pub address: String,
    /// Where mail to it is sent; the path alone where the server knows of no public address.
    #[schema(format = "uri-reference")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClosedInbound {
    /// The deployment.
    #[schema(value_type = words::DeploymentId)]
    pub deployment_id: DeploymentId,
    /// Whether it had an address.
    pub closed: bool,
}
