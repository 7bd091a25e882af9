//! The broker: what a script asks of the world, it asks through this, and never with a secret in its hands.

mod actions;
mod address;
mod ai;
mod audit;
mod budget;
mod call;
mod declared;
mod egress;
mod failure;
mod gmail;
mod headers;
mod integration;
mod networks;
mod options;
mod plain;
mod probe;
mod redirect;
mod released;
mod renewals;
mod request;
mod resolve;
mod secret;
mod slack;
mod transport;
mod verdict;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use wren_core::clock::{Clock, SystemClock};
use wren_core::host::{Host, HostRequest, RunContext};
use wren_core::integration::IntegrationDirectory;
use wren_core::vault::CredentialVault;
use wren_core::{Error, ErrorCode, Result};

pub use call::HttpAnswer;
pub use declared::DeclaredHosts;
pub use egress::{AllowedHosts, EgressPolicy};
pub use networks::{InterfaceAddress, Interfaces, SystemInterfaces};
pub use options::{AiOptions, AiProvider, BrokerOptions, SecretPolicy};
pub use released::ReleasedSecrets;
pub use request::IntegrationRequest;
pub use resolve::{Resolver, SystemResolver};

use crate::catalogue::Catalogue;
use actions::Service;
use networks::Networks;
use probe::Probed;
use renewals::Renewals;
use transport::Transport;

/// Answers `http.request`, `integration.request`, `ai.complete`, `secret.get`, and `integration.call` of Gmail
/// and Slack.
///
/// A request in an integration's name goes to the integration's own origins only. What the script says of who asks is
/// dropped; the credential is put at the one place that the catalogue names, after the vault has written down that it was
/// taken out; and the answer is returned without it. A request without a credential goes where the [`EgressPolicy`] allows.
/// Neither reaches an address that is not on the public internet, or is this machine's or its network's, whichever way it is
/// spelled, looked up or redirected to.
///
/// It does not judge what a script does with an integration: who may send mail may send any mail.
#[derive(Debug)]
pub struct Broker {
    catalogue: Catalogue,
    directory: IntegrationDirectory,
    vault: Arc<dyn CredentialVault>,
    clock: Arc<dyn Clock>,
    egress: Arc<dyn EgressPolicy>,
    secrets: Arc<dyn SecretPolicy>,
    transport: Transport,
    options: BrokerOptions,
    renewals: Renewals,
    probed: Probed,
    next: Option<Arc<dyn Host>>,
}

/// Makes a [`Broker`].
#[derive(Debug)]
pub struct BrokerBuilder {
    catalogue: Catalogue,
    directory: IntegrationDirectory,
    vault: Arc<dyn CredentialVault>,
    clock: Arc<dyn Clock>,
    egress: Arc<dyn EgressPolicy>,
    secrets: Arc<dyn SecretPolicy>,
    resolver: Arc<dyn Resolver>,
    interfaces: Arc<dyn Interfaces>,
    options: BrokerOptions,
    next: Option<Arc<dyn Host>>,
}

impl Broker {
    /// Begins a broker over a catalogue and the vault that has the credentials. The directory gives errors their links.
    #[must_use]
    pub fn builder(
        catalogue: Catalogue,
        directory: IntegrationDirectory,
        vault: Arc<dyn CredentialVault>,
    ) -> BrokerBuilder {
        BrokerBuilder {
            catalogue,
            directory,
            vault,
            clock: Arc::new(SystemClock),
            egress: Arc::new(AllowedHosts::default()),
            secrets: Arc::new(false),
            resolver: Arc::new(SystemResolver::new()),
            interfaces: Arc::new(SystemInterfaces),
            options: BrokerOptions::default(),
            next: None,
        }
    }
}

impl BrokerBuilder {
    /// Sets the limits and settings.
    #[must_use]
    pub fn with_options(mut self, options: BrokerOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets which hosts scripts may ask without a credential; every public one without this.
    #[must_use]
    pub fn with_egress(mut self, policy: Arc<dyn EgressPolicy>) -> Self {
        self.egress = policy;
        self
    }

    /// Sets which scripts may read secrets themselves; none without this.
    #[must_use]
    pub fn with_secrets(mut self, policy: Arc<dyn SecretPolicy>) -> Self {
        self.secrets = policy;
        self
    }

    /// Sets who looks names up; this machine without this.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Sets who knows the interfaces whose addresses and networks are out of reach; this machine without this.
    #[must_use]
    pub fn with_interfaces(mut self, interfaces: Arc<dyn Interfaces>) -> Self {
        self.interfaces = interfaces;
        self
    }

    /// Sets the clock by which credentials end.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Hands what the broker does not know to another host.
    #[must_use]
    pub fn with_next(mut self, next: Arc<dyn Host>) -> Self {
        self.next = Some(next);
        self
    }

    /// Makes the broker.
    ///
    /// # Errors
    /// `INTERNAL` when no HTTP client can be made, for want of root certificates on the machine say, or when the machine's
    /// network interfaces cannot be read.
    pub fn build(self) -> Result<Broker> {
        let Self { catalogue, directory, vault, clock, egress, secrets, resolver, interfaces, options, next } = self;
        let transport = Transport::new(&resolver, Networks::read(interfaces)?, &options)?;
        let renewals = Renewals::default();
        Ok(Broker {
            catalogue,
            directory,
            vault,
            clock,
            egress,
            secrets,
            transport,
            options,
            renewals,
            probed: Probed::default(),
            next,
        })
    }
}

#[async_trait]
impl Host for Broker {
    async fn call(&self, context: &RunContext, request: HostRequest) -> Result<Value> {
        let args = &request.args;
        let answer = match request.op.as_str() {
            "http.request" => self.plain(context, args).await.and_then(HttpAnswer::into_json),
            "integration.request" => self.integration(context, args).await.and_then(HttpAnswer::into_json),
            "ai.complete" => self.complete(context, args).await,
            "secret.get" => self.secret(context, args).await,
            op => match (Service::of(args).filter(|_| op == "integration.call"), &self.next) {
                (Some(service), _) => self.act(service, context, args).await,
                (None, Some(next)) => return next.call(context, request).await,
                (None, None) if op == "integration.call" => Err(self.without_actions(context, args).await),
                (None, None) => Err(unknown(op)),
            },
        };
        if let Err(error) = &answer {
            let integration = args.get("integration").or(args.get("name")).and_then(Value::as_str);
            audit::refused(context, &request.op, integration, error);
        }
        answer
    }
}

fn unknown(op: &str) -> Error {
    let op: String = op.chars().take(64).collect();
    Error::new(ErrorCode::InvalidRequest, format!("unknown host operation `{op}`"))
}
