//! What past mails would have done: a look that leaves no trace in the mailbox, nor in what the watch keeps.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use wren_core::ErrorCode;
use wren_core::memory::MemoryStore;
use wren_core::source::{PastEvents, Preview, PreviewOptions, TriggerSource as _};
use wren_core::store::{Namespace, RecordStore as _};
use wren_core::vault::CredentialVault as _;
use wren_trigger_email::EmailSource;

use crate::support::{USER, World, mail, owner};

async fn preview(source: &EmailSource, configs: &[Value], last: usize) -> Vec<Preview> {
    let configs: Vec<_> = configs.iter().map(|config| config.as_object().unwrap().clone()).collect();
    let count = configs.len();
    let previews = source.preview(PreviewOptions::new(owner(), configs, last).unwrap()).await.unwrap();
    assert_eq!(previews.len(), count, "each config has its answer");
    previews
}

#[track_caller]
fn seen(preview: &Preview) -> &PastEvents {
    preview.outcome.as_ref().unwrap_or_else(|error| panic!("{error:?}"))
}

/// Each mail's subject, and the rules that it does not pass.
fn verdicts(preview: &Preview) -> Vec<(&str, Vec<&str>)> {
    let all = seen(preview).events.iter();
    all.map(|event| {
        let failed = event.failed.iter().map(String::as_str).collect();
        (event.summary["subject"].as_str().unwrap_or_default(), failed)
    })
    .collect()
}

async fn cursor(store: &MemoryStore) -> Option<(Vec<u8>, u64)> {
    let namespace = Namespace::owned(&owner(), "email/cursors");
    let record = store.record(&namespace, "imap/INBOX", Utc::now()).await.unwrap()?;
    Some((record.value.to_vec(), record.version))
}

