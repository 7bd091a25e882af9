//! What a broker may be told.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;
use wren_core::guest::MAX_FRAME_BYTES;
use wren_core::{DeploymentId, OwnerId, Result};

use crate::catalogue::Origin;

/// What fits into a guest's frame of 8 MiB: base64 makes a third more of it, and two thirds of a mebibyte are for headers.
const MOST_BODY: usize = MAX_FRAME_BYTES / 16 * 11;

/// The limits and settings of a broker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// How long a request may take that says nothing of it, redirects included. 30 seconds.
    pub timeout: Duration,
    /// How long a request may take, whatever it says. 120 seconds.
    pub max_timeout: Duration,
    /// How many bytes a request's body may have. 5.5 MiB; more does not fit into a guest's frame.
    pub max_request_body: usize,
    /// How many bytes an answer's body may have. 5.5 MiB; an answer that does not fit into a guest's frame with its headers
    /// is refused in any case.
    pub max_response_body: usize,
    /// How many bytes of answers' bodies there may be at once, over all runs; an answer that finds no room waits for it until
    /// its deadline. Counted as they were received, from the first 16 KiB of each on. 256 MiB.
    pub max_bytes_in_flight: usize,
    /// Origins whose addresses may be private, or of this machine or its network: those of self-hosted services, and of tests.
    /// Requests without a credential reach them only when the egress policy names the host, so that opening one to an
    /// integration opens it to nothing else.
    pub allow_private: HashSet<Origin>,
    /// Who answers `wren.ai`.
    pub ai: AiOptions,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(120),
            max_request_body: MOST_BODY,
            max_response_body: MOST_BODY,
            max_bytes_in_flight: 256 * 1024 * 1024,
            allow_private: HashSet::new(),
            ai: AiOptions::default(),
        }
    }
}

impl BrokerOptions {
    /// Lets an origin's addresses be private.
    #[must_use]
    pub fn allowing_private(mut self, origin: Origin) -> Self {
        self.allow_private.insert(origin);
        self
    }

    /// Says whether the addresses of a URL's host may be private.
    pub(super) fn may_be_private(&self, url: &Url) -> bool {
        self.allow_private.iter().any(|origin| origin.holds(url))
    }
}

/// Whose protocol a language model is asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AiProvider {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's chat completions, which many servers speak.
    OpenAi,
}

impl AiProvider {
    /// Returns the integration's name.
    #[must_use]
    pub const fn integration(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }
}

/// Who answers `wren.ai`, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AiOptions {
    /// The first of these that the owner has configured answers.
    pub order: Vec<AiProvider>,
    /// Anthropic's model for scripts that name none.
    pub anthropic_model: String,
    /// OpenAI's model for scripts that name none.
    pub openai_model: String,
    /// The longest answer, in tokens, for scripts that say nothing of it.
    pub max_tokens: u32,
}

impl Default for AiOptions {
    fn default() -> Self {
        Self {
            order: vec![AiProvider::Anthropic, AiProvider::OpenAi],
            anthropic_model: "claude-sonnet-4-5".to_owned(),
            openai_model: "gpt-4.1-mini".to_owned(),
            max_tokens: 4096,
        }
    }
}

impl AiOptions {
    pub(super) fn model(&self, provider: AiProvider) -> &str {
        match provider {
            AiProvider::Anthropic => &self.anthropic_model,
            AiProvider::OpenAi => &self.openai_model,
        }
    }
}

/// Says whether a script may read a secret itself. `true` and `false` are policies: the same for everyone.
#[async_trait]
pub trait SecretPolicy: fmt::Debug + Send + Sync + 'static {
    /// Says whether a deployment's scripts may read the owner's credential of that name.
    ///
    /// # Errors
    /// Whatever hinders it; the secret then stays where it is.
    async fn releases(&self, owner: &OwnerId, deployment: DeploymentId, name: &str) -> Result<bool>;
}

#[async_trait]
impl SecretPolicy for bool {
    async fn releases(&self, _owner: &OwnerId, _deployment: DeploymentId, _name: &str) -> Result<bool> {
        Ok(*self)
    }
}
