//! Requests without a credential.

use std::sync::Arc;

use serde_json::json;
use wren_core::ErrorCode;
use wren_core::egress::HostPattern;
use wren_integrations::{AllowedHosts, InterfaceAddress, Interfaces};

use crate::support::{Names, Script, Server, Setup, answer, body, is, ok, this_machine};

fn script(servers: &[&Server]) -> Script {
    Setup::new(servers).script_with(|builder| builder.with_egress(this_machine()))
}

#[tokio::test]
async fn a_request_is_sent_as_the_script_says() {
    let server = Server::start(|_| answer(404, &[("x-a", "1"), ("x-a", "2"), ("keep-alive", "x")], "gone")).await;
    let headers = json!({"Authorization": "Basic own", "X-Kept": "1", "Connection": "X-Dropped", "X-Dropped": "1"});
    let url = server.url("/a?b#c");
    let args = json!({"method": "PUT", "url": url, "headers": headers, "body": body("hello"), "timeout_ms": null});
    let got = script(&[&server]).ask("http.request", args).await.unwrap();
    assert_eq!((got.status(), got.text().as_str()), (404, "gone"));
    assert_eq!((got.header("x-a"), got.header("keep-alive")), (Some("1, 2"), None));
    assert_eq!(got.0["url"], server.url("/a?b"));
    let seen = server.only();
    assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("PUT", "/a?b"));
    assert_eq!((seen.header("authorization"), seen.header("x-kept")), (Some("Basic own"), Some("1")));
    assert_eq!(seen.header("x-dropped"), None);
    assert_eq!(seen.body, "hello");
    assert!(seen.headers["user-agent"].to_str().unwrap().starts_with("wren/"));
}

#[tokio::test]
async fn an_empty_body_is_null() {
    let server = Server::start(|_| answer(204, &[], "")).await;
    let got = script(&[&server]).get(&server.url("/")).await.unwrap();
    assert_eq!(got.0, json!({"status": 204, "headers": got.0["headers"], "body": null, "url": server.url("/")}));
}

#[tokio::test]
async fn no_spelling_of_a_private_address_is_reached() {
    let server = Server::start(ok).await;
    let port = server.port;
    let names = Names::new(&[&["127.0.0.1"]]);
    // By default, and by a policy that names the very hosts.
    let allowed = ["127.0.0.1", "localhost", "*.example", "[::1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]"];
    let policies = [AllowedHosts::AnyPublic, AllowedHosts::only(allowed).unwrap()];
    for policy in policies {
        let setup = Setup::new(&[]);
        let resolver = Arc::clone(&names);
        let script = setup.script_with(|builder| builder.with_egress(Arc::new(policy)).with_resolver(resolver));
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "１２７.0.0.1",
            "localhost",
            "LOCALHOST.",
            "rebind.example",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
        ] {
            is(script.get(&format!("http://{host}:{port}/")).await, ErrorCode::EgressDenied);
        }
    }
    // What is opened for an integration is not open to plain requests.
    is(Setup::new(&[&server]).script().get(&server.url("/")).await, ErrorCode::EgressDenied);
    assert!(server.seen().is_empty());
}

/// This machine has an address of the public internet's.
#[derive(Debug)]
struct Public;

impl Interfaces for Public {
    fn addresses(&self) -> std::io::Result<Vec<InterfaceAddress>> {
        Ok(vec![InterfaceAddress { address: [51, 15, 8, 20].into(), prefix: 24 }])
    }
}

#[tokio::test]
async fn a_public_address_of_this_machine_or_its_network_is_not_reached() {
    let names = Names::new(&[&["51.15.8.20"], &["51.15.8.99"], &["8.8.8.8", "64:ff9b::51.15.8.1"]]);
    let script = Setup::new(&[])
        .script_with(|builder| builder.with_interfaces(Arc::new(Public)).with_resolver(Arc::clone(&names) as _));
    for url in ["http://51.15.8.20/", "http://51.15.8.1/", "http://[::ffff:51.15.8.20]/"] {
        is(script.get(url).await, ErrorCode::EgressDenied);
    }
    for _ in 0..3 {
        is(script.get("http://near.example/").await, ErrorCode::EgressDenied);
    }
    assert_eq!(names.asked.lock().len(), 3);
}

