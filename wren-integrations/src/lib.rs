//! The services that Wren's scripts use: a [`Catalogue`] of them in data.

mod broker;
mod catalogue;
mod oauth;

pub use broker::{
    AiOptions, AiProvider, AllowedHosts, Broker, BrokerBuilder, BrokerOptions, DeclaredHosts, EgressPolicy, HttpAnswer,
    IntegrationRequest, InterfaceAddress, Interfaces, RedactedStream, Redactor, Resolver, SecretPolicy,
    SystemInterfaces, SystemResolver,
};
pub use catalogue::{Catalogue, CredentialPlace, IntegrationSpec, OauthSpec, Origin, Probe};
pub use oauth::{
    Callback, ClientAuthentication, OauthClient, OauthFlows, OauthOptions, OauthProviders, OauthRefresher,
};
