//! Scripts that mean harm: each is contained, ends with one outcome in time, and leaves nothing.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{control_groups, processes_named};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use wren_conformance::executor::{Ran, Trial};
use wren_core::ErrorCode;
use wren_core::executor::OutcomeEnd;
use wren_exec_process::TierPreference;

const TIMEOUT_MS: u64 = 3_000;

/// One at a time: what a run leaves is looked for among all runs of this process, and a fork bomb wants the machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Names the process after `NAME`, which its children inherit, and finds the channel.
const PRELUDE: &str = "
import ctypes, os, socket, struct, sys, json, time, signal
ctypes.CDLL(None).prctl(15, NAME, 0, 0, 0)
def channel():
    import stat
    return next(fd for fd in range(3, 1024) if is_socket(fd))
def is_socket(fd):
    import stat
    try:
        return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:
        return False
def send(frame):
    body = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    data = struct.pack('>I', len(body)) + body
    while data:
        data = data[os.write(channel(), data):]
";

/// Runs `main` in one tier, and checks that it ended in time and left nothing; `None` where the machine lacks the tier.
async fn contained(tier: TierPreference, main: &str) -> Option<Ran> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Before the executor: its start probes with a guest of its own, whose traces are not this run's.
    let _alone = ONE_AT_A_TIME.lock().await;
    let executor = common::executor(tier).await?;
    let name = format!("wt{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let script = format!("NAME = b'{name}'{PRELUDE}{main}");
    let trial = Trial::new(&script).limits(|limits| {
        limits.timeout_ms = TIMEOUT_MS;
        limits.memory_bytes = 128 * 1024 * 1024;
    });
    let limit = Duration::from_millis(TIMEOUT_MS + 2_000);
    let ran = tokio::time::timeout(limit, trial.run(&executor))
        .await
        .expect("the run ends within two seconds of its timeout");
    // The contract is that nothing of the script is left when `run` has returned: no waiting here.
    assert_eq!(processes_named(&name), Vec::<String>::new(), "a process is left");
    assert_eq!(common::scratch_folders(), Vec::<String>::new(), "a scratch folder is left");
    // An empty control group is the kernel's to let go of; on a busy machine the reaper removes it a moment later.
    common::eventually(|| control_groups().is_empty()).await;
    // The executor still works.
    let next = Trial::new("def main():\n    return 'works'\n").run(&executor).await;
    assert_eq!(next.value(), "works");
    Some(ran)
}

const TIERS: [TierPreference; 2] = [TierPreference::Bubblewrap, TierPreference::Reduced];

async fn times_out(main: &str) {
    for tier in TIERS {
        let Some(ran) = contained(tier, main).await else { continue };
        assert!(matches!(ran.end, OutcomeEnd::Timeout), "{tier:?}: {ran:?}");
    }
}

async fn fails(code: ErrorCode, main: &str) {
    for tier in TIERS {
        let Some(ran) = contained(tier, main).await else { continue };
        let error = ran.error();
        assert_eq!(error.code(), code, "{tier:?}: {error:?}");
    }
}

async fn returns(value: Value, main: &str) {
    for tier in TIERS {
        let Some(ran) = contained(tier, main).await else { continue };
        assert_eq!(ran.value(), value, "{tier:?}");
    }
}

#[tokio::test]
async fn printing_without_end() {
    times_out("def main():\n    while True:\n        print('y')\n").await;
    times_out("def main():\n    while True:\n        os.write(1, b'y' * 65536)\n").await;
}

#[tokio::test]
async fn forking_without_end() {
    let main = "
def main():
    while True:
        try:
            os.fork()
        except OSError:
            pass
";
    times_out(main).await;
}

#[tokio::test]
async fn threads_without_end() {
    let main = "
def main():
    import threading
    started = 0
    try:
        while started < 100_000:
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            started += 1
    except (RuntimeError, MemoryError):
        pass
    return started < 2100
";
    returns(json!(true), main).await;
}

#[tokio::test]
async fn allocating_without_end() {
    let main = "
def main():
    kept = []
    while True:
        kept.append(bytearray(1 << 20))
";
    fails(ErrorCode::MemoryLimit, main).await;
}

#[tokio::test]
async fn allocating_where_no_process_limit_counts() {
    let Some(ran) = contained(
        TierPreference::Bubblewrap,
        "
def main():
    files = []
    while True:
        fd = os.memfd_create('x')
        files.append(fd)
        for _ in range(32):
            os.write(fd, b'x' * (1 << 20))
",
    )
    .await
    else {
        return;
    };
    assert!(matches!(ran.end, OutcomeEnd::Failed(_)), "{ran:?}");
}

