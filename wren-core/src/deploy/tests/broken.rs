//! Scripts that the text alone shows to be wrong.

use super::*;

#[test]
fn every_syntax_error_has_its_place_and_a_hint() {
    let cases: &[(&str, &str, &[Expected])] = &[
        (
            "two errors",
            "def a()\n    pass\n\nx = 1 +\n\ndef b():\n    return 'é' 'oops\n",
            &[
                ("SYNTAX_ERROR", 1, 8, "end the line with `:`"),
                ("SYNTAX_ERROR", 4, 8, "the expression is not complete"),
                ("SYNTAX_ERROR", 7, 16, "close the string with `'`"),
            ],
        ),
        ("an open bracket", "def f():\n    g(1,\n      2\n    x = 3\n", &[("SYNTAX_ERROR", 2, 6, "add the `)`")]),
        (
            "an open decorator",
            "@wren.on_schedule('0 9 * * *'\ndef f():\n    pass\n",
            &[("SYNTAX_ERROR", 1, 18, "add the `)`")],
        ),
        ("a missing comma", "x = [\n  'a',\n  1\n  2,\n]\n", &[("SYNTAX_ERROR", 4, 3, "comma")]),
        ("tabs", "if x:\n    y = 1\n\tz = 2\n", &[("SYNTAX_ERROR", 3, 1, "spaces")]),
        ("a wrong unindent", "def f():\n    x = 1\n  y = 2\n", &[("SYNTAX_ERROR", 3, 1, "indent the line")]),
        ("Python 2", "print 'hello'\n", &[("SYNTAX_ERROR", 1, 7, "write `print(…)`")]),
        ("an assignment in a condition", "if x = 1:\n    pass\n", &[("SYNTAX_ERROR", 1, 6, "`==`")]),
        ("else if", "if x:\n    pass\nelse if y:\n    pass\n", &[("SYNTAX_ERROR", 3, 6, "write `elif`")]),
        ("an orphan else", "x = 1\nelse:\n    pass\n", &[("SYNTAX_ERROR", 2, 1, "belongs to a block above")]),
        ("no body", "def f():\nx = 1\n", &[("SYNTAX_ERROR", 2, 1, "indent the body")]),
        ("an f-string", "x = f'{a'\n", &[("SYNTAX_ERROR", 1, 9, "`{{`")]),
        ("curly quotes", "x = “hi”\n", &[("SYNTAX_ERROR", 1, 5, "plain quotes")]),
        (
            "a Markdown fence",
            "```python\nx = 1\n```\n",
            &[("SYNTAX_ERROR", 1, 1, "Markdown"), ("SYNTAX_ERROR", 3, 1, "Markdown")],
        ),
        ("another language", "const x = a && b;\n", &[("SYNTAX_ERROR", 1, 7, "leave `const` out")]),
        ("an endless string", "x = '''abc\n\n", &[("SYNTAX_ERROR", 1, 5, "close the string with `'''`")]),
        ("a stray bracket", "x = 1)\n", &[("SYNTAX_ERROR", 1, 6, "remove the `)`")]),
        (
            "text around the code",
            "Here is the script for you:\n\nx = 1\n",
            &[("SYNTAX_ERROR", 1, 1, "begin it with `#`")],
        ),
        ("an f-string's brace", "x = g(f'{a[0]')\n", &[("SYNTAX_ERROR", 1, 9, "close it with `}`")]),
        (
            "a merge conflict",
            "import wren\n<<<<<<< HEAD\n@wren.on_schedule('@daily')\n=======\n@wren.on_schedule('@hourly')\n>>>>>>> new\ndef f(): ...\n",
            &[
                ("SYNTAX_ERROR", 2, 1, "merge conflict"),
                ("SYNTAX_ERROR", 4, 1, "merge conflict"),
                ("SYNTAX_ERROR", 6, 1, "merge conflict"),
            ],
        ),
        ("half a try", "try:\n    x = 1\ny = 2\n", &[("SYNTAX_ERROR", 3, 1, "add an `except`")]),
    ];
    for (name, script, expected) in cases {
        assert_findings(name, &examine_text(script), expected);
    }
}

