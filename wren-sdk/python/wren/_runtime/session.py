"""One session, the same for every executor: takes a job and a channel, sends exactly one last frame."""

from __future__ import annotations

import sys
from atexit import _run_exitfuncs as run_exit_functions

from wren import _host, registry
from wren._runtime import calling, failures, loading
from wren._runtime.channel import PROTOCOL_VERSION, FrameTooLarge
from wren._runtime.encode import to_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from wren._runtime.channel import Channel
    from wren._runtime.streams import Output

# A frame that needs no memory to build, for when the process has none left.
_MEMORY_FRAME = {"t": "result", "error": failures.MEMORY_LIMIT}


def serve(
    job: dict[str, Any], channel: Channel, output: Output, *, unavailable: Mapping[str, str] | None = None
) -> int:
    """Does the job, sends its ``result`` or ``inspection`` and returns the status for a forked child to exit with.

    ``unavailable`` maps top-level modules that this executor lacks to the name of an executor that has them.
    """
    if job.get("t") != "job" or job.get("v") != PROTOCOL_VERSION:
        message = f"the SDK speaks version {PROTOCOL_VERSION} of the protocol, the platform version {job.get('v')}"
        channel.send({"t": "result", "error": {"type": "InternalError", "code": "INTERNAL", "message": message}})
        return 1
    script = loading.Script(job["filename"], job["script"])
    inspecting = job["mode"] == "inspect"
    _prepare(job, script)
    _host.begin(channel, job.get("context"), inspecting=inspecting)
    if inspecting:
        from wren._runtime import inspection

        frame = inspection.report(_load(script, unavailable or {})[1])
    else:
        frame = _run(job, script, unavailable or {})
        _run_exit_functions()
    output.finish()
    _send_last(channel, frame)
    if "error" in frame and channel.forked:
        _print_in_child(frame["error"])
    return 0 if frame.get("error") is None else 1


def _prepare(job: dict[str, Any], script: loading.Script) -> None:
    import builtins

    sys.argv[:] = [script.filename]
    sys.path.extend(job.get("argv_path") or ())
    # Without `site` there is no `exit`, which scripts use as if it were built in.
    for name in ("exit", "quit"):
        if not hasattr(builtins, name):
            setattr(builtins, name, sys.exit)
    registry.clear()


def _load(script: loading.Script, unavailable: Mapping[str, str]) -> tuple[Any, dict[str, Any] | None]:
    """Returns the module, or None and the error."""
    try:
        code = script.compile()
    except MemoryError:
        return None, failures.MEMORY_LIMIT
    except (SyntaxError, ValueError, RecursionError) as error:
        # A ValueError stands for characters that no source may have, a RecursionError for nesting without end.
        return None, failures.of_compilation(error, script)
    try:
        return loading.load(script, code), None
    except BaseException as error:
        return None, failures.of_import(error, script, unavailable)


def _run(job: dict[str, Any], script: loading.Script, unavailable: Mapping[str, str]) -> dict[str, Any]:
    module, error = _load(script, unavailable)
    if error is not None:
        return {"t": "result", "error": error}
    try:
        name = job["func"]
        result = calling.call(calling.find(module, name), name, job["trigger"], job.get("event"))
        return {"t": "result", "ok": to_plain(result)}
    except SystemExit as stop:
        if stop.code is None or (isinstance(stop.code, int) and stop.code == 0):
            return {"t": "result", "ok": None}
        return {"t": "result", "error": failures.of_call(stop, script)}
    except BaseException as raised:
        return {"t": "result", "error": failures.of_call(raised, script)}


def _run_exit_functions() -> None:
    try:
        run_exit_functions()
    except BaseException:
        # The interpreter has printed it, and ignores it at its own exit as well.
        pass


def _send_last(channel: Channel, frame: dict[str, Any]) -> None:
    try:
        channel.send(frame)
    except FrameTooLarge as error:
        wire = {
            "type": "AgentFixableError",
            "code": "OUTPUT_LIMIT",
            "message": f"the result is too large: {error}",
            "hint": "return a summary, and keep the data itself elsewhere",
        }
        channel.send({"t": frame["t"], "error": wire})
    except MemoryError:
        channel.send(_MEMORY_FRAME)


def _print_in_child(error: dict[str, Any]) -> None:
    # As an interpreter whose main program failed: the parent's standard error is all that a child has.
    print(error.get("traceback") or error["message"], file=sys.stderr, flush=True)
