"""The one way from the SDK to the platform.

Every capability is a host call: the platform holds the credentials and the network, the script holds neither.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._runtime.channel import Channel

_channel: Channel | None = None
_context: dict[str, Any] | None = None
_inspecting = False


def begin(channel: Channel, context: dict[str, Any] | None, *, inspecting: bool) -> None:
    """Connects the SDK to a session's channel."""
    global _channel, _context, _inspecting
    _channel, _context, _inspecting = channel, context, inspecting


def end() -> None:
    """Disconnects the SDK, as before ``begin``."""
    global _channel, _context, _inspecting
    _channel, _context, _inspecting = None, None, False


def call(op: str, args: dict[str, Any], *, what: str) -> Any:
    """Asks the platform and returns its answer; ``what`` names the call in the script's words, for error messages.

    Raises ``TypeError`` when an argument is not JSON, and the platform's own error when it answers with one.
    """
    channel = _connected(what)
    from ._runtime.encode import NotJson, to_plain

    try:
        plain = to_plain(args)
    except NotJson as problem:
        # Chained to nothing: the walk over the arguments is of no use to whoever wrote the call.
        raise TypeError(f"{what}: {problem}") from None
    return channel.call(op, plain)


def context(what: str) -> dict[str, Any]:
    """Returns the running run's context as the platform sent it."""
    _connected(what)
    return _context or {}


def _connected(what: str) -> Channel:
    if _channel is not None and not _inspecting:
        return _channel
    from .errors import AgentFixableError

    if _inspecting:
        raise AgentFixableError(
            f"{what} was used while the script was being imported, where calls to the platform are not allowed",
            code="IMPORT_ERROR",
            hint="move it into the function that the trigger runs",
        )
    raise AgentFixableError(
        f"{what} works only inside a run",
        code="INVALID_REQUEST",
        hint="start the script with `wren dev script.py` instead of `python script.py`",
    )
