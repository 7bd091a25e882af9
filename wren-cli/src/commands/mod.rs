//! The commands: each reads its arguments, calls the library or the server, and prints.

mod deploy;
mod deployments;
mod dev;
mod keys;
mod local;
mod log_view;
mod logs;
mod run;
mod status;
mod test;
mod validate;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Cli, Command, GlobalArgs};
use crate::client::Client;
use crate::failure::{Failure, ProblemBody};
use crate::output::{Output, diagnostics, write_stderr};
use crate::{config, server};

/// Runs the command that the process was started with.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = Output::new(cli.global.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return show(Failure::internal("starting the runtime", error), output),
    };
    let done = runtime.block_on(dispatch(cli, output));
    // A blocking read that nobody waits for must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => show(failure, output),
    }
}

async fn dispatch(cli: Cli, output: Output) -> Result<(), Failure> {
    let global = cli.global;
    match cli.command {
        Command::Test(args) => test::test(args, output).await,
        Command::Validate(args) => validate::validate(args, &global, output).await,
        Command::Deploy(args) => deploy::deploy(args, &client(&global, output)?, output).await,
        Command::Status(args) => status::status(args, &client(&global, output)?, output).await,
        Command::Logs(args) => logs::logs(args, &client(&global, output)?, output).await,
        Command::Run(args) => run::run(args, &client(&global, output)?, output).await,
        Command::Cancel(args) => run::cancel(args, &client(&global, output)?, output).await,
        Command::Pause(args) => deployments::pause(args, &client(&global, output)?, output).await,
        Command::Resume(args) => deployments::resume(args, &client(&global, output)?, output).await,
        Command::Undeploy(args) => deployments::undeploy(args, &client(&global, output)?, output).await,
        Command::Dev(args) => dev::dev(args, output).await,
        Command::Keys(args) => keys::keys(args, output).await,
        Command::Serve(args) => server::serve(args, output).await,
    }
}

/// Makes the client of the server that arguments, variables and files name.
fn client(global: &GlobalArgs, output: Output) -> Result<Client, Failure> {
    Client::new(config::connection(global, output)?, output)
}

/// Reads what a command needs out of a server's answer.
fn understood<T: serde::de::DeserializeOwned>(answer: &serde_json::Value) -> Result<T, Failure> {
    serde::Deserialize::deserialize(answer)
        .map_err(|error| Failure::internal("the server's answer is not of this version", error))
}

/// Shows why a command failed: text on the standard error, JSON on the standard output like any other answer.
fn show(failure: Failure, output: Output) -> ExitCode {
    let code = failure.problem.exit_code();
    if output.is_json() {
        output.document(&ProblemBody { error: *failure.problem });
    } else {
        write_stderr(&diagnostics::report(&failure, output.error_palette()));
    }
    ExitCode::from(code)
}

/// Shows what clap has to say: help, version, or what is wrong with the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !is_answer && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let mut failure = Failure::request(text.lines().next().unwrap_or_default().trim_start_matches("error: "));
        failure.problem.hint = Some("`wren help` shows the usage".to_owned());
        show(failure, Output::new(true));
    } else {
        // Nobody is left to tell when even this cannot be printed.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
