//! What is counted here, under the names that operators see. Labels are names of the catalogue and error codes.

use metrics::{counter, describe_counter};
use wren_core::Result;

const REFRESHES: &str = "wren_credential_refreshes_total";

/// Tells the process's recorder what the figures of integrations are; once is enough.
pub fn describe_measures() {
    describe_counter!(REFRESHES, "Tokens asked for anew, by integration and outcome: ok or an error code");
}

/// Tokens of an integration may be asked for from now on: a rate needs a count to begin from.
pub(crate) fn serving(integration: &str) {
    counter!(REFRESHES, "integration" => integration.to_owned(), "outcome" => "ok").increment(0);
}

/// A service was asked for the next token.
pub(crate) fn refreshed<T>(integration: &str, answer: &Result<T>) {
    let outcome = answer.as_ref().map_or_else(|error| error.code().as_str(), |_| "ok");
    counter!(REFRESHES, "integration" => integration.to_owned(), "outcome" => outcome).increment(1);
}
