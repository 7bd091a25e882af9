use std::sync::Arc;

use super::*;
use crate::keys::NewApiKey;
use crate::memory::MemoryStore;
use crate::store::RecordStore;

struct Scene {
    keys: ApiKeys,
    store: Arc<MemoryStore>,
    ada: OwnerId,
    now: DateTime<Utc>,
}

impl Scene {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let keys = ApiKeys::new(Arc::<MemoryStore>::clone(&store));
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        Self { keys, store, ada: OwnerId::new("ada").unwrap(), now }
    }

    async fn create(&self, expires_at: Option<DateTime<Utc>>) -> (ApiKey, SecretString) {
        let new = NewApiKey { expires_at, ..NewApiKey::new(self.ada.clone()) };
        self.keys.create(new, self.now).await.unwrap()
    }

    async fn rotate(&self, id: KeyId, grace: TimeDelta, now: DateTime<Utc>) -> Result<(ApiKey, SecretString)> {
        self.keys.rotate(&self.ada, id, grace, now).await
    }

    async fn opens(&self, secret: &SecretString, at: DateTime<Utc>) -> bool {
        self.keys.verify(secret, at).await.is_ok()
    }
}

#[tokio::test]
async fn the_new_secret_opens_at_once_and_the_old_one_for_the_grace() {
    let scene = Scene::new();
    let (key, old) = scene.create(None).await;
    let (rotated, new) = scene.rotate(key.id, TimeDelta::hours(2), scene.now).await.unwrap();
    assert_eq!((rotated.id, &rotated.scopes, rotated.expires_at), (key.id, &key.scopes, None));
    assert_eq!(rotated.rotated_at, Some(scene.now));
    assert_ne!(rotated.prefix, key.prefix);
    assert!(scene.opens(&new, scene.now).await && scene.opens(&old, scene.now).await);
    let end = scene.now + TimeDelta::hours(2);
    assert!(scene.opens(&old, end - TimeDelta::microseconds(1)).await && !scene.opens(&old, end).await);
    assert!(scene.opens(&new, end + TimeDelta::days(10_000)).await);
    assert_eq!(scene.keys.list(&scene.ada, scene.now).await.unwrap(), [rotated]);
}

#[tokio::test]
async fn no_secret_outlives_its_key() {
    let scene = Scene::new();
    let end = scene.now + TimeDelta::hours(1);
    let (key, old) = scene.create(Some(end)).await;
    let (rotated, new) = scene.rotate(key.id, DEFAULT_GRACE, scene.now).await.unwrap();
    assert_eq!(rotated.expires_at, Some(end));
    assert!(!scene.opens(&old, end).await && !scene.opens(&new, end).await);
    assert!(scene.rotate(key.id, DEFAULT_GRACE, end).await.is_err(), "a key that has ended has no new secret");
}

#[tokio::test]
async fn a_second_rotation_never_makes_a_secret_good_for_longer() {
    let scene = Scene::new();
    let (key, first) = scene.create(None).await;
    let (_, second) = scene.rotate(key.id, TimeDelta::hours(1), scene.now).await.unwrap();
    let (_, third) = scene.rotate(key.id, MAX_GRACE, scene.now).await.unwrap();
    let later = scene.now + TimeDelta::hours(1);
    assert!(!scene.opens(&first, later).await && scene.opens(&second, later).await && scene.opens(&third, later).await);
}

#[tokio::test]
async fn what_an_old_secret_gives_ends_with_it() {
    let scene = Scene::new();
    let (key, old) = scene.create(None).await;
    let (rotated, new) = scene.rotate(key.id, TimeDelta::hours(2), scene.now).await.unwrap();
    let (by_old, by_new) =
        (scene.keys.verify(&old, scene.now).await.unwrap(), scene.keys.verify(&new, scene.now).await.unwrap());
    let end = scene.now + TimeDelta::hours(2);
    assert_eq!((by_old.id, by_old.expires_at, by_old.replaced_at), (key.id, Some(end), Some(scene.now)));
    assert_eq!(by_new, rotated);
    assert_eq!((rotated.expires_at, rotated.replaced_at), (None, None));
    assert!(!NewApiKey::new(scene.ada.clone()).is_within(&by_old) && !rotated.is_within(&by_old));
    assert!(NewApiKey::new(scene.ada.clone()).with_expiry(end).is_within(&by_old));
}

