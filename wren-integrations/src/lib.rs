//! The services that Wren's scripts use: a [`Catalogue`] of them in data.

mod broker;
mod catalogue;
mod connect;
mod measures;
mod oauth;
mod one_time;
mod tls;

pub use broker::{
    AiOptions, AiProvider, AllowedHosts, Broker, BrokerBuilder, BrokerOptions, DeclaredHosts, EgressPolicy, HttpAnswer,
    IntegrationRequest, InterfaceAddress, Interfaces, ReleasedSecrets, Resolver, SecretPolicy, SystemInterfaces,
    SystemResolver,
};
pub use catalogue::{Catalogue, CredentialPlace, IntegrationSpec, OauthSpec, Origin, Probe};
pub use connect::{Connections, Departure, Invitation, Invited, Means};
pub use measures::describe_measures;
pub use oauth::{
    Callback, ClientAuthentication, OauthClient, OauthFlows, OauthOptions, OauthProviders, OauthRefresher,
};
