//! Bodies that cannot be read, each refused with what is wrong where.

use axum::body::Body;
use axum::http::header;
use wren_core::ErrorCode;

use crate::support::{World, ada};

const VALIDATE: &str = "/v1/integrations/validate";
const DEPLOY: &str = "/v1/scripts/deploy";

/// Returns the paths of a deployment, of its pause and of its runs.
async fn deployment(world: &World) -> (String, String, String) {
    let (deployed, _) = world.reported(&ada()).await;
    let path = format!("/v1/deployments/{}", deployed.deployment.id);
    (path.clone(), format!("{path}/pause"), format!("{path}/runs"))
}

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
    for body in ["{\"integrations\": [\"gmail\"", "{\"integrations\": []} {}", "\u{feff}{\"integrations\": []}", "   "]
    {
        let error = world.post_text(VALIDATE, body).await.error(400, ErrorCode::InvalidRequest);
        assert!(error["message"].as_str().unwrap().contains("at line 1 column"), "{error}");
    }
}

#[tokio::test]
async fn deep_nesting_is_refused_and_does_no_harm() {
    let world = World::new().await;
    world
        .post_text(VALIDATE, "{\"integrations\": ".to_owned() + &"[".repeat(100_000))
        .await
        .error(400, ErrorCode::InvalidRequest);
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
async fn anything_but_an_object_is_refused_wherever_a_body_is_taken() {
    let world = World::new().await;
    let (deployment, pause, run) = deployment(&world).await;
    for path in [VALIDATE, DEPLOY, &pause, &run] {
        for (body, shown, column) in [
            ("[]", "[", 1),
            ("  [[\"gmail\"]]", "[", 3),
            ("[\"import wren\"]", "[", 1),
            ("\"gmail\"", "\"", 1),
            ("null", "n", 1),
            ("7", "7", 1),
        ] {
            let error = world.post_text(path, body).await.error(400, ErrorCode::InvalidRequest);
            let message = format!("the body is not a JSON object: it begins with `{shown}` at line 1 column {column}");
            assert_eq!(error["message"], message, "{path}");
            assert_eq!(error["details"]["column"], column);
        }
    }
    assert_eq!(world.get(&deployment).await.json(200)["status"], "active");
    world.post_text(&pause, "\n\t {}").await.json(200);
}

#[tokio::test]
async fn a_script_of_the_largest_size_arrives_however_its_encoder_escapes_it() {
    let world = World::new().await;
    let most = world.engine.rules().max_script_bytes;
    // A control character is one byte in the script and six in JSON; nothing grows more.
    let script = format!("{{\"script\": \"#{}\"}}", "\\u0001".repeat(most - 1));
    let answer = world.post_text(DEPLOY, script).await;
    assert_ne!(answer.status.as_u16(), 413, "{}", answer.text);

    let above = " ".repeat(6 * most + 256 * 1024 + 1);
    let error = world.post_text(DEPLOY, above).await.error(413, ErrorCode::ScriptTooLarge);
    assert_eq!(error["details"]["limit_bytes"], 6 * most + 256 * 1024);
}

#[tokio::test]
async fn routes_that_take_no_script_take_small_bodies() {
    let world = World::new().await;
    let (_, pause, run) = deployment(&world).await;
    for (path, limit, status) in [(VALIDATE, 256 * 1024, 200), (&run, 1024 * 1024, 202), (&pause, 256 * 1024, 200)] {
        let body = if path == VALIDATE { "{\"integrations\": []}" } else { "{}" };
        let fits = format!("{body}{}", " ".repeat(limit - body.len()));
        world.post_text(path, format!("{fits} ")).await.error(413, ErrorCode::InvalidRequest);
        world.post_text(path, fits).await.json(status);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let world = World::new().await;
    let parts = [Ok("{\"integ"), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(futures::stream::iter(parts));
    let error = world.post_text(VALIDATE, body).await.error(400, ErrorCode::InvalidRequest);
    assert_eq!(error["message"], "the body broke off");
}
