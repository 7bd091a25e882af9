//! The commands: each reads its arguments, calls the library or the server, and prints.

mod backup;
mod config;
mod connect;
mod credentials;
mod deploy;
mod deployments;
mod dev;
mod doctor;
mod email;
mod explain;
mod generate;
mod init;
mod keys;
mod local;
mod log_view;
mod logs;
mod quotas;
mod replay;
mod revisions;
mod run;
mod status;
mod store;
mod test;
mod validate;
mod vault;
mod watch;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::{Command, GlobalArgs};
use crate::call::{Call, Refused};
use crate::client::Client;
use crate::config::{connection, hide_password};
use crate::failure::{Failure, ProblemBody};
use crate::output::{Output, arrived, diagnostics, write_stderr};
use crate::server;

/// Runs the command that the process was started with.
pub(crate) fn run() -> ExitCode {
    let call = match Call::read(std::env::args_os()) {
        Ok(call) => call,
        Err(Refused::Arguments(error)) => return usage(*error),
        Err(Refused::File { failure, json }) => return show(failure, Output::new(json)),
    };
    let output = Output::new(call.cli.global.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return show(Failure::internal("starting the runtime", error), output),
    };
    let done = runtime.block_on(dispatch(call, output));
    // A blocking read that nobody waits for must not keep the process.
    runtime.shutdown_background();
    match done.and_then(|()| arrived()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => show(failure, output),
    }
}

async fn dispatch(call: Call, output: Output) -> Result<(), Failure> {
    let global = call.cli.global;
    match call.cli.command {
        Command::Test(args) => test::test(args, output).await,
        Command::Validate(args) => validate::validate(args, &global, output).await,
        Command::Email(args) => email::email(args, &client(&global, output)?, output).await,
        Command::Deploy(args) => deploy::deploy(args, &client(&global, output)?, output).await,
        Command::Status(args) => status::status(args, &client(&global, output)?, output).await,
        Command::Logs(args) => logs::logs(args, &client(&global, output)?, output).await,
        Command::Run(args) => run::run(args, &client(&global, output)?, output).await,
        Command::Cancel(args) => run::cancel(args, &client(&global, output)?, output).await,
        Command::Retry(args) => run::retry(args, &client(&global, output)?, output).await,
        Command::Revisions(args) => revisions::revisions(args, &client(&global, output)?, output).await,
        Command::Rollback(args) => revisions::rollback(args, &client(&global, output)?, output).await,
        Command::Pause(args) => deployments::pause(args, &client(&global, output)?, output).await,
        Command::Resume(args) => deployments::resume(args, &client(&global, output)?, output).await,
        Command::Undeploy(args) => deployments::undeploy(args, &client(&global, output)?, output).await,
        Command::Dev(args) => dev::dev(args, output).await,
        Command::Explain(args) => explain::explain(&args, output),
        Command::Init(args) => init::init(&args, output),
        Command::Config(args) => config::config(args, call.settings, call.file, output),
        Command::Doctor(args) => doctor::doctor(args, &global, output).await,
        Command::Guide => generate::guide(output),
        Command::Completions(args) => generate::completions(&args, output),
        Command::Man(args) => generate::man(&args, output),
        Command::Keys(args) => keys::keys(args, output).await,
        Command::Quotas(args) => quotas::quotas(args, output).await,
        Command::Connect(args) => connect::connect(args, &client(&global, output)?, output).await,
        Command::Credentials(args) => credentials::credentials(args, output).await,
        Command::Vault(args) => vault::vault(args, output).await,
        Command::Backup(args) => backup::backup(args, output).await,
        Command::Store(args) => store::store(args, output).await,
        Command::Serve(args) => server::serve(*args, call.file, output).await,
    }
}

/// Makes the client of the server that arguments, variables and files name.
fn client(global: &GlobalArgs, output: Output) -> Result<Client, Failure> {
    Client::new(connection(global)?, output)
}

/// Reads what a command needs out of a server's answer.
fn understood<T: serde::de::DeserializeOwned>(answer: &serde_json::Value) -> Result<T, Failure> {
    serde::Deserialize::deserialize(answer)
        .map_err(|error| Failure::internal("the server's answer is not of this version", error))
}

/// Shows why a command failed: text on the standard error, JSON on the standard output like any other answer, or where
/// that cannot be written, why not.
fn show(failure: Failure, output: Output) -> ExitCode {
    let code = failure.exit_code();
    if code == 0 {
        return ExitCode::SUCCESS;
    }
    let explain = |failure: &Failure| write_stderr(&diagnostics::report(failure, output.error_palette()));
    if !output.is_json() {
        explain(&failure);
        return ExitCode::from(code);
    }
    output.document(&ProblemBody { error: *failure.problem });
    match arrived() {
        Err(lost) if lost.exit_code() != 0 => {
            explain(&lost);
            ExitCode::from(lost.exit_code())
        }
        _ => ExitCode::from(code),
    }
}

/// Shows what clap has to say: help, version, or what is wrong with the arguments.
fn usage(mut error: clap::Error) -> ExitCode {
    // A database's address with a typing error still has its password.
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) {
        let shown = hide_password(value);
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
    let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !is_answer && std::env::args_os().any(|argument| argument == "--json") {
        return show(misused(&error.render().to_string()), Output::new(true));
    }
    let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    match error.print() {
        Err(error) if is_answer && error.kind() != std::io::ErrorKind::BrokenPipe => {
            show(Failure::internal("cannot write the output", error), Output::new(false))
        }
        // What is wrong with the arguments has nowhere else to go.
        _ => code,
    }
}

/// Makes one message of what clap says before the usage: it names the arguments on lines of their own.
fn misused(text: &str) -> Failure {
    let said = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let (tips, said): (Vec<&str>, Vec<&str>) =
        said.map(str::trim).filter(|line| !line.is_empty()).partition(|line| line.starts_with("tip: "));
    let hint = match tips.first() {
        Some(tip) => tip.trim_start_matches("tip: "),
        None => "`wren help` shows the usage",
    };
    Failure::usage(said.join(" ").trim_start_matches("error: "), hint)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Cli;

    fn refused(args: &[&str]) -> Failure {
        misused(&Cli::try_parse_from(args).unwrap_err().render().to_string())
    }

    #[test]
    fn a_usage_error_names_the_arguments_that_it_is_about() {
        let missing = refused(&["wren", "keys", "create"]);
        assert_eq!(missing.exit_code(), 2);
        assert!(missing.problem.message.contains("not provided: --owner <OWNER>"), "{missing:?}");
        let unknown = refused(&["wren", "status", "--jsn"]);
        assert!(unknown.problem.message.contains("'--jsn'"), "{unknown:?}");
        assert!(unknown.problem.hint.as_ref().is_some_and(|hint| hint.contains("'--json'")), "{unknown:?}");
        let wrong = refused(&["wren", "serve", "--lease", "soon"]);
        assert!(wrong.problem.message.contains("--lease"), "{wrong:?}");
        assert_eq!(wrong.problem.message.lines().count(), 1, "{wrong:?}");
    }
}
