"""From an exception to the error that the platform records."""

from __future__ import annotations

from wren._runtime import tracebacks
from wren._runtime.encode import NotJson, to_plain
from wren._runtime.loading import Script
from wren.errors import WrenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Callable

# Written before the script runs: when there is no memory left, there is none for writing it either.
MEMORY_LIMIT: dict[str, Any] = {
    "type": "AgentFixableError",
    "code": "MEMORY_LIMIT",
    "message": "the script ran out of memory",
    "hint": "work on smaller pieces at a time, or raise `memory` in the `[tool.wren]` block",
}


def of_compilation(error: BaseException, script: Script) -> dict[str, Any]:
    """Describes why the script's text is not a program."""
    wire = _agent("SYNTAX_ERROR", str(error) or type(error).__name__)
    if isinstance(error, SyntaxError):
        wire["message"] = error.msg or "invalid syntax"
        place = tracebacks.syntax_location(error, script)
        if place:
            wire["location"] = place
    return wire


def of_import(error: BaseException, script: Script, unavailable: Mapping[str, str]) -> dict[str, Any]:
    """Describes why the script's top level did not run to its end."""

    def describe() -> dict[str, Any]:
        if isinstance(error, ImportError):
            return _of_import_error(error, unavailable)
        if isinstance(error, SystemExit):
            wire = _agent("IMPORT_ERROR", f"the script exited while it was imported ({_exit_status(error)})")
            wire["hint"] = 'put the call under `if __name__ == "__main__":`'
            return wire
        return _agent("IMPORT_ERROR", tracebacks.message(error))

    return _described(error, script, describe)


def of_call(error: BaseException, script: Script) -> dict[str, Any]:
    """Describes why the function did not return a result."""

    def describe() -> dict[str, Any]:
        if isinstance(error, NotJson):
            wire = _agent("RESULT_NOT_JSON", f"the result is not JSON: {error.path} {error.problem}")
            if error.hint:
                wire["hint"] = error.hint
            wire["details"] = {"path": error.path}
            return wire
        if isinstance(error, SystemExit):
            return _agent("SCRIPT_EXCEPTION", f"the script exited ({_exit_status(error)})")
        return _agent("SCRIPT_EXCEPTION", tracebacks.message(error))

    return _described(error, script, describe)


def _described(error: BaseException, script: Script, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if isinstance(error, MemoryError):
        return _of_memory_error(error, script)
    try:
        # What the platform answered goes back as it came, with the place where the script let it pass.
        wire = _of_wren_error(error) if isinstance(error, WrenError) else describe()
        place = tracebacks.location(error, script)
        if place:
            wire["location"] = place
        trace = None if isinstance(error, NotJson) else tracebacks.text(error, script)
        if trace:
            wire["traceback"] = trace
    except MemoryError:
        return MEMORY_LIMIT
    return wire


def _of_wren_error(error: WrenError) -> dict[str, Any]:
    # A script may raise one of its own, with anything at all in its attributes.
    wire = error.to_wire()
    plain: dict[str, Any] = {key: str(wire[key]) for key in wire if key not in ("details", "retryable")}
    if isinstance(error.details, dict):
        try:
            plain["details"] = to_plain(error.details)
        except NotJson:
            # An error without its details tells more than an error about them.
            pass
    if error.retryable:
        plain["retryable"] = True
    return plain


def _of_memory_error(error: MemoryError, script: Script) -> dict[str, Any]:
    try:
        place = tracebacks.location(error, script)
    except MemoryError:
        place = None
    # The frames hold the script's variables, and so the memory that is missing.
    trace, error.__traceback__ = error.__traceback__, None
    while trace is not None:
        try:
            trace.tb_frame.clear()
        except RuntimeError:
            # The frame still runs; it is one of the runtime's own.
            pass
        trace = trace.tb_next
    return {**MEMORY_LIMIT, "location": place} if place else MEMORY_LIMIT


def _of_import_error(error: ImportError, unavailable: Mapping[str, str]) -> dict[str, Any]:
    from wren._runtime import imports

    executor = imports.unsupported(error, unavailable)
    if executor is not None:
        wire = _agent("UNSUPPORTED_IMPORT", f"`{error.name}` is not available in this executor")
        wire["hint"] = f'the {executor} executor has it: set `executor = "{executor}"` in the `[tool.wren]` block'
        return wire
    wire = _agent("IMPORT_ERROR", tracebacks.message(error))
    hint = imports.hint(error)
    if hint:
        wire["hint"] = hint
    return wire


def _exit_status(error: SystemExit) -> str:
    if error.code is None or isinstance(error.code, int):
        return f"status {int(error.code or 0)}"
    # Any other value is what Python would print before it exits with status 1.
    return tracebacks.message(error).partition(": ")[2] or "status 1"


def _agent(code: str, message: str) -> dict[str, Any]:
    return {"type": "AgentFixableError", "code": code, "message": message}
