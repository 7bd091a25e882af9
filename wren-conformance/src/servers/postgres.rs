//! A PostgreSQL server.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::keeper::Keeper;
use super::user::{self, User};

/// The oldest version that Wren works with.
const OLDEST: u32 = 15;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
const ROLE: &str = "wren";

/// A server of a test's own on a socket in a private folder; no port of the machine is taken. It ends with its value, or with
/// the process.
#[derive(Debug)]
pub struct PostgresServer {
    keeper: Keeper,
    programs: PathBuf,
    folder: PathBuf,
    user: Option<User>,
}

impl PostgresServer {
    /// Returns the server that the tests of this process share.
    ///
    /// # Errors
    /// Why there is none.
    pub fn shared() -> Result<&'static Self, &'static str> {
        static SHARED: OnceLock<Result<PostgresServer, String>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref().map_err(String::as_str)
    }

    /// Starts a server.
    ///
    /// # Errors
    /// Why it cannot: the machine lacks the programs, or they failed.
    pub fn start() -> Result<Self, String> {
        let programs = find_programs()?;
        let user = user::other_than_root(&["postgres", "nobody"])?;
        let folder = tempfile::Builder::new()
            .prefix("wren-pg-")
            .tempdir()
            .map_err(|error| format!("a temporary folder: {error}"))?
            // From here on the keeper deletes it.
            .keep();
        user::give(&folder, user)?;
        let data = folder.join("data");
        let data = data.to_str().ok_or("the temporary folder has no UTF-8 name")?;
        let made = as_user(&programs.join("initdb"), user)
            .args(["-D", data, "-U", ROLE, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"])
            .current_dir(&folder)
            .output()
            .map_err(|error| format!("initdb: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr).trim()));
        }
        let program = programs.join("postgres");
        let socket = format!("unix_socket_directories={}", folder.display());
        let settings = [
            "listen_addresses=",
            socket.as_str(),
            "max_connections=300",
            // A test may kill the server, and then the machine's memory still has what it wrote.
            "fsync=off",
            "full_page_writes=off",
        ];
        let mut server = vec![program.to_str().ok_or("the server's path is not UTF-8")?, "-D", data];
        server.extend(settings.iter().flat_map(|setting| ["-c", *setting]));
        let keeper = Keeper::start(&folder, user, &server)?;
        let started = Self { keeper, programs, folder, user };
        started.wait()?;
        Ok(started)
    }

    /// Returns the URL of a database, as `--store` takes it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@localhost/{database}?host={}", self.folder.display())
    }

    /// Returns the folder of the server's socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// Makes an empty database; returns its URL.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn create_database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("d{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Runs a statement with `psql`; returns what it prints, bare.
    ///
    /// # Panics
    /// When it fails.
    pub fn query(&self, database: &str, statement: &str) -> String {
        let done = as_user(&self.programs.join("psql"), self.user)
            .args(["-h".as_ref(), self.folder.as_os_str()])
            .args(["-U", ROLE, "-d", database, "-XAtqc", statement])
            .output()
            .unwrap();
        assert!(done.status.success(), "{statement}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Ends every connection to a database from the server's side, and with it what they were about to be told.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn cut_connections(&self, database: &str) {
        self.query(
            "postgres",
            &format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{database}'"),
        );
    }

    /// Stops the server, breaking its connections off.
    ///
    /// # Panics
    /// When there is nothing to stop.
    pub fn stop(&mut self) {
        self.keeper.end("INT").unwrap();
    }

    /// Stops the server as a crash would: it recovers when it is started again.
    ///
    /// # Panics
    /// When there is nothing to stop.
    pub fn crash(&mut self) {
        self.keeper.end("QUIT").unwrap();
    }

    /// Starts the server again after a stop or a crash, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start_again(&mut self) {
        self.keeper.start_again().unwrap();
        self.wait().unwrap();
    }

    fn wait(&self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q".as_ref(), "-h".as_ref(), self.folder.as_os_str()])
                .status()
                .map_err(|error| format!("pg_isready: {error}"))?;
            if ready.success() {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(format!("the server does not answer; its log says: {log}"));
            }
            // A bounded poll: the server has no other way to say that it is ready.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn as_user(program: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    // `psql` and `initdb` read the caller's settings otherwise.
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").stdin(Stdio::null()).current_dir("/");
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Finds the folder of `initdb` and `postgres`, the newest version first: Debian keeps them off the path.
fn find_programs() -> Result<PathBuf, String> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(version, _)| *version >= OLDEST)
        .collect();
    versions.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).collect::<Vec<_>>();
    versions
        .into_iter()
        .map(|(_, folder)| folder)
        .chain(on_path)
        .find(|folder| ["initdb", "postgres", "psql", "pg_isready"].iter().all(|name| folder.join(name).exists()))
        .ok_or_else(|| format!("PostgreSQL {OLDEST} or later is not installed (apt-get install postgresql)"))
}
