//! What `ops` names is there: the program's options, paths, ports and routes. No image is built and no unit is started.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]
#![cfg(unix)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Ended, bare};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// Returns what a server with these arguments would come to.
#[track_caller]
fn settings(args: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let ended = Ended::from(bare(folder.path(), &[&["config", "show", "--json"], args].concat()).output().unwrap());
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.document()["settings"].clone()
}

#[track_caller]
fn setting(settings: &Value, name: &str) -> String {
    let found = settings.as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap();
    found["values"][0].as_str().unwrap().to_owned()
}

/// The instructions of a Dockerfile: each its name and the rest, lines joined, comments and flags left out.
fn instructions(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let instructions = joined.lines().filter_map(|line| line.trim().split_once(' '));
    instructions.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

#[test]
fn the_example_of_a_configuration_file_has_every_option_and_each_can_be_switched_on() {
    let text = read("ops/wren.toml");
    let is_key = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| !key.contains([' ', '`']));
    let all: Vec<&str> =
        text.lines().map(|line| line.strip_prefix("# ").filter(|line| is_key(line)).unwrap_or(line)).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.toml");
    std::fs::write(&file, all.join("\n")).unwrap();
    let everything = settings(&["--config", file.to_str().unwrap()]);
    for setting in everything.as_array().unwrap() {
        let is_of_the_client = setting["name"] == "url" || setting["name"] == "api-key";
        assert!(is_of_the_client || setting["source"] == "file", "{setting} is not in ops/wren.toml");
    }
}

#[test]
fn the_unit_starts_a_server_from_the_example() {
    let unit = read("ops/wren.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/wren serve ")).unwrap();
    let example = root().join("ops/wren.toml");
    let here = start.replace("/etc/wren/wren.toml", example.to_str().unwrap());
    let settings = settings(&here.split(' ').collect::<Vec<_>>());
    // What systemd makes of `StateDirectory=wren`; nothing else can be written.
    assert!(unit.contains("\nStateDirectory=wren\n") && setting(&settings, "data").starts_with("/var/lib/wren/"));
    assert_eq!(setting(&settings, "log-format"), "json");
}

#[test]
fn the_image_has_what_it_starts_and_runs_as_nobody_special() {
    let text = read("ops/Dockerfile");
    let instructions = instructions(&text);
    let known: BTreeSet<&str> =
        "ARG FROM WORKDIR COPY RUN ENV USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD".split(' ').collect();
    assert!(instructions.iter().all(|(name, _)| known.contains(name.as_str())), "{instructions:?}");
    let last = |wanted: &str| instructions.iter().rev().find(|(name, _)| name == wanted).unwrap().1.clone();
    let every =
        |wanted: &'static str| instructions.iter().filter(move |(name, _)| name == wanted).map(|(_, rest)| rest);

    // What is copied from the sources is there and not ignored; what is built is a program of this workspace.
    let ignored = read(".dockerignore");
    for copied in every("COPY").filter(|copied| !copied.starts_with("--from=")) {
        let source = copied.split(' ').next().unwrap();
        assert!(root().join(source).exists() && !ignored.lines().any(|line| line == source), "{copied}");
    }
    for member in ["wren-cli", "examples", "benches", "Cargo.lock"] {
        assert!(!ignored.lines().any(|line| line.trim_end_matches('/') == member), "{member} is needed to build");
    }
    assert!(
        text.contains("cargo build --release --locked -p wren-cli ") && text.contains("target/release/wren /out/wren")
    );
    let toolchain = every("FROM").find_map(|from| from.strip_prefix("rust:")?.split('-').next()).unwrap();
    assert!(read("Cargo.toml").contains(&format!("rust-version = \"{toolchain}\"")), "{toolchain}");

    // What is started is a server, with the file that was copied.
    assert_eq!((last("ENTRYPOINT").as_str(), last("CMD").as_str()), ("[\"wren\"]", "[\"serve\"]"));
    let file = last("ENV");
    let file = file.strip_prefix("WREN_CONFIG=").unwrap();
    assert!(every("COPY").any(|copied| copied == &format!("ops/container.toml {file}")));
    let settings = settings(&["--config", root().join("ops/container.toml").to_str().unwrap()]);
    let (_, port) =
        setting(&settings, "listen").rsplit_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap();
    assert_eq!(last("EXPOSE"), port);
    // The master key is made beside the data, so that both have to be in the volume.
    assert!(Path::new(&setting(&settings, "data")).parent().unwrap().starts_with(last("VOLUME")));

    let health = last("HEALTHCHECK");
    let path = health.split(&format!("http://127.0.0.1:{port}")).nth(1).unwrap().trim_end_matches(['"', ']']);
    let api: Value = serde_json::from_str(&read("wren-http/openapi.json")).unwrap();
    assert!(api["paths"][path]["get"].is_object(), "{path}");

    assert!(last("USER").parse::<u32>().is_ok_and(|user| user > 0));
    for word in ["KEY", "TOKEN", "SECRET", "PASSWORD"] {
        assert!(every("ARG").chain(every("ENV")).all(|rest| !rest.contains(word)), "a secret in a layer: {word}");
    }
}
