//! What a script prints.

use std::sync::Arc;

use chrono::Utc;
use wren_core::executor::Executor;
use wren_core::model::LogStream::{Stderr, Stdout};

use crate::executor::Trial;

pub async fn both_streams_come_in_the_order_they_were_written(executor: Arc<dyn Executor>) {
    let script = "
import sys
def main():
    for number in range(50):
        print('out', number)
        print('err', number, file=sys.stderr)
";
    let ran = Trial::new(script).run(&executor).await;
    let expected: Vec<_> = (0..50).flat_map(|n| [(Stdout, format!("out {n}")), (Stderr, format!("err {n}"))]).collect();
    let seen: Vec<_> = ran.lines.into_iter().map(|line| (line.stream, line.text)).collect();
    assert_eq!(seen, expected);
}

pub async fn lines_have_the_time_they_came(executor: Arc<dyn Executor>) {
    let before = Utc::now();
    let ran = Trial::new("def main():\n    print('a')\n    print('b')\n").run(&executor).await;
    let times: Vec<_> = ran.lines.iter().map(|line| line.at).collect();
    assert!(times.is_sorted() && times.iter().all(|&at| before <= at && at <= Utc::now()), "{times:?}");
    assert_eq!(times.len(), 2);
}

pub async fn text_without_a_line_break_is_a_line(executor: Arc<dyn Executor>) {
    let script = "
import sys
def main():
    sys.stdout.write('no ')
    sys.stdout.write('break')
    print('\\r\\nreturn\\r\\n\\nend', end='', file=sys.stderr)
";
    let ran = Trial::new(script).run(&executor).await;
    let mut texts = ran.texts();
    texts.sort_unstable();
    assert_eq!(texts, ["", "", "end", "no break", "return"]);
}

pub async fn every_script_of_the_world_comes_through(executor: Arc<dyn Executor>) {
    let script = "def main():\n    print('Grüße, 世界, \\U0001F426, e\\u0301, \\u202e')\n    return 'ß世\\U0001F426'\n";
    let ran = Trial::new(script).run(&executor).await;
    assert_eq!(ran.texts(), ["Grüße, 世界, 🐦, e\u{301}, \u{202e}"]);
    assert_eq!(ran.value(), "ß世🐦");
}

pub async fn broken_utf_8_is_repaired(executor: Arc<dyn Executor>) {
    let script = "
import sys
def main():
    sys.stdout.buffer.write(b'a\\xff\\xfeb\\n')
    sys.stdout.buffer.flush()
    print('lone \\ud800 surrogate')
    return 'done'
";
    let ran = Trial::new(script).run(&executor).await;
    let texts = ran.texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert_eq!(texts[0], "a\u{fffd}\u{fffd}b");
    assert!(texts[1].starts_with("lone ") && texts[1].ends_with(" surrogate"), "{texts:?}");
    assert_eq!(ran.value(), "done");
}

pub async fn a_nul_is_made_visible(executor: Arc<dyn Executor>) {
    let ran = Trial::new("def main():\n    print('a\\0b')\n").run(&executor).await;
    assert_eq!(ran.texts(), ["a\u{2400}b"]);
}

pub async fn what_is_printed_at_import_comes_first(executor: Arc<dyn Executor>) {
    let ran = Trial::new("print('import')\ndef main():\n    print('call')\n").run(&executor).await;
    assert_eq!(ran.texts(), ["import", "call"]);
}
