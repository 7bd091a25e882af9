//! `gmail.label`: adds labels to an email and removes others, by their names.

use serde_json::{Map, Value, json};
use wren_core::suggest::nearest;
use wren_core::{Error, Result};

use super::super::call::{invalid, texts};
use super::super::failure;
use super::mailbox::{Mailbox, MessageId};

/// Gmail's own labels, whose ids are their names.
const OWN: [&str; 14] = [
    "INBOX",
    "UNREAD",
    "STARRED",
    "IMPORTANT",
    "SPAM",
    "TRASH",
    "SENT",
    "DRAFT",
    "CHAT",
    "CATEGORY_PERSONAL",
    "CATEGORY_SOCIAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_UPDATES",
    "CATEGORY_FORUMS",
];

/// How many labels Gmail adds or removes at once.
const MOST: usize = 100;
/// The longest name of a label, in characters.
const LONGEST: usize = 225;

pub(super) async fn label(mailbox: &Mailbox<'_>, args: &Map<String, Value>) -> Result<Value> {
    let id = MessageId::read(args, "id")?;
    let (add, remove) = (names(args, "add")?, names(args, "remove")?);
    if add.is_empty() && remove.is_empty() {
        return Ok(Value::Null);
    }
    let mut known = Vec::new();
    if add.iter().chain(&remove).any(|name| own(name).is_none()) {
        known = all(mailbox).await?;
    }
    // Before a label is made: a call that fails leaves none behind.
    let remove = remove.into_iter().map(|name| find(&known, name).ok_or_else(|| unknown(&known, name)));
    let remove = remove.collect::<Result<Vec<String>>>()?;
    let mut added = Vec::new();
    for name in add {
        let label = match find(&known, name) {
            Some(label) => label,
            None => make(mailbox, &mut known, name).await?,
        };
        added.push(label);
    }
    let body = json!({ "addLabelIds": added, "removeLabelIds": remove });
    mailbox.post(&format!("/messages/{id}/modify"), &body, &format!("message `{id}`")).await?;
    Ok(Value::Null)
}

/// A label of the user's.
struct Label {
    id: String,
    name: String,
}

impl Label {
    fn read(label: &Value) -> Option<Self> {
        Some(Self { id: label["id"].as_str()?.to_owned(), name: label["name"].as_str()?.to_owned() })
    }
}

fn names<'a>(args: &'a Map<String, Value>, key: &str) -> Result<Vec<&'a str>> {
    let names = texts(args, key)?;
    let wrong = |message: String| invalid(message).with_detail("argument", key);
    if names.len() > MOST {
        return Err(wrong(format!("`{key}` has {} labels, Gmail takes {MOST} at once", names.len())));
    }
    for name in &names {
        if name.trim().is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
            return Err(wrong(format!("`{key}` has a label that is empty, or that no label can be named"))
                .with_hint(format!("a label has 1 to {LONGEST} characters, in one line")));
        }
    }
    Ok(names.into_iter().map(str::trim).collect())
}

/// Returns Gmail's own label of a name, however it is spelled: users cannot make one that differs in case only.
fn own(name: &str) -> Option<&'static str> {
    OWN.into_iter().find(|own| own.eq_ignore_ascii_case(name))
}

/// Finds a label's id by its name, or by the id itself.
fn find(known: &[Label], name: &str) -> Option<String> {
    if let Some(own) = own(name) {
        return Some(own.to_owned());
    }
    let lower = name.to_lowercase();
    let same = |label: &&Label| label.name == name || label.id == name;
    let alike = |label: &&Label| label.name.to_lowercase() == lower;
    known.iter().find(same).or_else(|| known.iter().find(alike)).map(|label| label.id.clone())
}

async fn all(mailbox: &Mailbox<'_>) -> Result<Vec<Label>> {
    let listed = mailbox.get("/labels", &[], "the labels").await?;
    let labels = listed["labels"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(labels.iter().filter_map(Label::read).collect())
}

/// Makes a label. Another run may make the same one at the same time; then it is there.
async fn make(mailbox: &Mailbox<'_>, known: &mut Vec<Label>, name: &str) -> Result<String> {
    let body = json!({ "name": name, "labelListVisibility": "labelShow", "messageListVisibility": "show" });
    match mailbox.post("/labels", &body, "the labels").await {
        Ok(made) => {
            let label =
                Label::read(&made).ok_or_else(|| failure::upstream("answer", "Gmail made a label without an id"))?;
            let id = label.id.clone();
            known.push(label);
            Ok(id)
        }
        Err(error) if error.details().get("status").is_some_and(|status| *status == 409) => {
            *known = all(mailbox).await?;
            find(known, name).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

fn unknown(known: &[Label], name: &str) -> Error {
    let names = known.iter().map(|label| label.name.as_str()).chain(OWN);
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "only labels that are there can be removed".to_owned(),
    };
    let name: String = name.chars().take(64).collect();
    invalid(format!("there is no label `{name}`")).with_hint(hint).with_detail("argument", "remove")
}
