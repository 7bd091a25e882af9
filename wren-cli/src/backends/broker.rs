//! What scripts may ask of the world, by the arguments.

use std::sync::Arc;

use wren_core::integration::IntegrationDirectory;
use wren_core::store::Store;
use wren_core::vault::CredentialVault;
use wren_core::{Error, ErrorCode};
use wren_integrations::{AllowedHosts, Broker, BrokerOptions, Catalogue, DeclaredHosts, Origin};

use crate::args::BrokerArgs;
use crate::failure::Failure;

/// Makes the broker over a vault, and a store with what scripts declare.
pub(crate) fn make_broker(
    args: &BrokerArgs,
    store: Arc<dyn Store>,
    vault: Arc<dyn CredentialVault>,
) -> Result<Broker, Failure> {
    let mut catalogue = Catalogue::built_in()?;
    for pair in &args.integration_urls {
        let (name, url) = pair.split_once('=').ok_or_else(|| {
            Error::new(ErrorCode::InvalidRequest, format!("`{pair}` is not NAME=URL"))
                .with_hint("write it as openai=https://llm.example.com")
        })?;
        catalogue.set_base_url(name, url)?;
    }
    let mut options = BrokerOptions::default();
    for origin in &args.allow_private {
        options = options.allowing_private(Origin::parse(origin)?);
    }
    let hosts = match args.allow_hosts.as_slice() {
        [] => AllowedHosts::default(),
        hosts => AllowedHosts::only(hosts.iter().map(String::as_str))?,
    };
    Ok(Broker::builder(catalogue, IntegrationDirectory::default(), vault)
        .with_options(options)
        .with_egress(Arc::new(DeclaredHosts::new(store, hosts)))
        .build()?)
}
