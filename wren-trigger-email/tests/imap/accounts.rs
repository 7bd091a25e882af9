//! Ways to a server: TLS in its kinds, and what is refused.

use wren_core::ErrorCode;
use wren_core::source::WatchState;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn mails_come_over_tls_and_over_starttls() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    for (number, (port, tls)) in
        [(world.server.tls_port(), "implicit"), (world.server.port(), "starttls")].into_iter().enumerate()
    {
        world.set_account(world.account(port, tls)).await;
        let running = world.watching(|_| {}).await;
        world.deliver(tls);
        assert_eq!(world.sink.until(number + 1).await[number], tls);
        running.stop().await;
    }
    let log = world.server.log();
    let logins: Vec<&str> = log.lines().filter(|line| line.contains("Login: user=<ada>")).collect();
    assert!(logins.iter().all(|line| line.contains("TLS")), "{logins:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_vouches_for_is_refused_with_what_to_do() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    for (port, tls) in [(world.server.tls_port(), "implicit"), (world.server.port(), "starttls")] {
        world.set_account(world.account(port, tls)).await;
        let running = world.run(world.source_trusting(|_| {}, ""));
        let health = running.health("the refusal", |health| health.state == WatchState::NeedsAttention).await;
        let error = health.last_error.unwrap();
        assert_eq!(error.code, ErrorCode::IntegrationNotConfigured);
        assert!(error.message.contains("not trusted") && error.hint.unwrap().contains("authority"));
        running.stop().await;
    }
    assert!(!world.server.log().contains("Login: user"), "no password was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_this_machine_is_refused_unless_that_is_allowed() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world.run(world.source(|options| options.allow_private = false));
    let health = running.health("the refusal", |health| health.state == WatchState::NeedsAttention).await;
    assert_eq!(health.last_error.unwrap().code, ErrorCode::PermissionDenied);
    running.stop().await;
}
