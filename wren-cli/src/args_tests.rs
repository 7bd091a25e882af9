use clap::CommandFactory;

use super::*;

#[test]
fn the_grammar_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_duration_that_is_none_is_refused() {
    assert!(Cli::try_parse_from(["wren", "serve", "--lease", "soon"]).is_err());
    assert!(Cli::try_parse_from(["wren", "serve", "--lease", "2s"]).is_ok());
}

#[test]
fn a_store_of_an_unknown_kind_is_refused() {
    assert!(Cli::try_parse_from(["wren", "serve", "--store", "papyrus"]).is_err());
}

fn help(path: &[&str]) -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut current = &mut command;
    for name in path {
        current = current.find_subcommand_mut(name).unwrap();
    }
    current.render_help().to_string()
}

#[test]
fn the_help_names_every_command_and_exit_code() {
    insta::assert_snapshot!(help(&[]));
}

#[test]
fn the_help_of_a_command_names_its_arguments() {
    insta::assert_snapshot!(help(&["logs"]));
}

#[test]
fn the_help_of_the_server_names_its_defaults() {
    insta::assert_snapshot!(help(&["serve"]));
}
