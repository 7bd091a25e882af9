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
    ($(#[doc = $doc:literal] $name:ident = $text:literal, $class:ident, $status:literal, $fix:literal;)*) => {
        /// A stable error code. Codes are never renamed; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = $doc] $name,)*
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

            /// Returns what it says, as a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $doc.trim_ascii(),)* }
            }

            /// Returns what mends it in general, for who must act; each error's own hint knows more.
            #[must_use]
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix,)* }
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
    SyntaxError = "SYNTAX_ERROR", AgentFixableError, 422,
        "Mend the line that the location names; `wren test FILE` finds every fault without a server.";
    /// Importing the script raised.
    ImportError = "IMPORT_ERROR", AgentFixableError, 422,
        "Mend what raised: the traceback names the line. Nothing outside may be asked while the script is imported; do it in the handler.";
    /// Importing the script did not end in time.
    ImportTimeout = "IMPORT_TIMEOUT", AgentFixableError, 422,
        "Move the work from the top level of the script into the handler.";
    /// The script imports what its executor does not have.
    UnsupportedImport = "UNSUPPORTED_IMPORT", AgentFixableError, 422,
        "Use what the hint names: the standard library and `wren` are there, packages are not.";
    /// A trigger or a request names a function that the script does not define.
    FunctionNotFound = "FUNCTION_NOT_FOUND", AgentFixableError, 422,
        "Define the function at the top level, or name one that is: the hint says which there are.";
    /// A handler cannot be called with what its trigger passes.
    FunctionSignature = "FUNCTION_SIGNATURE", AgentFixableError, 422,
        "Let a schedule's handler take no argument, and that of an email or webhook one.";
    /// A cron expression is malformed.
    InvalidCron = "INVALID_CRON", AgentFixableError, 422,
        "Write five fields, minute hour day month weekday; `wren explain EXPRESSION` shows what one means.";
    /// A cron expression names no date that exists.
    CronNeverFires = "CRON_NEVER_FIRES", AgentFixableError, 422,
        "Choose a date that comes again, or an end or time that has not passed.";
    /// Not an IANA time zone.
    InvalidTimezone = "INVALID_TIMEZONE", AgentFixableError, 422,
        "Name an IANA zone, `Europe/Dublin` say.";
    /// An event filter is malformed.
    InvalidFilter = "INVALID_FILTER", AgentFixableError, 422,
        "Mend the argument that the location names; `wren email dry-run FILE` shows which past mails a rule finds.";
    /// A decorator, setting or metadata entry is malformed.
    InvalidMetadata = "INVALID_METADATA", AgentFixableError, 422,
        "Mend the argument or setting that the location names; the hint says what it takes.";
    /// The metadata sent differs from what the script declares.
    MetadataMismatch = "METADATA_MISMATCH", AgentFixableError, 422,
        "Leave `metadata` out, or let it say what the script's decorators say.";
    /// No integration of that name exists.
    UnknownIntegration = "UNKNOWN_INTEGRATION", AgentFixableError, 422,
        "Name one that there is; `wren.integration(NAME)` reaches those without a module of their own.";
    /// No trigger type of that name is served here.
    UnknownTriggerType = "UNKNOWN_TRIGGER_TYPE", AgentFixableError, 422,
        "Use a trigger that this server serves: the hint lists them.";
    /// The same trigger is declared twice.
    DuplicateTrigger = "DUPLICATE_TRIGGER", AgentFixableError, 422,
        "Remove one of the two, or let them differ.";
    /// The script is over the size cap.
    ScriptTooLarge = "SCRIPT_TOO_LARGE", AgentFixableError, 413,
        "Make the script smaller: data belongs in `wren.state` or behind `wren.http`.";
    /// The handler raised.
    ScriptException = "SCRIPT_EXCEPTION", AgentFixableError, 422,
        "Mend what raised: the run's error has the traceback with the script's own lines.";
    /// The run took longer than its timeout.
    RunTimeout = "RUN_TIMEOUT", AgentFixableError, 422,
        "Do less in one run, or ask for more time with `timeout=` on the trigger.";
    /// The run took more memory than its limit.
    MemoryLimit = "MEMORY_LIMIT", AgentFixableError, 422,
        "Hold less at once, or ask for more with `memory` in `[tool.wren]`.";
    /// The run's result or a message of it is over the size cap.
    OutputLimit = "OUTPUT_LIMIT", AgentFixableError, 422,
        "Return less; print or keep in `wren.state` what is needed of the rest.";
    /// The handler returned what JSON cannot carry.
    ResultNotJson = "RESULT_NOT_JSON", AgentFixableError, 422,
        "Return None, a bool, a number, a text, a list or a dict of these.";
    /// The script asked for a host it may not reach.
    EgressDenied = "EGRESS_DENIED", AgentFixableError, 422,
        "Name the host in `egress` of `[tool.wren]`, if the operator lets scripts reach it.";
    /// The request itself is malformed.
    InvalidRequest = "INVALID_REQUEST", AgentFixableError, 400,
        "Mend the request: the message names the field, the hint what it takes.";
    /// Nothing of that id belongs to this owner.
    NotFound = "NOT_FOUND", AgentFixableError, 404,
        "Look the id up in the list of what the key's owner has.";
    /// The state of the thing does not allow the operation.
    Conflict = "CONFLICT", AgentFixableError, 409,
        "Read the thing again: its state does not allow this now.";
    /// The integration has no credentials yet.
    IntegrationNotConfigured = "INTEGRATION_NOT_CONFIGURED", UserFacingConfigError, 409,
        "Ask the user to connect the integration: give them the link, or `wren connect NAME`.";
    /// The integration's authorisation has ended.
    OauthTokenExpired = "OAUTH_TOKEN_EXPIRED", UserFacingConfigError, 409,
        "Ask the user to connect the integration again: give them the link.";
    /// The integration's authorisation does not cover what the script needs.
    OauthScopeMissing = "OAUTH_SCOPE_MISSING", UserFacingConfigError, 403,
        "Ask the user to connect the integration again and to allow what the message names.";
    /// The API key is missing, wrong, expired or revoked.
    InvalidApiKey = "INVALID_API_KEY", UserFacingConfigError, 401,
        "Ask the user or operator for a key: `wren keys create --owner NAME`.";
    /// The API key may not do this.
    PermissionDenied = "PERMISSION_DENIED", UserFacingConfigError, 403,
        "Ask for a key with the scope that the message names, or for the operator's leave.";
    /// The owner's quota is used up.
    QuotaExceeded = "QUOTA_EXCEEDED", UserFacingConfigError, 402,
        "Ask the operator to raise the quota, or use less.";
    /// Too many requests in too short a time.
    RateLimited = "RATE_LIMITED", UserFacingConfigError, 429,
        "Wait for as long as `Retry-After` says, then send it again.";
    /// A fault of the platform.
    Internal = "INTERNAL", InternalError, 500,
        "Send it again later; give the correlation id to the operator, whose log has the cause.";
    /// The store cannot be reached or written.
    StoreUnavailable = "STORE_UNAVAILABLE", InternalError, 503,
        "Send it again later; the operator finds with `wren doctor` what keeps the store.";
    /// The executor cannot run scripts on this machine.
    ExecutorUnavailable = "EXECUTOR_UNAVAILABLE", InternalError, 503,
        "Send it again later; the operator finds with `wren doctor` what the machine lacks.";
    /// The vault cannot be opened: its master key is missing, wrong or open to others.
    VaultLocked = "VAULT_LOCKED", InternalError, 503,
        "Tell the operator, who finds with `wren doctor` what is wrong with the master key.";
    /// A sealed credential does not open: it was changed, moved or sealed with a key that is gone.
    CredentialDamaged = "CREDENTIAL_DAMAGED", InternalError, 500,
        "Ask the user to connect the integration again: what was kept does not open.";
    /// The worker that ran this died, and the run may not be repeated.
    WorkerLost = "WORKER_LOST", InternalError, 500,
        "Look whether the run did its work before it is run again: it was cut off in the midst.";
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
