//! The transit engine as a master key: key-encryption keys are wrapped by the server, and its key never leaves it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use wren_core::{Error, Result};
use zeroize::Zeroizing;

use super::client::{Client, OpenBaoOptions};
use crate::error;
use crate::key::Key;
use crate::master::{MasterKey, WrappedKey};
use crate::name;

/// A [`MasterKey`] of a transit engine. The generations are the versions of the server's key: `v1`, `v2`…
pub struct TransitMaster {
    client: Client,
    mount: String,
    key: String,
}

impl fmt::Debug for TransitMaster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TransitMaster")
            .field("client", &self.client)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Enveloped<T> {
    data: T,
}

#[derive(Deserialize)]
struct Ciphertext {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Plaintext {
    plaintext: String,
}

#[derive(Deserialize)]
struct Versions {
    latest_version: u64,
    min_decryption_version: u64,
    keys: BTreeMap<String, Value>,
}

fn generation(version: u64) -> String {
    format!("v{version}")
}

fn version(generation: &str) -> Option<u64> {
    generation.strip_prefix('v')?.parse().ok()
}

impl TransitMaster {
    /// Opens a key of the engine mounted at `mount`. The key has to be there: who makes it decides who may use it.
    ///
    /// # Errors
    /// `VAULT_LOCKED` when the server refuses the token or has no such key; `STORE_UNAVAILABLE` when it does not answer.
    pub async fn open(options: OpenBaoOptions, mount: &str, key: &str) -> Result<Arc<Self>> {
        for name in [mount, key] {
            name::check_segment(name)?;
        }
        let master = Self { client: Client::new(options)?, mount: mount.to_owned(), key: key.to_owned() };
        master.versions().await?;
        Ok(Arc::new(master))
    }

    async fn versions(&self) -> Result<Versions> {
        let (mount, key) = (&self.mount, &self.key);
        let answer = self.client.call(Method::GET, &format!("{mount}/keys/{key}"), None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(error::locked(format!("the secrets server has no transit key `{key}` at `{mount}`")).with_hint(
                format!(
                    "restore it if credentials are sealed with it, which are lost otherwise; for a new vault make it with \
                     `bao write -f {mount}/keys/{key}`"
                ),
            ));
        }
        Ok(answer.successful("describe the transit key")?.read::<Enveloped<Versions>>()?.data)
    }

    async fn change(&self, what: &str, body: &Value) -> Result<()> {
        let path = format!("{}/keys/{}/{what}", self.mount, self.key);
        let answer = self.client.call(Method::POST, &path, Some(body)).await?;
        answer.successful(&format!("{what} the transit key")).map(drop)
    }
}

#[async_trait]
impl MasterKey for TransitMaster {
    fn source(&self) -> &'static str {
        "transit"
    }

    async fn generations(&self) -> Result<Vec<String>> {
        let found = self.versions().await?;
        let mut versions: Vec<u64> = found.keys.keys().filter_map(|version| version.parse().ok()).collect();
        versions.retain(|version| *version >= found.min_decryption_version);
        versions.sort_unstable();
        Ok(versions.into_iter().map(generation).collect())
    }

    async fn wrap(&self, key: &Key, context: &[u8]) -> Result<WrappedKey> {
        let plaintext = Zeroizing::new(STANDARD.encode(key.expose()));
        let body = json!({ "plaintext": *plaintext, "associated_data": STANDARD.encode(context) });
        let path = format!("{}/encrypt/{}", self.mount, self.key);
        let answer = self.client.call(Method::POST, &path, Some(&body)).await?.successful("wrap a key")?;
        let ciphertext = answer.read::<Enveloped<Ciphertext>>()?.data.ciphertext;
        // `vault:v3:…`, with either server.
        let version = ciphertext.split(':').nth(1).and_then(version);
        let version =
            version.ok_or_else(|| Error::internal("the secrets server's answer is not understood", "no version"))?;
        Ok(WrappedKey { generation: generation(version), bytes: ciphertext.into_bytes() })
    }

    async fn unwrap(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<Option<Key>> {
        let Ok(ciphertext) = std::str::from_utf8(&wrapped.bytes) else { return Ok(None) };
        let body = json!({ "ciphertext": ciphertext, "associated_data": STANDARD.encode(context) });
        let path = format!("{}/decrypt/{}", self.mount, self.key);
        let answer = self.client.call(Method::POST, &path, Some(&body)).await?;
        if answer.status == StatusCode::BAD_REQUEST {
            // Another context, a version that was retired, or no ciphertext at all.
            return Ok(None);
        }
        let answer = answer.successful("unwrap a key")?;
        let plaintext = Zeroizing::new(answer.read::<Enveloped<Plaintext>>()?.data.plaintext);
        let bytes = STANDARD.decode(plaintext.as_bytes()).map(Zeroizing::new);
        Ok(bytes.ok().and_then(|bytes| Key::from_slice(&bytes)))
    }

    async fn advance(&self, _rotation: &str) -> Result<String> {
        // The server does not know of rotations: one that is gone on with makes one more version, which does no harm.
        self.change("rotate", &json!({})).await?;
        Ok(generation(self.versions().await?.latest_version))
    }

    async fn retire_before(&self, generation: &str) -> Result<()> {
        let Some(version) = version(generation) else { return Ok(()) };
        // Never back: another rotation may have gone further.
        if self.versions().await?.min_decryption_version < version {
            self.change("config", &json!({ "min_decryption_version": version })).await?;
        }
        Ok(())
    }
}
