//! A Dovecot server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::keeper::Keeper;
use super::maildir::Maildirs;
use super::user::{self, User};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// What access tokens are signed with.
const TOKEN_KEY: &str = "the-key-of-access-tokens-in-tests";
const PROGRAM: &str = "/usr/sbin/dovecot";

/// A mail server of a test's own on two free ports of this machine alone: one in the clear that knows STARTTLS, one under TLS,
/// with a certificate of an authority of its own. Mails are files in Maildirs. It ends with its value, or with the process.
#[derive(Debug)]
pub struct DovecotServer {
    keeper: Keeper,
    folder: PathBuf,
    port: u16,
    tls_port: u16,
    maildirs: Maildirs,
}

impl DovecotServer {
    /// Starts a server without users.
    ///
    /// # Errors
    /// Why it cannot: the machine lacks the programs, or they failed.
    pub fn start() -> Result<Self, String> {
        if !Path::new(PROGRAM).exists() {
            return Err("Dovecot is not installed (apt-get install dovecot-imapd)".to_owned());
        }
        let user = user::other_than_root(&["nobody"])?;
        let folder = tempfile::Builder::new()
            .prefix("wren-imap-")
            .tempdir()
            .map_err(|error| format!("a temporary folder: {error}"))?
            // From here on the keeper deletes it.
            .keep();
        make_certificates(&folder)?;
        let (port, tls_port) = free_ports()?;
        write(&folder.join("passwd"), "")?;
        write(&folder.join("dovecot.conf"), &configuration(&folder, user, port, tls_port)?)?;
        make_token_key(&folder)?;
        give_all(&folder, user)?;
        let config = folder.join("dovecot.conf");
        let config = config.to_str().ok_or("the temporary folder has no UTF-8 name")?;
        let keeper = Keeper::start(&folder, user, &[PROGRAM, "-F", "-c", config])?;
        let maildirs = Maildirs::new(folder.join("home"), user);
        let started = Self { keeper, folder, port, tls_port, maildirs };
        started.wait()?;
        Ok(started)
    }

