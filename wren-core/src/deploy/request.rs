//! What a caller sends to deploy a script: the spec's body of `POST /v1/scripts/deploy`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A script to deploy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployRequest {
    /// The Python source.
    pub script: String,
    /// What the sender believes the script declares; checked against the script, never trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<DeployMetadata>,
    /// The deployment's name; the first trigger's function without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What the sender believes the script declares. A key that is absent is not checked, and one that
/// is misspelt is refused: it would look verified and compare nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployMetadata {
    /// The integrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrations: Option<Vec<String>>,
    /// The triggers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggers: Option<Vec<MetadataTrigger>>,
    /// The schedules, in the older form; one that repeats an entry of `triggers` is the same trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedules: Option<Vec<MetadataSchedule>>,
}

/// A trigger in metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataTrigger {
    /// The type: `schedule`, `email`…
    #[serde(rename = "type")]
    pub kind: String,
    /// The function.
    pub func: String,
    /// The config.
    #[serde(default)]
    pub config: Map<String, Value>,
}

/// A schedule in metadata's older form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataSchedule {
    /// The cron expression.
    pub cron: String,
    /// The function.
    pub func_name: String,
    /// The IANA zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}
