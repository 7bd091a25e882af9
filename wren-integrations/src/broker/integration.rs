//! `integration.request`: to an integration's own origins, with its credential.

use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;
use wren_core::host::RunContext;
use wren_core::redact::{Redactor, RunSecrets};
use wren_core::vault::AccessPurpose;
use wren_core::{Error, ErrorCode, OwnerId, Result};

use super::Broker;
use super::audit;
use super::call::{self, Call, HttpAnswer, Parts, invalid};
use super::failure;
use super::redirect;
use super::request::IntegrationRequest;
use super::resolve::Reach;
use super::transport::{Deadline, Incoming, Lane, Outgoing};
use super::verdict::{Verdict, judge};
use crate::catalogue::IntegrationSpec;

/// Who asks, and why.
pub(super) struct Asker<'a> {
    pub(super) owner: &'a OwnerId,
    pub(super) purpose: AccessPurpose,
    /// Where secrets that are taken out are noted.
    pub(super) secrets: &'a RunSecrets,
}

impl Broker {
    /// Sends a request in an integration's name for a run, and returns the answer without the credential in it. Redirects are
    /// followed on the same origin; one to another origin is the answer.
    ///
    /// # Errors
    /// `UNKNOWN_INTEGRATION`, `INTEGRATION_NOT_CONFIGURED`; `EGRESS_DENIED` for a URL that is not the integration's;
    /// `INVALID_REQUEST` for what is malformed or too large, and, retryable, for a server that does not answer;
    /// `OUTPUT_LIMIT` for an answer that is too large; `OAUTH_TOKEN_EXPIRED` when the provider refuses the credential and the
    /// one after it, `OAUTH_SCOPE_MISSING` when the provider says that it does not cover the request.
    pub async fn request(&self, context: &RunContext, request: IntegrationRequest) -> Result<HttpAnswer> {
        let answer = self.ask(context, &request, "http.request").await;
        if let Err(error) = &answer {
            audit::refused(context, "integration.request", Some(&request.integration), error);
        }
        answer
    }

    pub(super) async fn integration(&self, context: &RunContext, args: &Map<String, Value>) -> Result<HttpAnswer> {
        let (path, url) = (call::optional_text(args, "path")?, call::optional_text(args, "url")?);
        let target = match (path, url) {
            (Some(path), None) if path.starts_with('/') => path,
            (Some(_), None) => return Err(invalid("`path` does not begin with `/`")),
            // A path is no URL, even where it would be understood.
            (None, Some(url)) if !url.starts_with('/') => url,
            (None, Some(_)) => return Err(invalid("`url` has no scheme").with_hint("name it `path`")),
            _ => return Err(invalid("the request needs either a `path` or a `url`")),
        };
        let Parts { method, headers, body, timeout } = call::parts(args, &self.options)?;
        let request = IntegrationRequest {
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body,
            timeout,
            ..IntegrationRequest::new(call::text(args, "integration")?, method, target)
        };
        self.ask(context, &request, "http.request").await
    }

    /// Sends a request for a run; `what` is the purpose in the audit trail.
    pub(super) async fn ask(
        &self,
        context: &RunContext,
        request: &IntegrationRequest,
        what: &str,
    ) -> Result<HttpAnswer> {
        let purpose =
            AccessPurpose::new(what).for_run(context.run_id).with_correlation_id(context.correlation_id.clone());
        self.ask_for(&Asker { owner: &context.owner, purpose, secrets: &context.secrets }, request).await
    }

