//! What the log says of requests.

use std::cell::RefCell;
use std::io::{self, Write};

use serde_json::json;
use wren_core::ErrorCode;

use crate::support::{CANARY, Server, Setup, is, ok, this_machine};

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_is_sent_and_what_is_refused_is_written_down_without_secrets() {
    tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE).with_writer(|| ThisThread).init();
    let server = Server::start(ok).await;
    let setup = Setup::new(&[&server]).with_secret("crm", CANARY).await;
    let script = setup.script_with(|builder| builder.with_egress(this_machine()));
    script.get(&server.url("/?key=private-query")).await.unwrap();
    script.crm("/", json!({"headers": {"X-A": "private-header"}})).await.unwrap();
    is(script.get("https://evil.example/?key=private-query").await, ErrorCode::EgressDenied);
    let args = json!({"integration": "crm", "url": "https://evil.example/\nforged=1"});
    is(script.ask("integration.request", args).await, ErrorCode::EgressDenied);
    let args = json!({"integration": "no\nsuch", "path": "/"});
    is(script.ask("integration.request", args).await, ErrorCode::UnknownIntegration);

    let log = LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap());
    let run = script.context.run_id.to_string();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" wren::audit: ")).collect();
    assert_eq!(lines.len(), 4, "{log}");
    assert!(lines.iter().all(|line| line.contains("owner=\"ada\"") && line.contains(&run)), "{log}");
    assert!(lines[0].contains("INFO") && lines[0].contains("host=\"127.0.0.1\""), "{log}");
    for line in &lines[1..] {
        assert!(line.contains("WARN") && line.contains("reason="), "{log}");
    }
    assert!(lines[2].contains("integration=\"crm\"") && lines[2].contains("EGRESS_DENIED"), "{log}");
    // The vault's own line comes before the request is sent.
    assert!(log.contains("credential taken out"), "{log}");
    let of_wren: String = log.lines().filter(|line| line.contains(" wren")).collect();
    for private in [CANARY, "private-query", "private-header"] {
        assert!(!of_wren.contains(private), "{private}: {log}");
    }
}
