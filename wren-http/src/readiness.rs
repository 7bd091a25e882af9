//! Whether the engine can work, asked for by anybody and found out once a second.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use wren_core::engine::Engine;

use crate::error::{ApiError, ApiResult};

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(1);

/// The latest answer and when it came. A probe needs no key, and a check may write to the store: without this, anybody
/// could keep its writer busy.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    // A Tokio mutex, held while the engine is asked: whoever comes meanwhile waits for that answer. A caller that hangs
    // up gives it back, and the next one asks.
    latest: Mutex<Option<(Instant, ApiResult<()>)>>,
}

impl Readiness {
    /// Returns what the engine says, or said less than a second ago.
    pub(crate) async fn of(&self, engine: &Engine) -> ApiResult<()> {
        let mut latest = self.latest.lock().await;
        if let Some((at, answer)) = &*latest
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = engine.check().await.map_err(ApiError::from);
        *latest = Some((Instant::now(), answer.clone()));
        answer
    }
}
