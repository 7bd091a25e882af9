//! Secrets that must be seen nowhere: after a scenario with everything that touches one, no form of any stands in what the server
//! keeps, says or shows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

#[path = "canary/forms.rs"]
mod forms;
#[path = "canary/places.rs"]
mod places;
mod support;

use std::io::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};

use forms::Canary;
use serde_json::{Value, json};
use support::{Wren, can_run_processes, eventually, http};
use wren_conformance::services::{Ai, Gmail, HttpServer, Reply, Slack};

/// What stands for a service that says back all that it hears, and holds a request until it is told.
struct Echo {
    server: HttpServer,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Default)]
struct Gate {
    arrived: usize,
    open: bool,
}

impl Echo {
    fn start() -> Self {
        let gate = Arc::new((Mutex::new(Gate::default()), Condvar::new()));
        let held = Arc::clone(&gate);
        let server = HttpServer::start(move |request| {
            if request.path == "/hold" {
                let (gate, changed) = &*held;
                let mut gate = gate.lock().unwrap();
                gate.arrived += 1;
                changed.notify_all();
                drop(changed.wait_while(gate, |gate| !gate.open).unwrap());
            }
            let headers: Value = request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            Reply::json(&json!({"headers": headers, "body": String::from_utf8_lossy(&request.body)}))
        });
        Self { server, gate }
    }

    fn wait_for_a_request(&self) {
        let (gate, changed) = &*self.gate;
        let mut gate = gate.lock().unwrap();
        gate.arrived = gate.arrived.min(1);
        drop(changed.wait_while(gate, |gate| gate.arrived == 0).unwrap());
    }

    fn let_go(&self) {
        let (gate, changed) = &*self.gate;
        gate.lock().unwrap().open = true;
        changed.notify_all();
    }

    fn close(&self) {
        *self.gate.0.lock().unwrap() = Gate::default();
    }
}

fn script(executor: &str, echo: &str) -> String {
    SCRIPT.replace("EXECUTOR", executor).replace("ECHO", echo)
}

/// Everything that a careless script does with what it is given.
const SCRIPT: &str = r##"# /// script
# [tool.wren]
# executor = "EXECUTOR"
# inject_env = { FTP_PASSWORD = "ftp" }
# ///
import base64, json, os, sys, urllib.parse
import wren
from wren import gmail, slack

crm = wren.integration("crm")


def uses():
    mails = gmail.inbox(limit=5)
    gmail.send(to="me@example.com", subject="s", body=wren.ai("say it back", mails))
    slack.post("#general", "hi")
    answer = crm.post("/echo", json={"a": 1})
    print("headers", answer.json()["headers"])
    return answer.json()


def prints():
    for secret in (wren.secret("ftp"), os.environ["FTP_PASSWORD"]):
        raw = secret.encode()
        print(secret, "and", base64.b64encode(raw).decode(), base64.urlsafe_b64encode(b"x:" + raw).decode())
        print(urllib.parse.quote(secret), urllib.parse.quote_plus(secret), json.dumps(secret), raw.hex(), raw.hex().upper())
        print(repr(secret), file=sys.stderr)
        sys.stdout.write("no line break " + secret)
    return {"secret": [secret, {secret: base64.b64encode(raw).decode()}]}


def raises():
    secret = wren.secret("ftp")
    local = {"password": secret}
    raise ValueError(f"cannot log in with {secret} or {local!r} or {base64.b64encode(secret.encode()).decode()}")


def holds():
    secret = wren.secret("ftp")
    wren.http.get("ECHO/hold")
    return len(secret)


def crashes():
    secret = wren.secret("ftp")
    print("dying with", secret)
    os.abort()


def too_long():
    return wren.secret("ftp") * 500_000
"##;

struct World {
    gmail: Gmail,
    _slack: Slack,
    _ai: Ai,
    echo: Echo,
    wren: Wren,
    canaries: Vec<Canary>,
}