#[test]
fn every_wrong_argument_has_its_place_and_a_hint() {
    let cases: &[(&str, &[Expected])] = &[
        ("@wren.on_schedule('0 9 * *')", &[("INVALID_CRON", 2, 20, "did you mean `0 9 * * *`?")]),
        ("@wren.on_schedule('61 * * * *')", &[("INVALID_CRON", 2, 20, "61")]),
        ("@wren.on_schedule(\"0 9 * * mo-fr\")", &[("INVALID_CRON", 2, 28, "did you mean `mon`?")]),
        ("@wren.on_schedule('0 25 32 * *')", &[("INVALID_CRON", 2, 22, "25"), ("INVALID_CRON", 2, 25, "32")]),
        ("@wren.on_schedule('0 0 30 2 *')", &[("CRON_NEVER_FIRES", 2, 24, "never fires")]),
        ("@wren.on_schedule('0 9' ' * *')", &[("INVALID_CRON", 2, 19, "4 fields")]),
        ("@wren.on_schedule('0 9 * * *', tz='UTC')", &[("INVALID_METADATA", 2, 32, "did you mean `timezone`?")]),
        ("@wren.on_schedule('0 9 * * *', overlp='skip')", &[("INVALID_METADATA", 2, 32, "did you mean `overlap`?")]),
        ("@wren.on_schedule('0 9 * * *', colour=1)", &[("INVALID_METADATA", 2, 32, "the arguments are")]),
        ("@wren.on_schedule('0 9 * * *', timezone='Europe/Dubln')", &[("INVALID_TIMEZONE", 2, 42, "Europe/Dublin")]),
        ("@wren.on_schedule('0 9 * * *', timezone=1)", &[("INVALID_METADATA", 2, 41, "must be a string")]),
        ("@wren.on_schedule()", &[("INVALID_METADATA", 2, 2, "says no time")]),
        ("@wren.on_schedule", &[("INVALID_METADATA", 2, 2, "without a schedule")]),
        ("@wren.on_schedule('0 9 * * *', 'UTC')", &[("INVALID_METADATA", 2, 32, "one positional argument, got 2")]),
        ("@wren.on_schedule('0 9 * * *', cron='@daily')", &[("INVALID_METADATA", 2, 32, "twice")]),
        (
            "@wren.on_schedule('0 9 * * *', every='1h')",
            &[("INVALID_METADATA", 2, 32, "one of `cron`, `every` and `at`")],
        ),
        ("@wren.on_schedule(every='15')", &[("INVALID_METADATA", 2, 26, "`15m`")]),
        ("@wren.on_schedule(every=15)", &[("INVALID_METADATA", 2, 25, "\"15m\"")]),
        ("@wren.on_schedule(every='1h', timeout='2h')", &[("INVALID_METADATA", 2, 39, "over the platform's 1h")]),
        ("@wren.on_schedule(every='1h', timeout=300)", &[("INVALID_METADATA", 2, 39, "\"300s\"")]),
        ("@wren.on_schedule(every='1h', retries=101)", &[("INVALID_METADATA", 2, 39, "from 0 to 100")]),
        ("@wren.on_schedule(every='1h', retries=True)", &[("INVALID_METADATA", 2, 39, "not `True`")]),
        ("@wren.on_schedule(every='1h', overlap='skp')", &[("INVALID_METADATA", 2, 39, "did you mean \"skip\"?")]),
        (
            "@wren.on_schedule(every='1h', backoff={'initial': '1m', 'max': '1s'})",
            &[("INVALID_METADATA", 2, 39, "maximum")],
        ),
        (
            "@wren.on_schedule(every='1h', backoff={'first': '1m'})",
            &[("INVALID_METADATA", 2, 39, "unknown key `first`")],
        ),
        ("@wren.on_schedule(at='2026-01-01T00:00:00Z')", &[("CRON_NEVER_FIRES", 2, 22, "`at` has passed")]),
        ("@wren.on_schedule(at='2027-01-01')", &[("INVALID_METADATA", 2, 22, "add a time")]),
        ("@wren.on_schedule('@daily', end='2026-01-01')", &[("CRON_NEVER_FIRES", 2, 33, "ended already")]),
        (
            "@wren.on_schedule('@daily', start='2027-01-02', end='2027-01-01')",
            &[("INVALID_METADATA", 2, 53, "before start")],
        ),
        (
            "@wren.on_schedule(hour=7, minute=30)",
            &[("INVALID_METADATA", 2, 19, "\"30 7 * * *\""), ("INVALID_METADATA", 2, 27, "\"30 7 * * *\"")],
        ),
        ("@wren.on_schedule('cron', hour=7)", &[("INVALID_METADATA", 2, 27, "\"0 7 * * *\"")]),
        ("@wren.on_schedule('@daily', 'Europe/Dublin')", &[("INVALID_METADATA", 2, 29, "timezone=\"Europe/Dublin\"")]),
        ("@wren.on_schedule(every='15 minutes')", &[("INVALID_METADATA", 2, 26, "did you mean `15m`?")]),
        ("@wren.on_schedule(minutes=20)", &[("INVALID_METADATA", 2, 19, "every=\"20m\"")]),
        ("@wren.on_schedule(['@daily'])", &[("INVALID_METADATA", 2, 19, "one decorator for each")]),
        ("@wren.on_schedule('@daily', retries='3')", &[("INVALID_METADATA", 2, 37, "write `3` without quotes")]),
        ("@wren.on_schedule('@daily', overlap='wait')", &[("INVALID_METADATA", 2, 37, "give `overlap` one of")]),
        ("@wren.on_schedule('rate(5 minutes)')", &[("INVALID_CRON", 2, 20, "every=\"5m\"")]),
        ("@wren.on_webhook('/hook')", &[("UNKNOWN_TRIGGER_TYPE", 2, 2, "serves only `schedule` and `email`")]),
        (
            "@wren.on_schedule(\n    '0 9 * *',\n    tz='UTC',\n)",
            &[("INVALID_CRON", 3, 6, "4 fields"), ("INVALID_METADATA", 4, 5, "timezone")],
        ),
    ];
    for (decorator, expected) in cases {
        let argument = if decorator.contains("webhook") { "request" } else { "" };
        assert_findings(
            decorator,
            &examine_text(&format!("import wren\n{decorator}\ndef f({argument}): ...\n")),
            expected,
        );
    }
}

