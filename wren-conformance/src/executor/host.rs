//! The platform as the suite's scripts see it.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use wren_core::host::{Host, HostRequest, RunContext};
use wren_core::{Error, ErrorCode, Result};

/// Answers `state.get` by the key that is asked for:
///
/// - `number` is 42;
/// - `together` waits until three calls of the run are under way, and is then true;
/// - `expired` is an `OAUTH_TOKEN_EXPIRED` with a link, `fault` an `INTERNAL` with a secret in it;
/// - `never` is never answered;
/// - any other key is not there.
///
/// Answers `http.request` of `…/greeting` with the request's body and its method in a header, of anything else with 404.
#[derive(Debug)]
pub struct ScriptedHost {
    together: Barrier,
    calls: AtomicUsize,
}

impl Default for ScriptedHost {
    fn default() -> Self {
        Self { together: Barrier::new(3), calls: AtomicUsize::new(0) }
    }
}

/// The link of an expired authorisation.
pub(crate) const REAUTHORIZE: &str = "https://wrens.ie/integrations/gmail/reauthorize";

impl ScriptedHost {
    /// Returns how many calls came.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Host for ScriptedHost {
    async fn call(&self, _context: &RunContext, request: HostRequest) -> Result<Value> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if request.op == "http.request" {
            let text = |name: &str| request.args.get(name).and_then(Value::as_str).unwrap_or_default();
            let found = text("url").contains("/greeting");
            let headers = json!({"X-Method": text("method"), "Content-Type": "text/plain"});
            return Ok(json!({"status": if found { 200 } else { 404 }, "headers": headers, "url": text("url"),
                             "body": found.then(|| request.args.get("body").cloned().unwrap_or_default())}));
        }
        if request.op != "state.get" {
            return Err(Error::new(ErrorCode::InvalidRequest, format!("unknown operation `{}`", request.op)));
        }
        match request.args.get("key").and_then(Value::as_str).unwrap_or_default() {
            "number" => Ok(json!({"found": true, "value": 42})),
            "together" => {
                self.together.wait().await;
                Ok(json!({"found": true, "value": true}))
            }
            "never" => std::future::pending().await,
            "expired" => {
                Err(Error::new(ErrorCode::OauthTokenExpired, "Gmail OAuth token has expired")
                    .with_action_url(REAUTHORIZE))
            }
            "fault" => Err(Error::new(ErrorCode::Internal, "disk of hunter2 is full")),
            _ => Ok(json!({"found": false, "value": null})),
        }
    }
}