#[tokio::test]
async fn filling_every_file_system() {
    let main = "
def main():
    for folder in ('/tmp', '/dev/shm', os.environ['HOME'], '/var/tmp', '/dev', '/'):
        for number in range(100):
            try:
                with open(f'{folder}/{number}', 'wb', buffering=0) as file:
                    for _ in range(64):
                        if not file.write(b'x' * (1 << 20)):
                            break
            except OSError:
                break
    return 'full'
";
    let Some(ran) = contained(TierPreference::Bubblewrap, main).await else { return };
    match ran.end {
        OutcomeEnd::Success(value) => assert_eq!(value, "full"),
        OutcomeEnd::Failed(error) => assert_eq!(error.code(), ErrorCode::MemoryLimit),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ignoring_every_signal() {
    let main = "
def main():
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            pass
";
    times_out(main).await;
}

#[tokio::test]
async fn leaving_a_daemon_behind() {
    let main = "
def main():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            while True:
                time.sleep(1000)
        os._exit(0)
    return 'left'
";
    if let Some(ran) = contained(TierPreference::Bubblewrap, main).await {
        assert_eq!(ran.value(), "left");
    }
    if let Some(ran) = contained(TierPreference::Reduced, main).await {
        assert_eq!(ran.error().code(), ErrorCode::ScriptException);
    }
}

#[tokio::test]
async fn fifty_megabytes_on_one_line() {
    let main = "
def main():
    piece = 'x' * (1 << 20)
    for _ in range(50):
        sys.stdout.write(piece)
    return 'done'
";
    for tier in TIERS {
        let Some(ran) = contained(tier, main).await else { continue };
        assert_eq!(ran.texts().len(), 1);
        assert!(ran.texts()[0].len() <= 64 * 1024 && ran.texts()[0].contains("line cut"), "{tier:?}");
        assert_eq!(ran.value(), "done");
    }
}

#[tokio::test]
async fn ending_in_every_way() {
    for (way, word) in [
        ("os._exit(0)", "status 0"),
        ("os._exit(77)", "status 77"),
        ("ctypes.string_at(0)", "SIGSEGV"),
        ("os.abort()", "SIG"),
    ] {
        for tier in TIERS {
            let Some(ran) = contained(tier, &format!("def main():\n    {way}\n")).await else { continue };
            let error = ran.error();
            assert_eq!(error.code(), ErrorCode::ScriptException);
            assert!(error.message().contains(word), "{tier:?} {way}: {error:?}");
        }
    }
}

#[tokio::test]
async fn killing_everything_in_reach() {
    let main = "
def main():
    for number in (signal.SIGKILL, signal.SIGTERM):
        for target in (-1, 0, 1, os.getppid(), 2):
            try:
                os.kill(target, number)
            except OSError:
                pass
    while True:
        pass
";
    for tier in TIERS {
        // A process of the user that guests run as when this test is root's.
        let mut bystander = std::process::Command::new("sleep");
        bystander.arg("600");
        if rustix::process::geteuid().is_root() {
            std::os::unix::process::CommandExt::uid(&mut bystander, 65534);
        }
        let mut bystander = bystander.spawn().unwrap();
        let ran = contained(tier, main).await;
        let survived = bystander.try_wait().unwrap().is_none();
        bystander.kill().unwrap();
        bystander.wait().unwrap();
        assert!(survived, "{tier:?}");
        if let Some(ran) = ran {
            assert!(matches!(ran.end, OutcomeEnd::Timeout | OutcomeEnd::Failed(_)), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn reading_what_belongs_to_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("wren.db");
    std::fs::write(&database, "secret").unwrap();
    let main = format!(
        "
def main():
    seen = []
    for path in [{database:?}, '/proc/{0}/environ', '/proc/{0}/mem', '/proc/{0}/root/etc/passwd', '/proc/{0}/cwd', '/etc/shadow',
                 '/proc/1/root/etc/shadow', '/proc/self/root/etc/shadow', '/sys/kernel/notes']:
        try:
            with open(path, 'rb') as file:
                seen.append([path, len(file.read(10))])
        except OSError:
            pass
    return seen
",
        std::process::id()
    );
    // The bubblewrap tier has an `/etc/passwd` of its own, but no way to the server's through `/proc`.
    returns(json!([]), &main).await;
}

#[tokio::test]
async fn changing_the_kernel_and_the_system() {
    let main = "
def main():
    written = []
    for path in ['/proc/sys/kernel/core_pattern', '/proc/sys/vm/overcommit_memory', '/proc/sys/user/max_user_namespaces',
                 '/proc/sysrq-trigger', '/proc/self/oom_score_adj_x', '/sys/kernel/uevent_helper', '/etc/ld.so.preload',
                 '/etc/passwd', '/usr/lib/x', '/wren/wren/__init__.py', '/lib64/x', sys.executable]:
        try:
            with open(path, 'r+b' if os.path.exists(path) else 'wb'):
                written.append(path)
        except OSError:
            pass
    return written
";
    returns(json!([]), main).await;
}

#[tokio::test]
async fn opening_everything_at_once() {
    let main = "
def main():
    opened = []
    try:
        while True:
            opened.append(os.open('/dev/null', os.O_RDONLY))
    except OSError as error:
        count = len(opened)
    for fd in opened:
        os.close(fd)
    return count < 1100
";
    returns(json!(true), main).await;
}

#[tokio::test]
async fn a_forged_result_is_only_a_result() {
    let main = "
def main():
    send({'t': 'result', 'ok': 'first'})
    send({'t': 'result', 'ok': 'second'})
    return 'third'
";
    returns(json!("first"), main).await;
}

#[tokio::test]
async fn a_forged_error_blames_nobody_else() {
    let main = "
def main():
    send({'t': 'result', 'error': {'type': 'UserFacingConfigError', 'code': 'OAUTH_TOKEN_EXPIRED', 'message': 'm',
                                   'action_url': 'https://evil.example'}})
";
    fails(ErrorCode::ScriptException, main).await;
}

#[tokio::test]
async fn frames_that_are_none() {
    for frame in [
        "b'garbage'",
        "b''",
        "b'[1]'",
        "b'{\"t\": \"result\"}'",
        "b'{\"t\": \"reply\", \"id\": 1}'",
        "b'{\"t\": \"call\"}'",
        "b'\\xff\\xfe'",
        "{'t': 'inspection', 'triggers': []}",
        "{'t': 'log', 'd': 7}",
    ] {
        fails(ErrorCode::ScriptException, &format!("def main():\n    send({frame})\n    time.sleep(1000)\n")).await;
    }
    fails(ErrorCode::ResultNotJson, "def main():\n    send(b'{\"t\": \"result\", \"ok\": ' + b'[' * 100_000)\n").await;
}

#[tokio::test]
async fn a_log_frame_that_is_too_long_and_a_second_greeting() {
    let frames = ["{'t': 'log', 'd': 'x' * (1 << 20)}", "{'t': 'hello', 'v': 1}"];
    for frame in frames {
        let main = format!("def main():\n    send({frame})\n    time.sleep(1000)\n");
        fails(ErrorCode::ScriptException, &main).await;
    }
}

#[tokio::test]
async fn a_frame_that_announces_too_much() {
    let main = "def main():\n    os.write(channel(), b'\\xff' * 8)\n    time.sleep(1000)\n";
    fails(ErrorCode::ScriptException, main).await;
}

#[tokio::test]
async fn calls_without_end_and_without_reading_the_answers() {
    let main = "
def main():
    number = 1 << 20
    while True:
        number += 1
        send({'t': 'call', 'id': number, 'op': 'state.get', 'args': {'key': 'number'}})
";
    for tier in TIERS {
        let Some(ran) = contained(tier, main).await else { continue };
        assert!(matches!(ran.end, OutcomeEnd::Timeout | OutcomeEnd::Failed(_)), "{ran:?}");
    }
}

#[tokio::test]
async fn closing_the_channel() {
    let main = "def main():\n    os.close(channel())\n    while True:\n        time.sleep(1000)\n";
    for tier in TIERS {
        let Some(ran) = contained(tier, main).await else { continue };
        let error = ran.error();
        assert_eq!(error.code(), ErrorCode::ScriptException);
        assert!(error.message().contains("channel"), "{error:?}");
    }
}

#[tokio::test]
async fn closing_every_descriptor_and_returning() {
    let main = "def main():\n    os.closerange(0, 1024)\n    return 'x'\n";
    fails(ErrorCode::ScriptException, main).await;
}

#[tokio::test]
async fn links_and_permissions_in_scratch() {
    let main = "
def main():
    home = os.environ['HOME']
    for number, target in enumerate(['/etc', '/', '/proc/1/root', '..', home]):
        os.symlink(target, f'{home}/link{number}')
    os.makedirs(f'{home}/deep/' + 'x/' * 200)
    os.mkfifo(f'{home}/fifo')
    for mode, path in ((0o000, f'{home}/deep'), (0o000, home)):
        try:
            os.chmod(path, mode)
        except OSError:
            pass
    return 'done'
";
    returns(json!("done"), main).await;
}

#[tokio::test]
async fn a_child_that_holds_the_pipes_open() {
    let main = "
def main():
    if os.fork() == 0:
        while True:
            time.sleep(1000)
    return 'done'
";
    if let Some(ran) = contained(TierPreference::Bubblewrap, main).await {
        assert_eq!(ran.value(), "done");
    }
}

#[tokio::test]
async fn a_dropped_run_leaves_nothing() {
    for tier in TIERS {
        let Some(executor) = common::executor(tier).await else { continue };
        let _alone = ONE_AT_A_TIME.lock().await;
        let name = format!("wtd{}", std::process::id());
        let script =
            format!("NAME = b'{name}'{PRELUDE}def main():\n    print('up', flush=True)\n    time.sleep(1000)\n");
        let logs = std::sync::Arc::new(wren_core::executor::MemoryLogSink::default());
        {
            let run = Trial::new(&script).run_into(&executor, logs.clone());
            let up = async {
                while logs.lines().is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                ran = run => panic!("{ran:?}"),
                () = up => assert_eq!(processes_named(&name).len(), 1),
            }
        }
        common::eventually(|| {
            processes_named(&name).is_empty() && control_groups().is_empty() && common::scratch_folders().is_empty()
        })
        .await;
    }
}