#[tokio::test]
async fn only_hosts_of_the_policy_are_asked() {
    let server = Server::start(ok).await;
    let policy = Arc::new(AllowedHosts::only(["127.0.0.1", "*.example.com"]).unwrap());
    let script = Setup::new(&[&server]).script_with(|builder| builder.with_egress(policy));
    assert_eq!(script.get(&server.url("/")).await.unwrap().status(), 200);
    let error = is(script.get("https://example.com/?key=canary-7f3a/+x").await, ErrorCode::EgressDenied);
    assert!(error.hint().unwrap().contains("*.example.com"), "{error:?}");
    for url in ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "nonsense", "", "//127.0.0.1/"] {
        is(script.get(url).await, ErrorCode::InvalidRequest);
    }
    // A script's own word opens no origin that is private for an integration's sake.
    let own_word = Arc::new(AllowedHosts::OnlyPublic(vec![HostPattern::parse("127.0.0.1").unwrap()]));
    let script = Setup::new(&[&server]).script_with(|builder| builder.with_egress(own_word));
    is(script.get(&server.url("/")).await, ErrorCode::EgressDenied);
    let nothing = Arc::new(AllowedHosts::Only(Vec::new()));
    let script = Setup::new(&[&server]).script_with(|builder| builder.with_egress(nothing));
    is(script.get(&server.url("/")).await, ErrorCode::EgressDenied);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn each_hop_of_a_redirect_is_looked_at() {
    let hidden = Server::start(ok).await;
    let (to, named) = (hidden.url("/"), format!("http://hidden.example:{}/", hidden.port));
    let server = Server::start(move |seen| {
        let to = match seen.uri.path() {
            "/address" => to.as_str(),
            "/spelled" => "http://2130706433:1/",
            "/name" => named.as_str(),
            "/scheme" => "file:///etc/passwd",
            "/user" => "http://user:pass@127.0.0.1/",
            _ => "https://elsewhere.example.com/",
        };
        answer(302, &[("location", to)], "")
    })
    .await;
    // Only the first server may be private.
    let policy = Arc::new(AllowedHosts::only(["127.0.0.1", "hidden.example"]).unwrap());
    let names = Names::new(&[&["127.0.0.1"]]);
    let script = Setup::new(&[&server]).script_with(|builder| builder.with_egress(policy).with_resolver(names));
    for path in ["/address", "/spelled", "/name", "/other"] {
        is(script.get(&server.url(path)).await, ErrorCode::EgressDenied);
    }
    for path in ["/scheme", "/user"] {
        is(script.get(&server.url(path)).await, ErrorCode::InvalidRequest);
    }
    assert_eq!((server.seen().len(), hidden.seen().len()), (6, 0));
}

