use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::*;

fn global(config: &Path) -> GlobalArgs {
    GlobalArgs { json: false, url: None, api_key: None, config: Some(config.to_owned()) }
}

/// Writes a file that nobody else can read.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wren.toml");
    std::fs::write(&path, text).unwrap();
    set_mode(&path, 0o600);
    (folder, path)
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_default() {
    let (_folder, path) = file("url = \"http://file:1/\"\napi_key = \"wren_file\"\n");
    let read = connection(&global(&path)).unwrap();
    assert_eq!(read.url, "http://file:1");
    assert_eq!(read.api_key.unwrap().expose_secret(), "wren_file");

    let flags = GlobalArgs { url: Some("http://flag:2".to_owned()), ..global(&path) };
    assert_eq!(connection(&flags).unwrap().url, "http://flag:2");

    let (_folder, path) = file("");
    assert_eq!(connection(&global(&path)).unwrap().url, DEFAULT_URL);
}

#[test]
fn a_file_with_an_unknown_key_is_refused_without_showing_what_it_holds() {
    let (_folder, path) = file("api_keey = \"wren_secret\"\n");
    let failure = connection(&global(&path)).unwrap_err();
    assert_eq!(failure.problem.exit_code(), 1);
    assert!(failure.problem.message.contains("`api_keey`"));
    assert!(!format!("{failure:?}").contains("wren_secret"));
}

#[test]
fn every_fault_of_a_file_is_found_at_once_with_its_place() {
    let text = "listen = \"0.0.0.0:1\"\nurl = 5\n[server]\nlisten = \"here\"\nlease = 15\nlese = \"1s\"\nallow_host = \"a\"\nallow-host = \"b\"\n";
    let (_folder, path) = file(text);
    let failure = ConfigFile::read(&path).unwrap_err();
    let place = |problem: &crate::failure::Problem| {
        let location = problem.location.clone().unwrap();
        (location.line, location.column.unwrap())
    };
    let found = failure.problem.findings();
    let said: Vec<_> = found.iter().map(|one| (place(one), one.hint.clone().unwrap_or_default())).collect();
    for (at, hint) in [
        ((1, 1), "it belongs under [server]"),
        ((2, 7), "write it in quotes"),
        ((4, 10), "write it as listen = \"127.0.0.1:7878\""),
        ((5, 9), "write it as lease = \"15s\""),
        ((6, 1), "did you mean `lease`?"),
        ((8, 1), "keep one of the two"),
    ] {
        assert!(said.contains(&(at, hint.to_owned())), "{at:?} {hint}: {said:?}");
    }
    assert_eq!(found.len(), 6, "{found:?}");

    let (_folder, path) = file("[server]\nstore = canary\n");
    let broken = ConfigFile::read(&path).unwrap_err();
    assert_eq!(place(&broken.problem).0, 2);
    assert!(!format!("{broken:?}").contains("canary"), "{broken:?}");
}

#[test]
fn a_file_with_a_secret_that_others_can_read_is_refused() {
    let secrets = ["api_key = \"wren_x\"", "[server]\nstore = \"postgres://me:canary@db/wren\""];
    for (text, is_secret) in [(secrets[0], true), (secrets[1], true), ("[server]\nlease = \"20s\"", false)] {
        let (_folder, path) = file(text);
        for mode in [0o644, 0o640, 0o600] {
            set_mode(&path, mode);
            let read = ConfigFile::read(&path);
            assert_eq!(read.is_err(), is_secret && mode != 0o600, "{text} {mode:o}");
            if let Err(failure) = read {
                assert!(failure.problem.hint.as_ref().is_some_and(|hint| hint.starts_with("run `chmod 600")));
                assert!(!format!("{failure:?}").contains("canary"));
            }
        }
    }
}
