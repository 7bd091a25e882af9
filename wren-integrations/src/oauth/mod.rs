//! How a user gives leave: the authorisation code flow with PKCE, and how a token that has ended is renewed.
//!
//! [`OauthProviders`] knows the services that this platform has a client of. [`OauthFlows`] sends a user to one and trades
//! what comes back; [`OauthRefresher`] gets the next token for a vault.
//!
//! # What holds
//!
//! - A state is 256 random bits, is kept as a hash, is taken once, ends after ten minutes, and belongs to one owner and one
//!   integration. A state that came with anything wrong is spent.
//! - Each integration has a redirect address of its own, which is what tells providers apart (RFC 9700, section 2.1).
//! - Codes, tokens and secrets go to the token URL and nowhere else: no redirect is followed, and plain `http` is for this
//!   machine's own addresses.
//! - No error and no `Debug` has any of them in it. Of what a provider says, only its error's name is passed on, and only
//!   when it looks like one.
//!
//! # What it does not do
//!
//! - It does not know who sits at the browser that comes back: the caller says it, or nobody checks.
//! - It keeps no credential: that is a vault's.
//! - It does not revoke tokens at the provider.

mod answer;
mod client;
mod endpoint;
mod flows;
pub(crate) mod pkce;
mod providers;
mod refresher;

pub use client::{ClientAuthentication, OauthClient};
pub use flows::{Callback, OauthFlows};
pub use providers::{OauthOptions, OauthProviders};
pub use refresher::OauthRefresher;