#[tokio::test]
async fn another_origin_does_not_learn_who_asks() {
    let other = Server::start(|_| answer(200, &[], "there")).await;
    let to = other.url("/there");
    let server = Server::start(move |seen| match seen.uri.path() {
        "/keep" => answer(308, &[("location", &to)], ""),
        "/get" => answer(302, &[("location", &to)], ""),
        _ => answer(302, &[("location", "/loop")], ""),
    })
    .await;
    let script = script(&[&server, &other]);
    let headers =
        json!({"Authorization": "x", "Cookie": "x", "X-Api-Key": "x", "Content-Type": "text/x", "Accept": "text/y"});
    for (path, method, sent) in [("/keep", "POST", "hello"), ("/get", "GET", "")] {
        let args = json!({"method": "POST", "url": server.url(path), "headers": headers, "body": body("hello")});
        let got = script.ask("http.request", args).await.unwrap();
        assert_eq!((got.text().as_str(), got.0["url"].as_str().unwrap()), ("there", other.url("/there").as_str()));
        let seen = other.seen().pop().unwrap();
        assert_eq!((seen.method.as_str(), seen.body), (method, sent.into()));
        assert_eq!(seen.headers["accept"], "text/y");
        assert_eq!(seen.headers.contains_key("content-type"), method == "POST");
        for name in ["authorization", "cookie", "x-api-key"] {
            assert!(!seen.headers.contains_key(name), "{name}");
        }
    }
    let before = server.seen().len();
    is(script.get(&server.url("/loop")).await, ErrorCode::InvalidRequest);
    assert_eq!(server.seen().len(), before + 6);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_told_of() {
    // Has its port, and takes no connections.
    let gone = tokio::net::TcpSocket::new_v4().unwrap();
    gone.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone_url = format!("http://{}", gone.local_addr().unwrap());
    // Takes connections, and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let setup = Setup::new(&[]).private(&gone_url).private(&silent_url);
    let script = setup.script_with(|builder| builder.with_egress(this_machine()));

    let error = is(script.get(&format!("{gone_url}/secret-path")).await, ErrorCode::InvalidRequest);
    assert!(error.retryable() && error.details()["reason"] == "unreachable", "{error:?}");
    assert!(!error.chain().contains("secret-path"), "{}", error.chain());

    let error =
        is(script.ask("http.request", json!({"url": silent_url, "timeout_ms": 50})).await, ErrorCode::InvalidRequest);
    assert!(error.retryable() && error.details()["reason"] == "timeout", "{error:?}");
}

#[tokio::test]
async fn a_host_asks_the_next_what_it_does_not_know() {
    use wren_core::host::PlatformHost;
    use wren_core::memory::MemoryStore;

    let clock = Arc::new(wren_core::clock::SystemClock);
    let state = wren_core::host::ScriptState::new(Arc::new(MemoryStore::new()), clock);
    let next = Arc::new(PlatformHost::new(state, wren_core::integration::IntegrationDirectory::default()));
    let script = Setup::new(&[]).script_with(|builder| builder.with_next(next));
    assert_eq!(script.ask("state.list", json!({})).await.unwrap().0, json!({"keys": []}));
}

#[tokio::test]
async fn answers_in_flight_share_one_budget() {
    // Answers of which half is sent, and the rest when the test says so.
    let (go, gate) = tokio::sync::watch::channel(false);
    let server = Server::start(move |seen| {
        let (gate, held) = (gate.clone(), seen.uri.path() == "/held");
        let size = if seen.uri.path() == "/small" { 1000 } else { 40_000 };
        let chunks = futures::stream::unfold((0, gate), move |(sent, mut gate)| async move {
            if sent == 1 && held {
                gate.wait_for(|open| *open).await.unwrap();
            }
            (sent < 2).then(|| (Ok::<_, std::io::Error>("x".repeat(size)), (sent + 1, gate)))
        });
        answer(200, &[], axum::body::Body::from_stream(chunks))
    })
    .await;
    let mut setup = Setup::new(&[&server]);
    (setup.options.max_response_body, setup.options.max_bytes_in_flight) = (80_000, 100_000);
    let script = setup.script_with(|builder| builder.with_egress(this_machine()));
    let held = server.url("/held");
    let mut holds = std::pin::pin!(script.get(&held));
    // One answer after another of which none is in flight for long, until the held one has its share.
    loop {
        assert!(futures::poll!(&mut holds).is_pending());
        let large = json!({"url": server.url("/large"), "timeout_ms": 200});
        match script.ask("http.request", large).await {
            Ok(got) => assert_eq!(got.text().len(), 80_000),
            Err(error) => {
                assert!(error.retryable() && error.details()["reason"] == "busy", "{error:?}");
                break;
            }
        }
    }
    assert_eq!(script.get(&server.url("/small")).await.unwrap().text().len(), 2000, "small ones never wait");
    go.send(true).unwrap();
    assert_eq!(holds.await.unwrap().text().len(), 80_000);
    assert_eq!(script.get(&server.url("/large")).await.unwrap().text().len(), 80_000, "everything was given back");
}
