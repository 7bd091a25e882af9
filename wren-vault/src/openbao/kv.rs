//! Credentials as secrets of a KV engine, version 2.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wren_core::{Error, ErrorCode, OwnerId, Result};

use super::client::Client;
use crate::error::is_conflict;
use crate::name;
use crate::shelf::{About, Credential, Kept, Shelf, Wanted};

/// What the names of owners and integrations have before them, so that `..` is no step upwards.
const OWNER: &str = "o-";
const INTEGRATION: &str = "i-";

#[derive(Clone)]
pub(crate) struct KvShelf {
    client: Client,
    mount: String,
    folder: String,
}

impl fmt::Debug for KvShelf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KvShelf")
            .field("client", &self.client)
            .field("mount", &self.mount)
            .finish_non_exhaustive()
    }
}

/// An answer around what was asked for.
#[derive(Deserialize)]
struct Enveloped<T> {
    data: T,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Deserialize)]
struct Stored {
    /// Nothing when this version was deleted or destroyed.
    data: Option<Content>,
    metadata: Version,
}

#[derive(Serialize, Deserialize)]
struct Content {
    about: About,
    secrets: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    versions: BTreeMap<String, serde_json::Value>,
}

fn written_meanwhile() -> Error {
    Error::new(ErrorCode::Conflict, "the credential was written meanwhile")
}

impl KvShelf {
    pub(super) fn new(client: Client, mount: &str, folder: &str) -> Result<Self> {
        for name in [mount, folder] {
            name::check_segment(name)?;
        }
        Ok(Self { client, mount: mount.to_owned(), folder: folder.to_owned() })
    }

    fn path(&self, kind: &str, owner: &OwnerId, integration: &str) -> String {
        format!("{}/{kind}/{}/{OWNER}{owner}/{INTEGRATION}{integration}", self.mount, self.folder)
    }

    async fn stored(&self, owner: &OwnerId, integration: &str) -> Result<Option<Stored>> {
        let answer = self.client.call(Method::GET, &self.path("data", owner, integration), None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            // A destroyed version is not found, either, but its number is.
            return Ok(answer.read::<Enveloped<Stored>>().ok().map(|enveloped| enveloped.data));
        }
        Ok(Some(answer.successful("read a secret")?.read::<Enveloped<Stored>>()?.data))
    }

    async fn keys(&self, path: &str) -> Result<Vec<String>> {
        let answer = self.client.call(Method::GET, &format!("{}/metadata/{path}?list=true", self.mount), None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        Ok(answer.successful("list secrets")?.read::<Enveloped<Keys>>()?.data.keys)
    }

    /// Returns how many credentials there are.
    pub(super) async fn count(&self) -> Result<u64> {
        let mut count = 0;
        for key in self.keys(&self.folder).await? {
            let owner = key.strip_prefix(OWNER).and_then(|owner| owner.strip_suffix('/'));
            if let Some(owner) = owner.and_then(|owner| OwnerId::new(owner).ok()) {
                count += self.list(&owner).await?.len() as u64;
            }
        }
        Ok(count)
    }

    /// Writes the version after `position`; refused with `CONFLICT` when there is one already.
    async fn write(&self, owner: &OwnerId, integration: &str, credential: &Credential, position: u64) -> Result<u64> {
        let secrets = credential.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose_secret().to_owned()));
        let content = Content { about: credential.about.clone(), secrets: secrets.collect() };
        let body = json!({ "data": content, "options": { "cas": position } });
        let answer = self.client.call(Method::POST, &self.path("data", owner, integration), Some(&body)).await?;
        if answer.status == StatusCode::BAD_REQUEST && answer.complains_of("check-and-set") {
            return Err(written_meanwhile());
        }
        Ok(answer.successful("write a secret")?.read::<Enveloped<Version>>()?.data.version)
    }
}

#[async_trait]
impl Shelf for KvShelf {
    async fn load(&self, owner: &OwnerId, integration: &str, wanted: Wanted<'_>) -> Result<Option<Kept>> {
        let Some(stored) = self.stored(owner, integration).await? else { return Ok(None) };
        let (Some(content), version) = (stored.data, stored.metadata.version) else { return Ok(None) };
        let secrets = content.secrets.into_iter().map(|(name, secret)| (name, SecretString::from(secret)));
        let secrets = secrets.filter(|(name, _)| wanted.includes(name)).collect();
        let credential = Credential { about: content.about, secrets };
        Ok(Some(Kept { integration: integration.to_owned(), version, position: version, credential }))
    }

    async fn list(&self, owner: &OwnerId) -> Result<Vec<Kept>> {
        let mut list = Vec::new();
        let keys = self.keys(&format!("{}/{OWNER}{owner}", self.folder)).await?;
        let mut integrations: Vec<&str> = keys.iter().filter_map(|key| key.strip_prefix(INTEGRATION)).collect();
        integrations.sort_unstable();
        for integration in integrations {
            if name::check_integration(integration).is_ok() {
                list.extend(self.load(owner, integration, Wanted::Nothing).await?);
            }
        }
        Ok(list)
    }

    async fn save(
        &self,
        owner: &OwnerId,
        integration: &str,
        credential: &Credential,
        over: Option<u64>,
    ) -> Result<u64> {
        if let Some(position) = over {
            return self.write(owner, integration, credential, position).await;
        }
        loop {
            let position = self.stored(owner, integration).await?.map_or(0, |stored| stored.metadata.version);
            match self.write(owner, integration, credential, position).await {
                Err(error) if is_conflict(&error) => {}
                done => return done,
            }
        }
    }

    async fn delete(&self, owner: &OwnerId, integration: &str) -> Result<bool> {
        let there = self.stored(owner, integration).await?.is_some_and(|stored| stored.data.is_some());
        if !there {
            return Ok(false);
        }
        let path = self.path("metadata", owner, integration);
        let answer = self.client.call(Method::GET, &path, None).await?.successful("read a secret's versions")?;
        let versions = answer.read::<Enveloped<Metadata>>()?.data.versions;
        let versions: Vec<u64> = versions.keys().filter_map(|version| version.parse().ok()).collect();
        // Destroyed and not only marked: a deleted secret can be had back by nobody. The metadata stay and go on counting.
        let (path, body) = (self.path("destroy", owner, integration), json!({ "versions": versions }));
        self.client.call(Method::POST, &path, Some(&body)).await?.successful("destroy a secret")?;
        Ok(true)
    }
}