#[test]
fn a_handler_takes_what_its_trigger_passes() {
    let schedule = "@wren.on_schedule(every='1h')";
    let email = "@wren.on_email(subject='x')";
    let cases: &[(&str, &str, &[Expected])] = &[
        (schedule, "def f(): ...", &[]),
        (schedule, "async def f(a=1, *args, b=2, **kwargs): ...", &[]),
        (
            schedule,
            "def f(mail): ...",
            &[("FUNCTION_SIGNATURE", 3, 7, "requires 1 argument (`mail`), a schedule passes none")],
        ),
        (schedule, "def f(a=1, *, b): ...", &[("FUNCTION_SIGNATURE", 3, 5, "keyword argument `b`")]),
        (schedule, "def f():\n    yield 1", &[("FUNCTION_SIGNATURE", 3, 5, "generator")]),
        (email, "def f(mail): ...", &[]),
        ("@wren.on_email", "def f(mail): ...", &[]),
        ("@wren.on_email('x')", "def f(mail): ...", &[("INVALID_METADATA", 2, 16, "no positional argument")]),
        (email, "def f(*args): ...", &[]),
        (email, "def f(): ...", &[("FUNCTION_SIGNATURE", 3, 5, "write `def f(email):`")]),
        (email, "def f(a, b): ...", &[("FUNCTION_SIGNATURE", 3, 10, "passes the email only")]),
        (email, "def f(mail):\n    def g():\n        yield 1\n    return list(g())", &[]),
    ];
    for (decorator, def, expected) in cases {
        assert_findings(def, &examine_text(&format!("import wren\n{decorator}\n{def}\n")), expected);
    }
}

