"""Exceptions as text and places, trimmed to what whoever wrote the script can act on."""

from __future__ import annotations

from wren._runtime.loading import Script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from traceback import FrameSummary
    from types import FrameType, TracebackType
    from typing import Any

_MAX_MESSAGE = 4_000
_MAX_TRACEBACK = 16_000
_MAX_SNIPPET = 400
_MAX_FRAMES = 60

# The beginnings of the names of files that are the runtime's own.
_ours: tuple[str, ...] = (__file__.rsplit("/", 2)[0] + "/", "<frozen importlib")


def hide(folder: str) -> None:
    """Leaves frames of the files below ``folder`` out of tracebacks: an executor's part of the runtime."""
    global _ours
    _ours = (*_ours, folder)


def message(error: BaseException) -> str:
    """Returns ``ValueError: what it says``, without the traceback; never raises, whatever the class does."""
    try:
        kind = type(error)
        name = kind.__qualname__
        if kind.__module__ not in ("builtins", "wren_script"):
            name = f"{kind.__module__}.{name}"
    except BaseException:
        name = "an exception"
    try:
        # A script's own kind of string may override anything, so its plain text is taken.
        text = str.__str__(str(error))
    except BaseException:
        text = "<its message could not be read>"
    return shorten(f"{name}: {text}" if text else name)


def location(error: BaseException, script: Script) -> dict[str, Any] | None:
    """Returns the place in the script where the error arose, or where the error that led to it did."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        place = _deepest(current.__traceback__, script)
        if place is not None:
            return place
        current = _before(current)
    return None


def _before(error: BaseException) -> BaseException | None:
    # Not `or`: an exception may have a length, and an empty one is false.
    for other in (error.__cause__, error.__context__):
        if other is not None:
            return other
    parts = getattr(error, "exceptions", None)
    first = parts[0] if isinstance(parts, tuple) and parts else None
    return first if isinstance(first, BaseException) else None


def running_location(frame: FrameType | None, script: Script) -> dict[str, Any] | None:
    """Returns the place in the script that a frame, or one that waits for it, has come to."""
    while frame is not None and frame.f_code.co_filename != script.filename:
        frame = frame.f_back
    return None if frame is None else _place(script, frame.f_lineno, None)


def syntax_location(error: SyntaxError, script: Script) -> dict[str, Any] | None:
    """Returns the place that the parser points at."""
    if not error.lineno:
        return None
    return _place(script, error.lineno, error.offset or None)


def text(error: BaseException, script: Script) -> str | None:
    """Returns the traceback without the runtime's own frames, or None when no other frame is in it."""
    # Imported here: they take longer to import than everything else of the runtime, and most runs do not fail.
    import linecache
    import traceback

    # A file of the script's name, in the working directory say, would otherwise be shown in its place. Without a time
    # of modification the entry is never checked against the disk.
    lines = [line + "\n" for line in script.lines()]
    linecache.cache[script.filename] = (len(script.source), None, lines, script.filename)

    try:
        whole = traceback.TracebackException.from_exception(error)
        shown = _trim(whole, set())
        formatted = "".join(whole.format())
    except MemoryError:
        raise
    except BaseException:
        # It reads attributes of the exception, and follows chains of any length. The frames alone need neither.
        frames = _scripts(traceback.extract_tb(error.__traceback__))
        shown = bool(frames)
        formatted = f"Traceback (most recent call last):\n{''.join(traceback.format_list(frames))}{message(error)}"
    return shorten(formatted.rstrip("\n"), _MAX_TRACEBACK) if shown else None


def _deepest(trace: TracebackType | None, script: Script) -> dict[str, Any] | None:
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == script.filename:
            found = trace
        trace = trace.tb_next
    return None if found is None else _place(script, found.tb_lineno, _column(found, script))


def _column(trace: TracebackType, script: Script) -> int | None:
    positions = getattr(trace.tb_frame.f_code, "co_positions", None)
    if positions is None:
        # Before Python 3.11 an instruction knows its line only.
        return None
    for index, (_, _, column, _) in enumerate(positions()):
        if index == trace.tb_lasti // 2:
            line = script.line(trace.tb_lineno)
            if column is None or line is None:
                return None
            # The interpreter counts bytes of UTF-8; people and editors count characters.
            return len(line.encode("utf-8", "replace")[:column].decode("utf-8", "replace")) + 1
    return None


def _place(script: Script, line: int, column: int | None) -> dict[str, Any]:
    place: dict[str, Any] = {"line": line}
    if column is not None and column > 0:
        place["column"] = column
    snippet = script.line(line)
    if snippet is not None:
        place["snippet"] = snippet[:_MAX_SNIPPET]
    return place


def _trim(part: Any, seen: set[int]) -> bool:
    """Removes frames in place, through the whole chain; says whether any frame is left."""
    if part is None or id(part) in seen:
        return False
    seen.add(id(part))
    frames = part.stack[:] = _scripts(part.stack)
    nested = [part.__cause__, part.__context__, *(getattr(part, "exceptions", None) or ())]
    # Every part has to be visited, so not a generator in `any`, which stops early.
    return any([_trim(one, seen) for one in nested]) or bool(frames)


def _scripts(stack: list[FrameSummary]) -> list[FrameSummary]:
    """Returns the frames without those of the runtime, and those of endless recursion cut down to some."""
    frames = [frame for frame in stack if not _is_ours(frame.filename)]
    while frames and _is_event_loop(frames[0].filename):
        del frames[0]
    if len(frames) > _MAX_FRAMES and len({frame.lineno for frame in frames}) > 1:
        frames = frames[: _MAX_FRAMES // 3] + frames[-2 * _MAX_FRAMES // 3 :]
    return frames


def _is_ours(filename: str) -> bool:
    return filename.startswith(_ours)


def _is_event_loop(filename: str) -> bool:
    return "/asyncio/" in filename


def shorten(text: str, limit: int = _MAX_MESSAGE) -> str:
    """Returns the text with its middle left out when it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    head = limit // 4
    tail = limit - head
    return f"{text[:head]}\n... ({len(text) - limit} characters left out) ...\n{text[-tail:]}"
