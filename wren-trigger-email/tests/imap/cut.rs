//! Answers that a real server gives too seldom to test: lists that are cut short, and refusals in the midst of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use wren_core::vault::{CredentialVault as _, NewCredential};

use crate::support::{Collector, PASSWORD, USER, mail, owner, run, source};

/// What goes wrong with the next bodies that are asked for.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// The connection ends after the first, as if the list were at its end.
    CutShort,
    /// The first is given, the rest refused, though it is there.
    Refused,
    /// Bytes that are no IMAP.
    Noise,
}

#[derive(Debug, Default)]
struct Script {
    mails: u32,
    fates: VecDeque<Fate>,
    logins: Vec<String>,
}

/// Serves a mailbox whose mails are numbered from 1 and named by their numbers. It cannot IDLE.
async fn serve(stream: TcpStream, script: Arc<Mutex<Script>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK ready\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap();
        let (mut answer, mut end) = (String::new(), "OK done");
        let mails = script.lock().mails;
        if command == "CAPABILITY" {
            answer = "* CAPABILITY IMAP4rev1\r\n".to_owned();
        } else if let Some(login) = command.strip_prefix("LOGIN ") {
            script.lock().logins.push(login.to_owned());
        } else if command.starts_with("EXAMINE") {
            let next = mails + 1;
            answer = format!("* {mails} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT {next}] x\r\n");
        } else if command.starts_with("UID SEARCH") {
            let all: Vec<String> = (1..=mails).map(|uid| uid.to_string()).collect();
            answer = format!("* SEARCH {}\r\n", all.join(" "));
        } else if let Some(fetch) = command.strip_prefix("UID FETCH ") {
            let (set, what) = fetch.split_once(' ').unwrap();
            let fate = if what.contains("BODY") { script.lock().fates.front().copied() } else { None };
            for uid in set.split(',') {
                let text = mail(uid);
                let size = text.len();
                answer += &if what.contains("BODY.PEEK[]") {
                    format!("* {uid} FETCH (UID {uid} BODY[] {{{size}}}\r\n{text})\r\n")
                } else if what.contains("HEADER") {
                    // Whoever cannot read the mail cannot read its header.
                    String::new()
                } else {
                    let date = "01-Jan-2026 00:00:00 +0000";
                    format!("* {uid} FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE \"{date}\")\r\n")
                };
                if fate.is_some() {
                    break;
                }
            }
            match fate {
                Some(Fate::CutShort) => {
                    script.lock().fates.pop_front();
                    stream.write_all(answer.as_bytes()).await?;
                    return stream.shutdown().await;
                }
                Some(Fate::Noise) => {
                    script.lock().fates.pop_front();
                    answer = "\x01\x02 what?\r\n".to_owned();
                }
                Some(Fate::Refused) => {
                    end = "NO [SERVERBUG] it cannot be read";
                    if what.contains("HEADER") {
                        script.lock().fates.pop_front();
                    }
                }
                None => {}
            }
        }
        stream.write_all(format!("{answer}{tag} {end}\r\n").as_bytes()).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_cut_short_loses_nothing_and_neither_does_a_mail_that_cannot_be_read() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = Arc::new(Mutex::new(Script { mails: 3, ..Script::default() }));
    let serving = tokio::spawn({
        let script = Arc::clone(&script);
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script)));
            }
        }
    });
    let (vault, sink) = (Arc::<wren_core::memory::MemoryVault>::default(), Arc::<Collector>::default());
    let credential = NewCredential::new("imap", PASSWORD).with_field("host", "127.0.0.1");
    let credential = credential.with_field("port", port.to_string()).with_field("user", USER).with_field("tls", "none");
    vault.put(&owner(), credential, Utc::now()).await.unwrap();
    sink.add("INBOX");
    let polls = |options: &mut wren_trigger_email::EmailOptions| options.poll = Duration::from_millis(20);
    let running = run(source(vault, sink.store(), polls, ""), Arc::clone(&sink));
    running.idle().await;
    {
        let mut script = script.lock();
        script.fates = VecDeque::from([Fate::CutShort, Fate::Refused, Fate::Noise, Fate::Refused, Fate::CutShort]);
        script.mails = 8;
    }
    assert_eq!(sink.until(5).await, ["4", "5", "6", "7", "8"]);
    running.idle().await;
    running.stop().await;
    assert_eq!(sink.emitted(), 5, "nothing was emitted twice");
    assert!(script.lock().fates.is_empty());
    let logins = &script.lock().logins;
    assert!(logins.len() >= 4, "each but a refusal cost a connection: {}", logins.len());
    let expected = format!("\"{USER}\" \"{}\"", PASSWORD.replace('\\', "\\\\").replace('"', "\\\""));
    assert!(logins.iter().all(|login| *login == expected), "{logins:?}");
    serving.abort();
}
