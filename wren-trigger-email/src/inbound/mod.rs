//! Mail that a provider hands over in a request: addresses, signatures, and what a delivery fires.

mod addresses;
mod audit;
mod content;
mod email;
mod signature;

pub use addresses::{InboundAddress, InboundAddresses};
pub use email::InboundEmail;
