//! The workspace keeps the design's rules of dependency: who may see whom.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Returns the crates of ours that a crate may depend on, other than for its tests; `None` for those that may see all.
fn allowed(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "wren-core" | "wren-sdk" => Some(&[]),
        "wren-http" => Some(&["wren-core", "wren-integrations"]),
        "wren-cli" | "wren-bench" | "wren-examples" => None,
        name if name.starts_with("wren-exec-") => Some(&["wren-core", "wren-sdk"]),
        // Stores, vaults, integrations, trigger sources, the conformance suite: what is not named sees core only.
        _ => Some(&["wren-core"]),
    }
}

/// Says whether a crate is a backend: one of several that serve the same seam.
fn is_adapter(name: &str) -> bool {
    ["wren-store-", "wren-exec-", "wren-trigger-", "wren-vault", "wren-integrations"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn packages() -> Vec<Package> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    metadata.packages
}

/// Returns a crate's dependencies among the workspace's crates.
fn ours<'a>(package: &'a Package, all: &'a BTreeSet<String>) -> impl Iterator<Item = (&'a str, DependencyKind)> {
    let is_ours = |dependency: &&cargo_metadata::Dependency| all.contains(&dependency.name);
    package.dependencies.iter().filter(is_ours).map(|dependency| (dependency.name.as_str(), dependency.kind))
}

fn names(packages: &[Package]) -> BTreeSet<String> {
    packages.iter().map(|package| package.name.to_string()).collect()
}

#[test]
fn every_crate_sees_only_what_the_design_allows() {
    let packages = packages();
    let all = names(&packages);
    assert!(all.contains("wren-core") && all.contains("wren-cli"), "{all:?}");
    for package in &packages {
        let Some(allowed) = allowed(&package.name) else { continue };
        for (dependency, kind) in ours(package, &all) {
            let is_allowed = kind == DependencyKind::Development || allowed.contains(&dependency);
            assert!(is_allowed, "{} must not depend on {dependency}", package.name);
        }
    }
}

#[test]
fn adapters_never_see_each_other() {
    let packages = packages();
    let all = names(&packages);
    for package in packages.iter().filter(|package| is_adapter(&package.name)) {
        for (dependency, kind) in ours(package, &all) {
            // What renews tokens is tested under the vault that asks it: a refresh token is lost between the two or not at all.
            let together = (package.name.as_str(), dependency) == ("wren-integrations", "wren-vault");
            let is_allowed = together && kind == DependencyKind::Development;
            assert!(
                is_allowed || !is_adapter(dependency),
                "{} must not see {dependency}, tests included",
                package.name
            );
        }
    }
}

#[test]
fn what_hosts_are_asked_is_what_the_protocol_lists() {
    let protocol = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../wren-sdk/PROTOCOL.md")).unwrap();
    let (_, calls) = protocol.split_once("## Host calls").unwrap();
    let (calls, _) = calls.split_once("### ").unwrap();
    let listed: BTreeSet<&str> = calls
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(op, _)| op)
        .filter(|op| op.contains('.'))
        .collect();
    assert_eq!(listed, BTreeSet::from(wren_core::host::OPS).into_iter().collect());
}

#[test]
fn nothing_depends_on_the_command_line() {
    let packages = packages();
    let all = names(&packages);
    for package in &packages {
        assert!(ours(package, &all).all(|(name, _)| name != "wren-cli"), "{} depends on wren-cli", package.name);
    }
}

#[test]
fn the_conformance_suite_is_for_tests_only() {
    let packages = packages();
    let all = names(&packages);
    for package in &packages {
        for (dependency, kind) in ours(package, &all).filter(|(name, _)| *name == "wren-conformance") {
            assert_eq!(kind, DependencyKind::Development, "{} ships {dependency}", package.name);
        }
    }
}
