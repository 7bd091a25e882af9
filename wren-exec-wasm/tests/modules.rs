//! `MODULES.md` says what can be imported, and so it is.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::path::Path;

use serde_json::json;
use wren_conformance::executor::{Trial, inspect};
use wren_core::ErrorCode;
use wren_exec_wasm::modules;

/// The width of the document's lines, in characters.
const WIDTH: usize = 120;

#[test]
fn the_document_lists_what_this_guest_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("MODULES.md");
    let modules = modules();
    let document = format!(
        "# Which modules of the standard library a script can import\n\n\
         Made by `WREN_UPDATE=1 cargo test -p wren-exec-wasm --test modules`, and compared with the guest by the same test.\n\
         Names that begin with an underscore are left out.\n\n\
         ## Imported before the snapshot\n\nAn import of these takes no time.\n\n{}\n\
         ## Kept in memory\n\nTheir code is in the guest; an import executes it.\n\n{}\n\
         ## Absent\n\n`UNSUPPORTED_IMPORT`. Where the machine's CPython has one of them, `executor = \"process\"` in the script's\n\
         `[tool.wren]` table gives it to the script. `threading`, `subprocess` and `socket` are above: importing them works, starting\n\
         a thread, a process or a connection is an error that says the same.\n\n{}\n\
         No executor has what needs a display: `idlelib`, `tkinter`, `turtle` and `turtledemo` are an `IMPORT_ERROR`.\n",
        words(&modules.preloaded),
        words(&modules.from_memory),
        words(&modules.absent),
    );
    if std::env::var_os("WREN_UPDATE").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == document,
        "MODULES.md is not true any more: run this test with WREN_UPDATE=1 and look at the change"
    );
}

#[tokio::test]
async fn everything_listed_can_be_imported() {
    let names = [&modules().preloaded[..], &modules().from_memory].concat();
    let script = format!(
        "import importlib, logging\nNAMES = {}\ndef main():\n    failed = {{}}\n    for name in NAMES:\n        try:\n            \
         importlib.import_module(name)\n        except BaseException as error:\n            failed[name] = repr(error)\n    \
         return failed\n",
        json!(names)
    );
    assert_eq!(Trial::new(&script).run(&common::shared()).await.value(), json!({}));
}

#[tokio::test]
async fn everything_absent_is_refused_with_what_to_do() {
    let executor = common::shared();
    for name in &modules().absent {
        let error = inspect(&executor, &format!("x = 1\nimport {name}\n")).await.error.unwrap();
        assert_eq!(error.code, ErrorCode::UnsupportedImport, "{name}: {error:?}");
        assert!(error.hint.is_some(), "{name}: {error:?}");
        assert_eq!(error.location.map(|location| location.line), Some(2), "{name}");
    }
    for name in ["idlelib", "tkinter", "turtle", "turtledemo"] {
        let error = inspect(&executor, &format!("import {name}\n")).await.error.unwrap();
        assert_eq!(error.code, ErrorCode::ImportError, "{name}: {error:?}");
    }
}

/// Returns names as a paragraph.
fn words(names: &[String]) -> String {
    let mut text = String::new();
    let mut column = 0;
    for name in names {
        let word = format!("`{name}`");
        if column > 0 && column + 1 + word.len() > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        column += word.len();
        text.push_str(&word);
    }
    text.push('\n');
    text
}
