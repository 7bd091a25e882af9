//! What is printed arrives, or the command says that it did not.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use std::fs::File;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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

/// Runs a command at a terminal of sixty columns, whose screen is the standard output.
fn at_a_terminal(folder: &Path, args: &str) -> Child {
    let line = format!("stty cols 60; '{}' {args}", env!("CARGO_BIN_EXE_wren"));
    let mut command = Command::new("/usr/bin/script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(folder).env("HOME", folder).env("SHELL", "/bin/sh");
    command.env_remove("NO_COLOR").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_table_fits_the_terminal_and_in_a_file_a_row_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let args = "config show --allow-host one.example.com,two.example.com,three.example.com,four.example.com";
    let shown = at_a_terminal(folder.path(), args).wait_with_output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let lines: Vec<&str> = shown.lines().map(|line| line.trim_end_matches('\r')).collect();
    assert!(lines.iter().any(|line| line.starts_with("allow-host")), "{shown}");
    assert!(lines.iter().all(|line| line.chars().count() <= 60), "{shown}");

    let args: Vec<&str> = args.split(' ').collect();
    let piped = Ended::from(bare(folder.path(), &args).output().unwrap());
    let whole = "one.example.com, two.example.com, three.example.com, four.example.com";
    assert!(piped.stdout.lines().any(|line| line.starts_with("allow-host") && line.contains(whole)), "{piped:?}");
}

#[test]
fn colours_and_progress_are_for_terminals() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("still.py"), "def still(): ...\n").unwrap();
    let coloured = at_a_terminal(folder.path(), "init still.py").wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&coloured.stdout).contains("\u{1b}[31;1m"), "{coloured:?}");
    let plain = Ended::from(bare(folder.path(), &["init", "still.py"]).output().unwrap());
    assert!(!plain.stderr.contains('\u{1b}') && plain.code == 1, "{plain:?}");

    // A server that takes the request and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let deploy = format!("deploy still.py --url http://{}", listener.local_addr().unwrap());
    let mut waiting = at_a_terminal(folder.path(), &deploy);
    let mut screen = waiting.stdout.take().unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("deploying … 1 s") {
        let mut some = [0; 256];
        let count = screen.read(&mut some).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&some[..count]);
    }
    // The end of the terminal ends what runs at it.
    waiting.kill().unwrap();
    waiting.wait().unwrap();
}
