//! Mails as files in Maildirs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::user::{self, User};

/// The mailboxes of a server's users, changed behind the server's back as other programs change them.
#[derive(Debug, Clone)]
pub struct Maildirs {
    homes: PathBuf,
    user: Option<User>,
}

impl Maildirs {
    pub(super) fn new(homes: PathBuf, user: Option<User>) -> Self {
        Self { homes, user }
    }

    /// Delivers a mail; makes the mailbox where there is none.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn deliver(&self, user: &str, mailbox: &str, raw: impl AsRef<[u8]>) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = self.create(user, mailbox);
        let seconds = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        // Servers number mails of one second by their names, so that names sort as mails were delivered.
        let name = format!("{seconds}.M{:08}P{}.wren", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let written = folder.join("tmp").join(&name);
        std::fs::write(&written, raw).unwrap();
        user::give(&written, self.user).unwrap();
        std::fs::rename(written, folder.join("new").join(name)).unwrap();
    }

    /// Makes a mailbox where there is none; returns its folder.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn create(&self, user: &str, mailbox: &str) -> PathBuf {
        let folder = self.folder(user, mailbox);
        let inbox = self.folder(user, "INBOX");
        let parts = ["tmp", "new", "cur"].map(|part| folder.join(part));
        for path in [self.homes.join(user), inbox, folder.clone()].iter().chain(&parts) {
            if !path.exists() {
                // The server may make the same folder at this moment.
                if let Err(error) = std::fs::create_dir(path) {
                    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists, "{}: {error}", path.display());
                }
                user::give(path, self.user).unwrap();
            }
        }
        folder
    }

    /// Deletes a mailbox and its mails.
    ///
    /// # Panics
    /// When it is the INBOX, or cannot be deleted.
    pub fn remove(&self, user: &str, mailbox: &str) {
        assert_ne!(mailbox, "INBOX", "there is always an INBOX");
        let folder = self.folder(user, mailbox);
        // Renamed first: the server would make files anew in one that is being deleted.
        let gone = self.homes.join(format!("gone-{mailbox}"));
        std::fs::rename(&folder, &gone).unwrap();
        std::fs::remove_dir_all(gone).unwrap();
    }

    /// Deletes every mail of a mailbox; returns how many.
    ///
    /// # Panics
    /// When the mailbox cannot be read.
    pub fn expunge(&self, user: &str, mailbox: &str) -> usize {
        let folder = self.folder(user, mailbox);
        let entries = ["new", "cur"].map(|part| std::fs::read_dir(folder.join(part)).unwrap());
        // The server may move a mail from one to the other at this moment.
        entries.into_iter().flatten().flatten().filter(|entry| std::fs::remove_file(entry.path()).is_ok()).count()
    }

    /// Makes the server number all mails of a mailbox anew, under another UIDVALIDITY.
    ///
    /// # Panics
    /// When the mailbox cannot be read.
    pub fn reset_uidvalidity(&self, user: &str, mailbox: &str) {
        for entry in std::fs::read_dir(self.folder(user, mailbox)).unwrap().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("dovecot-uidlist") || name.starts_with("dovecot.index") {
                // Some come and go.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn folder(&self, user: &str, mailbox: &str) -> PathBuf {
        let inbox: &Path = &self.homes.join(user).join("Maildir");
        if mailbox == "INBOX" { inbox.to_owned() } else { inbox.join(format!(".{mailbox}")) }
    }
}
