//! What a script cannot reach, and what does not survive it.

use std::sync::Arc;

use serde_json::{Value, json};
use wren_core::executor::Executor;

use crate::executor::{Feature, Trial};

pub async fn nothing_of_the_hosts_environment_is_inside(executor: Arc<dyn Executor>) {
    let script = "
import os
def main():
    seen = dict(os.environ)
    for process in ('self', '1', str(getattr(os, 'getppid', int)())):
        try:
            with open(f'/proc/{process}/environ', 'rb') as file:
                for entry in file.read().split(b'\\0'):
                    if entry:
                        seen[entry.decode('utf-8', 'replace').partition('=')[0]] = ''
        except OSError:
            pass
    return sorted(seen)
";
    let seen = Trial::new(script).run(&executor).await.value();
    // Cargo and its kin always set this for a test, so that it tells the host's environment from another.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    for name in seen.as_array().unwrap() {
        let name = name.as_str().unwrap();
        let allowed = ["HOME", "LANG", "LC_CTYPE", "PATH", "PWD", "TMPDIR", "TZ"];
        assert!(allowed.contains(&name), "{name} is visible inside");
    }
}

pub async fn no_file_of_the_host_can_be_read(executor: Arc<dyn Executor>) {
    let secret = std::env::current_exe().unwrap();
    let script = format!(
        "
import os
def main():
    opened = []
    for path in ['/etc/shadow', '/etc/ssh', '/root', '/proc/1/mem', '/proc/kcore', '/dev/sda', '/dev/mem',
                 '/dev/kmsg', '/var/log/dpkg.log', {secret:?}]:
        try:
            if os.path.isdir(path):
                os.listdir(path)
            else:
                with open(path, 'rb') as file:
                    file.read(1)
            opened.append(path)
        except (OSError, OverflowError):
            pass
    return opened
"
    );
    assert_eq!(Trial::new(&script).run(&executor).await.value(), json!([]));
}

pub async fn files_do_not_survive_a_run(executor: Arc<dyn Executor>) {
    let script = "
import os
def main():
    folders = ['/tmp', os.environ.get('HOME', '/tmp'), '/dev/shm', '/var/tmp', '.']
    paths = [os.path.join(folder, 'wren-was-here') for folder in folders]
    seen = [path for path in paths if os.path.exists(path)]
    for path in paths:
        try:
            with open(path, 'w') as file:
                file.write('x')
        except OSError:
            pass
    return seen
";
    for _ in 0..2 {
        assert_eq!(Trial::new(script).run(&executor).await.value(), json!([]));
    }
    assert!(!std::env::temp_dir().join("wren-was-here").exists());
}

pub async fn python_itself_cannot_be_changed(executor: Arc<dyn Executor>) {
    let script = "
import json, os, sys, wren
def main():
    written = []
    for path in [json.__file__, wren.__file__, sys.executable]:
        try:
            with open(path, 'ab'):
                written.append(path)
        except (OSError, TypeError):
            pass
        try:
            with open(os.path.join(os.path.dirname(path), 'planted.py'), 'w'):
                written.append(path)
        except (OSError, TypeError):
            pass
    return written
";
    assert_eq!(Trial::new(script).run(&executor).await.value(), json!([]));
}

pub async fn kernel_settings_cannot_be_changed(executor: Arc<dyn Executor>) {
    // Opened, not written: a sandbox that fails this would change the machine that tests it.
    let script = "
import os
def settings(folder, depth):
    try:
        entries = sorted(os.listdir(folder))
    except OSError:
        return
    for entry in entries:
        path = os.path.join(folder, entry)
        if os.path.isdir(path):
            if depth:
                yield from settings(path, depth - 1)
        else:
            yield path
def main():
    paths = ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sys/vm/overcommit_memory',
             '/proc/sys/fs/file-max', '/proc/sysrq-trigger', *settings('/proc/sys', 1)]
    opened = []
    for path in paths:
        try:
            os.close(os.open(path, os.O_WRONLY))
            opened.append(path)
        except OSError:
            pass
    return opened
";
    assert_eq!(Trial::new(script).run(&executor).await.value(), json!([]));
}

pub async fn modules_do_not_survive_a_run(executor: Arc<dyn Executor>) {
    let script = "
import builtins, json, sys, wren
def main():
    seen = [hasattr(json, 'poison'), hasattr(wren, 'poison'), hasattr(builtins, 'poison'), 'poison' in sys.modules]
    json.poison = wren.poison = builtins.poison = sys.modules['poison'] = json
    json.dumps = json.loads = None
    return seen
";
    for _ in 0..2 {
        assert_eq!(Trial::new(script).run(&executor).await.value(), json!([false, false, false, false]));
    }
}

pub async fn random_numbers_differ_between_runs(executor: Arc<dyn Executor>) {
    let script = "
import os, random, uuid
def main():
    return [random.random(), os.urandom(8).hex(), str(uuid.uuid4()), hash('text')]
";
    let first = Trial::new(script).run(&executor).await.value();
    let second = Trial::new(script).run(&executor).await.value();
    let pairs = first.as_array().unwrap().iter().zip(second.as_array().unwrap());
    for (kind, (first, second)) in ["random", "urandom", "uuid4", "hash"].into_iter().zip(pairs) {
        assert_eq!(first != second, kind != "hash" || Feature::HashSeed.of(&*executor), "{kind}");
    }
}

pub async fn there_is_no_network(executor: Arc<dyn Executor>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "
import socket
def main():
    reached = []
    for family, address in [(socket.AF_INET, ('127.0.0.1', {port})), (socket.AF_INET, ('1.1.1.1', 53)),
                            (socket.AF_INET6, ('::1', {port}))]:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as connection:
                connection.settimeout(2)
                connection.connect(address)
            reached.append(address)
        except (OSError, AttributeError):
            pass
    try:
        reached.append(socket.gethostbyname('example.com'))
    except (OSError, AttributeError):
        pass
    return reached
"
    );
    assert_eq!(Trial::new(&script).run(&executor).await.value(), Value::Array(Vec::new()));
    assert!(listener.accept().is_err(), "a connection came out of the sandbox");
}

pub async fn the_isolation_of_a_run_is_the_executors(executor: Arc<dyn Executor>) {
    let ran = Trial::new("def main():\n    pass\n").run(&executor).await;
    assert_eq!(ran.isolation, executor.isolation());
    assert_eq!(ran.isolation.executor, executor.name());
    assert!(!ran.isolation.tier.is_empty());
}
