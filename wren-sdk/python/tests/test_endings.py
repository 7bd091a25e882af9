"""What happens between the function's return and the result."""

from __future__ import annotations

import pytest
from conftest import serve


@pytest.mark.parametrize(
    "replacement",
    [
        'io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")',
        'io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8")',
        'open(1, "w", closefd=False)',
    ],
)
def test_what_was_written_to_a_replaced_stream_arrives(replacement):
    session = serve(f"import io, sys\nsys.stdout = {replacement}\ndef main():\n    print('héllo')")
    assert session.ok is None
    assert session.stdout + session.raw_stdout.decode() == "héllo\n"


def test_the_original_streams_are_sent_when_others_cannot_be_flushed():
    session = serve(
        """
import io, sys
class Odd:
    def write(self, text): pass
    def flush(self): raise SystemExit(3)
def main():
    sys.__stderr__ = io.TextIOWrapper(sys.stderr.buffer)
    sys.__stderr__.write("err")
    sys.stdout.write("out")
    sys.stdout = sys.stderr = Odd()
    return 1
"""
    )
    assert (session.ok, session.stdout, session.stderr) == (1, "out", "err")


def test_threads_are_waited_for_before_the_exit_functions():
    session = serve(
        """
import atexit, threading
go = threading.Event()
def later():
    go.wait()
    print("thread")
def main():
    atexit.register(print, "exit")
    threading.Thread(target=later).start()
    threading.Timer(0.2, go.set).start()
    print("main")
    return 1
"""
    )
    assert (session.ok, session.stdout) == (1, "main\nthread\nexit\n")


def test_work_that_was_handed_to_a_pool_is_done():
    session = serve(
        """
import wren
from concurrent.futures import ThreadPoolExecutor
def send_mail():
    print(wren.secret("sent"))
def main():
    pool = ThreadPoolExecutor(1)
    for _ in range(3):
        pool.submit(send_mail)
    return 1
""",
        lambda op, args: {"value": args["name"]},
    )
    assert (session.ok, session.stdout) == (1, "sent\n" * 3)


def test_threads_are_waited_for_when_the_function_fails_too():
    session = serve(
        """
import threading
go = threading.Event()
def later():
    go.wait()
    print("thread")
def main():
    threading.Thread(target=later).start()
    threading.Timer(0.2, go.set).start()
    raise ValueError("x")
"""
    )
    assert (session.error["message"], session.stdout) == ("ValueError: x", "thread\n")


def test_a_thread_that_fails_is_told_on_stderr_and_the_run_succeeds():
    session = serve(
        "import threading\ndef main():\n    threading.Thread(target=int, args=('x',)).start()\n    return 1"
    )
    assert session.ok == 1
    assert "ValueError: invalid literal" in session.stderr


def test_daemon_threads_are_not_waited_for():
    # Waiting would never end.
    script = "import threading\ndef main():\n    threading.Thread(target=threading.Event().wait, daemon=True).start()"
    assert serve(script).ok is None


def test_a_wait_that_is_interrupted_is_told_and_the_result_is_sent():
    session = serve(
        """
import signal, threading
stop = threading.Event()
def ring(*_):
    stop.set()
    raise TimeoutError("rang")
def main():
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    threading.Thread(target=stop.wait).start()
    return 1
"""
    )
    assert session.ok == 1
    assert "TimeoutError: rang" in session.stderr


def test_a_forked_child_waits_for_its_own_threads_only():
    session = serve(
        """
import os, threading
release = threading.Event()
def main():
    threading.Thread(target=release.wait).start()
    pid = os.fork()
    if pid == 0:
        threading.Thread(target=print, args=("child",)).start()
        return None
    status = os.waitpid(pid, 0)[1]
    release.set()
    return status
"""
    )
    assert session.ok == 0
    assert session.raw_stdout == b"child\n"
