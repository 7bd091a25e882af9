//! A master key that this process holds itself.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use wren_core::store::{Expect, RecordStore};
use wren_core::{Error, Result};

use super::file::KeyFile;
use super::generations::{Generation, GenerationRecord, Generations};
use super::passphrase::Passphrase;
use super::{MasterKey, WrappedKey};
use crate::error::is_conflict;
use crate::key::Key;
use crate::keyring;
use crate::seal::{self, Context};

/// Where the key comes from.
#[derive(Debug)]
pub(crate) enum Source {
    File(KeyFile),
    Passphrase(Passphrase),
}

impl Source {
    fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Passphrase(_) => "passphrase",
        }
    }

    /// Makes a rotation's generation, or the first without one. A first file that is there already is taken: an earlier start
    /// made it and wrote no record.
    async fn make(&self, rotation: Option<&str>) -> Result<(Generation, Key)> {
        match self {
            Self::File(file) => {
                let key = if rotation.is_none() { file.read_or_create() } else { file.create_next() }?;
                Ok((Generation::of(&key, None, rotation), key))
            }
            Self::Passphrase(passphrase) => passphrase.generate(rotation).await,
        }
    }

    /// Takes a rotation's generation back that came into no record.
    fn unmake(&self, generation: &Generation) -> Result<()> {
        match self {
            Self::File(file) => file.discard(generation),
            Self::Passphrase(_) => Ok(()),
        }
    }

    /// Returns the key of a generation; `None` when it is not here.
    async fn key(&self, generation: &Generation) -> Result<Option<Key>> {
        match self {
            Self::File(file) => file.key(generation),
            Self::Passphrase(passphrase) => passphrase.derive(generation).await,
        }
    }

    fn missing(&self, generation: &Generation) -> Error {
        match self {
            Self::File(file) => file.missing(&generation.id),
            Self::Passphrase(_) => Passphrase::wrong(),
        }
    }
}

/// A [`MasterKey`] of a key file or a passphrase. Its generations are a record of the store, which is what all processes that
/// share the vault go by.
pub struct LocalMaster {
    source: Source,
    record: GenerationRecord,
    keys: Mutex<HashMap<String, Arc<Key>>>,
}

impl fmt::Debug for LocalMaster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LocalMaster").field("source", &self.source.name()).finish_non_exhaustive()
    }
}

impl LocalMaster {
    /// Opens the newest generation, or makes the first where nothing is sealed yet.
    pub(crate) async fn open(records: Arc<dyn RecordStore>, source: Source) -> Result<Arc<Self>> {
        let record = GenerationRecord::new(records, source.name());
        let master = Self { source, record, keys: Mutex::default() };
        loop {
            if let Some((generations, _)) = master.record.read().await? {
                if master.key(newest(&generations)).await?.is_some() {
                    return Ok(Arc::new(master));
                }
                continue;
            }
            // The record is lost, but not what was sealed: a new key in its place would make that loss final.
            let name = master.source.name();
            if keyring::any_wrapped_by(master.record.records(), name).await? {
                return Err(crate::error::locked(format!(
                    "credentials are sealed with a master key of the kind `{name}`, and the record of its generations is gone"
                ))
                .with_hint("restore the database from a backup"));
            }
            let (generation, key) = master.source.make(None).await?;
            match master.record.write(vec![generation.clone()], Expect::Absent).await {
                Ok(()) => {
                    master.keys.lock().insert(generation.id, Arc::new(key));
                    return Ok(Arc::new(master));
                }
                // Another process started for the first time, too; its record counts.
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the key of a generation; `None` when the generation has been retired since it was read about.
    async fn key(&self, generation: &Generation) -> Result<Option<Arc<Key>>> {
        if let Some(key) = self.keys.lock().get(&generation.id) {
            return Ok(Some(Arc::clone(key)));
        }
        if let Some(key) = self.source.key(generation).await? {
            let key = Arc::new(key);
            self.keys.lock().insert(generation.id.clone(), Arc::clone(&key));
            return Ok(Some(key));
        }
        let (generations, _) = self.read().await?;
        let is_used = generations.list.iter().any(|other| other.id == generation.id);
        if is_used { Err(self.source.missing(generation)) } else { Ok(None) }
    }

    async fn read(&self) -> Result<(Generations, u64)> {
        let found = self.record.read().await?;
        found.ok_or_else(|| crate::error::locked("the record of the master key's generations is gone"))
    }
}

fn newest(generations: &Generations) -> &Generation {
    generations.list.last().expect("a list that was read is not empty")
}

#[async_trait]
impl MasterKey for LocalMaster {
    fn source(&self) -> &'static str {
        self.source.name()
    }

    async fn generations(&self) -> Result<Vec<String>> {
        Ok(self.read().await?.0.list.into_iter().map(|generation| generation.id).collect())
    }

    async fn wrap(&self, key: &Key, context: &[u8]) -> Result<WrappedKey> {
        loop {
            let (generations, _) = self.read().await?;
            let generation = newest(&generations);
            if let Some(master) = self.key(generation).await? {
                let bytes = seal::seal(&master, &Context::default().with(context), key.expose())?;
                return Ok(WrappedKey { generation: generation.id.clone(), bytes });
            }
        }
    }

    async fn unwrap(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<Option<Key>> {
        let (generations, _) = self.read().await?;
        let Some(generation) = generations.list.iter().find(|generation| generation.id == wrapped.generation) else {
            return Ok(None);
        };
        let Some(master) = self.key(generation).await? else { return Ok(None) };
        let opened = seal::open(&master, &Context::default().with(context), &wrapped.bytes);
        Ok(opened.and_then(|bytes| Key::from_slice(&bytes)))
    }

    async fn advance(&self, rotation: &str) -> Result<String> {
        let mut refused: Option<Generation> = None;
        loop {
            let (generations, version) = self.read().await?;
            // Looked for once more before its file goes: a store that repeats a write may refuse what it has written.
            let refused_one = refused.take().filter(|made| !generations.list.iter().any(|other| other.id == made.id));
            refused_one.map_or(Ok(()), |made| self.source.unmake(&made))?;
            let made = generations.list.iter().find(|generation| generation.rotation.as_deref() == Some(rotation));
            if let Some(made) = made {
                return Ok(made.id.clone());
            }
            let (next, key) = self.source.make(Some(rotation)).await?;
            let list = generations.list.into_iter().chain([next.clone()]).collect();
            match self.record.write(list, Expect::Version(version)).await {
                Ok(()) => {
                    self.keys.lock().insert(next.id.clone(), Arc::new(key));
                    return Ok(next.id);
                }
                Err(error) if is_conflict(&error) => refused = Some(next),
                Err(error) => return Err(error),
            }
        }
    }

    async fn retire_before(&self, generation: &str) -> Result<()> {
        loop {
            let (Generations { mut list, .. }, version) = self.read().await?;
            let Some(at) = list.iter().position(|other| other.id == generation) else { return Ok(()) };
            let left = list.split_off(at);
            self.keys.lock().retain(|id, _| left.iter().any(|generation| generation.id == *id));
            if !list.is_empty() {
                match self.record.write(left.clone(), Expect::Version(version)).await {
                    Ok(()) => {}
                    Err(error) if is_conflict(&error) => continue,
                    Err(error) => return Err(error),
                }
            }
            if let Source::File(file) = &self.source {
                // After the record: whoever does not find a retired key must find that it is retired.
                list.iter().try_for_each(|generation| file.discard(generation))?;
                file.promote(&left[0])?;
            }
            return Ok(());
        }
    }
}
