//! `wren keys`: works on the data folder, whether the server runs or not.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use wren_core::keys::{ApiKey, ApiKeys, NewApiKey};
use wren_core::store::Store;

use crate::args::{DataArgs, KeysArgs, KeysCommand};
use crate::backends::{StoreChoice, as_options, open_existing_store, open_store};
use crate::failure::Failure;
use crate::output::tables::table;
use crate::output::time::rfc3339;
use crate::output::{Output, arrived};

/// Makes, lists, rotates or revokes keys.
pub(super) async fn keys(args: KeysArgs, output: Output) -> Result<(), Failure> {
    match args.command {
        KeysCommand::Create { owner, expires_in, scopes, data } => {
            let mut new = NewApiKey::new(owner).with_scopes(scopes);
            if let Some(valid) = expires_in {
                let valid = TimeDelta::from_std(valid).map_err(|error| Failure::request(error.to_string()))?;
                new = new.with_expiry(Utc::now() + valid);
            }
            let keys = ApiKeys::new(open_store(lasting(&data, "keys")?).await?);
            let (key, secret) = keys.create(new, Utc::now()).await?;
            issued("Created", &key, secret.expose_secret(), output);
            if arrived().is_err() {
                // What was printed was the only copy: a key that nobody has must open nothing.
                keys.revoke(&key.owner, key.id, Utc::now()).await?;
            }
        }
        KeysCommand::List { owner, data } => {
            let list = open(&data).await?.list(&owner, Utc::now()).await?;
            listed(&list, &data, output);
        }
        KeysCommand::Rotate { key, owner, grace, data } => {
            let grace = TimeDelta::from_std(grace).map_err(|error| Failure::request(error.to_string()))?;
            let (key, secret) = open(&data).await?.rotate(&owner, key, grace, Utc::now()).await?;
            issued("Rotated", &key, secret.expose_secret(), output);
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
    let store: Arc<dyn Store> = open_existing_store(lasting(data, "keys")?).await?;
    Ok(ApiKeys::new(store))
}

/// Refuses the store that ends with its process.
pub(super) fn lasting<'a>(data: &'a DataArgs, what: &str) -> Result<&'a DataArgs, Failure> {
    if data.store == StoreChoice::Memory {
        let message = format!("{what} in memory would end with this command: name a store that lasts");
        let mut failure = Failure::request(message);
        failure.problem.hint = Some("`wren serve --store memory` prints a key of its own when it starts".to_owned());
        return Err(failure);
    }
    Ok(data)
}

fn issued(what: &str, key: &ApiKey, secret: &str, output: Output) {
    output.done(format_args!("{what}: {} for {}", key.id, key.owner));
    output.line(format_args!("\n  {secret}\n\nIt is shown once. Use it with `export WREN_API_KEY=…`"));
    let mut document = describe(key);
    document["key"] = Value::from(secret);
    output.document(&document);
}

fn listed(list: &[ApiKey], data: &DataArgs, output: Output) {
    if list.is_empty() {
        output.line(format_args!("No keys: make one with `wren keys create --owner NAME {}`", as_options(data)));
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
        "rotated_at": key.rotated_at.map(rfc3339),
        "expires_at": key.expires_at.map(rfc3339),
    })
}
