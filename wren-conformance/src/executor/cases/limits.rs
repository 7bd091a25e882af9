//! What a script may use.

use std::sync::Arc;

use wren_core::ErrorCode;
use wren_core::executor::{Executor, OutcomeEnd};
use wren_core::model::ScriptSettings;

use crate::executor::Trial;

const MIB: u64 = 1024 * 1024;

pub async fn memory_is_limited(executor: Arc<dyn Executor>) {
    let script = "
def main():
    kept = []
    while True:
        kept.append(bytearray(4 * 1024 * 1024))
";
    let error = Trial::new(script).limits(|limits| limits.memory_bytes = 96 * MIB).run(&executor).await.error();
    assert_eq!(error.code(), ErrorCode::MemoryLimit, "{error:?}");
}

pub async fn a_wish_for_less_memory_is_granted(executor: Arc<dyn Executor>) {
    let settings = ScriptSettings { memory_bytes: Some(64 * MIB), ..ScriptSettings::default() };
    let script = "def main():\n    return len(bytearray(128 * 1024 * 1024))\n";
    let error = Trial::new(script).settings(settings).run(&executor).await.error();
    assert_eq!(error.code(), ErrorCode::MemoryLimit, "{error:?}");
    assert_eq!(Trial::new(script).run(&executor).await.value(), 128 * MIB);
}

pub async fn recursion_without_end_is_an_exception(executor: Arc<dyn Executor>) {
    let error = Trial::new("def main():\n    return main()\n").run(&executor).await.error();
    assert_eq!(error.code(), ErrorCode::ScriptException);
    assert!(error.message().contains("recursion"), "{error:?}");
}

pub async fn a_long_line_is_cut_with_a_mark(executor: Arc<dyn Executor>) {
    let script = "def main():\n    print('ü' * 100_000)\n    print('next')\n";
    let ran = Trial::new(script).limits(|limits| limits.line_bytes = 1000).run(&executor).await;
    let texts = ran.texts();
    assert_eq!(texts.len(), 2);
    assert!(texts[0].len() <= 1000 && texts[0].starts_with("üü") && texts[0].contains("1000"), "{}", texts[0]);
    assert_eq!(texts[1], "next");
}

pub async fn output_stops_at_its_cap_with_a_mark(executor: Arc<dyn Executor>) {
    let script =
        "def main():\n    for number in range(20_000):\n        print('line', number, '.' * 500)\n    return 'done'\n";
    let ran = Trial::new(script).limits(|limits| limits.log_bytes = 10_000).run(&executor).await;
    let kept: usize = ran.texts().iter().map(|text| text.len()).sum();
    assert!((5_000..=10_000).contains(&kept), "{kept}");
    // Long lines: an executor may charge something for each.
    assert!(ran.texts()[0].starts_with("line 0 ") && ran.texts()[1].starts_with("line 1 "), "{:?}", ran.texts());
    assert_eq!(ran.notes().len(), 1);
    assert!(ran.notes()[0].contains("10000"), "{:?}", ran.notes());
    assert_eq!(ran.value(), "done");
}

pub async fn a_result_that_is_too_large_is_refused(executor: Arc<dyn Executor>) {
    for size in [20_000, 20_000_000] {
        let script = format!("def main():\n    return 'x' * {size}\n");
        let error = Trial::new(&script).limits(|limits| limits.result_bytes = 10_000).run(&executor).await.error();
        assert_eq!(error.code(), ErrorCode::OutputLimit, "{size}: {error:?}");
    }
    let script = "def main():\n    return 'x' * 9_998\n";
    let ran = Trial::new(script).limits(|limits| limits.result_bytes = 10_000).run(&executor).await;
    assert_eq!(ran.value().as_str().map(str::len), Some(9_998));
}

pub async fn printing_without_end_ends_at_the_timeout(executor: Arc<dyn Executor>) {
    let script = "def main():\n    while True:\n        print('x' * 1000)\n";
    let ran = Trial::new(script).limits(|limits| limits.timeout_ms = 2_000).run(&executor).await;
    assert!(matches!(ran.end, OutcomeEnd::Timeout), "{:?}", ran.end);
    assert_eq!(ran.notes().len(), 1);
}
