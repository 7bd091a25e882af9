//! What the bubblewrap sandbox looks like from the inside, read from the kernel and not from our own options.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use common::executor;
use serde_json::Value;
use wren_conformance::executor::Trial;

/// Runs a script in the bubblewrap tier; `None` where there is none.
async fn inside(body: &str) -> Option<Value> {
    let executor = executor(wren_exec_process::TierPreference::Bubblewrap).await?;
    Some(Trial::new(body).run(&executor).await.value())
}

fn lines(value: &Value) -> Vec<&str> {
    value.as_str().unwrap_or_default().lines().collect()
}

#[tokio::test]
async fn everything_but_scratch_is_read_only() {
    let script = "def main():\n    return open('/proc/self/mountinfo').read()\n";
    let Some(mounts) = inside(script).await else { return };
    for line in lines(&mounts) {
        let (left, right) = line.split_once(" - ").unwrap();
        let left: Vec<&str> = left.split(' ').collect();
        let (point, options) = (left[4], left[5]);
        let is_read_only = options.split(',').any(|option| option == "ro");
        // The kernel decides about each file of these; what of `/proc` could be written is mounted over.
        let is_kernel = right.starts_with("proc ") || right.starts_with("devpts ");
        let is_device = point.starts_with("/dev/") && right.starts_with("devtmpfs ");
        let is_scratch = ["/tmp", "/dev/shm"].contains(&point) && right.contains("size=");
        assert!(is_read_only || is_kernel || is_device || is_scratch, "{line}");
        assert!(options.contains("nosuid"), "{line}");
        assert!(is_device || options.contains("nodev") || right.starts_with("devpts "), "{line}");
    }
    assert!(lines(&mounts).iter().any(|line| line.contains(" /proc/sys ro,")), "{mounts}");
}

#[tokio::test]
async fn the_process_has_no_rights() {
    let script = "def main():\n    return open('/proc/self/status').read()\n";
    let Some(status) = inside(script).await else { return };
    let field = |name: &str| -> String {
        let line = lines(&status).into_iter().find(|line| line.starts_with(name)).unwrap().to_owned();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    for name in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(name), "0000000000000000", "{name}");
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2");
    assert_eq!(field("Uid:"), "65534 65534 65534 65534");
    assert_eq!(field("Gid:"), "65534 65534 65534 65534");
    assert!(["", "65534"].contains(&field("Groups:").as_str()));
    assert_eq!(field("Pid:"), "1");
}

#[tokio::test]
async fn only_the_channel_is_inherited() {
    let script = "
import os, stat
def main():
    kinds = []
    for number in range(256):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        kinds.append('socket' if stat.S_ISSOCK(mode) else 'pipe' if stat.S_ISFIFO(mode) else 'other')
    return kinds
";
    let Some(kinds) = inside(script).await else { return };
    assert_eq!(kinds, serde_json::json!(["other", "pipe", "pipe", "socket"]));
}

#[tokio::test]
async fn the_kernels_attack_surface_is_closed() {
    let script = "
import ctypes, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, call):
    ctypes.set_errno(0)
    try:
        result = call()
    except OSError as error:
        return None
    return name if isinstance(result, int) and result >= 0 else None
def main():
    calls = {
        'unshare': lambda: libc.unshare(0x10000000),
        'mount': lambda: libc.mount(b'none', b'/tmp', b'tmpfs', 0, None),
        'remount': lambda: libc.mount(b'none', b'/', None, 0x20 | 0x1000, None),
        'umount': lambda: libc.umount2(b'/proc/sys', 2),
        'ptrace': lambda: libc.ptrace(16, 1, None, None),
        'keyctl': lambda: libc.syscall(250, 0, -3, 1) if platform.machine() == 'x86_64' else -1,
        'io_uring': lambda: libc.syscall(425, 1, ctypes.create_string_buffer(120)),
        'bpf': lambda: libc.syscall(321, 0, ctypes.create_string_buffer(120), 120) if platform.machine() == 'x86_64' else -1,
        'clone3': lambda: libc.syscall(435, ctypes.create_string_buffer(88), 88),
        'tiocsti': lambda: libc.ioctl(0, 0x5412, b'x'),
        'inet': lambda: socket.socket(socket.AF_INET).fileno(),
        'netlink': lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).fileno(),
        'raw x32': lambda: libc.syscall(0x40000000 + 165, None, None, None, 0, None) if platform.machine() == 'x86_64' else -1,
        'hostname': lambda: libc.sethostname(b'evil', 4),
        'chroot': lambda: libc.chroot(b'/tmp'),
    }
    return [name for name in (tried(name, call) for name, call in calls.items()) if name]