    /// Sends a request for whoever asks.
    pub(super) async fn ask_for(&self, asker: &Asker<'_>, request: &IntegrationRequest) -> Result<HttpAnswer> {
        let name = request.integration.as_str();
        let spec = self.catalogue.find(name).ok_or_else(|| self.directory.unknown(name))?;
        let url = place(spec, &request.target)?;
        let reach = if self.options.may_be_private(&url) { Reach::Anything } else { Reach::Public };
        // Before the secret is taken out: a request that is refused takes none.
        self.transport.check_url(&url, reach)?;
        let parts = Parts {
            method: &request.method,
            headers: request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            body: request.body.clone(),
            timeout: request.timeout,
        };
        let mut call = parts.check(&self.options)?;
        dress(&mut call.headers, spec)?;

        let (vault, owner, purpose) = (&self.vault, asker.owner, &asker.purpose);
        // Once for all that is sent: a refused credential gives a call no second helping of time.
        let by = Instant::now() + call.timeout;
        let secret = vault.access(owner, name, purpose.clone(), self.clock.now()).await;
        let secret = secret.map_err(|error| self.of_credential(name, error))?;
        asker.secrets.add(name, &secret);
        let (at, answer) = self.send_with(spec, &url, &call, reach, &secret, by).await?;
        let refused = judge(spec, &answer) == Verdict::Refused;
        // A provider that refuses a fresh credential refuses the next one, too.
        if !refused || self.renewals.is_fresh(owner, name, &secret, self.clock.now()) {
            return self.conclude(spec, &at, answer, &[&secret]);
        }
        // What it holds is given back before more is asked for: see the budget.
        drop(answer);
        let next = vault.refresh(owner, name, &secret, purpose.clone(), self.clock.now()).await;
        let next = next.map_err(|error| self.of_credential(name, error))?;
        asker.secrets.add(name, &next);
        self.renewals.note(owner, name, &next, self.clock.now());
        let (at, answer) = self.send_with(spec, &url, &call, reach, &next, by).await?;
        self.conclude(spec, &at, answer, &[&secret, &next])
    }

    /// Sends a request with a secret in its place, and follows redirects as long as they stay on the origin.
    async fn send_with(
        &self,
        spec: &IntegrationSpec,
        url: &Url,
        call: &Call,
        reach: Reach,
        secret: &SecretString,
        by: Deadline,
    ) -> Result<(Url, Incoming)> {
        let Call { method, mut headers, body, timeout: _ } = call.clone();
        let (header, value) = self.credential(spec, secret)?;
        headers.insert(header, value);
        let mut request = Outgoing { method, url: url.clone(), headers, body };
        for _ in 0..=redirect::MOST {
            let at = request.url.clone();
            let answer = self.transport.send(request.clone(), reach, Lane::Shared, by).await?;
            match redirect::target(&at, &answer) {
                // Not even to another of the integration's origins: which one gets the credential is for the script to say.
                Some(to) if to.origin() == at.origin() => {
                    self.transport.check_url(&to, reach)?;
                    request = redirect::follow(request, answer.status, to);
                }
                _ => return Ok((at, answer)),
            }
        }
        Err(invalid(format!("{} redirects more than {} times", spec.title, redirect::MOST)))
    }

