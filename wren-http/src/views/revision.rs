//! Revisions on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use wren_core::DeploymentId;
use wren_core::model::{Manifest, Revision, RevisionSummary};

use crate::openapi::words;

/// One page of a deployment's revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionList {
    /// The revisions, latest first.
    pub revisions: Vec<RevisionView>,
    /// The `cursor` of the next page; absent from the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// A revision, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionView {
    /// Its number, from 1 without gaps.
    #[schema(minimum = 1)]
    pub number: u32,
    /// When it was deployed.
    pub created_at: DateTime<Utc>,
    /// The SHA-256 of the script, 64 lower-case hexadecimal digits.
    pub script_sha256: String,
    /// How many triggers it declares.
    pub triggers: usize,
    /// Whether it is the deployment's current one.
    pub current: bool,
}

impl RevisionView {
    /// Shows a revision of a deployment whose current one has that number.
    #[must_use]
    pub fn new(revision: &RevisionSummary, current: u32) -> Self {
        Self {
            number: revision.number,
            created_at: revision.created_at,
            script_sha256: revision.script_sha256.clone(),
            triggers: revision.triggers,
            current: revision.number == current,
        }
    }
}

/// A revision with its script. It never changes, and so says nothing of which is the current one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionDetail {
    /// The deployment.
    #[schema(value_type = words::DeploymentId)]
    pub deployment_id: DeploymentId,
    /// Its number, from 1 without gaps.
    #[schema(minimum = 1)]
    pub number: u32,
    /// When it was deployed.
    pub created_at: DateTime<Utc>,
    /// The SHA-256 of the script, 64 lower-case hexadecimal digits.
    pub script_sha256: String,
    /// The Python source.
    pub script: String,
    /// What the script declares: its `integrations`, `triggers`, `functions` and `settings`.
    #[schema(value_type = HashMap<String, Value>)]
    pub manifest: Map<String, Value>,
}

impl From<Revision> for RevisionDetail {
    fn from(revision: Revision) -> Self {
        Self {
            deployment_id: revision.deployment_id,
            number: revision.number,
            created_at: revision.created_at,
            manifest: declared(&revision.manifest),
            script_sha256: revision.script_sha256,
            script: revision.script,
        }
    }
}

fn declared(manifest: &Manifest) -> Map<String, Value> {
    match serde_json::to_value(manifest) {
        Ok(Value::Object(keys)) => keys,
        // It was read as JSON.
        _ => Map::new(),
    }
}
