//! Records that were changed, moved or swapped by whoever has the database: refused, and nothing of the secret shown.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use support::{CANARY, access, ada, credentials, open, overwrite, put, raw, silent};
use wren_conformance::fixtures::{NOW, owner};
use wren_core::ErrorCode;
use wren_core::memory::MemoryStore;
use wren_core::store::Namespace;
use wren_core::vault::{AccessPurpose, CredentialVault, NewCredential};
use wren_vault::SealedVault;

struct World {
    store: Arc<MemoryStore>,
    vault: SealedVault,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let (store, folder) = (Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap());
        let vault = open(store.clone(), folder.path()).await.unwrap();
        Self { store, vault, folder }
    }

    async fn raw(&self, key: &str) -> Vec<u8> {
        raw(&*self.store, &credentials(), key).await
    }

    async fn overwrite(&self, key: &str, value: Vec<u8>) {
        overwrite(&*self.store, &credentials(), key, value).await;
    }

    /// Asserts that ada's credential of an integration does not open.
    async fn refuses(&self, integration: &str, why: &str) {
        let Err(error) = access(&self.vault, &ada(), integration).await else { panic!("{why}: opened") };
        assert_eq!(silent(&error), ErrorCode::CredentialDamaged, "{why}");
    }
}

#[tokio::test]
async fn no_bit_of_a_credentials_record_may_change() {
    let world = World::new().await;
    put(&world.vault, &ada(), "slack", CANARY).await;
    let record = world.raw("ada/slack").await;
    assert!(!record.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
    for bit in 0..record.len() * 8 {
        let mut changed = record.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        world.overwrite("ada/slack", changed).await;
        world.refuses("slack", &format!("bit {bit}")).await;
    }
    for length in (0..record.len()).filter(|length| *length != 9) {
        world.overwrite("ada/slack", record[..length].to_vec()).await;
        world.refuses("slack", &format!("cut to {length}")).await;
    }
    world.overwrite("ada/slack", record).await;
    assert_eq!(access(&world.vault, &ada(), "slack").await.unwrap(), CANARY);
}

#[tokio::test]
async fn a_record_in_another_place_does_not_open() {
    let world = World::new().await;
    let eve = owner("eve");
    for owner in [ada(), eve.clone()] {
        for integration in ["gmail", "slack"] {
            put(&world.vault, &owner, integration, &format!("{CANARY} {owner} {integration}")).await;
        }
    }
    let gmail = world.raw("ada/gmail").await;
    for (from, what) in [("ada/gmail", "integration"), ("eve/slack", "owner"), ("eve/gmail", "both")] {
        let before = world.raw("ada/slack").await;
        world.overwrite("ada/slack", world.raw(from).await).await;
        world.refuses("slack", what).await;
        world.overwrite("ada/slack", before).await;
    }
    assert_eq!(access(&world.vault, &ada(), "slack").await.unwrap(), format!("{CANARY} ada slack"));
    // With the keys of the other owner, too, it is still another's.
    let keys = Namespace::system("vault_keys");
    overwrite(&*world.store, &keys, "eve", raw(&*world.store, &keys, "ada").await).await;
    world.overwrite("eve/gmail", gmail).await;
    let fresh = open(world.store.clone(), world.folder.path()).await;
    let error = match fresh {
        Ok(vault) => access(&vault, &eve, "gmail").await.unwrap_err(),
        Err(error) => error,
    };
    assert!([ErrorCode::CredentialDamaged, ErrorCode::VaultLocked].contains(&silent(&error)), "{error:?}");
}

/// A field's name and its sealed bytes.
type Field = (Vec<u8>, Vec<u8>);

/// A record taken apart: what begins it, the version, and the fields.
fn fields(record: &[u8]) -> (Vec<u8>, Vec<Field>) {
    let (head, mut rest) = record.split_at(9);
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest[1..].split_at(rest[0].into());
        let (length, after) = after.split_at(4);
        let (sealed, after) = after.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
        fields.push((name.to_vec(), sealed.to_vec()));
        rest = after;
    }
    (head.to_vec(), fields)
}

fn joined(head: &[u8], fields: &[Field]) -> Vec<u8> {
    let mut record = head.to_vec();
    for (name, sealed) in fields {
        record.push(name.len() as u8);
        record.extend_from_slice(name);
        record.extend_from_slice(&(sealed.len() as u32).to_be_bytes());
        record.extend_from_slice(sealed);
    }
    record
}

fn of_both_fields(secret: &str, refresh: &str) -> NewCredential {
    NewCredential::new("slack", secret).with_refresh_token(refresh)
}

async fn both(world: &World) -> Vec<wren_core::Result<String>> {
    let mut opened = Vec::new();
    for field in ["secret", "refresh_token"] {
        let secret = world.vault.access_field(&ada(), "slack", field, AccessPurpose::new("test"), NOW).await;
        opened.push(secret.map(|secret| secret.expose_secret().to_owned()));
    }
    opened
}

