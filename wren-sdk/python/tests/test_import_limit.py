"""An import that is about to exceed its limit says where it is."""

from __future__ import annotations

import pytest
from conftest import inspect, serve

REGISTERED = "import wren\n@wren.on_schedule('@daily')\ndef f(): pass\n"


def of_endless(script: str, timeout_ms: int = 600) -> dict:
    session = inspect(REGISTERED + script, timeout_ms=timeout_ms)
    assert session.status == 0
    assert [trigger["func"] for trigger in session.last["triggers"]] == ["f"]
    assert session.error["code"] == "IMPORT_TIMEOUT"
    return session.error


def test_the_line_of_an_endless_loop_is_told():
    assert of_endless("while True:\n    pass  # endless\n") in [
        {
            "type": "AgentFixableError",
            "code": "IMPORT_TIMEOUT",
            "message": "importing the script did not end within 600 ms",
            "hint": "move slow work from the top of the script into the function that the trigger calls",
            "location": {"line": line, "snippet": snippet},
        }
        for line, snippet in ((4, "while True:"), (5, "    pass  # endless"))
    ]


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("import time\ntime.sleep(3600)", 5),
        ("def wait():\n    while True: pass\nwait()", 5),
        ("import threading\nthreading.Event().wait()", 5),
        ("import subprocess\nsubprocess.run(['sleep', '2'])", 5),
    ],
)
def test_the_line_is_the_scripts_own_innermost_one(script, line):
    assert of_endless(script)["location"]["line"] == line


def test_a_script_that_catches_everything_is_ended():
    script = "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
    assert of_endless(script)["location"]["line"] == 6


def test_a_write_that_is_interrupted_is_finished_before_the_inspection():
    """The frames stay whole whichever instruction the signal interrupts."""
    assert of_endless("while True: print('x' * 50_000, flush=True)")["location"]["line"] == 4


def test_threads_that_print_do_not_come_after_the_inspection():
    script = """
import threading
def work():
    while True: print("x" * 500)
for _ in range(4): threading.Thread(target=work).start()
while True: pass
"""
    assert of_endless(script)["location"]["line"] == 9


def test_handlers_that_cannot_be_looked_at_do_not_hide_the_line():
    script = """
class Odd:
    def __call__(self): pass
    @property
    def __signature__(self): raise SystemExit
wren.on_schedule("@daily")(Odd())
while True: pass
"""
    session = inspect("import wren" + script, timeout_ms=600)
    assert (session.error["code"], session.error["location"]["line"]) == ("IMPORT_TIMEOUT", 7)


def test_an_import_that_ends_in_time_is_not_interrupted():
    session = inspect(REGISTERED + "import time\ntime.sleep(0.01)", timeout_ms=20_000)
    assert session.last["error"] is None


def test_the_timer_does_not_outlast_the_import():
    # Looking at the handler is part of the report, after the import, and takes longer than the limit.
    script = """
import time, wren
class Slow:
    def __call__(self): pass
    @property
    def __signature__(self): time.sleep(1)
wren.on_schedule("@daily")(Slow())
"""
    assert inspect(script, timeout_ms=1_000).last["error"] is None


@pytest.mark.parametrize("timeout_ms", [None, 0, -1, "10", True, 10**30])
def test_a_limit_that_no_timer_can_hold_is_none(timeout_ms):
    assert inspect(REGISTERED, timeout_ms=timeout_ms).last["error"] is None


def test_a_run_has_no_timer_and_leaves_the_signal_alone():
    script = """
import _signal, sys
def main():
    return [_signal.getsignal(_signal.SIGALRM) == _signal.SIG_DFL, "wren._runtime.import_limit" in sys.modules]
"""
    assert serve(script, timeout_ms=1).ok == [True, False]