#[test]
fn unknown_names_of_wren_are_located_exactly() {
    let cases: &[(&str, &[Expected])] = &[
        ("from wren import slack, gmial", &[("UNKNOWN_INTEGRATION", 1, 25, "did you mean `gmail`?")]),
        ("import wren.gmial as g", &[("UNKNOWN_INTEGRATION", 1, 13, "did you mean `gmail`?")]),
        ("from wren.salesforce import query", &[("UNKNOWN_INTEGRATION", 1, 11, "known integrations: gmail, slack")]),
        ("import wren as w; w.gmial.inbox()", &[("UNKNOWN_INTEGRATION", 1, 21, "did you mean `gmail`?")]),
        ("import wren; wren.on_shedule(every='1h')", &[("INVALID_METADATA", 1, 19, "did you mean `on_schedule`?")]),
        ("from wren import on_cron", &[("INVALID_METADATA", 1, 18, "the triggers are on_schedule")]),
        ("import wren; wren.log('x')", &[("INVALID_METADATA", 1, 19, "use `print`")]),
        ("from wren import every\n@every('15m')\ndef g(): ...", &[("INVALID_METADATA", 1, 18, "every=\"15m\"")]),
        ("import wren; wren.storage.get('x')", &[("INVALID_METADATA", 1, 19, "wren.state")]),
        ("import wren; wren.notify('x')", &[("INVALID_METADATA", 1, 19, "its integrations are gmail, slack")]),
        ("import wren; wren.notify.send('x')", &[("UNKNOWN_INTEGRATION", 1, 19, "known integrations: gmail, slack")]),
        ("import wren; n = wren.integration('notion')", &[("UNKNOWN_INTEGRATION", 1, 36, "known integrations")]),
        ("from wren import ai, Email, WrenError, state; import wren; wren.__version__", &[]),
        ("import wren\ndef g(wren): return wren.anything", &[]),
        ("from other import gmial", &[]),
    ];
    for (script, expected) in cases {
        assert_findings(script, &examine_text(&format!("{script}\ndef f(): ...\n")), expected);
    }
}

#[test]
fn a_trigger_stands_on_a_function_that_a_run_can_call() {
    let decorated = |indent: &str| format!("{indent}@wren.on_schedule(every='1h')\n{indent}def f(*a): ...\n");
    let cases: &[(&str, String, &[Expected])] = &[
        (
            "main",
            format!("if __name__ == '__main__':\n{}", decorated("    ")),
            &[("FUNCTION_NOT_FOUND", 3, 6, "__main__")],
        ),
        ("method", format!("class Jobs:\n{}", decorated("    ")), &[("FUNCTION_NOT_FOUND", 3, 6, "inside `Jobs`")]),
        ("inner", format!("def g():\n{}", decorated("    ")), &[("FUNCTION_NOT_FOUND", 3, 6, "inside `g`")]),
        ("twice", format!("{}\ndef f(): ...\n", decorated("")), &[("INVALID_METADATA", 5, 5, "defined twice")]),
        (
            "duplicate",
            "@wren.on_schedule('0  9 * * *')\n@wren.on_schedule(cron='0 9 * * *', timezone='UTC')\ndef f(): ..."
                .to_owned(),
            &[("DUPLICATE_TRIGGER", 3, 2, "the first stands at line 2")],
        ),
    ];
    for (name, script, expected) in cases {
        assert_findings(name, &examine_text(&format!("import wren\n{script}")), expected);
    }
    assert_findings("nothing", &examine_text("x = 1\n"), &[("INVALID_METADATA", 0, 0, "nothing to run")]);
    assert_findings("nothing at all", &examine_text(""), &[("INVALID_METADATA", 0, 0, "nothing to run")]);
}

