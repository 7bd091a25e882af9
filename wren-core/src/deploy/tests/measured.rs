//! Where text and Python differ, Python is right.

use super::*;

async fn registered(script: &str, func: &str, line: u32, required: u32, problems: Value) -> Examination {
    let mut registered = trigger("schedule", func, line, json!({"every": "1h"}));
    registered["signature"] = json!({"required": required, "max": required});
    registered["problems"] = problems;
    examine_with(script, json!({"triggers": [registered]}), None).await
}

#[tokio::test]
async fn a_wrapped_handler_is_judged_by_what_python_sees() {
    let script = "import wren\n@wren.on_schedule(every='1h')\n@inject\ndef f(db): ...\n";
    assert_findings("inject", &registered(script, "f", 2, 0, json!([])).await, &[]);
    let examination = registered(script, "f", 2, 2, json!([])).await;
    assert_findings("inject", &examination, &[("FUNCTION_SIGNATURE", 4, 5, "requires 2 arguments, a schedule")]);
}

#[tokio::test]
async fn a_handler_is_judged_by_what_python_sees_even_when_nothing_wraps_it() {
    let script = "import wren\n@wren.on_schedule(every='1h')\ndef f(db): ...\nf.__defaults__ = (1,)\n";
    assert_findings("defaults", &registered(script, "f", 2, 0, json!([])).await, &[]);
    let examination = registered(script, "f", 2, 1, json!([])).await;
    assert_findings("the same", &examination, &[("FUNCTION_SIGNATURE", 3, 7, "requires 1 argument (`db`)")]);
}

#[tokio::test]
async fn a_generator_that_another_decorator_consumes_is_a_handler() {
    let script = "import wren\n@wren.on_schedule(every='1h')\n@drained\ndef f():\n    yield 1\n";
    assert_findings("drained", &registered(script, "f", 2, 0, json!([])).await, &[]);
    let script = "import wren\ndef f():\n    yield 1\nf = wren.on_schedule(every='1h')(drained(f))\n";
    assert_findings("bound again", &registered(script, "f", 4, 0, json!([])).await, &[]);
    let script = "import wren\n@wren.on_schedule(every='1h')\ndef f():\n    yield 1\n";
    let examination = registered(script, "f", 2, 0, json!([])).await;
    assert_findings("bare", &examination, &[("FUNCTION_SIGNATURE", 3, 5, "generator")]);
}

#[tokio::test]
async fn a_decorator_without_wraps_leaves_the_function_its_name() {
    let script = "import wren\n@wren.on_schedule(every='1h')\n@logged\ndef daily(): ...\n";
    let problem = "on_schedule must decorate a function at the top level of the script, not `logged.<locals>.wrapper`";
    let examination = registered(script, "wrapper", 2, 0, json!([problem])).await;
    assert_findings("logged", &examination, &[]);
    assert_eq!(examination.manifest.triggers[0].func, "daily");
    assert_eq!(examination.manifest.functions, ["daily"]);

    // What else the SDK found wrong stays.
    let examination = registered(script, "wrapper", 2, 0, json!([problem, "on_schedule is tired"])).await;
    assert_findings("logged", &examination, &[("INVALID_METADATA", 2, 2, "is tired")]);
}

#[tokio::test]
async fn a_function_that_python_registered_is_there_and_can_be_run_by_hand() {
    for script in [
        "import wren\nfrom jobs import f\nwren.on_schedule(every='1h')(f)\n",
        "import wren\nf, g = make()\nwren.on_schedule(every='1h')(f)\n",
        "import wren\nexec('def f(): ...')\nwren.on_schedule(every='1h')(f)\n",
    ] {
        let examination = registered(script, "f", 3, 0, json!([])).await;
        assert_findings(script, &examination, &[]);
        assert_eq!(examination.manifest.functions, ["f"], "{script}");
    }
}
