//! Which file, variable and folder a command listens to.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]
#![cfg(unix)]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use support::{Ended, bare};

/// Writes the file of a folder so that nobody else can read it: one with a key is refused otherwise.
fn write_private(folder: &Path, text: &str) {
    let file = folder.join("wren.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn ended(command: &mut Command) -> Ended {
    Ended::from(command.output().unwrap())
}

#[test]
fn a_key_from_elsewhere_is_not_sent_to_the_address_of_the_current_folders_file() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    for own_key in ["", "api_key = \"wren_of_the_file\"\n"] {
        write_private(folder.path(), &format!("url = \"{url}\"\n{own_key}"));
        let refused = ended(bare(folder.path(), &["status", "--json"]).env("WREN_API_KEY", "wren_secret"));
        assert_eq!(refused.code, 2, "{refused:?}");
        let error = refused.error();
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("./wren.toml") && message.contains("WREN_API_KEY"), "{error}");
        assert!(error["hint"].is_string() && !refused.stdout.contains("wren_secret"), "{error}");
        let refused = ended(&mut bare(folder.path(), &["status", "--api-key", "wren_secret"]));
        assert_eq!(refused.code, 2, "{refused:?}");
    }
    assert!(listener.accept().is_err(), "nobody called");
}

#[test]
fn a_file_of_the_current_folder_that_is_asked_for_or_brings_its_own_key_is_used() {
    let folder = tempfile::tempdir().unwrap();
    // A listener that is dropped leaves a port on which nobody listens.
    let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    write_private(folder.path(), &format!("url = \"{url}\"\napi_key = \"wren_of_the_file\"\n"));
    let with_key = |args: &[&str]| ended(bare(folder.path(), args).env("WREN_API_KEY", "wren_mine"));
    let tried = [
        ended(&mut bare(folder.path(), &["status", "--json"])),
        with_key(&["status", "--json", "--config", "wren.toml"]),
        with_key(&["status", "--json", "--url", &url]),
    ];
    for tried in tried {
        assert_eq!((tried.code, &tried.error()["code"]), (4, &"SERVER_UNREACHABLE".into()), "{tried:?}");
        assert!(tried.stdout.contains(&url), "{tried:?}");
    }
}

#[test]
fn a_data_folder_with_a_typing_error_is_not_found_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let key = "key_01jf2y8v3qe7w9r5t1y3v5a7s9";
    for store in [&["--data", "./typo"][..], &["--store", "sqlite:typo/x.db"]] {
        for command in [&["keys", "list", "--owner", "ada"][..], &["keys", "revoke", key, "--owner", "ada"]] {
            let missing = ended(&mut bare(folder.path(), &[command, store, &["--json"]].concat()));
            assert_eq!((missing.code, &missing.error()["code"]), (1, &"NOT_FOUND".into()), "{missing:?}");
            assert!(missing.error()["message"].as_str().unwrap().contains("typo"), "{missing:?}");
            assert!(missing.error()["hint"].is_string(), "{missing:?}");
        }
    }
    assert!(!folder.path().join("typo").exists());
}

#[test]
fn a_file_that_is_not_there_and_a_wrong_flag_have_their_own_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let missing = ended(&mut bare(folder.path(), &["test", "no-such-file.py", "--json"]));
    let error = missing.error();
    assert_eq!((missing.code, error["hint"].is_string()), (1, true), "{missing:?}");
    assert!(error["message"].as_str().unwrap().contains("cannot read no-such-file.py"), "{missing:?}");
    for (args, named) in [(&["status", "--colour"][..], "--colour"), (&["keys", "create"], "--owner")] {
        let usage = ended(&mut bare(folder.path(), &[args, &["--json"]].concat()));
        let error = usage.error();
        assert_eq!((usage.code, error["code"].as_str()), (2, Some("INVALID_REQUEST")), "{usage:?}");
        assert!(error["message"].as_str().unwrap().contains(named) && error["hint"].is_string(), "{usage:?}");
        assert!(ended(&mut bare(folder.path(), args)).stderr.contains("Usage:"));
    }
}
