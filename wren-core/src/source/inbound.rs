//! The `InboundMail` seam: mail that a provider hands over in a request, and the addresses that it comes to.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;

use crate::error::Result;
use crate::id::{DeploymentId, OwnerId, TriggerId};

/// The largest body of a delivery, in bytes: 25 MiB, as much as large providers let a mail have.
pub const MAX_INBOUND_BYTES: usize = 25 * 1024 * 1024;

/// The longest name of a delivery, in bytes.
pub const MAX_DELIVERY_ID: usize = 128;

/// What somebody sent to an address. Nothing of it is known to be true.
#[derive(Clone)]
pub struct InboundDelivery {
    /// The address, as the request's path names it.
    pub address: String,
    /// Names the delivery: what is sent again has the same name. 1 to [`MAX_DELIVERY_ID`] visible ASCII characters but `.`,
    /// which ends it in what is signed: with dots in it, the beginning of a body could pass for the end of a name.
    pub id: String,
    /// What the sender signed it with: `t=<unix seconds>,v1=<hex>`, the lower-case HMAC-SHA-256 of `<t>.<id>.` and the body
    /// under the address's secret. Several `v1` may stand there, as while a secret is replaced.
    pub signature: String,
    /// How the mail stands in the body: `message/rfc822`, or `multipart/form-data` with a field `email` or `message`.
    pub content_type: String,
    /// The body as it came, at most [`MAX_INBOUND_BYTES`].
    pub body: Bytes,
}

impl fmt::Debug for InboundDelivery {
    /// Prints nothing of the mail.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("InboundDelivery");
        shown.field("id", &self.id).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The triggers that the mail fires, oldest first; none when no filter matches.
    pub triggers: Vec<TriggerId>,
}

/// An address, as it is shown once.
#[derive(Debug)]
pub struct OpenedAddress {
    /// The address: what stands in the path of [deliveries](InboundDelivery::address).
    pub address: String,
    /// What deliveries to it are signed with.
    pub secret: SecretString,
    /// Whether the address is new; else it has a new secret.
    pub created: bool,
}

/// Takes mail that is handed over in requests.
#[async_trait]
pub trait InboundMail: fmt::Debug + Send + Sync + 'static {
    /// Checks the delivery's signature and fires what the mail matches, durably. The same delivery again is answered as the
    /// first time, for a day, and fires nothing.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, always in the same words, when there is no such address or the signature is not one of its secret
    /// or of another time: who asks MUST NOT learn which. Only of what is signed does any other code speak: `INVALID_REQUEST`
    /// when there is no mail in the body, `STORE_UNAVAILABLE`.
    async fn deliver(&self, delivery: InboundDelivery) -> Result<Delivered>;

    /// Gives a deployment an address, or the one that it has a new secret. The secret before is good for another day.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such deployment; `CONFLICT` when it is undeployed.
    async fn open(&self, owner: &OwnerId, deployment: DeploymentId) -> Result<OpenedAddress>;

    /// Takes a deployment's address away, for good; says whether it had one.
    ///
    /// # Errors
    /// `NOT_FOUND` when the owner has no such deployment.
    async fn close(&self, owner: &OwnerId, deployment: DeploymentId) -> Result<bool>;
}