#[tokio::test]
async fn fields_are_bound_to_their_names_and_versions() {
    let world = World::new().await;
    world.vault.put(&ada(), of_both_fields("canary-7f3a-1", "canary-7f3a-r1"), NOW).await.unwrap();
    let first = world.raw("ada/slack").await;
    world.vault.put(&ada(), of_both_fields("canary-7f3a-2", "canary-7f3a-r2"), NOW).await.unwrap();
    let second = world.raw("ada/slack").await;
    let ((_, old), (head, new)) = (fields(&first), fields(&second));
    assert_eq!(
        new.iter().map(|(name, _)| name.as_slice()).collect::<Vec<_>>(),
        [&b"!about"[..], b"refresh_token", b"secret"]
    );

    // Two fields of one version swapped: neither opens.
    let mut swapped = new.clone();
    (swapped[1].1, swapped[2].1) = (new[2].1.clone(), new[1].1.clone());
    world.overwrite("ada/slack", joined(&head, &swapped)).await;
    for opened in both(&world).await {
        assert_eq!(silent(&opened.unwrap_err()), ErrorCode::CredentialDamaged);
    }
    // A field of the version before, in its own place: it does not open.
    for field in 0..3 {
        let mut mixed = new.clone();
        mixed[field] = old[field].clone();
        world.overwrite("ada/slack", joined(&head, &mixed)).await;
        let opened = both(&world).await;
        assert!(opened.iter().any(Result::is_err), "field {field}");
        for (opened, right) in opened.into_iter().zip(["canary-7f3a-2", "canary-7f3a-r2"]) {
            match opened {
                Ok(secret) => assert_eq!(secret, right),
                Err(error) => assert_eq!(silent(&error), ErrorCode::CredentialDamaged),
            }
        }
    }
    // The fields of one version under the number of another, and a field that is gone or came twice.
    let renumbered = joined(&fields(&first).0, &new);
    let fewer = joined(&head, &[new[0].clone(), new[2].clone()]);
    let unnamed = joined(&head, &new[1..]);
    let twice = joined(&head, &[new[0].clone(), new[1].clone(), new[2].clone(), new[2].clone()]);
    let reordered = joined(&head, &[new[0].clone(), new[2].clone(), new[1].clone()]);
    for (record, what) in
        [(renumbered, "number"), (fewer, "fewer"), (unnamed, "unnamed"), (twice, "twice"), (reordered, "order")]
    {
        world.overwrite("ada/slack", record).await;
        world.refuses("slack", what).await;
        let error = world.vault.status(&ada(), "slack", NOW).await.unwrap_err();
        assert_eq!(silent(&error), ErrorCode::CredentialDamaged, "{what}");
    }
}

#[tokio::test]
async fn a_damaged_credential_can_be_set_again_and_stops_a_rotation_until_then() {
    let world = World::new().await;
    put(&world.vault, &ada(), "gmail", "fine").await;
    put(&world.vault, &ada(), "slack", CANARY).await;
    let mut record = world.raw("ada/slack").await;
    *record.last_mut().unwrap() ^= 1;
    world.overwrite("ada/slack", record).await;
    let error = world.vault.rotate(NOW).await.unwrap_err();
    assert_eq!(silent(&error), ErrorCode::CredentialDamaged);
    assert_eq!(access(&world.vault, &ada(), "gmail").await.unwrap(), "fine");
    assert!(world.vault.overview().await.unwrap().rotation.is_some());

    assert_eq!(world.vault.put(&ada(), NewCredential::new("slack", "again"), NOW).await.unwrap(), 2);
    assert_eq!(world.vault.rotate(NOW).await.unwrap(), 2);
    assert_eq!(access(&world.vault, &ada(), "slack").await.unwrap(), "again");
    assert_eq!(access(&world.vault, &ada(), "gmail").await.unwrap(), "fine");
    assert!(world.vault.overview().await.unwrap().rotation.is_none());
}

#[tokio::test]
async fn no_digit_of_a_wrapped_key_may_change() {
    let world = World::new().await;
    put(&world.vault, &ada(), "slack", CANARY).await;
    let keys = Namespace::system("vault_keys");
    let ring = raw(&*world.store, &keys, "ada").await;
    let text = String::from_utf8(ring.clone()).unwrap();
    let wrapped = text.find(r#""wrapped":""#).unwrap() + 11;
    let end = wrapped + text[wrapped..].find('"').unwrap();
    for at in (wrapped..end).filter(|at| ring[*at] != b'=') {
        let mut changed = ring.clone();
        changed[at] = if ring[at] == b'A' { b'B' } else { b'A' };
        overwrite(&*world.store, &keys, "ada", changed).await;
        let error = open(world.store.clone(), world.folder.path()).await.unwrap_err();
        assert_eq!(silent(&error), ErrorCode::VaultLocked, "digit {at}");
    }
}
