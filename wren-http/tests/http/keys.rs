//! Keys that are listed, made, rotated and revoked over the API.

use axum::body::Body;
use chrono::TimeDelta;
use serde_json::{Value, json};
use wren_core::ErrorCode;
use wren_core::keys::NewApiKey;

use crate::support::{Answer, NOW, World, ada, at, bob, logged, request_as};

async fn works(world: &World, secret: &str) -> bool {
    world.send(request_as(secret, "GET", "/v1/runs").body(Body::empty()).unwrap()).await.status == 200
}

async fn post_as(world: &World, key: &str, path: &str, body: &Value) -> Answer {
    let request = request_as(key, "POST", path).header("content-type", "application/json");
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_key_is_made_listed_and_revoked() {
    let world = World::new().await;
    let body = json!({"scopes": ["run", "read", "read"], "expires_at": "2024-12-31T00:00:00Z"});
    let made = world.post("/v1/keys", &body).await.json(201);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with(made["prefix"].as_str().unwrap()));
    assert_eq!((&made["scopes"], &made["expires_at"]), (&json!(["read", "run"]), &json!("2024-12-31T00:00:00Z")));
    assert_eq!((&made["created_at"], &made["rotated_at"]), (&json!(NOW), &Value::Null));
    assert!(works(&world, secret).await);

    let listed = world.get("/v1/keys").await;
    let keys = listed.json(200)["keys"].as_array().unwrap().clone();
    assert_eq!((keys.len(), &keys[1]["id"]), (2, &made["id"]));
    assert!(!listed.text.contains(secret));

    let id = made["id"].as_str().unwrap();
    assert_eq!(world.delete(&format!("/v1/keys/{id}")).await.json(200), json!({"id": id, "revoked": true}));
    assert!(!works(&world, secret).await);
    world.delete(&format!("/v1/keys/{id}")).await.error(404, ErrorCode::NotFound);
    let log = logged();
    for event in ["API key made", "API key revoked"] {
        assert!(
            log.lines().any(|line| line.contains("wren::audit") && line.contains(event) && line.contains(id)),
            "{event}"
        );
    }
    assert!(!log.contains(secret));
}

#[tokio::test]
async fn a_rotated_key_has_two_secrets_for_the_grace_and_then_one() {
    let world = World::new().await;
    let made = world.post("/v1/keys", &json!({"scopes": ["read"]})).await.json(201);
    let (id, old) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let rotated = world.post(&format!("/v1/keys/{id}/rotate"), &json!({"grace_s": 3600})).await.json(200);
    let new = rotated["secret"].as_str().unwrap();
    assert_eq!(
        (&rotated["id"], &rotated["scopes"], &rotated["rotated_at"]),
        (&made["id"], &made["scopes"], &json!(NOW))
    );
    assert_eq!(rotated["previous_until"], "2024-12-08T11:30:00Z");
    assert!(works(&world, old).await && works(&world, new).await);
    world.clock.set(at("2024-12-08T11:30:00Z"));
    assert!(!works(&world, old).await && works(&world, new).await);
    // Without a body the grace is a day.
    let again = world.poke(&format!("/v1/keys/{id}/rotate")).await.json(200);
    assert_eq!(again["previous_until"], "2024-12-09T11:30:00Z");
    assert!(logged().lines().any(|line| line.contains("API key rotated") && line.contains(id)));
}

#[tokio::test]
async fn no_key_gives_more_than_the_one_that_asks() {
    let world = World::new().await;
    let end = at(NOW) + TimeDelta::days(1);
    let short = world.create_key(NewApiKey::new(ada()).with_expiry(end)).await;
    let heir = post_as(&world, &short, "/v1/keys", &json!({"scopes": ["admin"]})).await.json(201);
    assert_eq!(heir["expires_at"], "2024-12-09T10:30:00Z", "it ends with the key that made it");
    let later = json!({"scopes": ["read"], "expires_at": "2024-12-09T10:30:01Z"});
    post_as(&world, &short, "/v1/keys", &later).await.error(403, ErrorCode::PermissionDenied);
    // The new secret of a key without an end would be just that.
    let endless = world.get("/v1/keys").await.json(200)["keys"][0].clone();
    assert_eq!(endless["expires_at"], Value::Null);
    let path = format!("/v1/keys/{}/rotate", endless["id"].as_str().unwrap());
    let error = post_as(&world, &short, &path, &json!({})).await.error(403, ErrorCode::PermissionDenied);
    assert!(error["hint"].is_string());
    assert!(works(&world, &world.key).await);
}

