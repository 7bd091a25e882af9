//! `wren credentials`: puts secrets into the vault, lists, deletes and releases them, whether the server runs or not.

use std::io::{IsTerminal as _, Read as _};

use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use wren_core::store::{ListDeployments, Store};
use wren_core::vault::{CredentialStatus, NewCredential};
use wren_core::{DeploymentId, DeploymentName, Error, ErrorCode, OwnerId};
use wren_integrations::ReleasedSecrets;
use zeroize::Zeroizing;

use crate::args::{CredentialsArgs, CredentialsCommand};
use crate::backends::{open_existing_store, open_existing_vault};
use crate::failure::Failure;
use crate::output::Output;
use crate::output::tables::table;
use crate::output::time::rfc3339;

/// The longest secret, in bytes: the keys of services are shorter by far, and a file piped in by mistake is longer.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Sets, lists, deletes, releases or withdraws credentials.
pub(super) async fn credentials(args: CredentialsArgs, output: Output) -> Result<(), Failure> {
    let CredentialsArgs { command } = args;
    match command {
        CredentialsCommand::Set { name, owner, expires_in, scopes, fields, vault, data } => {
            let vault = open_existing_vault(&vault, &data).await?.shared();
            let mut credential = NewCredential::new(&name, read_secret(&name)?).with_scopes(scopes);
            if let Some(valid) = expires_in {
                let valid = TimeDelta::from_std(valid).map_err(|error| Failure::request(error.to_string()))?;
                credential = credential.with_expiry(Utc::now() + valid);
            }
            for field in fields {
                let (field, value) = field.split_once('=').ok_or_else(|| {
                    Error::new(ErrorCode::InvalidRequest, format!("`{field}` is not NAME=VALUE"))
                        .with_hint("write it as host=imap.example.com")
                })?;
                credential = credential.with_field(field, value.to_owned());
            }
            let version = vault.put(&owner, credential, Utc::now()).await?;
            output.done(format_args!("Set: {name} for {owner}, version {version}"));
            output.document(&json!({"integration": name, "owner": owner, "version": version}));
        }
        CredentialsCommand::List { owner, vault, data } => {
            let list = open_existing_vault(&vault, &data).await?.shared().list(&owner, Utc::now()).await?;
            listed(&list, output);
        }
        CredentialsCommand::Release { name, owner, to, data } => {
            let store = open_existing_store(&data).await?;
            let deployment = find(&*store, &owner, &to).await?;
            ReleasedSecrets::new(store).release(&owner, deployment, &name, Utc::now()).await?;
            output.done(format_args!("Released: {name} of {owner} to {to}"));
            output
                .document(&json!({"integration": name, "owner": owner, "deployment_id": deployment, "released": true}));
        }
        CredentialsCommand::Withdraw { name, owner, from, data } => {
            let store = open_existing_store(&data).await?;
            let deployment = find(&*store, &owner, &from).await?;
            if !ReleasedSecrets::new(store).withdraw(&owner, deployment, &name, Utc::now()).await? {
                let error = Error::not_found(format!("a release of `{name}` to {from}"));
                return Err(error.into());
            }
            output.done(format_args!("Withdrawn: {name} of {owner} from {from}"));
            output.document(
                &json!({"integration": name, "owner": owner, "deployment_id": deployment, "released": false}),
            );
        }
        CredentialsCommand::Delete { name, owner, vault, data } => {
            if !open_existing_vault(&vault, &data).await?.shared().delete(&owner, &name).await? {
                let error = Error::not_found(format!("the credential `{name}` of {owner}"));
                return Err(error
                    .with_hint(format!("`wren credentials list --owner {owner}` shows those there are"))
                    .into());
            }
            output.done(format_args!("Deleted: {name} of {owner}"));
            output.document(&json!({"integration": name, "owner": owner, "deleted": true}));
        }
    }
    Ok(())
}

/// Finds a deployment in a store by its id or name.
async fn find(store: &dyn Store, owner: &OwnerId, deployment: &str) -> Result<DeploymentId, Failure> {
    if let Ok(id) = deployment.parse() {
        return Ok(store.deployment(owner, id).await?.deployment.id);
    }
    let missing = || Error::not_found(format!("a deployment `{deployment}` of {owner}"));
    let name = DeploymentName::new(deployment).map_err(|_| missing())?;
    let list = ListDeployments { name: Some(name), ..ListDeployments::default() };
    let found = store.deployments(owner, list).await?;
    Ok(found.items.first().ok_or_else(missing)?.deployment.id)
}

/// Reads the secret from the standard input, without its final line break. Not from an argument: everybody on the machine
/// reads those.
fn read_secret(name: &str) -> Result<SecretString, Failure> {
    let invalid =
        |message: &str, hint: &str| Failure::from(Error::new(ErrorCode::InvalidRequest, message).with_hint(hint));
    let input = std::io::stdin();
    let mut text = Zeroizing::new(String::new());
    if input.is_terminal() {
        let typed = rpassword::prompt_password(format!("Secret of {name} (not shown): "));
        text.push_str(&Zeroizing::new(typed.map_err(|error| Failure::internal("reading the secret", error))?));
    } else {
        let read = input.lock().take(MAX_SECRET_BYTES + 1).read_to_string(&mut text);
        read.map_err(|_| invalid("the secret on the standard input is not text in UTF-8", "pipe the secret alone"))?;
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(invalid("the secret is empty", "pipe it in: `wren credentials set NAME --owner OWNER < FILE`"));
    }
    if secret.len() as u64 > MAX_SECRET_BYTES {
        return Err(invalid("the secret is longer than 64 KiB", "pipe the secret alone"));
    }
    Ok(secret.to_owned().into())
}

fn listed(list: &[CredentialStatus], output: Output) {
    if list.is_empty() {
        output.line("No credentials: set one with `wren credentials set NAME --owner OWNER < FILE`");
    } else {
        let rows = list.iter().map(|one| {
            let expires = match one.expires_at {
                Some(_) if one.is_expired(Utc::now()) => "expired".to_owned(),
                Some(end) => rfc3339(end),
                None => "-".to_owned(),
            };
            let renewable = if one.renewable { "yes" } else { "no" };
            [one.integration.clone(), one.version.to_string(), one.scopes.join(", "), expires, renewable.to_owned()]
        });
        output.line(table(["NAME", "VERSION", "SCOPES", "EXPIRES", "RENEWS ITSELF"], rows));
    }
    output.document(&json!({"credentials": list.iter().map(describe).collect::<Vec<_>>()}));
}

fn describe(one: &CredentialStatus) -> Value {
    json!({
        "integration": one.integration,
        "version": one.version,
        "scopes": one.scopes,
        "expires_at": one.expires_at.map(rfc3339),
        "renewable": one.renewable,
    })
}
