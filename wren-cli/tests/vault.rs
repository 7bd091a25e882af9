//! Credentials and the vault, by the command line and beside a running server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use support::{Ended, Wren};
use wren_conformance::requirement;
use wren_conformance::servers::OpenBaoServer;

/// A secret that stands nowhere else.
const SECRET: &str = "canary-4f1c/+\"\\secret";

/// Sets a credential from the standard input.
fn set(wren: &Wren, name: &str, secret: &[u8], more: &[&str]) -> Ended {
    let mut command = wren.command(["credentials", "set", name, "--owner", "ada", "--json"]);
    let mut child =
        command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses before it reads has closed its end.
    let _ = child.stdin.take().unwrap().write_all(secret);
    Ended::from(child.wait_with_output().unwrap())
}

fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_secret_is_set_beside_a_running_server_listed_without_it_and_deleted() {
    let wren = Wren::start(&[]);
    let done = set(&wren, "slack", format!("{SECRET}\n").as_bytes(), &["--scope", "chat:write", "--expires-in", "90d"]);
    assert_eq!((done.code, done.document()["version"].as_u64()), (0, Some(1)), "{done:?}");
    let again = set(&wren, "slack", SECRET.as_bytes(), &[]);
    assert_eq!(again.document()["version"], 2);
    let list = wren.json(["credentials", "list", "--owner", "ada", "--json"]);
    assert_eq!(list["credentials"].as_array().unwrap().len(), 1);
    assert_eq!(list["credentials"][0]["integration"], "slack");
    assert_eq!(wren.json(["credentials", "list", "--owner", "bob", "--json"]), json!({"credentials": []}));
    let answer = wren.json(["vault", "status", "--json"]);
    assert_eq!((&answer["source"], &answer["credentials"], &answer["owners"]), (&json!("file"), &json!(1), &json!(1)));
    // The server sees it at once: it is the same vault.
    let asked = json!({"integrations": ["slack", "gmail"]}).to_string();
    let (_, validated) =
        support::http::request(&wren, "POST", "/v1/integrations/validate", wren.key(), asked.as_bytes());
    assert_eq!(validated["errors"].as_array().unwrap().len(), 1, "{validated}");
    assert_eq!(validated["errors"][0]["integration"], "gmail");

    for text in [SECRET, "canary-4f1c"] {
        assert!(!holds(&wren.path(""), text), "the secret stands in a file as it is");
    }
    let deleted = wren.json(["credentials", "delete", "slack", "--owner", "ada", "--json"]);
    assert_eq!(deleted["deleted"], true);
    let unknown = wren.run(["credentials", "delete", "slack", "--owner", "ada", "--json"]);
    assert_eq!((unknown.code, unknown.error()["code"].as_str()), (1, Some("NOT_FOUND")), "{unknown:?}");
}

