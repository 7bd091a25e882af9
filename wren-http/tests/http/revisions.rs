//! The revisions of a deployment, and going back to one.

use axum::body::Body;
use serde_json::{Value, json};
use wren_core::ErrorCode;
use wren_core::deploy::sha256_hex;
use wren_core::model::Manifest;
use wren_core::store::PutRevision;
use wren_core::{DeploymentId, DeploymentName};

use crate::deploy::{SCRIPT, sees};
use crate::support::{Answer, NOW, World, ada, at};

fn script(cron: &str) -> String {
    SCRIPT.replace("0 9 * * *", cron)
}

async fn deploy(world: &World, cron: &str) -> Value {
    sees(world, cron);
    world.post("/v1/scripts/deploy", &json!({"script": script(cron)})).await.json(201)
}

/// A world with a deployment of three revisions, of which the second has another trigger; its path.
async fn with_three() -> (World, String) {
    let world = World::new().await;
    let id = deploy(&world, "0 9 * * *").await["deployment_id"].as_str().unwrap().to_owned();
    deploy(&world, "0 8 * * *").await;
    sees(&world, "0 9 * * *");
    let third = format!("{SCRIPT}# three\n");
    world.post("/v1/scripts/deploy", &json!({"script": third})).await.json(201);
    (world, format!("/v1/deployments/{id}"))
}

async fn back_to(world: &World, path: &str, number: u32) -> Answer {
    world.post(&format!("{path}/rollback"), &json!({"revision": number})).await
}

