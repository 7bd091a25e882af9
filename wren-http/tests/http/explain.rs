//! `GET /v1/explain`.

use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn an_expression_is_explained_with_what_a_clock_change_does_to_it() {
    let world = World::new().await;
    let path = "/v1/explain?expression=30%201%20*%20*%20*&timezone=Europe/Dublin&from=2026-03-28T12:00:00Z&count=2";
    let body = world.get(path).await.json(200);
    let note = "the clocks go forward from 01:00 to 02:00: a time in between does not exist, and what was due then runs once, at \
                the end of the gap";
    let expected = json!({
        "expression": "30 1 * * *",
        "timezone": "Europe/Dublin",
        "description": "at 01:30",
        "fires": [
            {"utc": "2026-03-29T01:00:00Z", "local": "2026-03-29T02:00:00+01:00", "note": note},
            {"utc": "2026-03-30T00:30:00Z", "local": "2026-03-30T01:30:00+01:00", "note": null},
        ],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn without_zone_time_and_number_it_is_utc_from_now_and_five() {
    let world = World::new().await;
    let body = world.get("/v1/explain?expression=@hourly").await.json(200);
    assert_eq!(body["timezone"], "UTC");
    assert_eq!(body["fires"].as_array().unwrap().len(), 5);
    // The clock of these tests shows half past ten.
    assert_eq!(body["fires"][0]["utc"], "2024-12-08T11:00:00Z");
}

#[tokio::test]
async fn what_cannot_be_explained_is_told_with_its_place() {
    let world = World::new().await;
    let body = world.get("/v1/explain?expression=0%2025%20*%20*%20*&timezone=Mars").await.json(422);
    let error = &body["error"];
    assert_eq!(error["code"], "INVALID_CRON");
    assert_eq!(error["location"]["column"], 3);
    let codes: Vec<_> =
        error["details"]["diagnostics"].as_array().unwrap().iter().map(|fault| &fault["code"]).collect();
    assert_eq!(codes, ["INVALID_CRON", "INVALID_TIMEZONE"]);
    for (query, wrong) in
        [("", "expression"), ("?expression=@daily&count=x", "count"), ("?expression=@daily&form=x", "form")]
    {
        let body = world.get(&format!("/v1/explain{query}")).await.json(400);
        assert_eq!(body["error"]["code"], "INVALID_REQUEST");
        assert!(body["error"]["message"].as_str().unwrap().contains(wrong), "{body}");
    }
    let body = world.get("/v1/explain?expression=@daily&count=1001").await.json(400);
    assert_eq!(body["error"]["code"], "INVALID_REQUEST");
}