";
    let Some(open) = inside(script).await else { return };
    assert_eq!(open, serde_json::json!([]));
}

#[tokio::test]
async fn only_python_is_in_sight() {
    let script = "
import os, platform
def main():
    return [sorted(os.listdir('/')), sorted(os.listdir('/etc')), sorted(os.listdir('/usr/bin')) if os.path.isdir('/usr/bin') else [],
            platform.node(), os.getcwd(), os.listdir('/proc/1/task')]
";
    let Some(seen) = inside(script).await else { return };
    let roots: Vec<&str> = seen[0].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for secret in ["home", "var", "run", "boot", "sys", "mnt", "opt", "srv", "work"] {
        assert!(!roots.contains(&secret), "{roots:?}");
    }
    assert_eq!(seen[1].as_array().unwrap().iter().filter(|name| *name != "ld.so.cache").count(), 3, "{seen}");
    assert!(seen[2].as_array().unwrap().len() <= 1, "{seen}");
    assert_eq!((&seen[3], &seen[4]), (&Value::from("wren"), &Value::from("/tmp/home")));
}

#[tokio::test]
async fn scratch_has_a_size() {
    let script = "
def fill(path):
    written = 0
    try:
        with open(path, 'wb', buffering=0) as file:
            while written < 1 << 30:
                written += file.write(b'x' * (1 << 20))
    except OSError:
        pass
    return written
def main():
    import os
    sizes = []
    for path in ('/tmp/a', '/tmp/b', '/dev/shm/a'):
        sizes.append(fill(path))
    os.unlink('/tmp/a'); os.unlink('/tmp/b'); os.unlink('/dev/shm/a')
    return sizes
";
    let Some(sizes) = inside(script).await else { return };
    let total: u64 = sizes.as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).sum();
    assert!(total <= 2 * 64 * 1024 * 1024, "{sizes}");
}

#[tokio::test]
async fn the_kernels_files_about_the_machine_are_masked() {
    let script = "
import os
def main():
    told = []
    for name in ['cmdline', 'config.gz', 'diskstats', 'interrupts', 'iomem', 'kallsyms', 'partitions']:
        try:
            with open('/proc/' + name, 'rb') as file:
                if file.read(1):
                    told.append(name)
        except OSError:
            pass
    try:
        told.extend(os.listdir('/proc/pressure'))
    except FileNotFoundError:
        pass
    return told
";
    let Some(told) = inside(script).await else { return };
    assert_eq!(told, serde_json::json!([]));
}

#[tokio::test]
async fn memory_that_belongs_to_no_process_is_counted_or_refused() {
    let script = "
import ctypes
libc = ctypes.CDLL(None)
def main():
    return [libc.shmget(0, 4096, 0o1600), libc.msgget(0, 0o1600), libc.semget(0, 1, 0o1600)]
";
    let Some(got) = inside(script).await else { return };
    let tier = common::shared(wren_exec_process::TierPreference::Bubblewrap).await.isolation().tier;
    if tier == "bubblewrap (no cgroup)" {
        assert_eq!(got, serde_json::json!([-1, -1, -1]));
    } else {
        assert_eq!(tier, "bubblewrap");
        assert!(got.as_array().unwrap().iter().all(|id| id.as_i64() >= Some(0)), "{got}");
    }
}