#[tokio::test]
async fn an_old_secret_gives_nothing_that_outlives_it() {
    let world = World::new().await;
    let (old, soon) = (world.key.clone(), "2024-12-08T11:30:00Z");
    let id = world.get("/v1/keys").await.json(200)["keys"][0]["id"].as_str().unwrap().to_owned();
    let rotate = format!("/v1/keys/{id}/rotate");
    let new = world.post(&rotate, &json!({"grace_s": 3600})).await.json(200);
    let new = new["secret"].as_str().unwrap().to_owned();
    // Who has it from a leak may read for that hour, and makes nothing of it that lasts.
    assert!(works(&world, &old).await);
    for body in [json!({}), json!({"grace_s": 0})] {
        let error = post_as(&world, &old, &rotate, &body).await.error(403, ErrorCode::PermissionDenied);
        assert!(error["hint"].is_string(), "{error}");
    }
    let later = json!({"scopes": ["admin"], "expires_at": "2024-12-08T11:30:01Z"});
    post_as(&world, &old, "/v1/keys", &later).await.error(403, ErrorCode::PermissionDenied);
    let heir = post_as(&world, &old, "/v1/keys", &json!({"scopes": ["admin"]})).await.json(201);
    assert_eq!(heir["expires_at"], soon);
    let heir = heir["secret"].as_str().unwrap();
    post_as(&world, heir, &rotate, &json!({})).await.error(403, ErrorCode::PermissionDenied);
    world.clock.set(at(soon));
    assert!(!works(&world, &old).await && !works(&world, heir).await && works(&world, &new).await);
    // The new secret is the key's own: it rotates, and what it makes has no end.
    assert_eq!(
        post_as(&world, &new, "/v1/keys", &json!({"scopes": ["read"]})).await.json(201)["expires_at"],
        Value::Null
    );
    post_as(&world, &new, &rotate, &json!({})).await.json(200);
}

#[tokio::test]
async fn an_old_secret_of_a_key_that_ends_soon_rotates_nothing_either() {
    let world = World::new().await;
    let ends = world.create_key(NewApiKey::new(ada()).with_expiry(at(NOW) + TimeDelta::hours(1))).await;
    let id = world.get("/v1/keys").await.json(200)["keys"][1]["id"].as_str().unwrap().to_owned();
    let rotate = format!("/v1/keys/{id}/rotate");
    let new = post_as(&world, &ends, &rotate, &json!({"grace_s": 86_400})).await.json(200);
    post_as(&world, &ends, &rotate, &json!({"grace_s": 0})).await.error(403, ErrorCode::PermissionDenied);
    assert!(works(&world, new["secret"].as_str().unwrap()).await);
}

#[tokio::test]
async fn the_list_holds_the_owners_keys_and_nobody_elses() {
    let world = World::new().await;
    let of_bob = world.key_of(&bob(), &["admin"]).await;
    let ids = async |key: &str| {
        let answer = world.send(request_as(key, "GET", "/v1/keys").body(Body::empty()).unwrap()).await.json(200);
        answer["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let made = post_as(&world, &of_bob, "/v1/keys", &json!({"scopes": ["read"]})).await.json(201);
    let (adas, bobs) = (ids(&world.key).await, ids(&of_bob).await);
    assert_eq!((adas.len(), bobs.len()), (1, 2));
    assert!(bobs.iter().any(|id| made["id"] == **id) && !bobs.contains(&adas[0]));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_hint() {
    let world = World::new().await;
    for body in [
        json!({"scopes": []}),
        json!({"scopes": ["root"]}),
        json!({"scopes": ["read"], "expires_at": NOW}),
        json!({"scopes": ["read"], "owner": "bob"}),
        json!({}),
    ] {
        let error = world.post("/v1/keys", &body).await.error(400, ErrorCode::InvalidRequest);
        assert!(error["hint"].is_string(), "{body}: {error}");
    }
    let id = world.get("/v1/keys").await.json(200)["keys"][0]["id"].as_str().unwrap().to_owned();
    for body in [json!({"grace_s": 604_801}), json!({"grace_s": -1}), json!({"grace": 5})] {
        world.post(&format!("/v1/keys/{id}/rotate"), &body).await.error(400, ErrorCode::InvalidRequest);
    }
}

#[tokio::test]
async fn keys_do_not_pile_up() {
    let world = World::new().await;
    for _ in 1..100 {
        world.post("/v1/keys", &json!({"scopes": ["read"]})).await.json(201);
    }
    world.post("/v1/keys", &json!({"scopes": ["read"]})).await.error(409, ErrorCode::Conflict);
}

#[tokio::test]
async fn a_key_that_was_good_is_known_for_a_while_unless_it_ends_or_this_api_revokes_one() {
    let world = World::with(|api| api.with_known_keys(std::time::Duration::from_secs(3600))).await;
    let soon = at(NOW) + TimeDelta::minutes(1);
    let keys = [None, Some(soon), None].map(|end| {
        let new = NewApiKey::new(ada());
        end.map_or(new.clone(), |end| new.with_expiry(end))
    });
    let mut secrets = Vec::new();
    for new in keys {
        let (key, secret) = world.keys().create(new, at(NOW)).await.unwrap();
        secrets.push((key.id, secrecy::ExposeSecret::expose_secret(&secret).to_owned()));
    }
    let [(first, first_secret), (_, ends), (third, _)] = secrets.try_into().unwrap();
    assert!(works(&world, &first_secret).await && works(&world, &ends).await);
    // Elsewhere: another server, or the command line.
    world.keys().revoke(&ada(), first, at(NOW)).await.unwrap();
    assert!(works(&world, &first_secret).await, "it was good a moment ago");
    world.delete(&format!("/v1/keys/{third}")).await.json(200);
    assert!(!works(&world, &first_secret).await, "all are looked up again");
    assert!(works(&world, &ends).await);
    world.clock.set(soon);
    assert!(!works(&world, &ends).await, "no key outlives its end");
}
