"""Runs in a real interpreter, over a real socket."""

from __future__ import annotations

import sys
import time

import pytest
from conftest import CONTEXT, HostError, serve


def test_a_result_is_sent_last_and_the_process_ends():
    session = serve("def main():\n    print('working')\n    return {'n': [1, None]}")
    assert session.ok == {"n": [1, None]}
    assert session.stdout == "working\n"
    assert (session.status, session.raw_stdout, session.raw_stderr) == (0, b"", b"")


def test_the_script_is_an_ordinary_module_and_not_the_main_one():
    session = serve(
        """
import inspect, pickle, sys
class Thing:
    pass
if __name__ == "__main__":
    raise SystemExit("must not run")
def main():
    thing = pickle.loads(pickle.dumps(Thing()))
    here = sys.modules[__name__]
    return [__name__, __file__, sys.argv, type(thing).__name__, here.Thing is Thing, inspect.getsource(Thing)]
"""
    )
    assert session.ok == ["wren_script", "script.py", ["script.py"], "Thing", True, "class Thing:\n    pass\n"]


def test_future_imports_of_the_runtime_do_not_leak_into_the_script():
    session = serve("def main(x: 1 + 1 = 0):\n    return main.__annotations__")
    assert session.ok == {"x": 2}


def test_the_context_reaches_the_script():
    session = serve(
        """
import wren
def main():
    context = wren.context()
    return [context.run_id, context.attempt, context.scheduled_for.isoformat()]
"""
    )
    assert session.ok == [CONTEXT["run_id"], 2, "2026-03-01T09:00:00.123456+00:00"]


def test_extra_folders_are_on_the_path(tmp_path):
    (tmp_path / "helper.py").write_text("VALUE = 42")
    assert serve("import helper\ndef main():\n    return helper.VALUE", argv_path=[str(tmp_path)]).ok == 42


def test_an_async_handler_is_run():
    session = serve(
        "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    print('in')\n    return 'async'",
    )
    assert (session.ok, session.stdout) == ("async", "in\n")


def test_an_async_failure_shows_the_scripts_frames_only():
    error = serve("async def main():\n    raise ValueError('deep')").error
    assert (error["message"], error["location"]["line"]) == ("ValueError: deep", 2)
    assert "asyncio" not in error["traceback"]


EMAIL = {"from": "a@b.c", "subject": "hi", "attachments": [{"filename": "x", "content": "aGk="}]}


@pytest.mark.parametrize(
    "trigger, decorator, parameters, event, expected",
    [
        ("email", "on_email", "e", EMAIL, ["Email", "hi"]),
        ("manual", "on_email", "e", EMAIL, ["Email", "hi"]),
        ("manual", "on_email", "e=None", None, ["NoneType", None]),
        ("webhook", "on_webhook", "e", {"subject": "raw"}, ["dict", "raw"]),
        ("manual", "on_webhook", "e", {"subject": "raw"}, ["dict", "raw"]),
        ("schedule", "on_webhook", "e=None", None, ["NoneType", None]),
        ("email", "on_email", "*e", EMAIL, ["tuple", None]),
    ],
)
def test_a_handler_gets_what_its_trigger_passes(trigger, decorator, parameters, event, expected):
    script = f"""
import wren
@wren.{decorator}
def main({parameters}):
    subject = getattr(e, "subject", None) or (e.get("subject") if isinstance(e, dict) else None)
    return [type(e).__name__, subject]
"""
    assert serve(script, trigger=trigger, event=event).ok == expected


def test_a_handler_may_leave_the_event_out():
    assert serve("def main():\n    return 1", trigger="email", event=EMAIL).ok == 1


@pytest.mark.parametrize(
    "parameters, trigger, event, message",
    [
        ("x", "schedule", None, "`main` requires 1 argument, a schedule run passes none"),
        ("a, b", "email", EMAIL, "`main` requires 2 arguments, a email run passes 1"),
        ("x", "manual", None, "`main` requires 1 argument, a manual run passes none"),
        ("*, k", "schedule", None, "`main` requires the keyword argument `k`, which no trigger passes"),
    ],
)
def test_a_handler_that_cannot_be_called_is_told_why(parameters, trigger, event, message):
    error = serve(f"def main({parameters}):\n    pass", trigger=trigger, event=event).error
    assert (error["code"], error["message"]) == ("FUNCTION_SIGNATURE", message)
    assert error["hint"]
    assert "traceback" not in error


def test_a_missing_function_suggests_the_one_that_was_meant():
    error = serve("def dayly():\n    pass", func="daily").error
    assert (error["code"], error["hint"]) == ("FUNCTION_NOT_FOUND", "did you mean `dayly`?")
    assert serve("main = 3").error["message"] == "`main` is a int, not a function"


