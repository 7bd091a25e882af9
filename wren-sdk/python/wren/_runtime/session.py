"""One session, the same for every executor: takes a job and a channel, sends exactly one last frame."""

from __future__ import annotations

import sys
from atexit import _run_exitfuncs as run_exit_functions

from wren import _host, registry
from wren._runtime import calling, failures, loading, tracebacks
from wren._runtime.channel import PROTOCOL_VERSION, FrameTooLarge
from wren._runtime.encode import to_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, ModuleType
    from typing import Any

    from wren._runtime.channel import Channel
    from wren._runtime.streams import Output

# A frame that needs no memory to build, for when the process has none left.
_MEMORY_FRAME = {"t": "result", "error": failures.MEMORY_LIMIT}


def serve(
    job: dict[str, Any],
    channel: Channel,
    output: Output,
    *,
    unavailable: Mapping[str, str] | None = None,
    code: CodeType | None = None,
) -> int:
    """Does the job, sends its ``result`` or ``inspection`` and returns the status for a forked child to exit with.

    ``unavailable`` maps top-level modules that this executor lacks to the name of an executor that has them.
    ``code`` is the job's script as ``Script.compile`` returned it for the same text and file name.
    """
    if job.get("t") != "job" or job.get("v") != PROTOCOL_VERSION:
        message = f"the SDK speaks version {PROTOCOL_VERSION} of the protocol, the platform version {job.get('v')}"
        channel.send({"t": "result", "error": {"type": "InternalError", "code": "INTERNAL", "message": message}})
        return 1
    inspecting = job.get("mode") == "inspect"
    try:
        frame = (_inspect if inspecting else _run)(job, channel, unavailable or {}, code)
    except MemoryError:
        frame = {"t": "inspection" if inspecting else "result", "error": failures.MEMORY_LIMIT}
    except BaseException:
        # Describing a failure runs the script's own code, its exceptions' methods, which may do anything.
        frame = {"t": "inspection" if inspecting else "result", "error": failures.UNDESCRIBED}
    if not inspecting:
        _wait_for_threads()
        _run_exit_functions()
    _finish(output)
    _send_last(channel, frame)
    if "error" in frame and channel.forked:
        _print_in_child(frame["error"])
    return 0 if frame.get("error") is None else 1


def _prepare(job: dict[str, Any], channel: Channel, code: CodeType | None) -> loading.Script:
    import builtins

    script = loading.Script(job["filename"], job["script"], code)
    sys.argv[:] = [script.filename]
    variables = job.get("env")
    if variables:
        from os import environ

        environ.update(variables)
    sys.path.extend(job.get("argv_path") or ())
    # Without `site` there is no `exit`, which scripts use as if it were built in.
    for name in ("exit", "quit"):
        if not hasattr(builtins, name):
            setattr(builtins, name, sys.exit)
    registry.clear()
    _host.begin(channel, job.get("context"), inspecting=job["mode"] == "inspect")
    return script


def _load(script: loading.Script, module: ModuleType, unavailable: Mapping[str, str]) -> dict[str, Any] | None:
    """Runs the script's top level; returns the error when it does not get to its end."""
    try:
        code = script.compile()
    except MemoryError:
        return failures.MEMORY_LIMIT
    except (SyntaxError, ValueError, RecursionError) as error:
        # A ValueError stands for characters that no source may have, a RecursionError for nesting without end.
        return failures.of_compilation(error, script)
    try:
        exec(code, vars(module))
    except BaseException as error:
        return failures.of_import(error, script, unavailable)
    return None


def _inspect(
    job: dict[str, Any], channel: Channel, unavailable: Mapping[str, str], code: CodeType | None
) -> dict[str, Any]:
    from wren._runtime import inspection
    from wren._runtime.import_limit import ImportLimit

    script = _prepare(job, channel, code)
    module = loading.create(script)
    with ImportLimit(job.get("timeout_ms"), script, vars(module), channel):
        error = _load(script, module, unavailable)
    return inspection.report(vars(module), error)


def _run(
    job: dict[str, Any], channel: Channel, unavailable: Mapping[str, str], code: CodeType | None
) -> dict[str, Any]:
    script = _prepare(job, channel, code)
    module = loading.create(script)
    error = _load(script, module, unavailable)
    if error is not None:
        return {"t": "result", "error": error}
    try:
        name = job["func"]
        result = calling.call(calling.find(module, name), name, job["trigger"], job.get("event"))
        return {"t": "result", "ok": to_plain(result)}
    except BaseException as raised:
        if failures.is_success(raised):
            return {"t": "result", "ok": None}
        return {"t": "result", "error": failures.of_call(raised, script)}


def _wait_for_threads() -> None:
    """Waits as an interpreter does before it exits: for pools and for threads that are not daemons."""
    try:
        threading = sys.modules.get("threading")
        if threading is not None:
            threading._shutdown()
    except BaseException as error:
        # A signal handler raised. An interpreter, too, says so and ends without the threads that are left.
        try:
            message = tracebacks.message(error)
            print(f"Exception ignored while waiting for threads: {message}", file=sys.stderr, flush=True)
        except BaseException:
            pass


def _run_exit_functions() -> None:
    try:
        run_exit_functions()
    except BaseException:
        # The interpreter has printed it, and ignores it at its own exit as well.
        pass


def _finish(output: Output) -> None:
    try:
        output.finish()
    except BaseException:
        # The result is worth more than the last of the output; a host that is gone shows when that is sent.
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
    except (TypeError, ValueError, RecursionError):
        # Something that is not JSON slipped into the frame, and none of it was sent.
        channel.send({"t": frame["t"], "error": failures.UNDESCRIBED})


def _print_in_child(error: dict[str, Any]) -> None:
    # As an interpreter whose main program failed: the parent's standard error is all that a child has.
    print(error.get("traceback") or error["message"], file=sys.stderr, flush=True)
