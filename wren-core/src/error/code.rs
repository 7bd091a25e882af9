//! The codes of the error taxonomy, each with its class and HTTP status.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who must act on an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorClass {
    /// The agent can mend it alone, by changing the script or the request.
    AgentFixableError,
    /// The user must act: connect an integration, renew a token, raise a quota.
    UserFacingConfigError,
    /// The operator must look; only the code and the correlation id leave the server.
    InternalError,
}

impl ErrorClass {
    /// Returns the class as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentFixableError => "AgentFixableError",
            Self::UserFacingConfigError => "UserFacingConfigError",
            Self::InternalError => "InternalError",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $class:ident, $status:literal;)*) => {
        /// A stable error code. Codes are never renamed; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the design's table.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)*];

            /// Returns the code as it stands on the wire, in SCREAMING_SNAKE_CASE.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Returns who must act.
            #[must_use]
            pub const fn class(self) -> ErrorClass {
                match self { $(Self::$name => ErrorClass::$class,)* }
            }

            /// Returns the HTTP status that carries this code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }
        }
    };
}

codes! {
    /// The script is not Python.
    SyntaxError = "SYNTAX_ERROR", AgentFixableError, 422;
    /// Importing the script raised.
    ImportError = "IMPORT_ERROR", AgentFixableError, 422;
    /// Importing the script did not end in time.
    ImportTimeout = "IMPORT_TIMEOUT", AgentFixableError, 422;
    /// The script imports what its executor does not have.
    UnsupportedImport = "UNSUPPORTED_IMPORT", AgentFixableError, 422;
    /// A trigger or a request names a function that the script does not define.
    FunctionNotFound = "FUNCTION_NOT_FOUND", AgentFixableError, 422;
    /// A handler cannot be called with what its trigger passes.
    FunctionSignature = "FUNCTION_SIGNATURE", AgentFixableError, 422;
    /// A cron expression is malformed.
    InvalidCron = "INVALID_CRON", AgentFixableError, 422;
    /// A cron expression names no date that exists.
    CronNeverFires = "CRON_NEVER_FIRES", AgentFixableError, 422;
    /// Not an IANA time zone.
    InvalidTimezone = "INVALID_TIMEZONE", AgentFixableError, 422;
    /// An event filter is malformed.
    InvalidFilter = "INVALID_FILTER", AgentFixableError, 422;
    /// A decorator, setting or metadata entry is malformed.
    InvalidMetadata = "INVALID_METADATA", AgentFixableError, 422;
    /// The metadata sent differs from what the script declares.
    MetadataMismatch = "METADATA_MISMATCH", AgentFixableError, 422;
    /// No integration of that name exists.
    UnknownIntegration = "UNKNOWN_INTEGRATION", AgentFixableError, 422;
    /// No trigger type of that name is served here.
    UnknownTriggerType = "UNKNOWN_TRIGGER_TYPE", AgentFixableError, 422;
    /// The same trigger is declared twice.
    DuplicateTrigger = "DUPLICATE_TRIGGER", AgentFixableError, 422;
    /// The script is over the size cap.
    ScriptTooLarge = "SCRIPT_TOO_LARGE", AgentFixableError, 413;
    /// The handler raised.
    ScriptException = "SCRIPT_EXCEPTION", AgentFixableError, 422;
    /// The run took longer than its timeout.
    RunTimeout = "RUN_TIMEOUT", AgentFixableError, 422;
    /// The run took more memory than its limit.
    MemoryLimit = "MEMORY_LIMIT", AgentFixableError, 422;
    /// The run's result or a message of it is over the size cap.
    OutputLimit = "OUTPUT_LIMIT", AgentFixableError, 422;
    /// The handler returned what JSON cannot carry.
    ResultNotJson = "RESULT_NOT_JSON", AgentFixableError, 422;
    /// The script asked for a host it may not reach.
    EgressDenied = "EGRESS_DENIED", AgentFixableError, 422;
    /// The request itself is malformed.
    InvalidRequest = "INVALID_REQUEST", AgentFixableError, 400;
    /// Nothing of that id belongs to this owner.
    NotFound = "NOT_FOUND", AgentFixableError, 404;
    /// The state of the thing does not allow the operation.
    Conflict = "CONFLICT", AgentFixableError, 409;
    /// The integration has no credentials yet.
    IntegrationNotConfigured = "INTEGRATION_NOT_CONFIGURED", UserFacingConfigError, 409;
    /// The integration's authorisation has ended.
    OauthTokenExpired = "OAUTH_TOKEN_EXPIRED", UserFacingConfigError, 409;
    /// The integration's authorisation does not cover what the script needs.
    OauthScopeMissing = "OAUTH_SCOPE_MISSING", UserFacingConfigError, 403;
    /// The API key is missing, wrong, expired or revoked.
    InvalidApiKey = "INVALID_API_KEY", UserFacingConfigError, 401;
    /// The API key may not do this.
    PermissionDenied = "PERMISSION_DENIED", UserFacingConfigError, 403;
    /// The owner's quota is used up.
    QuotaExceeded = "QUOTA_EXCEEDED", UserFacingConfigError, 402;
    /// Too many requests in too short a time.
    RateLimited = "RATE_LIMITED", UserFacingConfigError, 429;
    /// A fault of the platform.
    Internal = "INTERNAL", InternalError, 500;
    /// The store cannot be reached or written.
    StoreUnavailable = "STORE_UNAVAILABLE", InternalError, 503;
    /// The executor cannot run scripts on this machine.
    ExecutorUnavailable = "EXECUTOR_UNAVAILABLE", InternalError, 503;
    /// The vault cannot be opened: its master key is missing, wrong or open to others.
    VaultLocked = "VAULT_LOCKED", InternalError, 503;
    /// A sealed credential does not open: it was changed, moved or sealed with a key that is gone.
    CredentialDamaged = "CREDENTIAL_DAMAGED", InternalError, 500;
    /// The worker that ran this died, and the run may not be repeated.
    WorkerLost = "WORKER_LOST", InternalError, 500;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Says that a text is no code of the taxonomy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an error code")]
pub struct ParseErrorCodeError(String);

impl FromStr for ErrorCode {
    type Err = ParseErrorCodeError;

    fn from_str(text: &str) -> Result<Self, ParseErrorCodeError> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or_else(|| ParseErrorCodeError(text.to_owned()))
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        // A newer node of the same store may have written a code that this one does not know.
        Ok(text.parse().unwrap_or(Self::Internal))
    }
}
