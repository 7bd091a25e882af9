//! A server that stops answering midway: what was seen until then is told.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::Map;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use wren_core::source::{PreviewOptions, TriggerSource as _};
use wren_core::vault::{CredentialVault as _, NewCredential};

use crate::support::{PASSWORD, USER, mail, owner, source};

/// Serves a mailbox of three mails, and gives two of them.
async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK ready\r\n").await?;
    let (mut line, mut given) = (String::new(), 0);
    while stream.read_line(&mut line).await? > 0 {
        let (tag, command) = line.trim_end().split_once(' ').unwrap();
        let size = mail("1").len();
        let answer = if command.starts_with("EXAMINE") {
            "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n".to_owned()
        } else if let Some(set) = command.strip_prefix("FETCH ") {
            assert!(set.starts_with("1:3 "), "{set}");
            let meta = |uid| {
                let date = "01-Jan-2026 00:00:00 +0000";
                format!("* {uid} FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE \"{date}\")\r\n")
            };
            (1..=3).map(meta).collect()
        } else if let Some(fetch) = command.strip_prefix("UID FETCH ") {
            let uid = fetch.split(' ').next().unwrap();
            if given == 2 {
                // It says nothing more, and the connection stands.
                std::future::pending::<()>().await;
            }
            given += 1;
            format!("* {uid} FETCH (UID {uid} BODY[] {{{size}}}\r\n{})\r\n", mail(uid))
        } else {
            String::new()
        };
        stream.write_all(format!("{answer}{tag} OK done\r\n").as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_the_time_was_over_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    let vault: Arc<wren_core::memory::MemoryVault> = Arc::default();
    let credential = NewCredential::new("imap", PASSWORD)
        .with_field("host", "localhost")
        .with_field("port", port.to_string())
        .with_field("user", USER)
        .with_field("tls", "none");
    vault.put(&owner(), credential, Utc::now()).await.unwrap();
    let change = |options: &mut wren_trigger_email::EmailOptions| {
        options.batch = 1;
        options.preview = Duration::from_secs(2);
    };
    let source = source(vault, Arc::default(), change, "");
    let options = PreviewOptions::new(owner(), vec![Map::new(), Map::new()], 50).unwrap();
    for preview in source.preview(options).await.unwrap() {
        let seen = preview.outcome.unwrap();
        let subjects: Vec<_> = seen.events.iter().map(|event| event.summary["subject"].as_str().unwrap()).collect();
        assert_eq!((subjects.as_slice(), seen.is_complete), (&["3", "2"][..], false));
    }
    server.abort();
}
