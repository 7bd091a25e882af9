//! A real server and the real command line, in a folder of their own.

#![allow(dead_code, reason = "each test binary uses its part of this")]

pub(crate) mod http;
pub(crate) mod processes;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test gives up on it. Long, since machines that test are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Says whether the process executor works on this machine, by letting the real binary import a script there.
#[must_use]
pub(crate) fn can_run_processes() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.py");
    let script = "# /// script\n# [tool.wren]\n# executor = \"process\"\n# ///\ndef nothing(): ...\n";
    std::fs::write(&file, script).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wren")).arg("test").arg(file).arg("--json").output().unwrap();
    let answer = Ended::from(output).document();
    // Any other error is not the machine's but the test's to find.
    let is_missing = answer["error"]["code"] == "EXECUTOR_UNAVAILABLE";
    let check = if is_missing { Err(answer["error"]["message"].to_string()) } else { Ok(()) };
    wren_conformance::requirement("the process executor", check)
}

/// Asks again and again until there is an answer, for at most [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, ask)
}

/// Does the same with a patience of its own.
#[track_caller]
pub(crate) fn eventually_within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < patience, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes a command of the real binary in a folder, which knows nothing of this process's environment.
pub(crate) fn bare(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wren"));
    command.args(args).current_dir(folder).env("HOME", folder).env_remove("XDG_CONFIG_HOME");
    for name in ["WREN_DATA", "WREN_STORE", "WREN_VAULT", "WREN_URL", "WREN_API_KEY", "WREN_CONFIG", "WREN_LOG"] {
        command.env_remove(name);
    }
    command
}

/// A Wren on its own data folder. Dropping it kills the server.
pub(crate) struct Wren {
    folder: tempfile::TempDir,
    server: Option<Child>,
    url: String,
    key: String,
    store: String,
    options: Vec<String>,
}

impl Wren {
    /// Starts a server on an empty data folder, with further options of `wren serve`, and makes a key.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut wren = Self::new("sqlite", options);
        wren.start_server();
        wren.key = wren.make_key("ada");
        wren
    }

    /// Makes a key in a store, as `--store` names it, whose server is still to be started: a file of redb is open in one
    /// process at a time.
    pub(crate) fn prepare(store: &str, options: &[&str]) -> Self {
        let mut wren = Self::new(store, options);
        wren.key = wren.make_key("ada");
        wren
    }

    fn new(store: &str, options: &[&str]) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: None,
            url: String::new(),
            key: String::new(),
            store: store.to_owned(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
        }
    }

    /// Has the next server, and the commands, use another store.
    pub(crate) fn move_to(&mut self, store: &str) {
        store.clone_into(&mut self.store);
    }

    /// Starts the server again, on the same data and any free port.
    pub(crate) fn start_server(&mut self) {
        let line = self.try_start_server(&[]);
        assert!(!self.url.is_empty(), "no address but {line:?}: {}", self.server_log());
    }

    /// Starts the server with further variables in its environment, where it may die before it has an address: then the
    /// URL is empty. Returns the first line that it printed.
    pub(crate) fn try_start_server(&mut self, environment: &[(&str, &str)]) -> String {
        let log = std::fs::File::options().create(true).append(true).open(self.path("server.log")).unwrap();
        let mut command = self.command(["serve", "--listen", "127.0.0.1:0"]);
        // Tests ask in loops without a pause; an option of theirs may set a limit all the same.
        command
            .env("WREN_RATE_LIMIT", "unlimited")
            .args(&self.options)
            .env("WREN_LOG", "info,wren_core=debug")
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.envs(environment.iter().copied()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.server = Some(child);
        self.url = line.trim_end().strip_prefix("listening on ").unwrap_or_default().to_owned();
        line
    }

    pub(crate) fn make_key(&self, owner: &str) -> String {
        let document = self.json(["keys", "create", "--owner", owner, "--json"]);
        document["key"].as_str().unwrap().to_owned()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn server_pid(&self) -> u32 {
        self.server.as_ref().unwrap().id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a script and returns its name; commands run in its folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        name.to_owned()
    }

    pub(crate) fn server_log(&self) -> String {
        std::fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    /// Makes a command of the real binary that knows nothing but this folder and server.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_wren")));
        command.args(args).current_dir(self.folder.path()).env("HOME", self.folder.path()).env("TZ", "UTC");
        command.env_remove("XDG_CONFIG_HOME").env_remove("WREN_CONFIG").env_remove("WREN_LOG");
        command.env("WREN_DATA", self.path("data")).env("WREN_STORE", &self.store);
        command.env_remove("WREN_PREVIOUS_VAULT").env_remove("WREN_VAULT");
        if let Some(database) = self.store.strip_prefix("postgres://") {
            // Servers on one database seal with one key.
            let name: String = database.chars().filter(char::is_ascii_alphanumeric).collect();
            command.env("WREN_VAULT", format!("file:{}/keys/{name}.key", env!("CARGO_TARGET_TMPDIR")));
        }
        command.env("WREN_URL", &self.url).env("WREN_API_KEY", &self.key);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        Ended::from(self.command(args).output().unwrap())
    }

    /// Runs a command that must succeed and returns what it printed.
    #[track_caller]
    pub(crate) fn text<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{}{}\nserver: {}", ended.stdout, ended.stderr, self.server_log());
        ended.stdout
    }

    /// Runs a command with `--json` that must succeed and returns its document.
    #[track_caller]
    pub(crate) fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{ended:?}\nserver: {}", self.server_log());
        ended.document()
    }

    /// Asks the server to end and waits for it.
    pub(crate) fn stop_gracefully(&mut self) -> ExitStatus {
        let mut child = self.server.take().unwrap();
        processes::signal(child.id(), "TERM");
        eventually("the server's end", || child.try_wait().unwrap())
    }

    /// Returns how the server ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.server.as_mut().unwrap().try_wait().unwrap()
    }

    /// Kills the server as a crash would: nothing of it runs another instruction.
    pub(crate) fn kill(&mut self) {
        let mut child = self.server.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Wren {
    fn drop(&mut self) {
        if let Some(mut child) = self.server.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Returns the document that a command with `--json` printed.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the error that a command with `--json` printed.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        self.document()["error"].clone()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
