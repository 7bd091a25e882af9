//! Where the settings of a server come from: flags, variables, a file, defaults, in this order.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]
#![cfg(unix)]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Ended, bare, eventually, http, processes};

/// Writes a configuration file that nobody else can read.
fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn run(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Ended {
    Ended::from(bare(folder, args).envs(variables.iter().copied()).output().unwrap())
}

/// Returns a setting as `wren config show` has it: its values, and who said so.
fn shown(ended: &Ended, name: &str) -> (Value, Value, Value) {
    let document = ended.document();
    let settings = document["settings"].as_array().unwrap();
    let setting = settings.iter().find(|setting| setting["name"] == name).unwrap();
    (setting["values"].clone(), setting["source"].clone(), setting["from"].clone())
}

#[test]
fn a_flag_wins_over_a_variable_that_over_a_file_and_that_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = "url = \"http://file:1\"\n[server]\nlisten = \"127.0.0.1:1\"\nlease = \"41s\"\ndrain = \"41s\"\nstore = \"redb\"\n\
                allow_host = [\"a.example\", \"b.example\"]\nquota-triggers = 7\n";
    write(folder.path(), "own.toml", file);
    let variables = [
        ("WREN_CONFIG", "own.toml"),
        ("WREN_LEASE", "42s"),
        ("WREN_DRAIN", "42s"),
        ("WREN_ALLOW_PRIVATE", "http://a,http://b"),
    ];
    let all = run(folder.path(), &["config", "show", "--json", "--lease", "43s"], &variables);
    assert_eq!(all.code, 0, "{all:?}");
    let from_file = |values: Value| (values, json!("file"), json!("own.toml"));
    for (name, expected) in [
        ("lease", (json!(["43s"]), json!("flag"), json!("--lease"))),
        ("drain", (json!(["42s"]), json!("environment"), json!("WREN_DRAIN"))),
        ("allow-private", (json!(["http://a", "http://b"]), json!("environment"), json!("WREN_ALLOW_PRIVATE"))),
        ("listen", from_file(json!(["127.0.0.1:1"]))),
        ("store", from_file(json!(["redb"]))),
        ("allow-host", from_file(json!(["a.example", "b.example"]))),
        ("quota-triggers", from_file(json!(["7"]))),
        ("url", from_file(json!(["http://file:1"]))),
        ("data", (json!(["./wren-data"]), json!("default"), Value::Null)),
        ("public-url", (json!([]), json!("default"), Value::Null)),
    ] {
        assert_eq!(shown(&all, name), expected, "{name}");
    }
    let text = run(folder.path(), &["config", "show"], &variables).stdout;
    assert!(text.starts_with("The file is own.toml\n") && text.contains("WREN_LEASE"), "{text}");
}

#[test]
fn a_server_starts_from_a_file_alone_and_other_commands_find_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[server]\nlisten = \"127.0.0.1:0\"\ndata = \"elsewhere\"\nstore = \"sqlite:elsewhere/named.db\"\nlog_format = \"json\"\n\
                quota_deployments = 3\nrate-limit = \"unlimited\"\n";
    write(folder.path(), "wren.toml", file);
    std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut serve = bare(folder.path(), &["serve", "--config", "wren.toml"]);
    let mut server = serve.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("listening on ").unwrap_or_default().to_owned();
    let made = run(folder.path(), &["keys", "create", "--owner", "ada", "--config", "wren.toml", "--json"], &[]);
    let usage = (made.code == 0).then(|| {
        let key = made.document()["key"].as_str().unwrap().to_owned();
        http::try_request(&url, "GET", "/v1/usage", &[&format!("Authorization: Bearer {key}")], b"").unwrap()
    });
    processes::signal(server.id(), "TERM");
    assert!(eventually("the end", || server.try_wait().unwrap()).success());
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("a configuration file was read") && log.contains("\"file\":\"wren.toml\""), "{log}");
    let (status, usage) = usage.unwrap_or_else(|| panic!("{made:?}: {log}"));
    assert_eq!((status, usage["deployments"]["limit"].as_u64()), (200, Some(3)), "{usage}");
    assert!(folder.path().join("elsewhere/named.db").is_file() && !folder.path().join("wren-data").exists());
}

