//! Scripts that mean harm, through the real server: each run ends once and in time, nothing of it stays, and the server
//! goes on.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use support::processes::named;
use support::{Ended, Wren, can_run_processes, eventually, http};

/// What a run may take beyond its timeout of two seconds, the start and the end of its sandbox included.
const GRACE: TimeDelta = TimeDelta::seconds(2);
const TIMEOUT: TimeDelta = TimeDelta::seconds(2);

/// A hostile function: its name, its body, and what must come of it in a process, and on WebAssembly where that differs.
type Case = (&'static str, &'static str, Expected, Option<Expected>);

#[derive(Debug, Clone, Copy)]
enum Expected {
    /// Status, code of the error, and a part of its message.
    Unsuccessful(&'static str, &'static str, &'static str),
    /// One of these results: a weaker sandbox may refuse what a stronger one contains.
    Success(&'static [&'static str]),
}

use Expected::{Success, Unsuccessful};

/// There are no processes on WebAssembly.
const NO_FORK: Option<Expected> = Some(Unsuccessful("failed", "UNSUPPORTED_IMPORT", "`os.fork`"));

const TIMED_OUT: Expected = Unsuccessful("timeout", "RUN_TIMEOUT", "2s");

const CASES: &[Case] = &[
    ("prints_without_end", "while True:\n    print('y' * 1000)", TIMED_OUT, None),
    (
        "forks_without_end",
        "while True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        TIMED_OUT,
        NO_FORK,
    ),
    (
        "allocates_without_end",
        "kept = []\nwhile True:\n    kept.append(bytearray(1 << 20))",
        Unsuccessful("failed", "MEMORY_LIMIT", ""),
        None,
    ),
    (
        "ignores_sigterm",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    try:\n        time.sleep(1000)\n    \
         except BaseException:\n        pass",
        TIMED_OUT,
        None,
    ),
    (
        "leaves_a_daemon",
        "try:\n    child = os.fork()\nexcept OSError:\n    return 'refused'\nif child == 0:\n    os.setsid()\n    \
         if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        \
         signal.signal(signal.SIGHUP, signal.SIG_IGN)\n        while True:\n            time.sleep(1000)\n    \
         os._exit(0)\nos.waitpid(child, 0)\nreturn 'left'",
        Success(&["left", "refused"]),
        NO_FORK,
    ),
    (
        "prints_one_long_line",
        "for _ in range(50):\n    sys.stdout.write('x' * (1 << 20))\nreturn 'printed'",
        Success(&["printed"]),
        None,
    ),
    ("exits", "os._exit(3)", Unsuccessful("failed", "SCRIPT_EXCEPTION", "status 3"), None),
    (
        "calls_the_server",
        "try:\n    socket.create_connection(SERVER, timeout=1).close()\nexcept OSError:\n    return 'refused'\n\
         return 'connected'",
        Success(&["refused"]),
        None,
    ),
    (
        "reads_the_server",
        "seen = []\nfor path in PATHS:\n    try:\n        with open(path, 'rb') as file:\n            \
         content = file.read(1 << 20)\n    except OSError:\n        continue\n    \
         if not path.endswith('/environ') or DATA.encode() in content:\n        seen.append(path)\n\
         try:\n    seen += os.listdir(DATA)\nexcept OSError:\n    pass\nreturn ' '.join(seen)",
        Success(&[""]),
        None,
    ),
];

/// The name that the script gives to its process, which its children inherit; at most 15 characters. It does so by a system
/// call, since a sandbox may keep `/proc` from it.
fn marker() -> String {
    format!("wrenhost{}", std::process::id() % 100_000)
}

/// Returns one script with every case and a good function. No schedule fires while the test runs but on a leap day.
fn script(wren: &Wren, executor: &str) -> String {
    let data = wren.path("data");
    let database = data.join("wren.db");
    assert!(database.is_file(), "what the script looks for is there");
    let server = wren.url().strip_prefix("http://").unwrap().rsplit_once(':').unwrap();
    // Numbers of processes are the sandbox's own: what tells the server's environment is the data folder in it.
    let environments = ["1".to_owned(), wren.server_pid().to_string()].map(|pid| format!("/proc/{pid}/environ"));
    let paths = json!([environments[0], environments[1], database]);
    let mut script = format!(
        "import os\nimport signal\nimport socket\nimport sys\nimport time\n\nimport wren\n\nMARKER = \"{}\"\n\
         DATA = {data:?}\nPATHS = {paths}\nSERVER = (\"{}\", {})\n",
        marker(),
        server.0,
        server.1,
    );
    let mut good = "return MARKER";
    if executor == "process" {
        script += "import ctypes\nPRCTL = ctypes.CDLL(None).prctl\nPRCTL(15, MARKER.encode(), 0, 0, 0)\n";
        good = "name = ctypes.create_string_buffer(16)\nPRCTL(16, name, 0, 0, 0)\nreturn name.value.decode()";
    }
    for (name, body) in CASES.iter().map(|(name, body, ..)| (*name, *body)).chain([("good", good)]) {
        script += &format!("\n\n@wren.on_schedule(\"0 0 29 2 *\", timeout=\"2s\")\ndef {name}():\n");
        body.lines().for_each(|line| script += &format!("    {line}\n"));
    }
    script
}

