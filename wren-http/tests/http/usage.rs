//! Quotas as callers meet them.

use std::sync::Arc;

use axum::body::Body;
use serde_json::json;
use wren_core::ErrorCode;
use wren_core::quota::{Limit, OwnerQuotas, QuotaOverrides};
use wren_core::store::Store;

use crate::support::{NOW, World, ada, at, bob, request_as, schedule};

const PATH: &str = "/v1/usage";

async fn set(world: &World, change: impl FnOnce(&mut QuotaOverrides)) {
    let mut own = QuotaOverrides::default();
    change(&mut own);
    let quotas = OwnerQuotas::new(Arc::<dyn Store>::clone(world.engine.store()) as _);
    quotas.set(&ada(), own, at(NOW)).await.unwrap();
}

#[tokio::test]
async fn an_owner_sees_its_quotas_and_what_is_used() {
    let world = World::new().await;
    let unlimited = |used| json!({"limit": null, "used": used});
    let expected = json!({
        "deployments": unlimited(Some(0)),
        "triggers": unlimited(Some(0)),
        "runs_per_day": unlimited(None),
        "log_bytes_per_day": unlimited(None),
        "resets_at": "2024-12-09T00:00:00Z",
    });
    assert_eq!(world.get(PATH).await.json(200), expected);
    let deployed = world.seed(&ada(), "report", vec![schedule("daily_report", "0 9 * * *")], at(NOW)).await;
    set(&world, |own| (own.deployments, own.runs_per_day) = (Some(Limit::AtMost(3)), Some(Limit::AtMost(2)))).await;
    world.poke(&format!("/v1/deployments/{}/runs", deployed.deployment.id)).await.json(202);
    let usage = world.get(PATH).await.json(200);
    assert_eq!(usage["deployments"], json!({"limit": 3, "used": 1}));
    assert_eq!(usage["triggers"], unlimited(Some(1)));
    assert_eq!(usage["runs_per_day"], json!({"limit": 2, "used": 1}));
    let other = world.key_of(&bob(), &["read"]).await;
    let answer = world.send(request_as(&other, "GET", PATH).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.json(200), expected, "nothing of Ada's is seen or holds");
}

#[tokio::test]
async fn a_run_over_the_quota_of_the_day_is_429_and_a_deployment_over_its_own_402() {
    let world = World::new().await;
    let deployed = world.seed(&ada(), "report", vec![schedule("daily_report", "0 9 * * *")], at(NOW)).await;
    set(&world, |own| (own.deployments, own.runs_per_day) = (Some(Limit::AtMost(1)), Some(Limit::AtMost(1)))).await;
    let path = format!("/v1/deployments/{}/runs", deployed.deployment.id);
    world.poke(&path).await.json(202);
    let answer = world.poke(&path).await;
    let error = answer.error(429, ErrorCode::QuotaExceeded);
    assert_eq!(error["details"]["quota"], "runs_per_day");
    assert_eq!(error["details"]["resets_at"], "2024-12-09T00:00:00Z");
    assert_eq!(answer.header("retry-after"), Some(&*(13 * 3600 + 1800 + 1).to_string()));

    let error = world.post("/v1/scripts/deploy", &json!({"script": "def job():\n    pass\n", "name": "second"})).await;
    let error = error.error(402, ErrorCode::QuotaExceeded);
    let expected = json!({"quota": "deployments", "limit": 1, "used": 1});
    assert_eq!(error["details"], expected);
    assert!(error["hint"].is_string());
    world.post("/v1/scripts/deploy", &json!({"script": "def job():\n    pass\n", "name": "report"})).await.json(201);
}
