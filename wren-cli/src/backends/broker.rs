//! What scripts may ask of the world, by the arguments.

use std::sync::Arc;

use wren_core::store::Store;
use wren_core::vault::CredentialVault;
use wren_integrations::{AllowedHosts, Broker, BrokerOptions, DeclaredHosts, Origin, ReleasedSecrets};

use super::Integrations;
use crate::args::BrokerArgs;
use crate::failure::Failure;

/// Makes the broker over a vault, and a store with what scripts declare.
pub(crate) fn make_broker(
    args: &BrokerArgs,
    integrations: &Integrations,
    store: Arc<dyn Store>,
    vault: Arc<dyn CredentialVault>,
) -> Result<Broker, Failure> {
    let mut options = BrokerOptions::default();
    for origin in &args.allow_private {
        options = options.allowing_private(Origin::parse(origin)?);
    }
    let hosts = match args.allow_hosts.as_slice() {
        [] => AllowedHosts::default(),
        hosts => AllowedHosts::only(hosts.iter().map(String::as_str))?,
    };
    let Integrations { catalogue, directory, .. } = integrations.clone();
    Ok(Broker::builder(catalogue, directory, vault)
        .with_options(options)
        .with_secrets(Arc::new(ReleasedSecrets::new(Arc::clone(&store) as _)))
        .with_egress(Arc::new(DeclaredHosts::new(store, hosts)))
        .build()?)
}
