//! Tests whose server or tool is not on this machine.

use std::io::Write as _;

/// Says whether a test can run: true when `check` found what it needs. Else the test is *ignored* with the reason on
/// standard error, and the caller returns; the harness cannot be told so at run time. With `WREN_TEST_REQUIRE=all` in the
/// environment a missing requirement fails the test instead.
///
/// # Panics
/// When the requirement is missing and `WREN_TEST_REQUIRE=all` is set.
pub fn requirement(name: &str, check: Result<(), impl std::fmt::Display>) -> bool {
    let Err(reason) = check else { return true };
    let all = std::env::var("WREN_TEST_REQUIRE").is_ok_and(|value| value == "all");
    assert!(!all, "{name} is required by WREN_TEST_REQUIRE=all and missing: {reason}");
    // Not `eprintln!`, whose text the harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "ignored: {name} is missing: {reason}");
    false
}
