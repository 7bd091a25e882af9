//! Finds the real interpreter and what it needs to see.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use wren_core::{Error, ErrorCode};

/// The oldest version that the SDK supports.
const OLDEST: (u32, u32) = (3, 9);

/// Prints what the resolver wants to know. Loading every extension module shows the libraries that they need.
const PROBE: &str = r#"
import importlib, importlib.machinery, json, os, sys, sysconfig
suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
for folder in list(sys.path):
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            if name.endswith(suffixes) and not name.startswith(("_test", "_xx", "xx", "_ctypes_test", "_tkinter")):
                try:
                    importlib.import_module(name.split(".")[0])
                except BaseException:
                    pass
mapped = set()
try:
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line.split(None, 5)[5].strip() if line.count("/") else ""
            if path.startswith("/") and ".so" in path:
                mapped.add(path)
except OSError:
    pass
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": list(sys.version_info[:3]),
    "stdlib": sorted({os.path.realpath(p) for p in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))}),
    "prefix": sys.base_prefix,
    "path": [p for p in sys.path if os.path.exists(p)],
    "mapped": sorted(mapped),
}))
"#;

#[derive(Debug, Deserialize)]
struct Probe {
    executable: PathBuf,
    version: (u32, u32, u32),
    stdlib: Vec<PathBuf>,
    prefix: PathBuf,
    path: Vec<PathBuf>,
    mapped: Vec<PathBuf>,
}

/// An interpreter with what it must see to start.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    /// The real binary, no shim and no symbolic link.
    pub(crate) executable: PathBuf,
    /// Its version, as `3.11.2`.
    pub(crate) version: String,
    /// The files and folders it reads, none within another.
    pub(crate) needs: Vec<PathBuf>,
}

impl Python {
    /// Takes the configured interpreter, or the first on this machine that will do. A system's own comes before those on
    /// `PATH`: it is readable by every user, which one below a home folder seldom is.
    ///
    /// # Errors
    /// `EXECUTOR_UNAVAILABLE` with what was tried.
    pub(crate) fn find(configured: Option<&Path>) -> Result<Self, Error> {
        let candidates = match configured {
            Some(path) => vec![path.to_owned()],
            None => candidates(),
        };
        let mut tried = Vec::new();
        for candidate in candidates {
            match Self::probe(&candidate) {
                Ok(python) => return Ok(python),
                Err(why) => tried.push(format!("{}: {why}", candidate.display())),
            }
        }
        let message = if tried.is_empty() {
            "no Python interpreter was found".to_owned()
        } else {
            format!("no usable Python interpreter was found ({})", tried.join("; "))
        };
        Err(Error::new(ErrorCode::ExecutorUnavailable, message)
            .with_hint("install Python 3.9 or newer (`apt-get install python3`), or name one in the options"))
    }

    fn probe(candidate: &Path) -> Result<Self, String> {
        // A shim finds the real interpreter through variables of the environment, so this one call keeps it.
        let output = Command::new(candidate)
            .args(["-I", "-S", "-B", "-c", PROBE])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("it ended with {}", output.status));
        }
        let probe: Probe = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        let (major, minor, patch) = probe.version;
        let version = format!("{major}.{minor}.{patch}");
        if (major, minor) < OLDEST {
            return Err(format!("version {version} is older than {}.{}", OLDEST.0, OLDEST.1));
        }
        Ok(Self { needs: needs(&probe), executable: probe.executable, version })
    }
}

fn candidates() -> Vec<PathBuf> {
    let system = ["/usr/bin/python3", "/usr/local/bin/python3"].map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = env::split_paths(&path).map(|folder| folder.join("python3")).collect();
    let mut seen = BTreeSet::new();
    system.into_iter().chain(on_path).filter(|path| path.is_file() && seen.insert(path.clone())).collect()
}

/// Returns the interpreter, its library and the folders of the shared libraries it loads.
fn needs(probe: &Probe) -> Vec<PathBuf> {
    let mut paths: BTreeSet<PathBuf> = probe.stdlib.iter().cloned().collect();
    paths.insert(probe.executable.clone());
    // An interpreter outside of the system's folders finds its prefix through a landmark beside its library.
    paths.extend(probe.path.iter().filter(|path| path.starts_with(&probe.prefix)).cloned());
    for library in &probe.mapped {
        // The folder, not the file: what a version of libc loads by name (`libgcc_s`, `libnss_*`) is mapped only later. A
        // folder elsewhere may hold anything, so from there the file alone.
        let is_system = ["/usr", "/lib", "/lib64"].iter().any(|folder| library.starts_with(folder));
        let folder = library.parent().filter(|_| is_system || library.starts_with(&probe.prefix));
        paths.insert(folder.unwrap_or(library).to_owned());
    }
    paths.extend(["/usr/share/zoneinfo"].map(PathBuf::from).into_iter().filter(|path| path.exists()));
    outermost(paths)
}

/// Leaves out what lies within another path of the set.
fn outermost(paths: BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    // In order, a folder comes before what lies in it.
    for path in paths {
        if !kept.iter().any(|folder| path.starts_with(folder)) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_within_another_path_is_left_out() {
        let paths = ["/a/b", "/a/b/c", "/a/bc", "/d"].map(PathBuf::from).into_iter().collect();
        assert_eq!(outermost(paths), ["/a/b", "/a/bc", "/d"].map(PathBuf::from));
    }

    #[test]
    fn a_missing_interpreter_is_named_with_a_way_out() {
        let error = Python::find(Some(Path::new("/nonexistent/python3"))).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ExecutorUnavailable);
        assert!(error.message().contains("/nonexistent/python3"));
        assert!(error.hint().unwrap().contains("python3"));
    }
}
