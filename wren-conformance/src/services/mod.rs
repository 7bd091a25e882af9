//! Servers on this machine that speak as services document it.
//!
//! They keep what they are told, as the services do, and check what they are asked: a request that the service would refuse is
//! refused in its words. They use threads and nothing asynchronous, so that tests of any runtime, and of other processes, can
//! have them. Each ends when it is dropped.

mod ai;
mod gmail;
mod http;
mod slack;

pub use ai::{Ai, Question};
pub use gmail::{Gmail, SentMail};
pub use http::{Reply, Request, Server as HttpServer};
pub use slack::Slack;
