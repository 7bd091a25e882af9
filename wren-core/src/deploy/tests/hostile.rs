//! Scripts written to keep the platform busy: whatever they hold, what is said of them is short, and said soon.
//!
//! Each of these took minutes, or more memory than there is, before the work was bounded; none has a clock to watch.

use super::*;
use crate::error::WireError;

/// Near the default cap of a megabyte, in a size that an unoptimised build reads quickly.
const SIZE: usize = 300_000;

fn filled(head: &str, part: impl Fn(usize) -> String, tail: &str) -> String {
    let mut script = head.to_owned();
    for number in 0.. {
        if script.len() + tail.len() >= SIZE {
            break;
        }
        script.push_str(&part(number));
    }
    script + tail
}

fn assert_short(name: &str, examination: &Examination, words: &str) {
    let shown: Vec<String> = examination.diagnostics.iter().map(show).collect();
    assert!(shown.iter().any(|shown| shown.contains(words)), "{name}: {:.2000}", shown.join("\n"));
    assert!(shown.len() <= 100, "{name}: {}", shown.len());
    for error in &examination.diagnostics {
        let wire = serde_json::to_string(&WireError::from(error)).unwrap();
        assert!(wire.len() < 20_000, "{name}: {} bytes", wire.len());
    }
}

#[test]
fn names_as_long_as_the_script_are_not_compared_with_each_other() {
    let name = "a".repeat(SIZE / 2);
    let script =
        format!("import wren\n@wren.on_schedule('@daily')\ndef {name}(x): ...\nwren.on_schedule('@daily')({name}b)\n");
    assert_short("long", &examine_text(&script), "FUNCTION_SIGNATURE 3:");
    assert_short("member", &examine_text(&format!("import wren\nwren.{name}()\n")), "wren has no `a");
    assert_short("module", &examine_text(&format!("import wren\nwren.{name}.get()\n")), "unknown integration");
    let inner = filled(&format!("def {name}():\n"), |number| format!(" def f{number}(): 0\n"), "");
    assert_eq!(examine_text(&inner).manifest.functions.len(), 1);
}

#[test]
fn a_decorator_has_a_bound_on_its_arguments() {
    let script =
        filled("import wren\n@wren.on_schedule('@daily'", |number| format!(",k{number}=1"), ")\ndef f(): ...\n");
    assert_short("keywords", &examine_text(&script), "at most 64 are read");
}

#[test]
fn triggers_beyond_those_allowed_are_counted_and_not_read() {
    let one = |number| format!("@wren.on_schedule('{} * * *')\ndef f{number}(): ...\n", number % 60);
    let script = filled("import wren\n", one, "");
    let count = script.matches('@').count();
    assert_short("apart", &examine_text(&script), &format!("{count} triggers, at most 100"));
    let stacked = filled("import wren\n", |_| "@wren.on_schedule('@daily')\n".to_owned(), "def f(): ...\n");
    let count = stacked.matches("@wren").count();
    assert_short("stacked", &examine_text(&stacked), &format!("{count} triggers, at most 100"));
}

#[tokio::test]
async fn what_an_import_registers_without_end_is_counted_and_not_read() {
    let many: Vec<Value> = (0..20_000).map(|number| trigger("schedule", "f", number, json!({"every": "1h"}))).collect();
    let examination = examine_with("def f(): ...", json!({"triggers": many}), None).await;
    assert_short("triggers", &examination, "20000 triggers, at most 100");

    let config: Map<String, Value> = (0..50_000).map(|number| (format!("k{number}"), json!(1))).collect();
    let registered = trigger("schedule", "f", 1, Value::Object(config));
    let examination = examine_with("def f(): ...", json!({"triggers": [registered]}), None).await;
    assert_findings("keys", &examination, &[("INVALID_METADATA", 1, 0, "50000 arguments, at most 64")]);

    let mut registered = trigger("schedule", "f", 1, json!({"every": "1h"}));
    registered["problems"] = json!(vec!["no"; 50_000]);
    registered["func"] = json!("x".repeat(SIZE));
    let integrations: Vec<String> = (0..50_000).map(|number| format!("gmial{number}")).collect();
    let inspection = json!({"triggers": [registered], "integrations": integrations});
    assert_short("problems", &examine_with("def f(): ...", inspection, None).await, "no");
}

#[test]
fn a_wrong_name_on_every_place_of_an_endless_line_is_told_a_hundred_times() {
    let script = filled("import wren; 'é'", |number| format!("; wren.gm{number}"), "\n");
    assert_short("uses", &examine_text(&script), "unknown integration");
}

#[test]
fn an_endless_metadata_block_is_told_a_hundred_times() {
    for (name, part) in
        [("keys", "# k{} = 1\n"), ("blocks", "# /// script\n# ///\n\n# /// script\n"), ("near", "#///script\n")]
    {
        let part = |number: usize| part.replace("{}", &number.to_string());
        let script = filled("# /// script\n# [tool.wren]\n", part, "# ///\n");
        assert_short(name, &examine_text(&script), "INVALID_METADATA");
    }
}

#[tokio::test]
async fn long_configs_are_shown_in_part() {
    let long = "x".repeat(20_000);
    let script = format!("import wren\n@wren.on_schedule('@daily', end='{long}')\ndef f(): ...\n");
    let given = json!({"type": "schedule", "func": "f", "config": {"cron": "y".repeat(20_000)}});
    let metadata = json!({"triggers": vec![given; 50]});
    assert_short("configs", &examine_with(&script, json!({}), Some(metadata)).await, "metadata gives `cron`");
}
