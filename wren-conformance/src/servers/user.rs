//! Somebody other than root, for servers that refuse to run as root.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The ids of a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Returns the user to run a server as: none, which keeps this one, unless this is root; then the first of the names that
/// the machine knows.
pub(super) fn other_than_root(names: &[&str]) -> Result<Option<User>, String> {
    let this = std::fs::metadata("/proc/self").map_err(|error| format!("/proc/self: {error}"))?;
    if this.uid() != 0 {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    names
        .iter()
        .find_map(|name| passwd.lines().find_map(|line| parse(line, name)))
        .map(Some)
        .ok_or_else(|| format!("this is root, and there is no user {}", names.join(" or ")))
}

fn parse(line: &str, name: &str) -> Option<User> {
    let mut fields = line.split(':');
    if fields.next() != Some(name) {
        return None;
    }
    let mut numbers = fields.skip(1);
    Some(User { uid: numbers.next()?.parse().ok()?, gid: numbers.next()?.parse().ok()? })
}

/// Returns the user, or the one that this process is.
pub(super) fn or_this(user: Option<User>) -> Result<User, String> {
    let this = || std::fs::metadata("/proc/self").map_err(|error| format!("/proc/self: {error}"));
    user.map_or_else(|| this().map(|this| User { uid: this.uid(), gid: this.gid() }), Ok)
}

/// Returns the name of an id in a file such as `/etc/passwd`.
pub(super) fn name_in(file: &str, id: u32) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let id = id.to_string();
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(&id));
    let name = line.and_then(|line| line.split(':').next());
    name.map(str::to_owned).ok_or_else(|| format!("{file} has no name for {id}"))
}

/// Gives a file or folder to a user.
pub(super) fn give(folder: &Path, user: Option<User>) -> Result<(), String> {
    let Some(User { uid, gid }) = user else { return Ok(()) };
    std::os::unix::fs::chown(folder, Some(uid), Some(gid)).map_err(|error| format!("{}: {error}", folder.display()))
}
