//! What several of the test binaries need.

#![allow(dead_code, reason = "each binary uses some of it")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};

/// Opens a file as any program would.
pub(crate) async fn plain(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

/// Returns what SQLite finds wrong with a file: `ok`.
pub(crate) async fn integrity(path: &Path) -> String {
    let mut connection = plain(path).await;
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert!(broken.is_empty(), "a foreign key dangles");
    sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap().get(0)
}

/// Another process that runs an ignored test of this binary on a file.
pub(crate) struct Other {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Other {
    /// The name of the variable that hands the file to the process.
    const FILE: &'static str = "WREN_TEST_FILE";

    pub(crate) fn start(test: &str, file: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(Self::FILE, file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Returns the file that the process was started on, in that process.
    pub(crate) fn file() -> Option<std::path::PathBuf> {
        std::env::var_os(Self::FILE).map(Into::into)
    }

    /// Tells the process that started this one. The line is written at once, so that it is there after a kill.
    pub(crate) fn tell(line: &str) {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        out.write_all(format!("\n> {line}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    }

    /// Returns the next line that the process told.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix("> ").map(str::to_owned))
    }

    /// Kills the process, which has no chance to do anything about it, and returns what it had told besides.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Waits for the process to end well, and returns what it told.
    pub(crate) fn wait(mut self) -> Vec<String> {
        let told = std::iter::from_fn(|| self.next()).collect();
        assert!(self.child.wait().unwrap().success());
        told
    }
}
