//! A shell that keeps a server: it ends the server, and deletes its folder, when the process that started it is gone,
//! however that one ended. A guard in this process could not: statics are not dropped, and a killed process drops nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::user::User;

/// `$1` is the folder to delete in the end, the rest the command of the server. Its standard input ends with its parent.
const SCRIPT: &str = r#"
folder=$1; shift
start() { "$@" >>"$folder/log" 2>&1 </dev/null & server=$!; }
start "$@"
echo started
while read -r order; do
    case $order in
    start) start "$@" ;;
    *) kill -"$order" "$server"; wait "$server" ;;
    esac
    echo done
done
kill -INT "$server" 2>/dev/null; wait "$server"; rm -rf "$folder"
"#;

/// A running keeper.
#[derive(Debug)]
pub(super) struct Keeper {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    /// Starts a server whose output goes to `log` in the folder.
    pub(super) fn start(folder: &Path, user: Option<User>, server: &[&str]) -> Result<Self, String> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "keeper"]).arg(folder).args(server).current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(User { uid, gid }) = user {
            command.uid(uid).gid(gid);
        }
        let mut shell = command.spawn().map_err(|error| format!("sh: {error}"))?;
        let orders = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().ok_or("the keeper has no output")?);
        let mut keeper = Self { shell, orders, answers };
        keeper.wait()?;
        Ok(keeper)
    }

    /// Sends the server a signal, `INT` or `KILL` say, and waits for its end.
    pub(super) fn end(&mut self, signal: &str) -> Result<(), String> {
        self.order(signal)
    }

    /// Starts the server again.
    pub(super) fn start_again(&mut self) -> Result<(), String> {
        self.order("start")
    }

    fn order(&mut self, order: &str) -> Result<(), String> {
        let orders = self.orders.as_mut().ok_or("the keeper has ended")?;
        writeln!(orders, "{order}").map_err(|error| format!("the keeper is gone: {error}"))?;
        self.wait()
    }

    fn wait(&mut self) -> Result<(), String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) | Err(_) => Err("the keeper ended".to_owned()),
            Ok(_) => Ok(()),
        }
    }
}

impl Drop for Keeper {
    /// Waits until the server has ended and its folder is gone.
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.shell.wait();
    }
}