#[test]
fn too_many_triggers_are_refused_at_the_first_too_many() {
    let mut rules = rules();
    rules.max_triggers = 2;
    let one = |n: u32| format!("@wren.on_schedule('{n} * * * *')\n");
    let script = format!("import wren\n{}{}{}def f(): ...\n", one(1), one(2), one(3));
    let examination = check(parse(script.as_bytes(), &rules), None, None, &rules, now());
    assert_findings("three of two", &examination, &[("INVALID_METADATA", 4, 2, "3 triggers, at most 2")]);
}

#[test]
fn the_bytes_are_judged_first() {
    let rules = DeployRules { max_script_bytes: 100, ..rules() };
    let examine = |bytes: &[u8]| check(parse(bytes, &rules), None, None, &rules, now());
    assert_findings("size", &examine(&[b'x'; 101]), &[("SCRIPT_TOO_LARGE", 0, 0, "101 bytes, at most 100")]);
    assert_findings("latin-1", &examine(b"def f():\n    '\xe9t\xe9'\n"), &[("SYNTAX_ERROR", 2, 6, "0xe9")]);
    assert_findings("nul", &examine(b"def f():\n    \0x = 1\n"), &[("SYNTAX_ERROR", 2, 5, "NUL")]);
}

#[test]
fn everything_is_said_at_once_and_in_order() {
    let script = "\
# /// script
# [tool.wren]
# timezon = \"Europe/Dublin\"
# ///
import wren
from wren import gmial

@wren.on_schedule('0 9 * *', tz='UTC')
def daily(mail): ...

def broken(
    x = = 1

@wren.on_schedule(every='15')
def poll(): ...
";
    let expected: &[Expected] = &[
        ("INVALID_METADATA", 3, 3, "did you mean `timezone`?"),
        ("UNKNOWN_INTEGRATION", 6, 18, "gmail"),
        ("FUNCTION_SIGNATURE", 9, 11, "a schedule passes none"),
        ("INVALID_CRON", 8, 20, "4 fields"),
        ("INVALID_METADATA", 8, 30, "timezone"),
    ];
    let examination = examine_text(script);
    let found: Vec<String> = examination.diagnostics.iter().map(show).collect();
    for (code, line, column, words) in expected {
        let wanted = format!("{code} {line}:{column} ");
        assert!(found.iter().any(|found| found.starts_with(&wanted) && found.contains(words)), "{wanted}: {found:#?}");
    }
    assert!(
        found.iter().any(|found| found.starts_with("SYNTAX_ERROR 11:11") || found.starts_with("SYNTAX_ERROR 12:")),
        "{found:#?}"
    );
    let places: Vec<u32> = examination.diagnostics.iter().map(|error| error.location().unwrap().line).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(examination.manifest.triggers.is_empty());
}

#[test]
fn no_script_is_too_deep_for_the_stack() {
    for part in ["-", "not ", "lambda a, b: ", "(", "1 if 1 else "] {
        let script = format!("def f(): ...\nx = {}1\n", part.repeat(50_000));
        assert_findings(part, &examine_text(&script), &[("SYNTAX_ERROR", 2, 0, "nests deeper")]);
        // Just below the bound, every later stage still has room.
        examine_text(&format!("def f(): ...\nx = {}1\n", part.repeat(395)));
    }
    examine_text(&format!("def f(): ...\nx = a{}\n", ".b".repeat(395)));
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    assert_findings("sound", &examine_text("\u{feff}def f(): ...\n"), &[]);
    assert_findings(
        "broken",
        &examine_text("\u{feff}from wren import gmial\ndef f(): ...\n"),
        &[("UNKNOWN_INTEGRATION", 1, 18, "gmail")],
    );
    let block = "\u{feff}# /// script\n# [tool.wren]\n# timezone = \"UTC\"\n# ///\ndef f(): ...\n";
    assert!(examine_text(block).manifest.settings.timezone.is_some());
}
