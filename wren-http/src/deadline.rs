//! Time limits of answers, and the work that outlives them.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use wren_core::{Error, ErrorCode, trace};

use crate::api::Api;
use crate::error::{ApiError, ApiResult};

/// Answers 504 when a request takes longer than the API's timeout.
pub(crate) async fn limit(State(api): State<Api>, request: Request, next: Next) -> ApiResult<Response> {
    tokio::time::timeout(api.request_timeout, next.run(request)).await.map_err(|_| {
        let message = format!("the request took longer than {:?}", api.request_timeout);
        let error = Error::new(ErrorCode::Internal, message).with_retryable(true);
        ApiError::from(error).with_status(StatusCode::GATEWAY_TIMEOUT)
    })
}

/// Brings a short change to its end even if the caller hangs up or the time limit passes: an undeploy that is dropped
/// after its commit would leave triggers in the planner that the store has no more. Not for what waits in a queue, which
/// would grow with every caller that gave up.
pub(crate) async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(trace::carried(work).in_current_span()).await {
        Ok(value) => value,
        // Nobody aborts the task, so all that can have happened is a panic. It goes on where it would have been.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
