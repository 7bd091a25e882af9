//! How the services on the internet are trusted.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use wren_core::{Error, Result};

/// Returns the settings of clients that trust what this machine trusts.
///
/// # Errors
/// `INTERNAL` when the machine has no root certificates.
pub(crate) fn client_config() -> Result<ClientConfig> {
    // Named: with two providers in one build an unnamed one panics.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| Error::internal("making a TLS client", error))?;
    Ok(builder.with_no_client_auth())
}