    /// Returns the port in the clear, which knows STARTTLS.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the port under TLS.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// Returns the authority of the server's certificate, as PEM.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn authority(&self) -> String {
        std::fs::read_to_string(self.folder.join("ca.pem")).unwrap()
    }

    /// Returns where the mails are.
    #[must_use]
    pub fn maildirs(&self) -> &Maildirs {
        &self.maildirs
    }

    /// Makes a user the only one, with this password: what was logged in stays so.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn set_password(&self, user: &str, password: &str) {
        let next = self.folder.join("passwd.next");
        write(&next, &format!("{user}:{{PLAIN}}{password}\n")).unwrap();
        std::fs::rename(&next, self.folder.join("passwd")).unwrap();
        // The process that knows the passwords looks for another file once a second only; the next one knows the new ones.
        let knowing: Vec<u32> = children(self.master()).into_iter().filter(|id| name(*id) == "auth").collect();
        signal("KILL", &knowing);
    }

    /// Returns an OAuth access token that logs a user in by XOAUTH2.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn access_token(&self, user: &str) -> String {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let claims = format!(r#"{{"sub":"{user}","email":"{user}","iat":{now},"exp":{}}}"#, now + 3_600);
        let parts = [r#"{"alg":"HS256","typ":"JWT"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signed = parts.join(".");
        let file = self.folder.join("signed");
        write(&file, &signed).unwrap();
        let done = Command::new("openssl").args(["dgst", "-sha256", "-binary", "-hmac", TOKEN_KEY]).arg(file).output();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(done.unwrap().stdout))
    }

    /// Returns what the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Stops the server, which tells its clients.
    ///
    /// # Panics
    /// When there is nothing to stop.
    pub fn stop(&mut self) {
        self.keeper.end("TERM").unwrap();
    }

    /// Kills every process of the server; no client is told.
    ///
    /// # Panics
    /// When there is nothing to kill.
    pub fn kill(&mut self) {
        // Stopped first, so that it starts none while its processes are counted.
        let master = self.master();
        signal("STOP", &[master]);
        signal("KILL", &children(master));
        self.keeper.end("KILL").unwrap();
    }

    /// Starts the server again after a stop or a kill, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start_again(&mut self) {
        self.keeper.start_again().unwrap();
        self.wait().unwrap();
    }

    /// Makes the server hang: its connections stay open, new ones are accepted by the machine, and nothing is answered.
    ///
    /// # Panics
    /// When there is no server.
    pub fn pause(&self) {
        let master = self.master();
        signal("STOP", &[master]);
        signal("STOP", &children(master));
    }

    /// Ends a pause.
    ///
    /// # Panics
    /// When there is no server.
    pub fn resume(&self) {
        let master = self.master();
        signal("CONT", &children(master));
        signal("CONT", &[master]);
    }

    /// Ends every connection of clients that have logged in.
    ///
    /// # Panics
    /// When there is no server.
    pub fn cut_connections(&self) {
        let sessions: Vec<u32> = children(self.master()).into_iter().filter(|id| name(*id) == "imap").collect();
        signal("KILL", &sessions);
    }

    /// Returns the id of the process that all others of the server come from.
    fn master(&self) -> u32 {
        let text = std::fs::read_to_string(self.folder.join("run/master.pid")).unwrap();
        text.trim().parse().unwrap()
    }

    fn wait(&self) -> Result<(), String> {
        let began = Instant::now();
        while !greets(self.port) {
            if began.elapsed() > PATIENCE {
                return Err(format!("the server does not answer; its log says: {}", self.log()));
            }
            // A bounded poll: the server has no other way to say that it is ready.
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for DovecotServer {
    /// One that is paused would not hear that it is to end.
    fn drop(&mut self) {
        if let Ok(text) = std::fs::read_to_string(self.folder.join("run/master.pid"))
            && let Ok(master) = text.trim().parse()
        {
            signal("CONT", &children(master));
            signal("CONT", &[master]);
        }
    }
}

fn greets(port: u16) -> bool {
    use std::io::Read as _;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let mut greeting = [0; 4];
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && greeting == *b"* OK"
}

/// Two ports that are free a moment later, too, unless another process takes them; then the server ends, and the start fails.
fn free_ports() -> Result<(u16, u16), String> {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("a free port: {error}"));
    let (first, second) = (free()?, free()?);
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    Ok((
        port(&first).map_err(|error| format!("a free port: {error}"))?,
        port(&second).map_err(|error| format!("a free port: {error}"))?,
    ))
}

fn configuration(folder: &Path, user: Option<User>, port: u16, tls_port: u16) -> Result<String, String> {
    let User { uid, gid } = user::or_this(user)?;
    let (user, group) = (user::name_in("/etc/passwd", uid)?, user::name_in("/etc/group", gid)?);
    let folder = folder.display();
    Ok(format!(
        "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = /dev/stderr\n\
         default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {group}\n\
         disable_plaintext_auth = no\nauth_mechanisms = plain login xoauth2\nauth_failure_delay = 0\n\
         mail_location = maildir:~/Maildir\nmail_fsync = never\nmail_max_userip_connections = 1000\n\
         first_valid_uid = 1\nfirst_valid_gid = 1\n\
         passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN {folder}/passwd\n}}\n\
         passdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {folder}/oauth2.conf\n}}\n\
         userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={folder}/home/%u\n}}\n\
         ssl = yes\nssl_cert = <{folder}/server.pem\nssl_key = <{folder}/server.key\n\
         service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n\
         service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {port}\n  }}\n  \
         inet_listener imaps {{\n    port = {tls_port}\n  }}\n}}\n"
    ))
}

/// An authority, and a certificate of it for this machine: by the program that comes with Dovecot.
fn make_certificates(folder: &Path) -> Result<(), String> {
    write(
        &folder.join("extensions"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n",
    )?;
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let run = |first: &[&str], more: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(first).args(more).current_dir(folder).stdin(Stdio::null());
        let done = command.output().map_err(|error| format!("openssl: {error}"))?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        done.status.success().then_some(()).ok_or(format!("openssl failed: {said}"))
    };
    let authority = ["-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=Wren test authority"];
    run(&["req", "-x509"], &[&key[..], &authority].concat())?;
    let request = ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"];
    run(&["req"], &[&key[..], &request].concat())?;
    let sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20", "-extfile", "extensions"];
    run(&["x509", "-req", "-in", "server.csr", "-out", "server.pem"], &sign)
}

/// Tokens are JWTs that the server looks at itself.
fn make_token_key(folder: &Path) -> Result<(), String> {
    use base64::Engine as _;
    let keys = folder.join("keys");
    let key = keys.join("default/HS256");
    std::fs::create_dir_all(&key).map_err(|error| format!("{}: {error}", key.display()))?;
    write(&key.join("default"), &base64::engine::general_purpose::STANDARD.encode(TOKEN_KEY))?;
    let settings =
        "introspection_mode = local\nusername_attribute = email\nlocal_validation_key_dict = fs:posix:prefix=";
    write(&folder.join("oauth2.conf"), &format!("{settings}{}/\n", keys.display()))
}

fn give_all(folder: &Path, user: Option<User>) -> Result<(), String> {
    for name in ["home", "run", "state"] {
        std::fs::create_dir(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
    }
    for entry in std::fs::read_dir(folder).map_err(|error| format!("the folder: {error}"))?.flatten() {
        user::give(&entry.path(), user)?;
    }
    user::give(folder, user)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn signal(signal: &str, processes: &[u32]) {
    if !processes.is_empty() {
        // Some may be gone by now.
        let ids = processes.iter().map(u32::to_string);
        let _ = Command::new("kill").arg(format!("-{signal}")).args(ids).stderr(Stdio::null()).status();
    }
}

/// Returns the processes that a process started.
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name, in brackets, may hold anything.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_whitespace().nth(1).is_some_and(|field| field == parent.to_string())
    })
    .collect()
}

fn name(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default().trim().to_owned()
}
