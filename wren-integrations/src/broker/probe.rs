//! Whether a service takes a credential, found out by a request that costs nothing.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde_json::Value;
use wren_core::integration::{IntegrationProbe, IntegrationReport};
use wren_core::redact::RunSecrets;
use wren_core::vault::{AccessPurpose, CredentialStatus};
use wren_core::{Error, ErrorClass, ErrorCode, OwnerId};

use super::Broker;
use super::call::HttpAnswer;
use super::integration::Asker;
use super::request::IntegrationRequest;
use crate::catalogue::IntegrationSpec;

/// How long a service that answered is taken at its word.
const FRESH: TimeDelta = TimeDelta::seconds(60);
/// How long a service may take to answer: somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The credentials that a service took a moment ago, each with its version.
#[derive(Debug, Default)]
pub(super) struct Probed(Mutex<HashMap<(OwnerId, String), Taken>>);

/// The version of a credential that was taken, and when.
#[derive(Debug)]
struct Taken {
    version: u64,
    at: DateTime<Utc>,
}

impl Probed {
    fn is_fresh(&self, owner: &OwnerId, credential: &CredentialStatus, now: DateTime<Utc>) -> bool {
        let probed = self.0.lock();
        let found = probed.get(&(owner.clone(), credential.integration.clone()));
        found.is_some_and(|taken| taken.version == credential.version && (now - taken.at).abs() < FRESH)
    }

    fn note(&self, owner: &OwnerId, credential: &CredentialStatus, now: DateTime<Utc>) {
        let mut probed = self.0.lock();
        probed.retain(|_, taken| (now - taken.at).abs() < FRESH);
        probed.insert((owner.clone(), credential.integration.clone()), Taken { version: credential.version, at: now });
    }
}

#[async_trait]
impl IntegrationProbe for Broker {
    async fn probe(&self, owner: &OwnerId, credential: &CredentialStatus) -> IntegrationReport {
        let Some(spec) = self.catalogue.find(&credential.integration) else { return IntegrationReport::default() };
        let now = self.clock.now();
        // What it allows is known without asking, where the credential says.
        let mut report = self.scopes(spec, &credential.scopes);
        if !report.errors.is_empty() || self.probed.is_fresh(owner, credential, now) {
            return report;
        }
        let Some(probe) = &spec.probe else { return report };
        let request = IntegrationRequest::new(&spec.name, &probe.method, &probe.path).with_timeout(PATIENCE);
        let secrets = RunSecrets::default();
        let asker = Asker { owner, purpose: AccessPurpose::new("probe"), secrets: &secrets };
        // A token that has to be renewed first may take longer; it is renewed all the same.
        let asked = tokio::time::timeout(PATIENCE, self.ask_for(&asker, &request)).await;
        let slow = || Err(Error::new(ErrorCode::InvalidRequest, "it does not answer in time").with_retryable(true));
        match asked.unwrap_or_else(|_| slow()) {
            Ok(answer) => match self.judged(spec, &answer) {
                Ok(()) => {
                    // Without scopes of its own the credential may allow anything: the service knows.
                    if credential.scopes.is_empty() {
                        report.extend(self.scopes(spec, &scopes_of(spec, &answer)));
                    }
                    if report.errors.is_empty() {
                        self.probed.note(owner, credential, now);
                    }
                }
                Err(Judgement::Refused(error)) => report.errors.push(error),
                Err(Judgement::Unknown(why)) => report.warnings.push(unchecked(spec, &why)),
            },
            Err(error) if error.class() == ErrorClass::UserFacingConfigError && !error.retryable() => {
                report.errors.push(error);
            }
            Err(error) => report.warnings.push(unchecked(spec, error.message())),
        }
        report
    }
}

/// What an answer that is no success means.
enum Judgement {
    /// The user has to do something.
    Refused(Error),
    /// It may be anything, and may pass.
    Unknown(String),
}

impl Broker {
    /// Compares what was granted with what is needed. A credential that says nothing of it allows everything.
    fn scopes(&self, spec: &IntegrationSpec, granted: &[String]) -> IntegrationReport {
        let mut report = IntegrationReport::default();
        let Some(oauth) = spec.oauth.as_ref().filter(|_| !granted.is_empty()) else { return report };
        let missing = |scopes: &[String]| -> Vec<String> {
            scopes.iter().filter(|scope| !oauth.holds(granted, scope)).cloned().collect()
        };
        let needed = missing(&oauth.scopes);
        if !needed.is_empty() {
            let message = format!("{} was not given leave for `{}`", spec.title, needed.join("`, `"));
            let error = Error::new(ErrorCode::OauthScopeMissing, message)
                .with_hint("connect it again and agree to all that is asked for")
                .with_detail("integration", spec.name.as_str())
                .with_detail("scopes", needed);
            report.errors.push(self.with_links(spec, error));
        }
        let wanted = missing(&oauth.optional_scopes);
        if !wanted.is_empty() {
            report.warnings.push(format!("{} was not given leave for `{}`", spec.title, wanted.join("`, `")));
        }
        report
    }

    fn judged(&self, spec: &IntegrationSpec, answer: &HttpAnswer) -> Result<(), Judgement> {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let refused = |code, message: String| {
            let error = Error::new(code, message).with_detail("integration", spec.name.as_str());
            Err(Judgement::Refused(self.with_links(spec, error)))
        };
        let is_ok = spec.ok_field.as_ref().is_none_or(|field| body[field] != false);
        match answer.status {
            200..=299 if is_ok => Ok(()),
            _ if is_used_up(&body) => {
                refused(ErrorCode::QuotaExceeded, format!("the quota of {} is used up", spec.title))
            }
            403 => refused(ErrorCode::PermissionDenied, format!("{} refuses this account", spec.title)),
            429 => Err(Judgement::Unknown("it limits how often it is asked".to_owned())),
            status => Err(Judgement::Unknown(format!("it answers with status {status}"))),
        }
    }

    /// Adds the pages on which the user can act and read.
    fn with_links(&self, spec: &IntegrationSpec, error: Error) -> Error {
        let ended = self.directory.ended_credential(&spec.name);
        let (action, docs) = (ended.action_url().map(str::to_owned), ended.docs_url().map(str::to_owned));
        let error = match action {
            Some(url) => error.with_action_url(url),
            None => error,
        };
        match docs {
            Some(url) => error.with_docs_url(url),
            None => error,
        }
    }
}

/// Returns what an answer says that the credential allows.
fn scopes_of(spec: &IntegrationSpec, answer: &HttpAnswer) -> Vec<String> {
    let listed = spec.scopes_header.as_ref().and_then(|header| answer.headers.get(&header.to_ascii_lowercase()));
    let parts = listed.map(String::as_str).unwrap_or_default().split(',');
    parts.map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

/// Says whether an answer tells of a quota that is used up, in the words of OpenAI or Google.
fn is_used_up(body: &Value) -> bool {
    let reasons = body["error"]["errors"].as_array().into_iter().flatten().filter_map(|error| error["reason"].as_str());
    let named = [&body["error"]["code"], &body["error"]["type"]].into_iter().filter_map(Value::as_str);
    reasons.chain(named).any(|reason| {
        matches!(reason, "insufficient_quota" | "billing_hard_limit_reached" | "dailyLimitExceeded" | "quotaExceeded")
    })
}

fn unchecked(spec: &IntegrationSpec, why: &str) -> String {
    format!("{} could not be asked whether it takes the credential: {why}", spec.title)
}
