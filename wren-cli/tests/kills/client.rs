//! Requests to a server that may die at any moment.

use std::io;

use serde_json::Value;

use super::support::{Wren, http};

/// What one life of the server answers.
pub(crate) struct Client<'a> {
    wren: &'a Wren,
}

impl<'a> Client<'a> {
    pub(crate) fn new(wren: &'a Wren) -> Self {
        Self { wren }
    }

    /// Asks for something; returns the status and the answer.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &Value) -> io::Result<(u16, Value)> {
        let authorization = format!("Authorization: Bearer {}", self.wren.key());
        let headers: Vec<&str> = headers.iter().copied().chain([authorization.as_str()]).collect();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        http::try_request(self.wren.url(), method, path, &headers, &body)
    }

    /// Reads a path. What is asked for here is there: any other answer fails the test, but for that of a store in trouble.
    pub(crate) fn read(&self, path: &str) -> io::Result<Value> {
        match self.ask("GET", path, &[], &Value::Null)? {
            (200, value) => Ok(value),
            (500.., value) => Err(io::Error::other(value.to_string())),
            (status, value) => panic!("{path}: {status} {value}"),
        }
    }

    /// Reads all pages of a list of runs, latest due time first.
    pub(crate) fn read_runs(&self, path: &str) -> io::Result<Vec<Value>> {
        let mut runs = Vec::new();
        let mut cursor = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.read(&format!("{path}{joint}limit=200{cursor}"))?;
            runs.extend(list(&page, "runs").iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { return Ok(runs) };
            cursor = format!("&cursor={next}");
        }
    }
}

/// Returns a list within an answer.
pub(crate) fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no `{name}`: {value}"))
}

/// Returns a text within an answer.
pub(crate) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}`: {value}"))
}
