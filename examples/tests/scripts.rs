//! The scripts that people copy from parse without a finding, those that wait for later parts of the platform included.

use std::sync::Arc;

use wren_core::deploy::{DeployRules, parse};
use wren_examples::launcher::LauncherExecutor;

#[test]
fn every_example_script_parses_without_a_finding() {
    let rules = DeployRules::new(vec![Arc::new(LauncherExecutor::new().expect("the SDK's files can be written"))]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let source = std::fs::read(&path).expect("it can be read");
        let parsed = parse(&source, &rules);
        assert!(parsed.diagnostics().is_empty(), "{}: {:?}", path.display(), parsed.diagnostics());
        count += 1;
    }
    assert_eq!(count, 5);
}
