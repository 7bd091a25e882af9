//! `gmail.inbox`: the newest emails of the inbox.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value};
use wren_core::mail::Budget;
use wren_core::{ErrorCode, Result};

use super::super::call::{invalid, limit, optional_text};
use super::email::email;
use super::mailbox::{Mailbox, MessageId};

/// The most emails at once, which is as many ids as Gmail puts on a page.
const MOST: u64 = 500;
/// Gmail may put fewer on a page than it was asked for, but not none for ever.
const MOST_PAGES: usize = 50;
/// How many emails are read at a time.
const ABREAST: usize = 8;

/// What all emails may take together, in bytes: a frame to the guest ends at 8 MiB.
const SHARED: usize = 7 * 1024 * 1024;
/// What one may take.
const EACH: usize = 1024 * 1024;

pub(super) async fn inbox(mailbox: &Mailbox<'_>, args: &Map<String, Value>) -> Result<Value> {
    let limit = limit(args, "limit", MOST)?;
    let search = search(args)?;
    let ids = ids(mailbox, limit, search.as_deref()).await?;
    // An equal share for each: one that is endless is cut, and takes nothing from the others.
    let share = (SHARED / ids.len().max(1)).min(EACH);
    let emails: Vec<Option<Value>> = stream::iter(ids)
        .map(|id| async move {
            match mailbox.message(&id).await {
                Ok(message) => Ok(Some(email(&message, Budget::new(share)).json)),
                // Deleted since it was listed.
                Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .buffered(ABREAST)
        .try_collect()
        .await?;
    Ok(emails.into_iter().flatten().collect())
}

/// Returns what to search for, in Gmail's language.
fn search(args: &Map<String, Value>) -> Result<Option<String>> {
    let query = optional_text(args, "query")?.map(str::trim).filter(|query| !query.is_empty());
    let state = match args.get("unread").unwrap_or(&Value::Null) {
        Value::Null => None,
        Value::Bool(true) => Some("is:unread"),
        Value::Bool(false) => Some("-is:unread"),
        _ => return Err(invalid("`unread` is not true, false or null").with_detail("argument", "unread")),
    };
    Ok(match (state, query) {
        // In parentheses, lest an OR in it takes the state for one of its sides.
        (Some(state), Some(query)) => Some(format!("{state} ({query})")),
        (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
        (None, None) => None,
    })
}

/// Lists the newest messages, page by page.
async fn ids(mailbox: &Mailbox<'_>, limit: u64, search: Option<&str>) -> Result<Vec<MessageId>> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut ids = Vec::new();
    let mut page: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let wanted = (most - ids.len()).to_string();
        let mut query = vec![("labelIds", "INBOX"), ("maxResults", wanted.as_str())];
        query.extend(search.map(|search| ("q", search)));
        query.extend(page.as_deref().map(|page| ("pageToken", page)));
        let mut listed = mailbox.get("/messages", &query, "the inbox").await?;
        let messages = listed["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        ids.extend(
            messages.iter().filter_map(|message| MessageId::parse(message["id"].as_str()?)).take(most - ids.len()),
        );
        page = match listed["nextPageToken"].take() {
            Value::String(next) if ids.len() < most => Some(next),
            _ => break,
        };
    }
    Ok(ids)
}
