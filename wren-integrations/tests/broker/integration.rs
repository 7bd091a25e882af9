//! Where requests in an integration's name go, and what is in them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use wren_core::{ErrorCode, OwnerId};

use crate::support::{CANARY, Names, Server, Setup, answer, body, context, crm, is, ok};

#[tokio::test]
async fn the_credential_is_put_in_its_place_and_the_scripts_own_is_dropped() {
    let server = Server::start(ok).await;
    let script = Setup::new(&[&server]).with_secret("crm", CANARY).await.script();
    let headers = json!({
        "Authorization": "Bearer the-scripts",
        "Cookie": "session=1",
        "Proxy-Authorization": "Basic x",
        "Host": "evil.example",
        "Connection": "close, X-Dropped",
        "X-Dropped": "1",
        "Transfer-Encoding": "chunked",
        "Content-Length": "1",
        "Accept-Encoding": "gzip",
        "X-Version": "the-scripts",
        "X-Kept": "1",
    });
    let args = json!({"method": "post", "headers": headers, "body": body("hello"), "timeout_ms": 20_000});
    let got = script.crm("/v1/things?a=b", args).await.unwrap();
    assert_eq!((got.status(), got.text().as_str()), (200, "fine"));
    assert_eq!(got.0["url"], server.url("/v1/things?a=b"));

    let seen = server.only();
    assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("POST", "/v1/things?a=b"));
    assert_eq!(seen.body, "hello");
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {CANARY}").as_str()));
    assert_eq!(seen.headers.get_all("authorization").iter().count(), 1);
    assert_eq!(seen.header("host"), Some(format!("127.0.0.1:{}", server.port).as_str()));
    assert_eq!(seen.header("x-version"), Some("7"));
    assert_eq!(seen.header("x-kept"), Some("1"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("content-length"), Some("5"));
    for name in ["cookie", "proxy-authorization", "x-dropped", "transfer-encoding", "connection"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_credential_in_a_header_of_its_own_is_the_only_one() {
    let server = Server::start(ok).await;
    let script = Setup::new(&[&server]).at("anthropic", &server).with_secret("anthropic", CANARY).await.script();
    let headers = json!({"authorization": "Bearer x", "X-API-Key": "the-scripts", "anthropic-version": "1"});
    let args = json!({"integration": "anthropic", "path": "/v1/models", "headers": headers});
    script.ask("integration.request", args).await.unwrap();
    let seen = server.only();
    assert_eq!((seen.header("x-api-key"), seen.header("authorization")), (Some(CANARY), None));
    assert_eq!(seen.headers.get_all("x-api-key").iter().count(), 1);
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
}

#[tokio::test]
async fn an_action_without_its_host_says_what_hinders_it() {
    let script = Setup::new(&[]).with_secret("slack", CANARY).await.script();
    for (integration, code) in [
        ("gmial", ErrorCode::UnknownIntegration),
        ("gmail", ErrorCode::IntegrationNotConfigured),
        ("slack", ErrorCode::InvalidRequest),
    ] {
        let args = json!({"integration": integration, "action": "post", "args": {}});
        assert_eq!(script.refusal("integration.call", args).await.code(), code);
    }
}

#[tokio::test]
async fn requests_go_to_the_integrations_origins_only() {
    let (server, second, evil) = (Server::start(ok).await, Server::start(ok).await, Server::start(ok).await);
    let mut setup = Setup::new(&[&server, &second, &evil]).with_secret("crm", CANARY).await;
    setup.catalogue.add(crm(&[&server.base(), &second.base()]));
    let script = setup.script();
    for url in [server.url("/a"), second.url("/b")] {
        let args = json!({"integration": "crm", "method": "GET", "url": url});
        assert_eq!(script.ask("integration.request", args).await.unwrap().status(), 200);
    }
    let base = server.base();
    for url in [
        evil.url("/"),
        format!("https://127.0.0.1:{}/", server.port),
        format!("http://127.0.0.1.evil.example:{}/", server.port),
        "https://evil.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let error = script.refusal("integration.request", json!({"integration": "crm", "url": url})).await;
        assert_eq!(error.code(), ErrorCode::EgressDenied, "{url}");
        assert!(error.hint().unwrap().contains(&base), "{error:?}");
    }
    for args in [
        json!({"integration": "crm", "path": "//evil.example/"}),
        json!({"integration": "crm", "path": "/\\evil.example/"}),
        json!({"integration": "crm", "path": format!("@127.0.0.1:{}/", evil.port)}),
        json!({"integration": "crm", "path": evil.url("/")}),
        json!({"integration": "crm", "url": format!("http://user:pass@127.0.0.1:{}/", server.port)}),
        json!({"integration": "crm", "url": "/path"}),
        json!({"integration": "crm", "url": base, "path": "/"}),
        json!({"integration": "crm"}),
        json!({"path": "/"}),
    ] {
        assert_eq!(
            script.refusal("integration.request", args.clone()).await.code(),
            ErrorCode::InvalidRequest,
            "{args}"
        );
    }
    assert_eq!((server.seen().len(), second.seen().len(), evil.seen().len()), (1, 1, 0));
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_the_answer() {
    let evil = Server::start(ok).await;
    let to = evil.url("/take");
    let server = Server::start(move |_| answer(307, &[("location", &to)], "")).await;
    let script = Setup::new(&[&server, &evil]).with_secret("crm", CANARY).await.script();
    let got = script.crm("/", json!({"method": "GET"})).await.unwrap();
    assert_eq!((got.status(), got.header("location")), (307, Some(evil.url("/take").as_str())));
    assert_eq!((server.seen().len(), evil.seen().len()), (1, 0));
}

#[tokio::test]
async fn a_redirect_on_the_same_origin_is_followed_a_few_times() {
    let server = Server::start(|seen| match seen.uri.path() {
        "/old" => answer(303, &[("location", "/new")], ""),
        "/new" => answer(200, &[], "moved"),
        _ => answer(302, &[("location", "/loop")], ""),
    })
    .await;
    let script = Setup::new(&[&server]).with_secret("crm", CANARY).await.script();
    let got = script.crm("/old", json!({"method": "POST", "body": body("x")})).await.unwrap();
    assert_eq!((got.text().as_str(), got.0["url"].as_str().unwrap()), ("moved", server.url("/new").as_str()));
    let seen = server.seen();
    assert_eq!((seen[1].method.as_str(), seen[1].body.len()), ("GET", 0));
    assert!(seen[1].header("authorization").unwrap().ends_with(CANARY));
    is(script.crm("/loop", json!({})).await, ErrorCode::InvalidRequest);
    assert_eq!(server.seen().len(), 2 + 6);
}

#[tokio::test]
async fn a_header_cannot_be_two() {
    let server = Server::start(ok).await;
    let script = Setup::new(&[&server]).with_secret("crm", CANARY).await.script();
    for (name, value) in
        [("X-A", "1\r\nX-B: 2"), ("X-A", "1\nX-B: 2"), ("X-A", "\0"), ("X-A\r\nX-B", "2"), ("X A", "1"), ("", "1")]
    {
        is(script.crm("/", json!({"headers": {name: value}})).await, ErrorCode::InvalidRequest);
    }
    for args in [
        json!({"method": "GET / HTTP/1.1\r\nX-A:"}),
        json!({"method": "TRACE"}),
        json!({"method": "connect"}),
        json!({"method": ""}),
        json!({"headers": ["X-A"]}),
        json!({"headers": {"X-A": 1}}),
        json!({"body": "no base64!"}),
        json!({"timeout_ms": 0}),
        json!({"timeout_ms": "1"}),
    ] {
        is(script.crm("/", args).await, ErrorCode::InvalidRequest);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn what_a_server_echoes_is_scrubbed() {
    let server = Server::start(|seen| {
        let token = seen.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
        let user = STANDARD.encode(format!("user:{token}:x"));
        let echo = format!("{token} {user} {} {}", STANDARD.encode(token), token.replace('/', "\\/"));
        let location = format!("/x?t={}", token.replace('/', "%2F").replace('+', "%2B"));
        answer(200, &[("x-echo", token), ("x-basic", &URL_SAFE_NO_PAD.encode(token)), ("x-location", &location)], echo)
    })
    .await;
    let script = Setup::new(&[&server]).with_secret("crm", CANARY).await.script();
    let got = script.crm("/", json!({"method": "GET"})).await.unwrap();
    assert_eq!(got.header("x-echo"), Some("[redacted crm]"));
    assert_eq!(got.header("x-basic"), Some("[redacted crm]"));
    let text = got.text();
    assert!(text.starts_with("[redacted crm] dXNlc"), "{text}");
    assert_eq!(text.matches("[redacted crm]").count(), 4, "{text}");
    // The length of what the server sent is not that of what the script gets.
    assert_eq!(got.header("content-length"), None);

    assert_eq!(got.header("x-location"), Some("/x?t=[redacted crm]"));

    let encoded = Server::start(|_| answer(200, &[("content-encoding", "gzip")], "packed")).await;
    let script = Setup::new(&[&encoded]).with_secret("crm", CANARY).await.script();
    is(script.crm("/", json!({})).await, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn an_integration_is_its_owners_alone() {
    let server = Server::start(ok).await;
    let mut script = Setup::new(&[&server]).with_secret("crm", CANARY).await.script();
    script.context = context(OwnerId::new("bob").unwrap());
    let error = is(script.crm("/", json!({})).await, ErrorCode::IntegrationNotConfigured);
    assert_eq!(error.action_url(), Some("https://wrens.ie/integrations/crm/setup"));
    let error = script.refusal("integration.request", json!({"integration": "gmial", "path": "/"})).await;
    assert_eq!(error.code(), ErrorCode::UnknownIntegration);
    assert_eq!(error.hint(), Some("did you mean `gmail`?"));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_private_address_needs_leave() {
    let server = Server::start(ok).await;
    let mut setup = Setup::new(&[]).with_secret("crm", CANARY).await;
    setup.catalogue.add(crm(&[&server.base()]));
    is(setup.script().crm("/", json!({})).await, ErrorCode::EgressDenied);

    // The same behind a name, one public address among its own or not.
    for addresses in [&["127.0.0.1"][..], &["8.8.8.8", "127.0.0.1"], &["::ffff:127.0.0.1"], &["::1"]] {
        let mut setup = Setup::new(&[]).with_secret("crm", CANARY).await;
        setup.catalogue.add(crm(&[&format!("http://crm.example:{}", server.port)]));
        let script = setup.script_with(|builder| builder.with_resolver(Names::new(&[addresses])));
        let error = is(script.crm("/", json!({})).await, ErrorCode::EgressDenied);
        assert!(error.message().contains("`crm.example`"), "{error}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_was_found_is_asked() {
    let first = Server::start(|_| answer(200, &[], "first")).await;
    let second = Server::start_at(&format!("127.0.0.2:{}", first.port), |_| answer(200, &[], "second")).await;
    let origin = format!("http://rebind.example:{}", first.port);
    let mut setup = Setup::new(&[]).private(&origin).with_secret("crm", CANARY).await;
    setup.catalogue.add(crm(&[&origin]));
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let resolver = std::sync::Arc::clone(&names);
    let script = setup.script_with(|builder| builder.with_resolver(resolver));
    assert_eq!(script.crm("/", json!({})).await.unwrap().text(), "first");
    assert_eq!(*names.asked.lock(), ["rebind.example"]);
    assert_eq!((first.seen().len(), second.seen().len()), (1, 0));
    assert_eq!(first.only().header("host"), Some(origin.trim_start_matches("http://")));
}

#[tokio::test]
async fn bodies_have_limits() {
    let server = Server::start(|seen| match seen.uri.path() {
        // Of a length that is not told.
        "/stream" => {
            let chunks = (0..100).map(|_| Ok::<_, std::io::Error>("x".repeat(100)));
            answer(200, &[], axum::body::Body::from_stream(futures::stream::iter(chunks)))
        }
        "/told" => answer(200, &[], "x".repeat(1001)),
        _ => answer(200, &[], "x".repeat(1000)),
    })
    .await;
    let mut setup = Setup::new(&[&server]).with_secret("crm", CANARY).await;
    (setup.options.max_request_body, setup.options.max_response_body) = (1000, 1000);
    let script = setup.script();
    let post = |size: usize| json!({"method": "POST", "body": body(&"y".repeat(size))});
    assert_eq!(script.crm("/", post(1000)).await.unwrap().text().len(), 1000);
    is(script.crm("/", post(1001)).await, ErrorCode::InvalidRequest);
    is(script.crm("/", post(100_000)).await, ErrorCode::InvalidRequest);
    assert_eq!(server.seen().len(), 1);
    for path in ["/told", "/stream"] {
        is(script.crm(path, json!({})).await, ErrorCode::OutputLimit);
    }
}

#[tokio::test]
async fn an_answer_that_fits_into_no_frame_is_refused_with_the_true_limit() {
    const MIB: usize = 1024 * 1024;
    let server = Server::start(|seen| {
        let size: usize = seen.uri.path()[1..].parse().unwrap();
        answer(200, &[], "x".repeat(size))
    })
    .await;
    let script = Setup::new(&[&server]).with_secret("crm", CANARY).await.script();
    let most = 11 * MIB / 2;
    let got = script.crm(&format!("/{most}"), json!({})).await.unwrap();
    assert!(got.0.to_string().len() < 8 * MIB - 1024);
    let error = is(script.crm(&format!("/{}", most + 1), json!({})).await, ErrorCode::OutputLimit);
    assert!(error.message().contains(&most.to_string()), "{error}");

    // Whatever the platform allows, no more than fits.
    let mut setup = Setup::new(&[&server]).with_secret("crm", CANARY).await;
    setup.options.max_response_body = 10 * MIB;
    let script = setup.script();
    script.crm(&format!("/{most}"), json!({})).await.unwrap();
    let error = is(script.crm(&format!("/{}", 7 * MIB), json!({})).await, ErrorCode::OutputLimit);
    assert!(error.message().contains(" 6291"), "{error}");
}
