//! What scripts ask of the world, through the real server, on both executors.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};
use support::{Wren, can_run_processes};

const SECRET: &str = "sk-canary-1234567890";

/// A service on the loopback that speaks OpenAI's protocol, and repeats what it is told under `/echo`. Sends on the head of
/// each request.
fn service() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (heads, seen) = channel();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = if head.starts_with("POST /v1/chat/completions ") {
                let asked: Value = serde_json::from_slice(&body).unwrap();
                let last = asked["messages"].as_array().unwrap().last().unwrap()["content"].clone();
                json!({"choices": [{"message": {"role": "assistant", "content": format!("heard {last}; {head}")}}]})
            } else {
                json!({"head": head})
            };
            let answer = answer.to_string();
            let _ = heads.send(head);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                answer.len()
            );
        }
    });
    (url, seen)
}

fn script(executor: &str, url: &str) -> String {
    format!(
        "# /// script\n# [tool.wren]\n# executor = \"{executor}\"\n# ///\nimport wren\n\n\
         @wren.on_schedule(every=\"300d\")\ndef ask():\n    return wren.ai(\"say it\", \"once\")\n\n\
         @wren.on_schedule(every=\"301d\")\ndef fetch():\n    answer = wren.http.get(\"{url}/echo\", headers={{\"X-Mine\": \"1\"}})\n    \
         return answer.json()[\"head\"]\n\n\
         @wren.on_schedule(every=\"302d\")\ndef elsewhere():\n    wren.http.get(\"http://[::ffff:127.0.0.1]:1/\")\n"
    )
}

#[test]
fn scripts_use_a_model_and_the_web_without_a_secret_and_reach_nothing_that_is_not_allowed() {
    let (url, seen) = service();
    let options = ["--integration-url", &format!("openai={url}"), "--allow-private", &url, "--allow-host", "127.0.0.1"];
    let wren = Wren::start(&options);
    let mut executors = vec!["wasm"];
    if can_run_processes() {
        executors.push("process");
    }
    for executor in &executors {
        let file = wren.write(&format!("{executor}.py"), script(executor, &url));
        wren.json(["deploy", &file, "--json"]);
        let run = |func: &str| {
            let ended = wren.run(["run", executor, "--func", func, "--wait", "--json"]);
            ended
                .stdout
                .lines()
                .last()
                .and_then(|line| serde_json::from_str::<Value>(line).ok())
                .unwrap_or(json!(ended.stderr))
        };
        let unset = run("ask");
        assert!(unset.to_string().contains("INTEGRATION_NOT_CONFIGURED"), "{executor}: {unset}");

        let mut set = wren.command(["credentials", "set", "openai", "--owner", "ada"]);
        let mut child = set.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(SECRET.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let asked = run("ask").to_string();
        assert!(asked.contains("heard") && asked.contains("once"), "{executor}: {asked}");
        let head = seen.recv_timeout(support::PATIENCE).unwrap();
        assert!(head.to_ascii_lowercase().contains(&format!("authorization: bearer {SECRET}")), "{head}");
        assert!(!asked.contains(SECRET), "the service repeats the secret, the script sees it: {asked}");

        let fetched = run("fetch").to_string();
        assert!(fetched.to_ascii_lowercase().contains("x-mine: 1"), "{executor}: {fetched}");
        let head = seen.recv_timeout(support::PATIENCE).unwrap();
        assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");

        let declared = "# /// script\n# [tool.wren]\n# egress = [\"api.example.com\"]\n# ///\nimport wren\n\n\
                        @wren.on_schedule(\"@yearly\")\ndef fetch():\n    wren.http.get(\"";
        let declared = format!("{declared}{url}/echo\")\n")
            .replace("[tool.wren]", &format!("[tool.wren]\n# executor = \"{executor}\""));
        let file = wren.write("declared.py", declared);
        wren.json(["deploy", &file, "--json"]);
        let refused = wren.run(["run", "declared", "--wait", "--json"]);
        assert!(refused.stdout.contains("EGRESS_DENIED"), "{executor}: {refused:?}");

        let elsewhere = run("elsewhere").to_string();
        assert!(elsewhere.contains("EGRESS_DENIED"), "{executor}: {elsewhere}");
        wren.json(["credentials", "delete", "openai", "--owner", "ada", "--json"]);
    }
}

#[test]
fn a_server_is_not_started_with_what_is_no_host_origin_or_integration() {
    let wren = Wren::prepare("sqlite", &[]);
    for (option, value, part) in [
        ("--allow-host", "https://example.com", "no host"),
        ("--allow-private", "10.0.0.5", "no origin"),
        ("--integration-url", "openai", "NAME=URL"),
        ("--integration-url", "papyrus=https://example.com", "unknown integration"),
    ] {
        let refused = wren.run(["serve", "--listen", "127.0.0.1:0", option, value, "--json"]);
        let message = refused.error()["message"].to_string();
        assert!(refused.code == 1 && message.contains(part), "{option} {value}: {refused:?}");
    }
}