    /// Makes the header that holds the secret.
    fn credential(&self, spec: &IntegrationSpec, secret: &SecretString) -> Result<(HeaderName, HeaderValue)> {
        // A line break at the end comes from pasting a key.
        let text = format!("{}{}", spec.place.prefix, secret.expose_secret().trim());
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            self.directory
                .without_credential(&spec.name)
                .with_hint("the secret has characters that no key has; enter it again")
        })?;
        value.set_sensitive(true);
        Ok((header_name(spec, &spec.place.header)?, value))
    }

    /// Judges the last answer, and takes the secrets out of it.
    fn conclude(
        &self,
        spec: &IntegrationSpec,
        at: &Url,
        mut answer: Incoming,
        secrets: &[&SecretString],
    ) -> Result<HttpAnswer> {
        let trimmed: Vec<SecretString> =
            secrets.iter().map(|secret| SecretString::from(secret.expose_secret().trim())).collect();
        let redactor = Redactor::new(trimmed.iter().map(|secret| (spec.name.as_str(), secret)))?;
        match judge(spec, &answer) {
            Verdict::Taken => {}
            Verdict::Refused => return Err(self.ended(&spec.name)),
            Verdict::ScopeMissing(scope) => {
                let scope = scope.map(|scope| redactor.redact_text(&scope));
                return Err(self.scope_missing(spec, scope));
            }
        }
        let is_encoded =
            answer.headers.get_all(CONTENT_ENCODING).iter().any(|encoding| encoding.as_bytes() != b"identity");
        // It was asked not to. A secret cannot be found in what is compressed.
        if is_encoded && !answer.body.is_empty() && !redactor.is_empty() {
            return Err(
                failure::upstream("encoding", format!("{} answers in an encoding", spec.title)).with_retryable(false)
            );
        }
        if !redactor.is_empty() {
            answer.body = redactor.redact(&answer.body);
        }
        let mut answer = HttpAnswer::new(at, answer);
        if !redactor.is_empty() {
            answer.headers.values_mut().for_each(|value| *value = redactor.redact_text(value));
            answer.url = redactor.redact_text(&answer.url);
        }
        Ok(answer)
    }

    fn scope_missing(&self, spec: &IntegrationSpec, scope: Option<String>) -> Error {
        let message = match &scope {
            Some(scope) => format!("{} needs the scope {scope:?} for this request", spec.title),
            None => format!("{} was not given leave for this request", spec.title),
        };
        let mut error =
            Error::new(ErrorCode::OauthScopeMissing, message).with_detail("integration", spec.name.as_str());
        if let Some(scope) = scope {
            error = error.with_detail("scope", scope);
        }
        // The page on which leave is given is the one for leave that has ended.
        match self.directory.ended_credential(&spec.name).action_url() {
            Some(url) => error.with_action_url(url),
            None => error,
        }
    }

    /// Makes the error for a credential that is not good any more. A key is entered again, it has no leave to be renewed.
    fn ended(&self, name: &str) -> Error {
        match self.catalogue.find(name) {
            Some(spec) if spec.oauth.is_none() => {
                let message = format!("{} does not accept the key any more", spec.title);
                Error::new(ErrorCode::OauthTokenExpired, message)
                    .with_action_url(self.directory.setup_url(name))
                    .with_detail("integration", name)
            }
            _ => self.directory.ended_credential(name),
        }
    }

    /// Gives a vault's error the links of the broker's directory.
    pub(super) fn of_credential(&self, name: &str, error: Error) -> Error {
        match error.code() {
            ErrorCode::IntegrationNotConfigured => self.directory.without_credential(name).with_source(error),
            ErrorCode::OauthTokenExpired => self.ended(name).with_source(error),
            _ => error,
        }
    }
}

/// Returns where a request goes, which is one of the integration's origins.
fn place(spec: &IntegrationSpec, target: &str) -> Result<Url> {
    let mut url = if target.starts_with('/') { spec.url(target)? } else { super::plain::parse(target)? };
    url.set_fragment(None);
    if spec.may_go_to(&url) {
        return Ok(url);
    }
    let origins: Vec<String> = spec.origins.iter().map(ToString::to_string).collect();
    let host = url.host_str().unwrap_or_default();
    Err(Error::new(ErrorCode::EgressDenied, format!("`{host}` is not where requests to {} go", spec.title))
        .with_hint(format!("they go to {}; ask other hosts with wren.http", origins.join(", ")))
        .with_detail("integration", spec.name.as_str())
        .with_detail("host", host))
}

/// Takes off what the script may not say, and puts on what the integration says.
fn dress(headers: &mut HeaderMap, spec: &IntegrationSpec) -> Result<()> {
    super::headers::drop_credentials(headers);
    headers.remove(&spec.place.header);
    for (name, value) in &spec.headers {
        let value = HeaderValue::from_str(value)
            .map_err(|error| Error::internal(format!("`{}` has a header with a bad value", spec.name), error))?;
        headers.insert(header_name(spec, name)?, value);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(())
}

fn header_name(spec: &IntegrationSpec, name: &str) -> Result<HeaderName> {
    name.parse().map_err(|error| Error::internal(format!("`{}` has a header with a bad name", spec.name), error))
}
