//! `secret.get`: a secret in a script's own hands, where the platform allows it.

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use wren_core::host::RunContext;
use wren_core::vault::AccessPurpose;
use wren_core::{Error, ErrorCode, Result};

use super::Broker;
use super::call::text;
use super::released::check_name;

impl Broker {
    pub(super) async fn secret(&self, context: &RunContext, args: &Map<String, Value>) -> Result<Value> {
        let name = text(args, "name")?;
        // It stands in a command that a user is told to run.
        check_name(name)?;
        if !self.secrets.releases(&context.owner, context.deployment_id, name).await? {
            let message = format!("the secret `{name}` is not released to this deployment");
            let hint = format!(
                "use an integration, which needs no secret in the script, or have its owner run `wren credentials release \
                 {name} --owner {} --to {}`, and then `wren resume {}`",
                context.owner, context.deployment_name, context.deployment_name
            );
            return Err(Error::new(ErrorCode::PermissionDenied, message).with_hint(hint));
        }
        let purpose = AccessPurpose::new("secret.get")
            .for_run(context.run_id)
            .with_correlation_id(context.correlation_id.clone());
        let secret = self.vault.access(&context.owner, name, purpose, self.clock.now()).await;
        let secret = secret.map_err(|error| self.of_credential(name, error))?;
        context.secrets.add(name, &secret);
        Ok(json!({"value": secret.expose_secret()}))
    }
}