/// Runs a function to its end and returns what the command said, and its run.
fn run(wren: &Wren, function: &str) -> (Ended, Value) {
    let ended = wren.run(["run", "hostile", "--func", function, "--wait", "--json"]);
    let document = ended.document();
    let run = if ended.code == 0 { document } else { document["error"]["details"]["run"].clone() };
    assert!(run["run_id"].is_string(), "{function}: {ended:?}\nserver: {}", wren.server_log());
    (ended, run)
}

#[track_caller]
fn assert_expected(function: &str, ended: &Ended, run: &Value, expected: Expected) {
    match expected {
        Unsuccessful(status, code, part) => {
            assert_eq!((ended.code, &run["status"]), (1, &json!(status)), "{function}: {run}");
            for error in [&ended.error(), &run["error"]] {
                assert_eq!(error["code"], code, "{function}: {run}");
                assert!(error["message"].as_str().unwrap().contains(part), "{function}: {run}");
            }
        }
        Success(results) => {
            assert_eq!((ended.code, &run["status"]), (0, &json!("success")), "{function}: {run}");
            assert!(results.contains(&run["result"].as_str().unwrap()), "{function}: {run}");
        }
    }
}

/// By the run's own record, so that a busy machine on which the command waits for its turn is not blamed on the run.
#[track_caller]
fn assert_ended_in_time(function: &str, run: &Value) {
    let at = |key: &str| run[key].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let took = at("completed_at") - at("started_at");
    assert!(took <= TIMEOUT + GRACE, "{function} took {took}: {run}");
}

#[test]
fn whatever_a_script_does_in_a_process_each_run_ends_once_in_time_leaves_nothing_and_the_server_goes_on() {
    if can_run_processes() {
        each_run_ends_and_the_server_goes_on("process");
    }
}

#[test]
fn whatever_a_script_does_on_wasm_each_run_ends_once_in_time_leaves_nothing_and_the_server_goes_on() {
    each_run_ends_and_the_server_goes_on("wasm");
}

fn each_run_ends_and_the_server_goes_on(executor: &str) {
    let mut wren = Wren::start(&["--executor", executor]);
    let file = wren.write("hostile.py", script(&wren, executor));
    let deployed = wren.json(["deploy", &file, "--name", "hostile", "--json"]);
    let id = deployed["deployment_id"].as_str().unwrap().to_owned();

    let mut asked = Vec::new();
    for (function, _, in_a_process, on_wasm) in CASES {
        let expected = on_wasm.filter(|_| executor == "wasm").unwrap_or(*in_a_process);
        let (ended, hostile) = run(&wren, function);
        assert_expected(function, &ended, &hostile, expected);
        assert_eq!(hostile["isolation"]["executor"], executor, "{hostile}");
        assert_ended_in_time(function, &hostile);
        assert_eq!(hostile["attempt"], 1, "{function}: {hostile}");
        eventually(&format!("the end of every process of {function}"), || named(&marker()).is_empty().then_some(()));
        // That the good function bears the name shows that a process of the script would have been found by it.
        let (ended, good) = run(&wren, "good");
        assert_eq!((ended.code, &good["result"]), (0, &json!(marker())), "after {function}: {good}");
        asked.extend([hostile, good]);
    }

    // One record for every run asked for, none of which has changed since its end was told.
    let mut records = http::all_runs(&wren, &id);
    records.reverse();
    let told = |runs: &[Value]| -> Vec<Value> {
        let part = |run: &Value| json!([run["run_id"], run["status"], run["started_at"], run["completed_at"]]);
        runs.iter().map(part).collect()
    };
    assert_eq!(told(&records), told(&asked));
    assert!(wren.stop_gracefully().success(), "{}", wren.server_log());
    assert_eq!(named(&marker()), [], "a sandbox process is left");
}
