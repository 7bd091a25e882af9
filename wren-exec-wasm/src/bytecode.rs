//! Compiled scripts, so that a revision is compiled once and not once per run.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use wren_core::executor::Script;

/// All byte code that is kept, in bytes. A script of a page compiles to some 10 KiB.
const CAPACITY: usize = 64 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The SHA-256 of the source.
    source: Arc<str>,
    /// The name that the code's tracebacks show.
    filename: Arc<str>,
}

#[derive(Debug)]
struct Entry {
    code: Arc<[u8]>,
    used: u64,
}

#[derive(Debug, Default)]
struct Entries {
    map: HashMap<Key, Entry>,
    bytes: usize,
    clock: u64,
}

/// Byte code by script. It belongs to one guest, whose process it does not outlive, so that a new guest compiles anew.
///
/// What is kept was made by an instance in which no script had run, from the very text that the key is the hash of. So it may
/// serve every owner who has that text.
#[derive(Debug, Default)]
pub(crate) struct Bytecode {
    entries: Mutex<Entries>,
}

impl Bytecode {
    pub(crate) fn get(&self, script: &Script) -> Option<Arc<[u8]>> {
        let mut entries = self.entries.lock();
        entries.clock += 1;
        let clock = entries.clock;
        let entry = entries.map.get_mut(&key(script))?;
        entry.used = clock;
        Some(Arc::clone(&entry.code))
    }

    pub(crate) fn keep(&self, script: &Script, code: Vec<u8>) {
        if code.len() > CAPACITY / 8 {
            return;
        }
        let mut entries = self.entries.lock();
        entries.clock += 1;
        let entry = Entry { used: entries.clock, code: code.into() };
        entries.bytes += entry.code.len();
        if let Some(before) = entries.map.insert(key(script), entry) {
            entries.bytes -= before.code.len();
        }
        while entries.bytes > CAPACITY {
            let oldest = entries.map.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(removed) = oldest.and_then(|key| entries.map.remove(&key)) else { break };
            entries.bytes -= removed.code.len();
        }
    }
}

fn key(script: &Script) -> Key {
    Key { source: Arc::clone(&script.sha256), filename: Arc::clone(&script.filename) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays() {
        let bytecode = Bytecode::default();
        let scripts: Vec<_> = (0..40).map(|number| Script::new(format!("n = {number}"))).collect();
        for script in &scripts {
            bytecode.keep(script, vec![0; CAPACITY / 16]);
            assert!(bytecode.get(&scripts[0]).is_some());
        }
        assert!(bytecode.get(&scripts[1]).is_none());
        assert!(bytecode.get(&scripts[39]).is_some());
        assert!(bytecode.entries.lock().bytes <= CAPACITY);
    }

    #[test]
    fn the_file_name_is_part_of_the_code() {
        let bytecode = Bytecode::default();
        let script = Script::new("pass");
        bytecode.keep(&script, vec![1]);
        assert!(bytecode.get(&script.clone().with_filename("other.py")).is_none());
        assert_eq!(bytecode.get(&script).as_deref(), Some(&[1][..]));
    }

    #[test]
    fn keeping_again_replaces() {
        let bytecode = Bytecode::default();
        let script = Script::new("pass");
        bytecode.keep(&script, vec![1, 2]);
        bytecode.keep(&script, vec![3]);
        assert_eq!(bytecode.entries.lock().bytes, 1);
    }
}