fn numbers(list: &Value) -> Vec<u64> {
    list["revisions"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn revisions_are_listed_latest_first_page_by_page() {
    let (world, path) = with_three().await;
    let list = world.get(&format!("{path}/revisions")).await.json(200);
    assert_eq!(numbers(&list), [3, 2, 1]);
    let second = json!({
        "number": 2, "created_at": NOW, "script_sha256": sha256_hex(&script("0 8 * * *")), "triggers": 1, "current": false,
    });
    assert_eq!(list["revisions"][1], second);
    assert_eq!((&list["revisions"][0]["current"], list.get("next_cursor")), (&json!(true), None));
    let first = world.get(&format!("{path}/revisions?limit=2")).await.json(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("{path}/revisions?limit=2&cursor={cursor}")).await.json(200);
    assert_eq!((numbers(&first), numbers(&rest), rest.get("next_cursor")), (vec![3, 2], vec![1], None));
    world.get(&format!("{path}/revisions?cursor=runs.1.1")).await.error(400, ErrorCode::InvalidRequest);
    world.get("/v1/deployments/dep_00000000000000000000000001/revisions").await.error(404, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_revision_is_read_once_and_then_known_by_its_tag() {
    let (world, path) = with_three().await;
    let path = format!("{path}/revisions/1");
    let answer = world.get(&path).await;
    let revision = answer.json(200);
    assert_eq!((&revision["number"], &revision["script"]), (&json!(1), &json!(SCRIPT)));
    assert_eq!(revision["manifest"]["triggers"][0]["func"], "daily_report");
    let tag = answer.header("etag").unwrap();
    assert_eq!(tag, format!("\"1-{}\"", sha256_hex(SCRIPT)));
    let known = async |tags: &str| {
        let request = world.request("GET", &path).header("If-None-Match", tags);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    for tags in [tag.to_owned(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let answer = known(&tags).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str(), answer.header("etag")),
            (304, "", Some(tag)),
            "{tags}"
        );
    }
    for tags in ["\"x\"", tag.trim_matches('"'), ""] {
        assert_eq!(known(tags).await.json(200), revision, "{tags}");
    }
    let base = path.trim_end_matches('1');
    for number in ["0", "4", "-1", "x", "4294967296"] {
        world.get(&format!("{base}{number}")).await.error(404, ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn going_back_is_a_new_revision_with_the_old_script() {
    let (world, path) = with_three().await;
    let before = world.get(&path).await.json(200);
    sees(&world, "0 8 * * *");
    let answer = back_to(&world, &path, 2).await;
    let confirmation = answer.json(201);
    assert_eq!((&confirmation["revision"], &confirmation["changed"]), (&json!(4), &json!(true)));
    assert_eq!(answer.header("location"), Some(path.as_str()));
    let list = world.get(&format!("{path}/revisions")).await.json(200);
    assert_eq!(numbers(&list), [4, 3, 2, 1]);
    assert_eq!(list["revisions"][0]["script_sha256"], list["revisions"][2]["script_sha256"]);
    assert_eq!(world.get(&format!("{path}/revisions/4")).await.json(200)["script"], script("0 8 * * *"));
    let now = world.get(&path).await.json(200);
    assert_ne!(now["trigger_details"][0]["id"], before["trigger_details"][0]["id"], "its schedule is another one");
    // The same content again is no news.
    let again = back_to(&world, &path, 2).await.json(200);
    assert_eq!((&again["revision"], &again["changed"]), (&json!(4), &json!(false)));
}

#[tokio::test]
async fn a_trigger_that_does_not_change_goes_on_where_it_was() {
    let (world, path) = with_three().await;
    let before = world.get(&path).await.json(200);
    let id: wren_core::TriggerId = before["trigger_details"][0]["id"].as_str().unwrap().parse().unwrap();
    world.clock.set(at("2024-12-09T12:00:00Z"));
    world.fire(id, at("2024-12-09T09:00:00Z")).await;
    back_to(&world, &path, 1).await.json(201);
    let now = world.get(&path).await.json(200);
    assert_eq!(now["trigger_details"][0]["id"], before["trigger_details"][0]["id"]);
    // The due time that was recorded is not due again, nor is one left out.
    assert_eq!(now["trigger_details"][0]["next_due"], "2024-12-10T09:00:00Z");
    assert_eq!(now["trigger_details"][0]["last_due"]["scheduled_for"], "2024-12-09T09:00:00Z");
}

#[tokio::test]
async fn a_script_that_passes_no_more_is_refused_with_where_and_what_was_stays() {
    let (world, path) = with_three().await;
    let broken = "import wren\n\ndef job(:\n    pass\n".to_owned();
    let stored = PutRevision {
        deployment_id: DeploymentId::new(),
        name: DeploymentName::new("daily_report").unwrap(),
        only: None,
        script_sha256: sha256_hex(&broken),
        script: broken,
        manifest: Manifest::default(),
        triggers: vec![],
        now: at(NOW),
    };
    world.engine.store().put_revision(&ada(), stored).await.unwrap();
    back_to(&world, &path, 1).await.json(201);
    let error = back_to(&world, &path, 4).await.error(422, ErrorCode::SyntaxError);
    assert_eq!(error["location"]["line"], 3);
    assert!(!error["details"]["diagnostics"].as_array().unwrap().is_empty());
    assert_eq!(world.get(&path).await.json(200)["revision"], 5);
}

#[tokio::test]
async fn there_is_no_way_back_to_what_is_not_there_or_while_it_is_paused() {
    let (world, path) = with_three().await;
    back_to(&world, &path, 4).await.error(404, ErrorCode::NotFound);
    back_to(&world, &path, 0).await.error(404, ErrorCode::NotFound);
    for body in [json!({}), json!({"revision": "1"}), json!({"revision": 1, "to": 2})] {
        world.post(&format!("{path}/rollback"), &body).await.error(400, ErrorCode::InvalidRequest);
    }
    world.poke(&format!("{path}/pause")).await.json(200);
    back_to(&world, &path, 1).await.error(409, ErrorCode::Conflict);
    world.poke(&format!("{path}/resume")).await.json(200);
    world.delete(&path).await.json(200);
    back_to(&world, &path, 1).await.error(409, ErrorCode::Conflict);
    assert_eq!(numbers(&world.get(&format!("{path}/revisions")).await.json(200)), [3, 2, 1]);
}
