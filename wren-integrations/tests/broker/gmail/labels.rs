//! `gmail.label`.

use serde_json::{Value, json};
use wren_conformance::services::Reply;
use wren_core::ErrorCode;

use super::{Mailbox, mail};

#[tokio::test]
async fn gmails_own_labels_are_known_without_asking() {
    let mailbox = Mailbox::open().await;
    let id = mailbox.gmail.deliver(&mail("a@x.org", "s", "text"));
    let args = json!({"id": id, "add": ["STARRED", "important"], "remove": ["unread"]});
    assert_eq!(mailbox.call("label", args).await.unwrap(), Value::Null);
    assert_eq!(mailbox.gmail.labels_of(&id), ["INBOX", "STARRED", "IMPORTANT"]);
    assert_eq!(mailbox.gmail.requests().len(), 1);
}

#[tokio::test]
async fn labels_are_found_by_name_and_made_where_they_are_missing() {
    let mailbox = Mailbox::open().await;
    let id = mailbox.gmail.deliver(&mail("a@x.org", "s", "text"));
    let work = mailbox.gmail.make_label("Work/Invoices");
    mailbox.call("label", json!({"id": id, "add": ["work/invoices", "Fällig"]})).await.unwrap();
    assert_eq!(mailbox.gmail.labels_of(&id), ["INBOX", "UNREAD", "Work/Invoices", "Fällig"]);
    assert_eq!(mailbox.gmail.labels(), ["Work/Invoices", "Fällig"]);
    mailbox.call("label", json!({"id": id, "add": "fällig", "remove": [work]})).await.unwrap();
    assert_eq!(mailbox.gmail.labels_of(&id), ["INBOX", "UNREAD", "Fällig"]);
    assert_eq!(mailbox.gmail.labels().len(), 2);
}

#[tokio::test]
async fn a_label_that_another_run_makes_first_is_taken() {
    let mailbox = Mailbox::open().await;
    let id = mailbox.gmail.deliver(&mail("a@x.org", "s", "text"));
    mailbox.gmail.make_label("Done");
    // As it was before the other run made it.
    mailbox.gmail.answer_next_of("/gmail/v1/users/me/labels", Reply::json(&json!({"labels": []})));
    mailbox.call("label", json!({"id": id, "add": ["done"]})).await.unwrap();
    assert_eq!(mailbox.gmail.labels_of(&id), ["INBOX", "UNREAD", "Done"]);
    assert_eq!(mailbox.gmail.labels(), ["Done"]);
}

#[tokio::test]
async fn a_label_that_is_not_there_cannot_be_removed_and_none_is_made() {
    let mailbox = Mailbox::open().await;
    let id = mailbox.gmail.deliver(&mail("a@x.org", "s", "text"));
    mailbox.gmail.make_label("Invoices");
    let args = json!({"id": id, "add": ["New"], "remove": ["Invoises"]});
    let error = mailbox.call("label", args).await.unwrap_err();
    assert_eq!((error.code(), error.hint()), (ErrorCode::InvalidRequest, Some("did you mean `Invoices`?")));
    assert_eq!(error.details()["argument"], "remove");
    let error = mailbox.call("label", json!({"id": id, "remove": ["Something else"]})).await.unwrap_err();
    assert_eq!(error.hint(), Some("only labels that are there can be removed"));
    let error = mailbox.call("label", json!({"id": id, "remove": ["UNRED"]})).await.unwrap_err();
    assert_eq!(error.hint(), Some("did you mean `UNREAD`?"));
    assert_eq!((mailbox.gmail.labels().len(), mailbox.gmail.labels_of(&id).len()), (1, 2));
}

#[tokio::test]
async fn no_labels_are_no_question_and_bad_ones_a_wrong_one() {
    let mailbox = Mailbox::open().await;
    assert_eq!(mailbox.call("label", json!({"id": "m1", "add": [], "remove": []})).await.unwrap(), Value::Null);
    for bad in [json!([""]), json!([" "]), json!(["a\nb"]), json!([7]), json!({}), json!(["x".repeat(226)])] {
        mailbox.refuses("label", json!({"id": "m1", "add": bad.clone()}), "add").await;
        mailbox.refuses("label", json!({"id": "m1", "remove": bad}), "remove").await;
    }
    mailbox.refuses("label", json!({"id": "m1", "add": vec!["x"; 101]}), "add").await;
    assert!(mailbox.gmail.requests().is_empty());
}