@pytest.mark.parametrize("call", ["sys.exit()", "sys.exit(0)", "exit()", "raise SystemExit"])
def test_exiting_with_success_is_success(call):
    session = serve(f"import sys\ndef main():\n    print('before')\n    {call}")
    assert (session.ok, session.stdout) == (None, "before\n")


@pytest.mark.parametrize(
    "call, status", [("sys.exit(3)", "status 3"), ("sys.exit('no luck')", "no luck"), ("quit(1)", "status 1")]
)
def test_exiting_otherwise_is_a_failure(call, status):
    error = serve(f"import sys\ndef main():\n    {call}").error
    assert error["code"] == "SCRIPT_EXCEPTION"
    assert error["message"] == f"the script exited ({status})"
    assert error["location"]["line"] == 3


def test_a_process_that_ends_itself_sends_no_result():
    session = serve("import os\ndef main():\n    print('bye')\n    os._exit(7)")
    assert session.status == 7
    assert [f["t"] for f in session.frames] == ["log"]


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "GeneratorExit", "BaseException", "RecursionError"])
def test_every_exception_becomes_a_result(error):
    assert serve(f"def main():\n    raise {error}('x')").error["message"] == f"{error}: x"


def test_endless_recursion_is_reported():
    error = serve("def main():\n    return main()").error
    assert error["message"].startswith("RecursionError")
    assert len(error["traceback"]) < 20_000


def test_running_out_of_memory_is_reported():
    session = serve(
        "def main():\n    data = []\n    while True:\n        data.append(bytearray(1 << 20))",
        before="ulimit -v 400000;",
    )
    assert session.error["code"] == "MEMORY_LIMIT"
    assert session.error["location"]["line"] == 4


def test_running_out_of_memory_in_small_pieces_is_reported():
    session = serve(
        "def main():\n    data = []\n    while True:\n        data.append([1, 2])", before="ulimit -v 200000;"
    )
    assert session.error["code"] == "MEMORY_LIMIT"


def test_functions_registered_for_the_exit_run_before_the_result():
    session = serve(
        """
import atexit
atexit.register(print, "second")
@atexit.register
def fails():
    raise ValueError("ignored")
def main():
    print("first", end=" ")
    return 1
"""
    )
    assert (session.ok, session.stdout) == (1, "first second\n")
    assert "ValueError: ignored" in session.stderr


def test_lone_surrogates_break_no_frame():
    session = serve("def main():\n    print('\\ud800')\n    return {'\\udc00k': 'a\\ud800'}")
    assert session.stdout == "\\ud800\n"
    assert session.ok == {"?k": "a?"}
    error = serve("def main():\n    raise ValueError('\\ud800')").error
    assert error["message"] == "ValueError: ?"


def test_a_result_that_is_not_json_names_the_place():
    error = serve("import datetime\ndef main():\n    return {'items': [1, {'when': datetime.date(2026, 1, 1)}]}").error
    assert (error["code"], error["hint"]) == ("RESULT_NOT_JSON", "use .isoformat()")
    assert "$.items[1].when is a date" in error["message"]
    assert error["details"] == {"path": "$.items[1].when"}


def test_a_result_that_is_too_large_is_an_error_and_not_a_broken_session():
    error = serve("def main():\n    return 'x' * 9_000_000").error
    assert error["code"] == "OUTPUT_LIMIT"


def test_much_output_arrives_whole():
    session = serve("def main():\n    for n in range(20_000):\n        print(n)\n    print('x' * 1_000_000)")
    assert session.ok is None
    lines = session.stdout.split("\n")
    assert lines[:20_000] == [str(n) for n in range(20_000)]
    assert lines[20_000] == "x" * 1_000_000


def test_a_script_that_breaks_the_modules_still_gets_its_result_out():
    session = serve(
        """
import builtins, io, json, os, posix, sys, _thread, traceback
def broken(*args, **kwargs):
    raise RuntimeError("poisoned")
def main():
    print("before")
    for module, names in {
        json: ("dumps", "loads"), os: ("write", "read", "_exit", "getpid"), posix: ("write", "read", "_exit"),
        io: ("TextIOWrapper",), _thread: ("allocate_lock", "get_ident"), traceback: ("TracebackException",),
        sys: ("exit", "exc_info"),
    }.items():
        for name in names:
            setattr(module, name, broken)
    sys.stdout = sys.stderr = None
    sys.modules.pop("json")
    return "out"
"""
    )
    assert (session.ok, session.stdout) == ("out", "before\n")


