//! What a newcomer does: begin a script, ask what is wrong with the machine, read the guide.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Wren, bare};

fn run(folder: &std::path::Path, args: &[&str]) -> support::Ended {
    support::Ended::from(bare(folder, args).output().unwrap())
}

#[test]
fn a_script_that_was_begun_passes_the_test_and_nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    for (on, file) in [("schedule", "daily.py"), ("email", "invoice.py")] {
        let made = run(folder.path(), &["init", file, "--on", on]);
        assert_eq!(made.code, 0, "{made:?}");
        let tested = run(folder.path(), &["test", file, "--json"]);
        assert_eq!(tested.code, 0, "{tested:?}");
        let again = run(folder.path(), &["init", file, "--json"]);
        assert_eq!((again.code, again.error()["code"].as_str()), (1, Some("CONFLICT")), "{again:?}");
    }
}

#[test]
fn a_machine_that_can_run_a_server_is_told_so_and_one_that_cannot_what_to_do() {
    let wren = Wren::start(&[]);
    let well = wren.json(["doctor", "--json"]);
    assert_eq!(well["ok"], true, "{well}");
    let checks = well["checks"].as_array().unwrap();
    let names: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    for name in [
        "executor wasm",
        "executor process",
        "data folder",
        "disk",
        "store",
        "master key",
        "API keys",
        "server",
        "clock",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(support::http::get_text(&wren, "/llms.txt").starts_with("# Wren: a guide for agents"));
    assert!(checks.iter().all(|check| check["status"] == "ok" || check["fix"].is_string()), "{well}");

    // Another key than the one that sealed.
    let key = wren.path("other.key");
    std::fs::write(&key, "no key\n").unwrap();
    let option = format!("file:{}", key.display());
    let ill = wren.run(["doctor", "--vault", &option, "--json"]);
    assert_eq!(ill.code, 4, "{ill:?}");
    let error = ill.error();
    let checks = error["details"]["checks"].as_array().unwrap();
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| check["status"] == "failed")
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["master key"], "{error}");
    let told = wren.run(["doctor", "--vault", &option]);
    assert!(told.stdout.contains("✗ master key: ") && told.stderr.contains("1 of "), "{told:?}");
}

#[test]
fn the_guide_the_completions_and_the_manual_are_made_from_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let guide = run(folder.path(), &["guide"]);
    assert!(
        guide.stdout.starts_with("# Wren: a guide for agents") && guide.stdout.contains("| `INVALID_CRON` |"),
        "{guide:?}"
    );
    for shell in ["bash", "zsh", "fish"] {
        let script = run(folder.path(), &["completions", shell]);
        assert!(script.code == 0 && script.stdout.contains("doctor"), "{shell}: {script:?}");
    }
    let pages = run(folder.path(), &["man", "--dir", "pages"]);
    assert_eq!(pages.code, 0, "{pages:?}");
    let page = std::fs::read_to_string(folder.path().join("pages/wren-deploy.1")).unwrap();
    assert!(page.contains(".TH"), "{page}");
}
