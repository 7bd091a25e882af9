//! TLS to mail servers.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;
use wren_core::{Error, Result};

use super::fault::wrong_setting;
use super::line::{Io, Line};

/// Trusts what the machine trusts, and what else it was told.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    authorities: Vec<CertificateDer<'static>>,
    /// Made when it is first needed: the machine's certificates are read then.
    config: Mutex<Option<Arc<ClientConfig>>>,
}

impl Tls {
    /// Trusts the certificates of a PEM text, too.
    pub(crate) fn trust(&mut self, pem: &[u8]) -> Result<()> {
        let unusable = || wrong_setting("the certificates to trust are no PEM", "give certificates as PEM");
        let read: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| unusable().with_source(error.to_string()))?;
        if read.is_empty() {
            return Err(unusable());
        }
        self.authorities.extend(read);
        Ok(())
    }

    fn config(&self) -> Result<Arc<ClientConfig>> {
        let mut config = self.config.lock();
        if let Some(config) = &*config {
            return Ok(Arc::clone(config));
        }
        let unusable = |error: rustls::Error| Error::internal("TLS cannot be used on this machine", error);
        // Named, since two providers in one build make an unnamed one panic.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            Verifier::new_with_extra_roots(self.authorities.clone(), Arc::clone(&provider)).map_err(unusable).map_err(
                |error| error.with_hint("the machine may have no certificates: apt-get install ca-certificates"),
            )?;
        let made = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::clone(config.insert(Arc::new(made))))
    }

    /// Puts TLS over a connection.
    pub(super) async fn over(&self, io: Box<dyn Io>, host: &str) -> Result<Line> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            wrong_setting(format!("`{host}` is no name of a server"), "set the field `host` to the mail server's name")
        })?;
        let stream =
            TlsConnector::from(self.config()?).connect(name, io).await.map_err(|error| refused(host, error))?;
        Ok(Line::new(stream))
    }
}

fn refused(host: &str, error: std::io::Error) -> Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let (message, hint) = match cause {
        Some(rustls::Error::InvalidCertificate(why)) => (
            format!("the certificate of the mail server `{host}` is not trusted: {why:?}"),
            "check the field `host`; a server with a certificate of its own authority needs that authority to be trusted here",
        ),
        Some(_) => (
            format!("the mail server `{host}` does not speak TLS as it should"),
            "check the fields `port` and `tls`: 993 with `implicit`, 143 with `starttls`",
        ),
        None => {
            return Error::internal(
                format!("the connection to the mail server `{host}` was lost while TLS began"),
                error,
            )
            .with_retryable(true);
        }
    };
    wrong_setting(message, hint).with_source(error)
}
