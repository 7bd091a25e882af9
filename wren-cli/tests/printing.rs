//! What is printed arrives, or the command says that it did not.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use std::fs::File;
use std::path::Path;
use std::process::{Output, Stdio};

use support::{Ended, bare};

/// Runs a command on a disk without room.
fn on_a_full_disk(folder: &Path, args: &[&str]) -> Output {
    let full = File::options().write(true).open("/dev/full").unwrap();
    bare(folder, args).stdout(full).stderr(Stdio::piped()).output().unwrap()
}

/// Returns how many keys an owner has.
fn keys(folder: &Path, owner: &str, data: &str) -> usize {
    let listed = bare(folder, &["keys", "list", "--owner", owner, "--data", data, "--json"]).output().unwrap();
    Ended::from(listed).document()["keys"].as_array().unwrap().len()
}

#[test]
fn a_key_that_cannot_be_printed_is_an_error_and_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    for json in [&[][..], &["--json"]] {
        let args = [&["keys", "create", "--owner", "ada", "--data", "data"][..], json].concat();
        let created = on_a_full_disk(folder.path(), &args);
        assert_eq!(created.status.code(), Some(4), "{created:?}");
        assert!(String::from_utf8_lossy(&created.stderr).contains("cannot write the output"), "{created:?}");
        assert_eq!(keys(folder.path(), "ada", "data"), 0);
    }
}

#[test]
fn an_error_or_a_help_that_cannot_be_printed_exits_as_such() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["--help"][..], &["--version"], &["status", "--json", "--colour"], &["test", "none.py", "--json"]] {
        let ended = on_a_full_disk(folder.path(), args);
        assert_eq!(ended.status.code(), Some(4), "{args:?}: {ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("cannot write the output"), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_reader_that_went_away_is_a_quiet_end() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = bare(folder.path(), &["keys", "create", "--owner", "ada", "--data", "data"]);
    let ended = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.is_empty()), (Some(0), true), "{ended:?}");
}

#[test]
fn a_server_or_a_session_that_nobody_can_read_ends_and_leaves_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let served = on_a_full_disk(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(served.status.code(), Some(4), "{served:?}");
    std::fs::write(folder.path().join("still.py"), "def still(): ...\n").unwrap();
    let dev = on_a_full_disk(folder.path(), &["dev", "still.py", "--data", "data"]);
    assert_eq!(dev.status.code(), Some(4), "{dev:?}");
    assert_eq!(keys(folder.path(), "dev", "data"), 0);
}
