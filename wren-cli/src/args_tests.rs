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