#[tokio::test]
async fn a_key_that_is_revoked_has_no_secret_left() {
    let scene = Scene::new();
    let (key, first) = scene.create(None).await;
    let (_, second) = scene.rotate(key.id, DEFAULT_GRACE, scene.now).await.unwrap();
    scene.keys.revoke(&scene.ada, key.id, scene.now).await.unwrap();
    assert!(!scene.opens(&first, scene.now).await && !scene.opens(&second, scene.now).await);
    assert!(!scene.keys.any(scene.now).await.unwrap());
    let error = scene.rotate(key.id, DEFAULT_GRACE, scene.now).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_rotation_that_broke_off_is_repeated() {
    let scene = Scene::new();
    let (key, old) = scene.create(None).await;
    // What a crash after the first write leaves: a hash in the list under which nothing is kept.
    let (namespace, name) = (listed(&scene.ada), key.id.to_string());
    let entry = scene.store.record(&namespace, &name, scene.now).await.unwrap().unwrap();
    let torn = format!("nothing\n{}", hashes(&entry.value)[0]);
    scene.store.put_record(&namespace, &name, Bytes::from(torn), PutOptions::at(scene.now)).await.unwrap();
    assert_eq!(scene.keys.list(&scene.ada, scene.now).await.unwrap(), std::slice::from_ref(&key));
    let (_, new) = scene.rotate(key.id, TimeDelta::zero(), scene.now).await.unwrap();
    assert!(scene.opens(&new, scene.now).await && !scene.opens(&old, scene.now).await);
}

#[tokio::test]
async fn a_foreign_key_a_grace_out_of_range_and_a_loop_are_refused() {
    let scene = Scene::new();
    let (key, _) = scene.create(None).await;
    let bob = OwnerId::new("bob").unwrap();
    let error = scene.keys.rotate(&bob, key.id, DEFAULT_GRACE, scene.now).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    for grace in [TimeDelta::seconds(-1), MAX_GRACE + TimeDelta::seconds(1)] {
        let error = scene.rotate(key.id, grace, scene.now).await.unwrap_err();
        assert_eq!((error.code(), error.hint().is_some()), (ErrorCode::InvalidRequest, true));
    }
    for _ in 1..MAX_SECRETS {
        scene.rotate(key.id, DEFAULT_GRACE, scene.now).await.unwrap();
    }
    assert_eq!(scene.rotate(key.id, DEFAULT_GRACE, scene.now).await.unwrap_err().code(), ErrorCode::Conflict);
    let later = scene.now + DEFAULT_GRACE;
    assert!(scene.rotate(key.id, DEFAULT_GRACE, later).await.is_ok(), "those that have ended make room");
}

#[tokio::test]
async fn a_key_gives_no_more_than_another_with_its_scopes_and_its_end() {
    let scene = Scene::new();
    let day = |days| Some(scene.now + TimeDelta::days(days));
    let of = |scopes: &[&str], expires_at| NewApiKey {
        owner: scene.ada.clone(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires_at,
    };
    let (reader, _) = scene.keys.create(of(&["read", "run"], day(2)), scene.now).await.unwrap();
    let (admin, _) = scene.create(None).await;
    for (new, within) in [
        (of(&["read"], day(2)), true),
        (of(&["read"], day(1)), true),
        (of(&["read"], day(3)), false),
        (of(&["read"], None), false),
        (of(&["read", "deploy"], day(1)), false),
        (of(&["admin"], day(1)), false),
    ] {
        assert_eq!(new.is_within(&reader), within, "{new:?}");
        assert!(new.is_within(&admin));
    }
    assert!(reader.is_within(&admin) && !admin.is_within(&reader));
}
