//! The host's side of the guest protocol, which every executor shares whatever carries its frames.
//!
//! The protocol is that of the SDK's `PROTOCOL.md`. Here are its jobs, its frames as a host reads them, the caps on output, and
//! the judgement of what a guest says about its own end. How frames travel is an executor's own matter.

mod conclusion;
mod frame;
mod job;
mod logs;
mod verdict;

pub use conclusion::{answer_too_large, conclude_inspection, conclude_result, failed_import, import_timeout};
pub use frame::{Frame, MAX_FRAME_BYTES, reply_error, reply_ok, says_log};
pub use job::{effective_limits, injected_environment, inspect_job, job_too_large, run_job, unsupported_dependencies};
pub use logs::{LogCollector, Source};
pub use verdict::{AnsweredErrors, broken, guest_error, malformed, memory_limit};
