//! `wren dev`: the loop of whoever writes a script.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod support;

use std::fs::File;
use std::process::{Child, Command};

use serde_json::Value;
use support::{eventually, processes};

fn script(says: &str) -> String {
    format!("import wren\n\n\n@wren.on_schedule(every=\"1s\")\ndef beat():\n    print(\"{says}\")\n")
}

/// A process that is ended however the test ends.
struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_script_runs_is_deployed_anew_when_it_changes_and_goes_on_when_the_change_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("beat.py");
    let (stdout, stderr) = (folder.path().join("stdout"), folder.path().join("stderr"));
    std::fs::write(&file, script("first words")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wren"));
    command.args(["dev", "beat.py"]).current_dir(folder.path());
    command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
    let mut dev = Dev(command.spawn().unwrap());
    let printed = || std::fs::read_to_string(&stdout).unwrap();
    let said = || std::fs::read_to_string(&stderr).unwrap();

    eventually("the first revision's words", || printed().contains("first words").then_some(()));
    std::fs::write(&file, "import wren\n\n\n@wren.on_schedule(\"0 9 * *\")\ndef beat(): ...\n").unwrap();
    eventually("the refusal of a broken script", || printed().contains("the revision before goes on").then_some(()));
    assert!(said().contains("error[INVALID_CRON]") && said().contains("--> beat.py:4:"), "{}", said());
    let before = printed().matches("first words").count();
    eventually("the revision before to go on", || (printed().matches("first words").count() > before).then_some(()));
    std::fs::write(&file, script("other words")).unwrap();
    eventually("the second revision's words", || printed().contains("other words").then_some(()));
    assert!(printed().contains("(revision 2)"), "{}", printed());

    processes::signal(dev.0.id(), "INT");
    let status = eventually("the end", || dev.0.try_wait().unwrap());
    assert!(status.success(), "{status}: {}", said());
}

#[test]
fn a_second_session_on_the_same_data_does_not_show_what_the_first_one_did() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("beat.py"), script("words")).unwrap();
    // Returns the runs that a session showed the end of, and all that it showed anything of.
    let session = |name: &str| {
        let stdout = folder.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_wren"));
        command.args(["dev", "beat.py", "--data", "data", "--json"]).current_dir(folder.path());
        let mut dev = Dev(command.stdout(File::create(&stdout).unwrap()).spawn().unwrap());
        let events = || -> Vec<Value> {
            let printed = std::fs::read_to_string(&stdout).unwrap();
            // What is being printed at this moment may lack its end.
            printed.lines().map_while(|line| serde_json::from_str(line).ok()).collect()
        };
        let ended = || -> Vec<Value> {
            events().iter().map(|event| event["run"]["run_id"].clone()).filter(Value::is_string).collect()
        };
        eventually("the end of two runs", || (ended().len() >= 2).then_some(()));
        processes::signal(dev.0.id(), "INT");
        eventually("the end", || dev.0.try_wait().unwrap());
        let shown = events().iter().map(|event| event["run_id"].clone()).chain(ended()).collect::<Vec<_>>();
        (ended(), shown)
    };
    let (ended, _) = session("first");
    let (_, shown) = session("second");
    assert!(ended.iter().all(|run| !shown.contains(run)), "{ended:?} again in {shown:?}");
}
