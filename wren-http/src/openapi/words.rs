//! The schemas of what stands for one value: ids, names and words of a set.
//!
//! `wren-core` shows no types of others, and so has no schemas. Each type here bears the name of the one it describes, and is
//! only ever a `value_type`. Sets of words come from the types themselves.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};
use wren_core::model;

/// What the names of deployments match.
pub(crate) const NAME: &str = "^[A-Za-z0-9._-]{1,128}$";

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident = $schema:expr;)*) => {$(
        $(#[doc = $doc])*
        pub(crate) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let mut schema: Object = $schema;
                schema.description = Some(concat!($($doc),*).trim().to_owned());
                schema.into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

words! {
    /// Names a deployment: a TypeID, version 0.3.
    DeploymentId = id(wren_core::DeploymentId::PREFIX);
    /// Names a trigger of a deployment: a TypeID, version 0.3.
    TriggerId = id(wren_core::TriggerId::PREFIX);
    /// Names a run: a TypeID, version 0.3.
    RunId = id(wren_core::RunId::PREFIX);
    /// Names an API key: a TypeID, version 0.3.
    KeyId = id(wren_core::KeyId::PREFIX);
    /// What a key may allow; `admin` is all of them.
    Scope = one_of(&crate::auth::Scope::ALL.map(crate::auth::Scope::as_str));
    /// The name of a deployment, unique among its owner's.
    DeploymentName = pattern(NAME);
    /// Follows one request, and what it leads to, through the platform's logs.
    CorrelationId = pattern("^[A-Za-z0-9._:-]{1,128}$");
    /// What a deployment is doing.
    DeploymentStatus = one_of(&model::DeploymentStatus::ALL);
    /// What fires a run.
    TriggerKind = one_of(&model::TriggerKind::ALL);
    /// The state of a run. All but `queued` and `running` are final.
    RunState = one_of(&model::RunState::ALL);
    /// What a source is doing about what it watches.
    WatchState = one_of(&wren_core::source::WatchState::ALL);
    /// Why a due time has no execution.
    SkipReason = one_of(&model::SkipReason::ALL);
    /// What happens when a trigger is due while an earlier run of it has not ended.
    Overlap = one_of(&[
        model::Overlap::Skip,
        model::Overlap::Queue,
        model::Overlap::Allow,
        model::Overlap::CancelPrevious,
    ]);
    /// What happens with due times that passed while nobody could record them.
    CatchUp = one_of(&[model::CatchUp::Latest, model::CatchUp::All, model::CatchUp::None]);
    /// How an attempt ended.
    AttemptEnd = one_of(&[
        model::AttemptEnd::Success,
        model::AttemptEnd::Failed,
        model::AttemptEnd::Timeout,
        model::AttemptEnd::Cancelled,
        model::AttemptEnd::Lost,
    ]);
    /// Where a line came from; `system` is the platform.
    LogStream = one_of(&model::LogStream::ALL);
    /// Who must act on an error: the agent, the user, or the operator.
    ErrorClass = one_of(&[
        wren_core::ErrorClass::AgentFixableError,
        wren_core::ErrorClass::UserFacingConfigError,
        wren_core::ErrorClass::InternalError,
    ]);
    /// A stable error code. Codes are never renamed; new ones may come.
    ErrorCode = one_of(wren_core::ErrorCode::ALL);
}

/// Returns the schema of the ids with a prefix.
pub(crate) fn id(prefix: &str) -> Object {
    pattern(&format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"))
}

/// Returns the schema of a set of words, as their type writes them.
pub(crate) fn one_of<T: Serialize>(all: &[T]) -> Object {
    let words = all.iter().map(|word| serde_json::to_value(word).unwrap_or(Value::Null));
    string().enum_values(Some(words)).build()
}

/// Returns the schema of a text that matches an expression.
pub(crate) fn pattern(expression: &str) -> Object {
    string().pattern(Some(expression)).build()
}

/// Returns the schema of an instant.
pub(crate) fn instant() -> Object {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).build()
}

/// Begins the schema of a text.
pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Begins the schema of a whole number.
pub(crate) fn integer() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}
