//! What the platform knows of the SDK's names is what the SDK has.

use std::collections::BTreeSet;

#[test]
fn the_platform_knows_the_lower_case_names_that_the_sdk_exports() {
    let (_, package) =
        wren_sdk::FILES.iter().find(|(path, _)| *path == "wren/__init__.py").expect("the package has an __init__");
    let list = package.split_once("__all__ = [").and_then(|(_, rest)| rest.split_once(']')).expect("it has __all__").0;
    let exported: BTreeSet<&str> = list
        .lines()
        .map(|line| line.trim().trim_end_matches(',').trim_matches('"'))
        .filter(|name| name.starts_with(|letter: char| letter.is_ascii_lowercase()))
        .collect();
    let known: BTreeSet<&str> =
        wren_core::deploy::sdk_names().into_iter().filter(|name| *name != "decorators").collect();
    assert_eq!(exported, known);
}
