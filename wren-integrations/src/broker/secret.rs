//! `secret.get`: a secret in a script's own hands, where the platform allows it.

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use wren_core::host::RunContext;
use wren_core::vault::AccessPurpose;
use wren_core::{Error, ErrorCode, Result};

use super::Broker;
use super::call::text;

impl Broker {
    pub(super) async fn secret(&self, context: &RunContext, args: &Map<String, Value>) -> Result<Value> {
        let name = text(args, "name")?;
        if !self.secrets.releases(&context.owner, context.deployment_id, name).await? {
            let message = "secrets are not released to the scripts of this deployment";
            return Err(Error::new(ErrorCode::PermissionDenied, message).with_hint(
                "use an integration, which needs no secret in the script, or ask for secrets to be released",
            ));
        }
        let purpose = AccessPurpose::new("secret.get")
            .for_run(context.run_id)
            .with_correlation_id(context.correlation_id.clone());
        let secret = self.vault.access(&context.owner, name, purpose, self.clock.now()).await;
        let secret = secret.map_err(|error| self.of_credential(name, error))?;
        Ok(json!({"value": secret.expose_secret()}))
    }
}