/// The names of the files of mails that are marked as read.
fn marked(world: &World) -> Vec<String> {
    let folder = world.server.maildirs().create(USER, "INBOX");
    let entries = ["new", "cur"].map(|part| std::fs::read_dir(folder.join(part)).unwrap());
    let names = entries.into_iter().flatten().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.split_once(":2,").is_some_and(|(_, flags)| flags.contains('S'))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_past_mail_says_whether_it_matches_and_if_not_why() {
    let Some(world) = World::start().await else { return };
    for subject in ["invoice-1", "report", "invoice-2"] {
        world.deliver(subject);
    }
    let attached = "From: carol@x.org\nSubject: invoice-3\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n\
                    Content-Type: text/csv\nContent-Disposition: attachment; filename=a.csv\n\n1\n--b--\n";
    world.server.maildirs().deliver(USER, "INBOX", attached);
    let configs = [
        json!({"subject": "invoice", "from": "*@example.com"}),
        json!({"mailbox": "inbox", "has_attachment": true, "not": [{"subject": "draft"}, {"subject": "-3"}]}),
        json!({"all": [{"body": "hello"}, {"from": "*@x.org"}], "any": [{"subject": "a"}, {"subject": "b"}]}),
    ];
    let previews = preview(&world.source(|options| options.batch = 3), &configs, 50).await;
    assert_eq!(
        verdicts(&previews[0]),
        [("invoice-3", vec!["from"]), ("invoice-2", vec![]), ("report", vec!["subject"]), ("invoice-1", vec![])]
    );
    assert_eq!((seen(&previews[0]).matched(), seen(&previews[0]).is_complete), (2, true));
    assert_eq!(verdicts(&previews[1])[0], ("invoice-3", vec!["not[1]"]));
    assert_eq!(verdicts(&previews[1])[2], ("report", vec!["has_attachment"]));
    assert_eq!(verdicts(&previews[2])[0], ("invoice-3", vec!["all[0].body", "any"]));
    assert_eq!(verdicts(&previews[2])[1], ("invoice-2", vec!["all[1].from", "any"]));

    let newest = &seen(&previews[0]).events[0];
    let summary = Value::Object((*newest.summary).clone());
    let expected = json!({
        "from": "carol@x.org", "subject": "invoice-3", "message_id": null, "has_attachment": true,
        "mailbox": "INBOX", "size": summary["size"], "truncated": false,
    });
    assert_eq!(summary, expected);
    assert!((Utc::now() - newest.at).num_minutes().abs() < 5, "{newest:?}");
    assert_eq!((previews[1].account.as_str(), previews[1].place.as_str()), ("imap", "INBOX"));
    let logins = world.server.log().matches("Login: user=<ada>").count();
    assert_eq!(logins, 1, "three triggers of one mailbox are one connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_leaves_no_mail_read_and_the_watch_as_it_was() {
    let Some(world) = World::start().await else { return };
    world.sink.add("INBOX");
    let running = world.watching(|_| {}).await;
    world.deliver("before");
    world.sink.until(1).await;
    running.idle().await;
    let before = cursor(&world.store).await;
    assert!(before.is_some());

    // The watch holds the account's lease all the while, and another node asks.
    let previews = preview(&world.source(|_| {}), &[json!({"subject": "before"}), json!({})], 50).await;
    assert_eq!(seen(&previews[0]).matched(), 1);
    assert_eq!(cursor(&world.store).await, before);
    assert_eq!(marked(&world), [""; 0]);
    world.deliver("after");
    assert_eq!(world.sink.until(2).await, ["before", "after"]);
    running.stop().await;
    assert_eq!(world.sink.emitted(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_before_anything_is_deployed_leaves_no_cursor_behind() {
    let Some(world) = World::start().await else { return };
    world.deliver("old");
    preview(&world.source(|_| {}), &[json!({})], 50).await;
    assert_eq!(cursor(&world.store).await, None);
    let leases = Namespace::owned(&owner(), "email/leases");
    assert!(world.store.record(&leases, "imap", Utc::now()).await.unwrap().is_none());
    world.sink.add("INBOX");
    let running = world.watching(|_| {}).await;
    world.deliver("new");
    assert_eq!(world.sink.until(1).await, ["new"], "the watch begins where it would have begun");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_are_looked_at_and_of_a_large_one_the_header() {
    let Some(world) = World::start().await else { return };
    for number in 0..20 {
        world.deliver(&format!("mail-{number:02}"));
    }
    let large = format!("{}{}", mail("large"), "A long text.\n".repeat(1_000));
    world.server.maildirs().deliver(USER, "INBOX", large);
    let source = world.source(|options| (options.batch, options.mail_bytes) = (5, 2_000));
    let previews = preview(&source, &[json!({"body": "hello"})], 12).await;
    let subjects: Vec<&str> = verdicts(&previews[0]).into_iter().map(|(subject, _)| subject).collect();
    let expected: Vec<String> = (9..20).rev().map(|number| format!("mail-{number:02}")).collect();
    assert_eq!((subjects[0], &subjects[1..]), ("large", &expected.iter().map(String::as_str).collect::<Vec<_>>()[..]));
    let events = &seen(&previews[0]).events;
    assert_eq!(
        (&events[0].summary["truncated"], events[0].failed.as_slice()),
        (&true.into(), &["body".to_owned()][..])
    );
    assert!(events[1..].iter().all(|event| event.matches));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_mailbox_has_nothing_to_show() {
    let Some(world) = World::start().await else { return };
    let previews = preview(&world.source(|_| {}), &[json!({})], 500).await;
    assert_eq!(*seen(&previews[0]), PastEvents { events: Vec::new(), is_complete: true });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_not_there_is_told_beside_those_that_are() {
    let Some(world) = World::start().await else { return };
    world.deliver("here");
    world.server.maildirs().create(USER, "Work");
    world.deliver_to("Work", "there");
    let configs = [json!({"mailbox": "Absent"}), json!({}), json!({"mailbox": "Work"}), json!({"account": "none"})];
    let previews = preview(&world.source(|_| {}), &configs, 50).await;
    let error = previews[0].outcome.as_ref().unwrap_err();
    assert_eq!((error.code, previews[0].place.as_str()), (ErrorCode::NotFound, "Absent"));
    assert!(error.message.contains("`Absent`") && error.hint.as_ref().unwrap().contains("`mailbox`"), "{error:?}");
    assert_eq!((verdicts(&previews[1]), verdicts(&previews[2])), (vec![("here", vec![])], vec![("there", vec![])]));
    assert_eq!(previews[3].outcome.as_ref().unwrap_err().code, ErrorCode::IntegrationNotConfigured);
    assert_eq!(world.server.log().matches("Login: user=<ada>").count(), 1, "{}", world.server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_says_what_to_do_and_is_tried_once_for_all_mailboxes() {
    let Some(mut world) = World::start().await else { return };
    world.server.set_password(USER, "another one");
    let configs = [json!({}), json!({"mailbox": "Work"}), json!({"mailbox": "Play"})];
    for preview in preview(&world.source(|_| {}), &configs, 50).await {
        let error = preview.outcome.unwrap_err();
        assert_eq!(error.code, ErrorCode::IntegrationNotConfigured);
        assert!(error.message.contains("refused the login") && error.hint.unwrap().contains("`imap`"));
    }
    world.vault.delete(&owner(), "imap").await.unwrap();
    let previews = preview(&world.source(|_| {}), &configs[..1], 50).await;
    assert_eq!(previews[0].outcome.as_ref().unwrap_err().code, ErrorCode::IntegrationNotConfigured);
    // It writes of a connection when that has ended.
    world.server.stop();
    assert_eq!(world.server.log().matches("auth failed").count(), 1, "{}", world.server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for_beyond_the_limit() {
    let Some(world) = World::start().await else { return };
    world.server.pause();
    let source = world.source(|options| options.preview = Duration::from_millis(300));
    let looked = tokio::time::timeout(Duration::from_secs(20), preview(&source, &[json!({})], 50)).await;
    world.server.resume();
    let error = looked.unwrap()[0].outcome.clone().unwrap_err();
    assert!(error.message.contains("no time") && error.hint.unwrap().contains("`last`"), "{}", error.message);
}

#[tokio::test]
async fn a_number_of_mails_out_of_range_is_refused() {
    for last in [0, 501, usize::MAX] {
        let error = PreviewOptions::new(owner(), Vec::new(), last).unwrap_err();
        assert_eq!((error.code(), &error.details()["limit"]), (ErrorCode::InvalidRequest, &500.into()));
    }
    // A config that `validate` would refuse has that as its answer.
    let source = crate::support::source(Arc::default(), Arc::default(), |_| {}, "");
    let previews = preview(&source, &[json!({"subjet": "x"})], 1).await;
    assert_eq!(previews[0].outcome.as_ref().unwrap_err().code, ErrorCode::InvalidFilter);
}
