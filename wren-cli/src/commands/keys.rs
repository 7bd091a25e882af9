//! `wren keys`: works on the data folder, whether the server runs or not.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use wren_core::keys::{ApiKey, ApiKeys, NewApiKey};
use wren_core::store::RecordStore;

use crate::args::{DataArgs, KeysArgs, KeysCommand};
use crate::backends::{StoreChoice, open_store};
use crate::failure::Failure;
use crate::output::Output;
use crate::output::tables::table;
use crate::output::time::rfc3339;

/// Makes, lists or revokes keys.
pub(super) async fn keys(args: KeysArgs, output: Output) -> Result<(), Failure> {
    match args.command {
        KeysCommand::Create { owner, expires_in, scopes, data } => {
            let mut new = NewApiKey::new(owner).with_scopes(scopes);
            if let Some(valid) = expires_in {
                let valid = TimeDelta::from_std(valid).map_err(|error| Failure::request(error.to_string()))?;
                new = new.with_expiry(Utc::now() + valid);
            }
            let (key, secret) = open(&data).await?.create(new, Utc::now()).await?;
            created(&key, secret.expose_secret(), output);
        }
        KeysCommand::List { owner, data } => {
            let list = open(&data).await?.list(&owner, Utc::now()).await?;
            listed(&list, output);
        }
        KeysCommand::Revoke { key, owner, data } => {
            open(&data).await?.revoke(&owner, key, Utc::now()).await?;
            output.done(format_args!("Revoked: {key}"));
            output.document(&json!({"id": key, "revoked": true}));
        }
    }
    Ok(())
}

async fn open(data: &DataArgs) -> Result<ApiKeys, Failure> {
    if data.store == StoreChoice::Memory {
        return Err(Failure::request("keys in memory would end with this command: name a store that lasts"));
    }
    let records: Arc<dyn RecordStore> = open_store(data).await?;
    Ok(ApiKeys::new(records))
}

fn created(key: &ApiKey, secret: &str, output: Output) {
    output.done(format_args!("Created: {} for {}", key.id, key.owner));
    output.line(format_args!("\n  {secret}\n"));
    output.line("It is shown once. Use it with `export WREN_API_KEY=…`");
    let mut document = describe(key);
    document["key"] = Value::from(secret);
    output.document(&document);
}

fn listed(list: &[ApiKey], output: Output) {
    if list.is_empty() {
        output.line("No keys: make one with `wren keys create --owner NAME`");
    } else {
        let rows = list.iter().map(|key| {
            [
                key.id.to_string(),
                format!("{}…", key.prefix),
                key.scopes.join(", "),
                rfc3339(key.created_at),
                key.expires_at.map_or_else(|| "-".to_owned(), rfc3339),
            ]
        });
        output.line(table(["ID", "KEY", "SCOPES", "CREATED", "EXPIRES"], rows));
    }
    output.document(&json!({"keys": list.iter().map(describe).collect::<Vec<_>>()}));
}

fn describe(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "owner": key.owner,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "created_at": rfc3339(key.created_at),
        "expires_at": key.expires_at.map(rfc3339),
    })
}
