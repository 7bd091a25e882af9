//! What the test on this thread has logged.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use tracing_subscriber::filter::LevelFilter;

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to collect. One subscriber for all tests, made before any of them logs: with one per test, tracing may ask the
/// wrong thread whether anybody wants an event, and then never deliver it.
pub(super) fn collect() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(LevelFilter::TRACE);
        subscriber.with_writer(|| ThisThread).init();
    });
}

/// Returns what this test has logged.
pub(crate) fn logged() -> String {
    LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
}
