"""From an exception to the error that the platform records.

Looking at an exception runs the script's code: a message, an attribute or the truth of one may raise anything, so each
part is read on its own and left out when it cannot be. Exceptions are told apart by their type, since ``isinstance``
also asks for a ``__class__``.
"""

from __future__ import annotations

from wren._runtime import tracebacks
from wren._runtime.encode import NotJson, to_plain
from wren._runtime.loading import Script
from wren.errors import WrenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Any, Callable, TypeVar

    T = TypeVar("T")

# Written before the script runs: when there is no memory left, there is none for writing it either.
MEMORY_LIMIT: dict[str, Any] = {
    "type": "AgentFixableError",
    "code": "MEMORY_LIMIT",
    "message": "the script ran out of memory",
    "hint": "work on smaller pieces at a time, or raise `memory` in the `[tool.wren]` block",
}

# For when describing the failure has failed as well.
UNDESCRIBED: dict[str, Any] = {
    "type": "AgentFixableError",
    "code": "SCRIPT_EXCEPTION",
    "message": "the script failed with an exception that cannot be described",
}


def is_success(error: BaseException) -> bool:
    """Says whether the exception is the script's way to end well, like ``sys.exit()``."""
    return issubclass(type(error), SystemExit) and _try(lambda: _status(error)) == 0


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
        if issubclass(type(error), ImportError):
            return _of_import_error(error, unavailable)
        if issubclass(type(error), SystemExit):
            wire = _agent("IMPORT_ERROR", f"the script exited while it was imported ({_exit_status(error)})")
            wire["hint"] = 'put the call under `if __name__ == "__main__":`'
            return wire
        return _of_exception(error, "IMPORT_ERROR")

    return _described(error, script, "IMPORT_ERROR", describe)


def of_import_timeout(timeout_ms: int, frame: FrameType | None, script: Script) -> dict[str, Any]:
    """Describes an import that is over its limit and is now in ``frame``, in the platform's own words for it."""
    wire = _agent("IMPORT_TIMEOUT", f"importing the script did not end within {timeout_ms} ms")
    wire["hint"] = "move slow work from the top of the script into the function that the trigger calls"
    place = tracebacks.running_location(frame, script)
    if place:
        wire["location"] = place
    return wire


def of_call(error: BaseException, script: Script) -> dict[str, Any]:
    """Describes why the function did not return a result."""

    def describe() -> dict[str, Any]:
        if isinstance(error, NotJson):
            wire = _agent("RESULT_NOT_JSON", f"the result is not JSON: {error.path} {error.problem}")
            if error.hint:
                wire["hint"] = error.hint
            wire["details"] = {"path": error.path}
            return wire
        if issubclass(type(error), SystemExit):
            return _agent("SCRIPT_EXCEPTION", f"the script exited ({_exit_status(error)})")
        return _of_exception(error, "SCRIPT_EXCEPTION")

    return _described(error, script, "SCRIPT_EXCEPTION", describe)


def _described(
    error: BaseException, script: Script, code: str, describe: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    try:
        if issubclass(type(error), MemoryError):
            return _try(lambda: _of_memory_error(error, script)) or MEMORY_LIMIT
        if issubclass(type(error), WrenError):
            # What the platform answered goes back as it came, with the place where the script let it pass.
            wire = _of_wren_error(error)
        else:
            wire = _try(describe) or _agent(code, tracebacks.message(error))
        place = _try(lambda: tracebacks.location(error, script))
        if place:
            wire["location"] = place
        trace = None if issubclass(type(error), NotJson) else _try(lambda: tracebacks.text(error, script))
        if trace:
            wire["traceback"] = trace
    except MemoryError:
        return MEMORY_LIMIT
    return wire


def _try(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except MemoryError:
        raise
    except BaseException:
        return None


def _of_wren_error(error: Any) -> dict[str, Any]:
    message = _text(error, "message") or _try(lambda: tracebacks.shorten(BaseException.__str__(error)))
    wire = _agent(_text(error, "code") or "SCRIPT_EXCEPTION", message or tracebacks.message(error))
    # One that the script made is the script's, whatever it says about who must act.
    if _try(lambda: error._answered is True):
        wire["type"] = _text(error, "type") or wire["type"]
    for name in ("hint", "action_url", "docs_url"):
        text = _text(error, name)
        if text is not None:
            wire[name] = text
    # An error without its details tells more than an error about them.
    details = _try(lambda: to_plain(error.details))
    if isinstance(details, dict):
        wire["details"] = details
    if _try(lambda: bool(error.retryable)):
        wire["retryable"] = True
    return wire


def _text(error: Any, name: str) -> str | None:
    def read() -> str | None:
        value = getattr(error, name)
        return None if value is None else tracebacks.shorten(str.__str__(str(value)))

    return _try(read)


def _of_memory_error(error: BaseException, script: Script) -> dict[str, Any]:
    try:
        place = tracebacks.location(error, script)
    except BaseException:
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


def _of_import_error(error: Any, unavailable: Mapping[str, str]) -> dict[str, Any]:
    from wren._runtime import imports

    executor = _try(lambda: imports.unsupported(error, unavailable))
    if executor is not None:
        wire = _agent("UNSUPPORTED_IMPORT", f"`{error.name}` is not available in this executor")
        wire["hint"] = imports.executor_hint(executor)
        return wire
    wire = _agent("IMPORT_ERROR", tracebacks.message(error))
    hint = _try(lambda: imports.hint(error))
    if hint:
        wire["hint"] = hint
    return wire


def _of_exception(error: Any, code: str) -> dict[str, Any]:
    from wren._runtime import imports

    wire = _agent(code, tracebacks.message(error))
    hint = _try(lambda: imports.attribute_hint(error)) if issubclass(type(error), AttributeError) else None
    if hint:
        wire["hint"] = hint
    return wire


def _status(error: Any) -> int | None:
    """Returns the status that the script exits with, or None when it says something else."""
    code = error.code
    # As the interpreter does, by the number itself: a subclass may override how it compares.
    return 0 if code is None else int.__pos__(code) if isinstance(code, int) else None


def _exit_status(error: BaseException) -> str:
    status = _try(lambda: _status(error))
    if status is not None:
        return f"status {status}"
    # Any other value is what Python would print before it exits with status 1.
    return tracebacks.message(error).partition(": ")[2] or "status 1"


def _agent(code: str, message: str) -> dict[str, Any]:
    return {"type": "AgentFixableError", "code": code, "message": message}
