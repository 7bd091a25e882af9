//! The process's figures.

use wren_core::ErrorCode;

use crate::support::World;

#[tokio::test]
async fn the_figures_are_rendered_where_there_are_any() {
    let world = World::new().await;
    world.get("/metrics").await.error(404, ErrorCode::NotFound);
    let world = World::with(|api| api.with_metrics(|| "wren_fires_total 1\n".to_owned())).await;
    let answer = world.get("/metrics").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "wren_fires_total 1\n"));
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}
