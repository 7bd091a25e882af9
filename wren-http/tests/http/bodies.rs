//! Bodies that cannot be read, each refused with what is wrong where.

use axum::body::Body;
use axum::http::header;
use wren_core::ErrorCode;

use crate::support::World;

const VALIDATE: &str = "/v1/integrations/validate";
const DEPLOY: &str = "/v1/scripts/deploy";

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_its_place() {
    let world = World::new().await;
    let error =
        world.post_text(VALIDATE, "{\n  \"integrations\": [gmail]\n}").await.error(400, ErrorCode::InvalidRequest);
    assert!(error["message"].as_str().unwrap().starts_with("the body is not JSON: "), "{error}");
    assert!(error["message"].as_str().unwrap().ends_with("at line 2 column 20"), "{error}");
    assert_eq!((&error["details"]["line"], &error["details"]["column"]), (&2.into(), &20.into()));
    assert!(error["hint"].as_str().is_some());
}

#[tokio::test]
async fn json_that_ends_too_early_or_too_late_is_refused() {
    let world = World::new().await;
    for body in
        ["{\"integrations\": [\"gmail\"", "{\"integrations\": []} {}", "nothing", "\u{feff}{\"integrations\": []}"]
    {
        let error = world.post_text(VALIDATE, body).await.error(400, ErrorCode::InvalidRequest);
        assert!(error["message"].as_str().unwrap().contains("at line 1 column"), "{error}");
    }
}

#[tokio::test]
async fn deep_nesting_is_refused_and_does_no_harm() {
    let world = World::new().await;
    world.post_text(VALIDATE, "[".repeat(100_000)).await.error(400, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_refused_with_its_place() {
    let world = World::new().await;
    let error = world.post_text(VALIDATE, &b"{\"integrations\": [\"\xff\"]}"[..]).await;
    let error = error.error(400, ErrorCode::InvalidRequest);
    assert!(error["message"].as_str().unwrap().contains("not UTF-8: byte 20"), "{error}");
}

#[tokio::test]
async fn an_empty_body_is_refused_where_one_is_needed() {
    let world = World::new().await;
    for path in [VALIDATE, DEPLOY] {
        let error = world.poke(path).await.error(400, ErrorCode::InvalidRequest);
        assert_eq!(error["message"], "the body is empty");
    }
}

#[tokio::test]
async fn another_content_type_is_refused_with_the_right_one() {
    let world = World::new().await;
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("multipart/form-data")] {
        let mut request = world.request("POST", VALIDATE);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let answer = world.send(request.body(Body::from("{\"integrations\": []}")).unwrap()).await;
        let error = answer.error(400, ErrorCode::InvalidRequest);
        assert!(error["hint"].as_str().unwrap().contains("Content-Type: application/json"), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_type_is_named_with_its_path() {
    let world = World::new().await;
    for (path, body, named) in [
        (VALIDATE, r#"{"integrations": ["gmail", 7]}"#, "integrations[1]"),
        (VALIDATE, r#"{"integrations": "gmail"}"#, "integrations"),
        (DEPLOY, r#"{"script": 1}"#, "script"),
        (DEPLOY, r#"{"script": "", "name": []}"#, "name"),
        (
            DEPLOY,
            r#"{"script": "", "metadata": {"triggers": [{"type": "schedule", "func": {}}]}}"#,
            "metadata.triggers[0].func",
        ),
        (
            DEPLOY,
            r#"{"script": "", "metadata": {"schedules": [{"cron": 5, "func_name": "f"}]}}"#,
            "metadata.schedules[0].cron",
        ),
    ] {
        let error = world.post_text(path, body).await.error(400, ErrorCode::InvalidRequest);
        assert_eq!(error["details"]["path"], named, "{error}");
        assert!(error["message"].as_str().unwrap().starts_with(&format!("`{named}`: invalid type")), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_or_missing_key_is_named() {
    let world = World::new().await;
    for (path, body, named) in [
        (VALIDATE, r#"{"integrations": [], "scritp": ""}"#, "unknown field `scritp`"),
        (VALIDATE, "{}", "missing field `integrations`"),
        (DEPLOY, r#"{"scritp": ""}"#, "unknown field `scritp`"),
        (DEPLOY, r#"{"name": "x"}"#, "missing field `script`"),
        (DEPLOY, r#"{"script": "", "metadata": {"triggers": [{"type": "schedule"}]}}"#, "missing field `func`"),
    ] {
        let error = world.post_text(path, body).await.error(400, ErrorCode::InvalidRequest);
        assert!(error["message"].as_str().unwrap().contains(named), "{error}");
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_or_not_its_length_is_told() {
    let world = World::with(|api| api.with_body_limit(1000)).await;
    let fits = format!("{{\"integrations\": [{}]}}", " ".repeat(980));
    assert_eq!(fits.len(), 1000);
    world.post_text(VALIDATE, fits).await.json(200);

    let large = format!("{{\"script\": \"{}\"}}", "#".repeat(1000));
    let chunks: Vec<Result<String, std::io::Error>> =
        large.as_bytes().chunks(100).map(|chunk| Ok(String::from_utf8(chunk.to_vec()).unwrap())).collect();
    let streamed = Body::from_stream(futures::stream::iter(chunks));
    for body in [Body::from(large.clone()), streamed] {
        let error = world.post_text(DEPLOY, body).await.error(413, ErrorCode::ScriptTooLarge);
        assert_eq!(error["details"]["limit_bytes"], 1000);
    }
    world.post_text(VALIDATE, large).await.error(413, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let world = World::new().await;
    let parts = [Ok("{\"integ"), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(futures::stream::iter(parts));
    let error = world.post_text(VALIDATE, body).await.error(400, ErrorCode::InvalidRequest);
    assert_eq!(error["message"], "the body broke off");
}