def test_a_message_that_cannot_be_read_is_survived():
    error = serve(
        "class Odd(Exception):\n    def __str__(self):\n        raise KeyError\ndef main():\n    raise Odd"
    ).error
    assert error["message"] == "Odd: <its message could not be read>"
    assert error["location"]["line"] == 5


def test_a_forked_child_speaks_on_the_descriptors_and_sends_no_result():
    session = serve(
        """
import os, sys
def main():
    pid = os.fork()
    if pid == 0:
        print("child says hello")
        return "from the child"
    _, status = os.waitpid(pid, 0)
    print("parent goes on")
    return status
"""
    )
    assert session.ok == 0
    assert session.stdout == "parent goes on\n"
    assert session.raw_stdout == b"child says hello\n"


def test_a_forked_child_that_fails_prints_why_and_exits_with_one():
    session = serve(
        """
import os, wren
def main():
    pid = os.fork()
    if pid == 0:
        wren.state["x"] = 1
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
    )
    assert session.ok == 1
    assert b"a forked child process cannot call the platform" in session.raw_stderr


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the default start method is no longer fork")
def test_process_pools_work():
    session = serve(
        """
import multiprocessing
def double(n):
    return n * 2
def main():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(double, [1, 2, 3])
"""
    )
    assert session.ok == [2, 4, 6]


def test_another_version_of_the_protocol_is_refused():
    error = serve("def main(): pass", v=2).error
    assert (error["type"], error["code"]) == ("InternalError", "INTERNAL")


def test_an_error_of_the_platform_comes_back_as_it_was():
    wire = {
        "type": "UserFacingConfigError",
        "code": "OAUTH_TOKEN_EXPIRED",
        "message": "expired",
        "action_url": "https://wrens.ie/a",
        "details": {"integration": "gmail"},
    }

    def host(op, args):
        raise HostError(**wire)

    error = serve("from wren import gmail\ndef main():\n    return gmail.inbox()", host).error
    assert {key: error[key] for key in wire} == wire
    assert error["location"] == {**error["location"], "line": 3, "snippet": "    return gmail.inbox()"}
    assert "gmail.py" not in error["traceback"]


def test_a_script_may_handle_an_error_of_the_platform():
    def host(op, args):
        raise HostError(type="AgentFixableError", code="EGRESS_DENIED", message="no", hint="h", retryable=True)

    session = serve(
        """
import wren
def main():
    try:
        wren.http.get("https://example.com")
    except wren.AgentFixableError as error:
        return [error.type, error.code, error.message, error.hint, error.retryable, str(error)]
""",
        host,
    )
    assert session.ok == ["AgentFixableError", "EGRESS_DENIED", "no", "h", True, "no [EGRESS_DENIED] (h)"]


def test_an_error_that_a_script_fills_with_nonsense_is_survived():
    script = "import wren\ndef main():\n    raise wren.WrenError(3, code=4, hint=5, details=object())"
    assert serve(script).error["code"] == "4"
    script = "import wren\ndef main():\n    raise wren.WrenError('m', code='X', details={'a': {1}, 'n': float('nan')})"
    assert serve(script).error["message"] == "m"


def test_calls_of_several_threads_wait_at_the_same_time():
    session = serve(
        """
import wren
from concurrent.futures import ThreadPoolExecutor
def main():
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda n: wren.secret(str(n)), range(40)))
""",
        lambda op, args: (time.sleep(0.05 + 0.01 * (int(args["name"]) % 3)), {"value": args["name"]})[1],
    )
    assert session.ok == [str(n) for n in range(40)]
    calls = [i for i, frame in enumerate(session.frames) if frame["t"] == "call"]
    assert len(calls) == 40


def test_a_signal_handler_may_print_and_call_and_raise():
    session = serve(
        """
import signal, wren
class Late(Exception):
    pass
def ring(*_):
    print("ring")
    raise Late
def main():
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        wren.secret("slow")
    except Late:
        print("late")
    return wren.secret("quick")
""",
        lambda op, args: (time.sleep(0.6 if args["name"] == "slow" else 0), {"value": args["name"]})[1],
    )
    assert session.ok == "quick"
    assert session.stdout == "ring\nlate\n"


def test_arguments_that_are_too_large_are_an_error_of_the_call():
    error = serve("import wren\ndef main():\n    wren.state['x'] = 'y' * 9_000_000").error
    assert error["code"] == "INVALID_REQUEST"
    assert "too large" in error["message"]


def test_large_values_travel_both_ways():
    session = serve(
        "import wren\ndef main():\n    return len(wren.ai('p', 'x' * 3_000_000))",
        lambda op, args: {"text": args["input"] * 2},
    )
    assert session.ok == 6_000_000
