//! A mail server, a Wren that reads a mailbox of it, and what comes of the mails.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use wren_conformance::servers::DovecotServer;

use crate::support::{Wren, eventually, http};

const USER: &str = "ada";
const PASSWORD: &str = "correct horse";

pub(crate) struct Post {
    pub(crate) dovecot: DovecotServer,
    pub(crate) wren: Wren,
}

impl Post {
    /// Starts both; the mailbox's account is among Ada's credentials. None where there is no Dovecot to be had.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let started = DovecotServer::start();
        if !wren_conformance::requirement("Dovecot", started.as_ref().map(drop).map_err(String::as_str)) {
            return None;
        }
        let dovecot = started.unwrap();
        dovecot.set_password(USER, PASSWORD);
        dovecot.maildirs().create(USER, "INBOX");
        let authority = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), dovecot.authority()).unwrap();
        // The file is to be there at each start of the server.
        let (_, authority) = authority.keep().unwrap();
        let trust = ["--allow-private-mail", "localhost", "--mail-ca", authority.to_str().unwrap()];
        let post = Self { dovecot, wren: Wren::start(&[&trust, options].concat()) };
        post.set_account(PASSWORD);
        Some(post)
    }

    /// Sets the account's credential as its owner does.
    pub(crate) fn set_account(&self, password: &str) {
        let port = format!("port={}", self.dovecot.tls_port());
        let user = format!("user={USER}");
        let fields = ["--field", "host=localhost", "--field", &port, "--field", &user];
        let mut command = self.wren.command([&["credentials", "set", "imap", "--owner", "ada"], &fields[..]].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// The mail server's administrator sets another password.
    pub(crate) fn change_password(&self, password: &str) {
        self.dovecot.set_password(USER, password);
        self.dovecot.cut_connections();
    }

    /// Deploys a script; returns the deployment's id once its mailbox is being watched.
    pub(crate) fn deploy(&self, name: &str, script: &str) -> String {
        let file = self.wren.write(&format!("{name}.py"), script);
        let deployed = self.wren.json(["deploy", &file, "--name", name, "--json"]);
        let id = deployed["deployment_id"].as_str().unwrap().to_owned();
        self.until_watch(&id, "idle");
        id
    }

    pub(crate) fn until_watch(&self, deployment: &str, state: &str) {
        let watch = || self.deployment(deployment)["trigger_details"][0]["watch"].clone();
        eventually(&format!("the watch to be {state}"), || (watch()["state"] == state).then_some(()));
    }

    pub(crate) fn deployment(&self, id: &str) -> Value {
        http::get(&self.wren, &format!("/v1/deployments/{id}"))
    }

    pub(crate) fn until_status(&self, deployment: &str, status: &str) -> Value {
        eventually(&format!("the deployment to be {status}"), || {
            Some(self.deployment(deployment)).filter(|shown| shown["status"] == status)
        })
    }

    pub(crate) fn deliver(&self, raw: impl AsRef<[u8]>) {
        self.dovecot.maildirs().deliver(USER, "INBOX", raw);
    }

    pub(crate) fn deliver_numbered(&self, number: usize) {
        let mail = format!(
            "From: Bob <bob@example.com>\nTo: ada@example.com\nSubject: order {number}\nMessage-ID: <{number}@example.com>\n\nHello.\n"
        );
        self.deliver(mail);
    }

    /// Waits until a deployment has so many runs, all of them successful; returns them.
    pub(crate) fn until_runs(&self, deployment: &str, count: usize) -> Vec<Value> {
        let ended = ["success", "failed", "timeout", "cancelled", "skipped"];
        let mut seen = 0;
        let runs = eventually(&format!("{count} runs of {deployment}"), || {
            let runs = http::all_runs(&self.wren, deployment);
            if runs.len() != seen {
                seen = runs.len();
                println!("{deployment} has {seen} runs of {count}");
            }
            let done = runs.iter().all(|run| ended.iter().any(|state| run["status"] == *state));
            (runs.len() >= count && done).then_some(runs)
        });
        assert_eq!(runs.len(), count);
        let failed = runs.iter().find(|run| run["status"] != "success");
        assert_eq!(failed, None, "{}", self.wren.server_log());
        runs
    }

    /// Returns how often each result is among the runs.
    pub(crate) fn results(&self, runs: &[Value]) -> BTreeMap<String, usize> {
        let mut results = BTreeMap::new();
        for run in runs {
            let shown = http::get(&self.wren, &format!("/v1/runs/{}", run["run_id"].as_str().unwrap()));
            *results.entry(shown["result"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        results
    }
}