#[test]
fn the_faults_of_a_file_are_told_at_once_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "bad.toml", "[server]\nlissten = \"127.0.0.1:0\"\nlease = 15\ndrain = \"soon\"\n");
    for args in [&["serve"][..], &["keys", "list", "--owner", "ada"], &["status"], &["config", "show"]] {
        let refused = run(folder.path(), &[args, &["--config", "bad.toml", "--json"]].concat(), &[]);
        assert_eq!(refused.code, 1, "{refused:?}");
        let error = refused.error();
        let faults = error["details"]["diagnostics"].as_array().unwrap();
        let told: Vec<_> =
            faults.iter().map(|fault| (fault["location"]["line"].clone(), fault["hint"].clone())).collect();
        let expected =
            [(2, "did you mean `listen`?"), (3, "write it as lease = \"15s\""), (4, "write it as drain = \"30s\"")];
        assert_eq!(told, expected.map(|(line, hint)| (json!(line), json!(hint))));
        assert!(faults.iter().all(|fault| fault["message"].as_str().unwrap().starts_with("bad.toml: ")), "{error}");
    }
    let text = run(folder.path(), &["config", "check", "bad.toml"], &[]).stderr;
    assert!(text.contains("--> bad.toml:2:1") && text.contains("3 errors found"), "{text}");
    assert!(!folder.path().join("wren-data").exists());
}

#[test]
fn a_secret_is_never_shown_neither_from_a_file_nor_a_variable_nor_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = "api_key = \"wren_canary\"\n[server]\nstore = \"postgres://me:canary@db/wren?password=canary\"\n\
                integration-url = [\"openai=https://canary@llm.example.com\"]\n";
    write(folder.path(), "own.toml", file);
    for form in [&["--json"][..], &[]] {
        for variables in [&[][..], &[("WREN_API_KEY", "wren_canary"), ("WREN_STORE", "postgres://me:canary@db/wren")]] {
            let show = [&["config", "show", "--config", "own.toml"], form].concat();
            let ended = run(folder.path(), &show, variables);
            assert_eq!(ended.code, 0, "{ended:?}");
            assert!(
                !format!("{ended:?}").contains("canary") && ended.stdout.contains("postgres://me@db/wren"),
                "{ended:?}"
            );
        }
        let typed = [("WREN_STORE", "postgers://me:canary@db/wren")];
        for args in [&["config", "show"][..], &["serve"]] {
            let ended = run(folder.path(), &[args, form].concat(), &typed);
            assert!(ended.code == 2 && !format!("{ended:?}").contains("canary"), "{ended:?}");
        }
    }
    let key = run(folder.path(), &["config", "show", "--config", "own.toml", "--json"], &[]).document();
    assert_eq!(
        key["settings"][1],
        json!({"name": "api-key", "values": [], "hidden": true, "source": "file", "from": "own.toml"})
    );

    std::fs::set_permissions(folder.path().join("own.toml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = run(folder.path(), &["serve", "--config", "own.toml", "--json"], &[]);
    assert_eq!((open.code, open.error()["hint"].as_str()), (1, Some("run `chmod 600 own.toml`")), "{open:?}");
}

#[test]
fn a_file_that_came_with_the_folder_says_how_much_and_not_where() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "wren.toml",
        "[server]\nlease = \"20s\"\nintegration-url = [\"openai=https://evil.example\"]\n",
    );
    for args in [&["serve"][..], &["config", "show"]] {
        let refused = run(folder.path(), &[args, &["--json"]].concat(), &[]);
        let error = refused.error();
        assert!(refused.code == 2 && error["message"].as_str().unwrap().contains("`integration-url`"), "{refused:?}");
        assert!(error["hint"].as_str().unwrap().contains("--config wren.toml"), "{error}");
    }
    // What the command does not take from the file is no concern.
    let given =
        run(folder.path(), &["config", "show", "--json", "--integration-url", "openai=https://mine.example"], &[]);
    assert_eq!(shown(&given, "lease"), (json!(["20s"]), json!("file"), json!("wren.toml")));
    let listed = run(folder.path(), &["keys", "list", "--owner", "ada", "--json"], &[]);
    assert_eq!(listed.error()["code"], "NOT_FOUND", "{listed:?}");
    let asked = run(folder.path(), &["config", "show", "--json", "--config", "wren.toml"], &[]);
    assert_eq!(shown(&asked, "integration-url").1, "file");

    // The user's own folder is trusted.
    std::fs::remove_file(folder.path().join("wren.toml")).unwrap();
    std::fs::create_dir_all(folder.path().join(".config/wren")).unwrap();
    write(folder.path(), ".config/wren/config.toml", "[server]\nlisten = \"127.0.0.1:1\"\n");
    assert_eq!(shown(&run(folder.path(), &["config", "show", "--json"], &[]), "listen").0, json!(["127.0.0.1:1"]));
}