impl World {
    fn start() -> Self {
        let canaries = vec![
            Canary::new("gmail", "ya29.canary-Gm4i1/+=_x"),
            Canary::new("slack", "xoxb-canary-S1ack+/~z"),
            Canary::new("openai", "sk-canary-0pen\\AI\"&<'>"),
            Canary::new("crm", "crm-canary-7%41?#;,q"),
            Canary::new("ftp", "ftp-canary-P4ss w/ \"spaces\" \\ & <é>"),
        ];
        let secret = |name: &str| canaries.iter().find(|canary| canary.name == name).unwrap().secret;
        let (gmail, slack) = (Gmail::start(secret("gmail")), Slack::start(secret("slack")));
        let (ai, echo) = (Ai::start_echo(secret("openai")), Echo::start());
        let crm = format!(
            "name = \"crm\"\ntitle = \"CRM\"\norigins = [\"{}\"]\n\
             place = {{ header = \"Authorization\", prefix = \"Bearer \" }}\n",
            echo.server.url()
        );
        let folder = std::env::temp_dir().join(format!("wren-canary-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("crm.toml");
        std::fs::write(&file, crm).unwrap();
        let mut options = vec![
            "--allow-host".to_owned(),
            "127.0.0.1".to_owned(),
            "--integration-file".to_owned(),
            file.display().to_string(),
        ];
        for (name, url) in [("gmail", gmail.url()), ("slack", slack.url()), ("openai", ai.url())] {
            options.extend(["--integration-url".to_owned(), format!("{name}={url}")]);
            options.extend(["--allow-private".to_owned(), url]);
        }
        options.extend(["--allow-private".to_owned(), echo.server.url()]);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let wren = Wren::start(&options);
        let world = Self { gmail, _slack: slack, _ai: ai, echo, wren, canaries };
        for canary in &world.canaries {
            // One comes by the page, as a user enters it; the others from the command line.
            if canary.name == "openai" { world.enter(canary) } else { world.set(canary) }
        }
        let _ = std::fs::remove_dir_all(folder);
        world
    }

    fn set(&self, canary: &Canary) {
        let mut command = self.wren.command(["credentials", "set", canary.name, "--owner", "ada"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(canary.secret.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn enter(&self, canary: &Canary) {
        let path = format!("/v1/integrations/{}/connect", canary.name);
        let (_, link) = http::request(&self.wren, "POST", &path, self.wren.key(), b"");
        let link = link["url"].as_str().unwrap();
        let (address, ticket) = link.split_once("?ticket=").unwrap();
        let path = address.strip_prefix(self.wren.url()).unwrap();
        let body = format!("ticket={ticket}&secret={}", forms::percent(canary.secret));
        let page = places::post_form(&self.wren, path, &body);
        assert!(page.contains("is connected"), "{page}");
        self.nothing_in("the page", page.as_bytes());
    }

    #[track_caller]
    fn nothing_in(&self, place: &str, bytes: &[u8]) {
        for canary in &self.canaries {
            if let Some(form) = canary.found_in(bytes) {
                panic!("{place} holds `{}` as {form}", canary.name);
            }
        }
    }

    fn begin(&self, deployment: &str, func: &str) -> String {
        let path = format!("/v1/deployments/{deployment}/runs");
        let body = json!({"func": func}).to_string();
        let (status, run) = http::request(&self.wren, "POST", &path, self.wren.key(), body.as_bytes());
        assert!((200..300).contains(&status), "{run}");
        run["run_id"].as_str().unwrap().to_owned()
    }

    fn end(&self, run: &str) -> Value {
        eventually("the run's end", || {
            let run = http::get(&self.wren, &format!("/v1/runs/{run}"));
            (!matches!(run["status"].as_str().unwrap(), "queued" | "running")).then_some(run)
        })
    }
}

#[test]
fn no_form_of_a_secret_stands_anywhere_after_everything_has_been_done() {
    let mut world = World::start();
    world.gmail.deliver("From: a@example.com\r\nTo: b@example.com\r\nSubject: hi\r\n\r\ntext\r\n");
    let executors = if can_run_processes() { vec!["wasm", "process"] } else { vec!["wasm"] };
    let mut read = vec!["/v1/deployments".to_owned(), "/v1/runs?limit=200".to_owned(), "/v1/integrations".to_owned()];
    for executor in &executors {
        let file = world.wren.write(&format!("{executor}.py"), script(executor, &world.echo.server.url()));
        let deployed = world.wren.json(["deploy", &file, "--json"]);
        let id = deployed["deployment_id"].as_str().unwrap().to_owned();
        // Nothing is released before somebody does.
        let refused = world.end(&world.begin(&id, "prints"));
        assert_eq!(refused["error"]["code"], "PERMISSION_DENIED", "{refused}");
        world.wren.json(["credentials", "release", "ftp", "--owner", "ada", "--to", executor, "--json"]);
        world.wren.json(["resume", executor, "--json"]);

        read.push(format!("/v1/deployments/{id}"));
        read.push(format!("/v1/deployments/{id}/runs"));
        for (func, status) in [
            ("uses", "success"),
            ("prints", "success"),
            ("raises", "failed"),
            ("crashes", "failed"),
            ("too_long", "failed"),
        ] {
            let run = world.end(&world.begin(&id, func));
            assert_eq!(run["status"], status, "{executor} {func}: {run}");
            let path = format!("/v1/runs/{}", run["run_id"].as_str().unwrap());
            read.extend([format!("{path}/logs?limit=1000"), path]);
            world.nothing_in(func, run.to_string().as_bytes());
        }
        // While a run has the secret in its hands, nobody sees it in the system's lists of processes.
        let run = world.begin(&id, "holds");
        world.echo.wait_for_a_request();
        for (place, bytes) in places::processes(world.wren.server_pid()) {
            world.nothing_in(&place, &bytes);
        }
        world.echo.let_go();
        assert_eq!(world.end(&run)["status"], "success");
        world.echo.close();
    }
    world.wren.run(["status"]);
    for path in &read {
        let (status, answer) = http::request(&world.wren, "GET", path, world.wren.key(), b"");
        assert_eq!(status, 200, "{path}: {answer}");
        world.nothing_in(path, answer.to_string().as_bytes());
    }
    // What is redacted says so: that nothing was found is not because nothing was printed.
    let log = read.iter().find(|path| path.ends_with("/logs?limit=1000")).unwrap();
    assert!(!http::get(&world.wren, log).to_string().is_empty());
    let logs: String = read
        .iter()
        .filter(|path| path.contains("/logs"))
        .map(|path| http::get(&world.wren, path).to_string())
        .collect();
    assert!(logs.contains("[redacted ftp]") && logs.contains("[redacted crm]"), "{logs}");

    // As it lies while the server runs, write-ahead log included, and after it ended.
    world.nothing_in("the server's log", world.wren.server_log().as_bytes());
    places::files(&world.wren.path(""), &mut |place, bytes| world.nothing_in(place, bytes));
    assert!(world.wren.stop_gracefully().success());
    places::files(&world.wren.path(""), &mut |place, bytes| world.nothing_in(place, bytes));
}
