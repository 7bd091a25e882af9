use std::time::Instant;
use wren_core::deploy::*;
const N: usize = 1024 * 1024 - 200;
fn fill(head: &str, part: impl Fn(usize) -> String, tail: &str) -> String {
    let mut s = head.to_owned();
    let mut i = 0;
    while s.len() + tail.len() < N {
        s.push_str(&part(i));
        i += 1;
    }
    s.push_str(tail);
    s.truncate(N);
    s
}
#[test]
fn measure() {
    let rules = DeployRules::new(Vec::new());
    let big = "a".repeat(500_000);
    let cases: Vec<(&str, String)> = vec![
        (
            "ordinary",
            fill(
                "import wren\n",
                |i| format!("def f{i}(a, b=1):\n    x = [a, b, {{'k': a}}]\n    return x[0] + g(b)\n"),
                "",
            ),
        ),
        (
            "functions",
            fill("import wren\n", |i| format!("def f{i}():0\n"), "@wren.on_schedule(every='1h')\ndef last(): ...\n"),
        ),
        ("triggers", fill("import wren\n", |i| format!("@wren.on_schedule('{} 9 * *')\ndef f{i}():0\n", i % 60), "")),
        ("stacked", fill("import wren\n", |_| "@wren.on_schedule()\n".into(), "def f():0\n")),
        ("stacked broken", fill("import wren\n", |_| "@wren.on_schedule()\n".into(), "def f():0\nx = = 1\n")),
        ("keywords", fill("import wren\n@wren.on_schedule('0 9 * * *'", |i| format!(",k{i}=1"), ")\ndef f():0\n")),
        (
            "keywords lines",
            fill("import wren\n@wren.on_schedule('0 9 * * *'", |i| format!(",\nk{i}=1"), ")\ndef f():0\n"),
        ),
        ("positional", fill("import wren\n@wren.on_schedule('0 9 * * *'", |_| ",1".into(), ")\ndef f():0\n")),
        (
            "long name",
            format!(
                "import wren\n@wren.on_schedule('0 9 * *')\ndef {big}(x):0\n@wren.on_schedule('0 9 * * *')\ndef {big}(x):0\n"
            ),
        ),
        ("long names near", format!("from wren import {big}\nfrom wren.{} import x\n", "b".repeat(400_000))),
        ("long outer", fill(&format!("import wren\ndef {big}():\n"), |i| format!(" def f{i}():0\n"), "")),
        ("long func stacked", fill("import wren\n", |_| "@wren.on_schedule()\n".into(), &format!("def {big}():0\n"))),
        ("uses one line", fill("import wren\n'é';", |i| format!("wren.gm{i};"), "")),
        ("uses ascii", fill("import wren\n", |i| format!("wren.gm{i}\n"), "")),
        (
            "wrong args one line",
            fill(
                "import wren\n",
                |i| format!("@wren.on_schedule('é',q{}=1,tz='{}')\ndef f{i}():0\n", i, "é".repeat(9000)),
                "",
            ),
        ),
        ("garbage", fill("", |_| "? $ ! `\n".into(), "")),
        ("garbage line", fill("é", |_| "? $ ! `".into(), "")),
        ("open brackets", fill("", |_| "f(\n".into(), "")),
        ("open brackets2", fill("", |_| "x = [(\n".into(), "")),
        ("unclosed strings", fill("", |_| "x = '\n".into(), "")),
        ("fstrings", fill("", |_| "f'{a!r:{b}}{'\n".into(), "")),
        ("indents", fill("", |i| format!("{}x\n", " ".repeat(i % 90)), "")),
        ("if true ladder", fill("if a: pass\n", |_| "elif b: pass\n".into(), "")),
        ("toml keys", fill("# /// script\n# [tool.wren]\n", |i| format!("# a{i} = 1\n"), "# ///\n")),
        ("toml dotted", format!("# /// script\n# {}a = 1\n# ///\n", "a.".repeat(400_000))),
        ("toml nest", format!("# /// script\n# a = {}\n# ///\n", "[".repeat(900_000))),
        ("toml tables", fill("# /// script\n", |i| format!("# [tool.a{i}]\n"), "# ///\n")),
        ("toml same table", fill("# /// script\n", |_| "# [tool.wren]\n".into(), "# ///\n")),
        ("toml garbage", fill("# /// script\n", |_| "# = = ]\n".into(), "# ///\n")),
        ("toml egress", fill("# /// script\n# [tool.wren]\n# egress = [", |_| "\"/\",".into(), "]\n# ///\n")),
        ("toml egress ok", fill("# /// script\n# [tool.wren]\n# egress = [", |_| "\"a\",".into(), "]\n# ///\n")),
        ("blocks", fill("", |_| "# /// script\n# ///\n\n".into(), "")),
        ("near misses", fill("", |_| "#///script\n".into(), "")),
        ("unclosed blocks", fill("", |_| "# /// script\n\n".into(), "")),
        ("unary deep", format!("x = {}1\n", "-".repeat(N - 10))),
        ("many deep lines", fill("", |_| format!("x = {}1\n", "-".repeat(380)), "")),
        ("deep last", fill("", |_| "x = 1\n".into(), &format!("y = {}1\n", "-".repeat(900)))),
        ("with parens", fill("", |_| format!("with {}a{}: pass\n", "(".repeat(150), ")".repeat(150)), "")),
        ("match parens", fill("", |_| format!("match {}a{}\n", "(".repeat(150), ")".repeat(150)), "")),
        ("lambda", fill("", |_| format!("x = {}1\n", "lambda: ".repeat(190)), "")),
        ("comparisons", fill("x = a", |_| ",a".into(), "\n")),
        ("long string arg", format!("import wren\n@wren.on_schedule('{}')\ndef f():0\n", "61,".repeat(300_000))),
        ("long every", format!("import wren\n@wren.on_schedule(every='{}')\ndef f():0\n", "1h".repeat(400_000))),
        (
            "bad zones",
            fill(
                "import wren\n",
                |i| format!("@wren.on_schedule('@daily',timezone='Amerika/Neu_Yrok_{i}')\ndef f{i}():0\n"),
                "",
            ),
        ),
        ("long zone", format!("import wren\n@wren.on_schedule('@daily',timezone='{big}')\ndef f():0\n")),
        (
            "backoff keys",
            fill("import wren\n@wren.on_schedule('@daily',backoff={", |i| format!("'k{i}':1,"), "})\ndef f():0\n"),
        ),
        ("params", fill("import wren\n@wren.on_schedule('@daily')\ndef f(", |i| format!("a{i},"), "): 0\n")),
        ("yields nested", fill("", |i| format!("{}def f():\n", " ".repeat(i % 90)), "")),
        ("cookie", format!("# {}\n", "coding: ".repeat(120_000))),
        ("nul", fill("", |_| "\0".into(), "")),
        ("newlines", fill("", |_| "\n".into(), "")),
        ("backslash", fill("x = ", |_| "\\\n".into(), "")),
    ];
    let mut all = Vec::new();
    for (name, script) in &cases {
        let at = Instant::now();
        let parsed = parse(script.as_bytes(), &rules);
        let mid = at.elapsed();
        let found = check(parsed, None, None, &rules, chrono::Utc::now());
        let end = at.elapsed();
        let bytes: usize = found
            .diagnostics
            .iter()
            .map(|e| serde_json::to_string(&wren_core::WireError::from(e)).unwrap().len())
            .sum();
        all.push((
            end,
            format!(
                "{name:22} {:>8} B parse {mid:>10.1?} all {end:>10.1?} {} findings {bytes} B",
                script.len(),
                found.diagnostics.len()
            ),
        ));
    }
    // Hostile inspection and metadata.
    let small = "import wren\n@wren.on_schedule('@daily')\ndef f():0\n";
    let mut more = |name: &str, inspection: serde_json::Value, metadata: serde_json::Value, script: &str| {
        let inspection: wren_core::executor::Inspection = serde_json::from_value(inspection).unwrap();
        let metadata: DeployMetadata = serde_json::from_value(metadata).unwrap();
        let at = Instant::now();
        let found =
            check(parse(script.as_bytes(), &rules), Some(&inspection), Some(&metadata), &rules, chrono::Utc::now());
        let end = at.elapsed();
        let bytes: usize = found
            .diagnostics
            .iter()
            .map(|e| serde_json::to_string(&wren_core::WireError::from(e)).unwrap().len())
            .sum();
        all.push((end, format!("{name:22} all {end:>10.1?} {} findings {bytes} B", found.diagnostics.len())));
    };
    use serde_json::json;
    let trig = |i: usize, config: serde_json::Value| json!({"type": "schedule", "func": format!("f{i}"), "line": 2, "config": config});
    let none = json!({});
    more(
        "insp 100k triggers",
        json!({"triggers": (0..80_000).map(|i| trig(i, json!({}))).collect::<Vec<_>>()}),
        none.clone(),
        &cases[2].1,
    );
    more(
        "insp 100k keys",
        json!({"triggers": [trig(1, (0..200_000).map(|i| (format!("k{i}"), json!(1))).collect())]}),
        none.clone(),
        small,
    );
    more(
        "insp 500k problems",
        json!({"triggers": [{"type": "schedule", "func": "f", "line": 2, "problems": vec!["no"; 500_000]}]}),
        none.clone(),
        small,
    );
    more(
        "insp integrations",
        json!({"integrations": (0..500_000).map(|i| format!("gm{i}")).collect::<Vec<_>>()}),
        none.clone(),
        &cases[13].1,
    );
    more(
        "insp zones",
        json!({"triggers": (0..100).map(|i| trig(i, json!({"cron": "@daily", "timezone": format!("Amerika/Neu_Yrok_{i}")}))).collect::<Vec<_>>()}),
        none.clone(),
        small,
    );
    more(
        "insp crons",
        json!({"triggers": (0..100).map(|i| trig(i, json!({"cron": "61,".repeat(300)}))).collect::<Vec<_>>()}),
        none.clone(),
        small,
    );
    let huge: serde_json::Map<String, serde_json::Value> =
        (0..20).map(|i| (format!("k{i}"), json!("x".repeat(20_000)))).collect();
    more(
        "meta 100 x 400 kB",
        json!({"triggers": (0..100).map(|_| json!({"type": "schedule", "func": "f", "line": 2, "config": huge})).collect::<Vec<_>>()}),
        json!({"triggers": (0..100).map(|_| json!({"type": "schedule", "func": "f", "config": huge})).collect::<Vec<_>>()}),
        small,
    );
    more(
        "meta 100 mismatches",
        json!({"triggers": (0..100).map(|i| trig(0, json!({"every": format!("{}m", i + 1)}))).collect::<Vec<_>>()}),
        json!({"triggers": (0..100).map(|i| json!({"type": "schedule", "func": "f0", "config": {"every": format!("{}h", i + 200)}})).collect::<Vec<_>>()}),
        small,
    );
    more(
        "meta 100k entries",
        none.clone(),
        json!({"schedules": (0..100_000).map(|i| json!({"cron": "x", "func_name": format!("f{i}")})).collect::<Vec<_>>()}),
        small,
    );
    more(
        "meta unknown funcs",
        none.clone(),
        json!({"schedules": (0..100).map(|i| json!({"cron": "x", "func_name": format!("g{i}")})).collect::<Vec<_>>()}),
        &cases[1].1,
    );
    all.sort();
    for (_, line) in all.iter().rev() {
        println!("{line}");
    }
}