#[test]
fn a_wrong_input_sets_nothing() {
    let wren = Wren::prepare("sqlite", &[]);
    let long = vec![b'x'; 70_000];
    for (name, secret) in
        [("slack", &b""[..]), ("slack", b"\n"), ("slack", b"\xff\xfe"), ("slack", &long), ("a b", b"x")]
    {
        let refused = set(&wren, name, secret, &[]);
        assert_eq!(
            (refused.code, refused.error()["code"].as_str()),
            (1, Some("INVALID_REQUEST")),
            "{name}: {refused:?}"
        );
    }
    assert_eq!(wren.json(["credentials", "list", "--owner", "ada", "--json"]), json!({"credentials": []}));
    let elsewhere = wren.run(["credentials", "list", "--owner", "ada", "--data", "nowhere", "--json"]);
    assert_eq!(elsewhere.error()["code"], "NOT_FOUND");
    let in_memory = wren.run(["vault", "status", "--store", "memory", "--json"]);
    assert_eq!(in_memory.error()["code"], "INVALID_REQUEST");
    let unknown = wren.run(["vault", "status", "--vault", "kms:key", "--json"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
}

#[test]
fn a_lost_key_and_one_that_is_open_to_others_are_said_and_lose_nothing() {
    let mut wren = Wren::start(&[]);
    assert_eq!(set(&wren, "slack", SECRET.as_bytes(), &[]).code, 0);
    wren.stop_gracefully();
    let (key, away) = (wren.path("data.keys/master.key"), wren.path("away.key"));

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = wren.run(["vault", "status", "--json"]);
    assert_eq!(open.error()["code"], "VAULT_LOCKED");
    assert!(open.error()["hint"].as_str().unwrap().contains("chmod 0400"), "{open:?}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400)).unwrap();

    std::fs::rename(&key, &away).unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0", "--json"][..], &["vault", "status", "--json"]] {
        let lost = wren.run(command);
        assert_eq!(lost.error()["code"], "VAULT_LOCKED", "{lost:?}");
        assert!(lost.error()["hint"].as_str().unwrap().contains("backup"), "{lost:?}");
        assert!(!key.exists(), "a new key was made for old credentials");
    }
    std::fs::rename(&away, &key).unwrap();
    wren.start_server();
    assert_eq!(wren.json(["vault", "status", "--json"])["credentials"], 1);
}

#[test]
fn keys_are_rotated_and_a_passphrase_is_changed() {
    let wren = Wren::prepare("sqlite", &[]);
    let file = |name: &str, text: &str| {
        let path = wren.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        format!("passphrase:{}", path.display())
    };
    let (old, new) = (file("old", "correct horse\n"), file("new", "battery staple\n"));
    assert_eq!(set(&wren, "slack", SECRET.as_bytes(), &["--vault", &old]).code, 0);
    let generation = |vault: &str| wren.json(["vault", "status", "--vault", vault, "--json"])["generations"].clone();
    let first = generation(&old);
    assert_eq!(wren.json(["vault", "rotate", "--vault", &old, "--json"])["rotated"], 1);
    assert_ne!(generation(&old), first);

    let wrong = wren.run(["vault", "status", "--vault", &new, "--json"]);
    assert_eq!((wrong.error()["code"].as_str(), wrong.code), (Some("VAULT_LOCKED"), 4), "{wrong:?}");
    wren.json(["vault", "rotate", "--vault", &new, "--previous-vault", &old, "--json"]);
    assert_eq!(wren.json(["vault", "status", "--vault", &new, "--json"])["credentials"], 1);
    assert_eq!(wren.run(["vault", "status", "--vault", &old, "--json"]).error()["code"], "VAULT_LOCKED");

    std::fs::set_permissions(wren.path("new"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = wren.run(["vault", "status", "--vault", &new, "--json"]);
    assert!(open.error()["hint"].as_str().unwrap().contains("chmod 600"), "{open:?}");
}

#[test]
fn a_server_of_secrets_seals_or_keeps_credentials() {
    let server = OpenBaoServer::shared();
    if !requirement("OpenBao", server.map(drop).map_err(ToString::to_string)) {
        return;
    }
    let server = server.unwrap();
    let (status, _) = server.call("POST", "transit/keys/wren-cli", "{}").unwrap();
    assert!(status < 300, "{status}");
    for (vault, source) in [("transit:transit/wren-cli", "transit"), ("openbao:secret/wren-cli", "openbao")] {
        let wren = Wren::prepare("sqlite", &[]);
        let run = |args: &[&str]| {
            let mut command = wren.command(args);
            command.env("BAO_ADDR", server.address()).env("BAO_TOKEN", server.token()).env("WREN_VAULT", vault);
            Ended::from(command.output().unwrap())
        };
        let mut command = wren.command(["credentials", "set", "slack", "--owner", "ada"]);
        command.env("BAO_ADDR", server.address()).env("BAO_TOKEN", server.token()).env("WREN_VAULT", vault);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(SECRET.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{vault}");
        assert_eq!(
            run(&["credentials", "list", "--owner", "ada", "--json"]).document()["credentials"][0]["version"],
            1
        );
        assert_eq!(run(&["vault", "status", "--json"]).document()["source"], source);
        assert_eq!(run(&["vault", "rotate", "--json"]).document()["rotated"], 1);
        assert_eq!(run(&["credentials", "delete", "slack", "--owner", "ada", "--json"]).code, 0);
        let without = wren.run(["vault", "status", "--vault", vault, "--json"]);
        assert_eq!(without.error()["code"], "VAULT_LOCKED", "{without:?}");
        assert!(without.error()["hint"].as_str().unwrap().contains("BAO_ADDR"), "{without:?}");
    }
}
