"""What a session needs of its connection to the platform, whatever carries it."""

from __future__ import annotations

from wren._codec import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Channel(Protocol):
        """A connection to the platform.

        All methods MAY be called from any thread, and from a signal handler that interrupts any of them.
        """

        @property
        def forked(self) -> bool:
            """Whether this is a forked child, which must not speak for its parent."""

        def send(self, frame: dict[str, Any]) -> None:
            """Sends one frame; raises ``FrameTooLarge`` without sending any of it when it is over the limit."""

        def send_and_exit(self, frame: dict[str, Any]) -> None:
            """Sends one frame and ends the process, once a write that this call interrupts is done.

            It is called from signal handlers only, so a channel of a platform without signals need not have it.
            """

        def call(self, op: str, args: dict[str, Any]) -> Any:
            """Asks the platform, waits, and returns its answer or raises its error."""


# Frames, both ways, are at most this long.
MAX_FRAME_BYTES = 8 * 1024 * 1024
PROTOCOL_VERSION = 1


class FrameTooLarge(Exception):
    """A frame is over the protocol's limit."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size:,} bytes of JSON are more than the limit of {MAX_FRAME_BYTES:,}")
        self.size = size


def encode(frame: dict[str, Any]) -> bytes:
    """Returns the frame's JSON; raises ``FrameTooLarge``."""
    # A lone surrogate has no UTF-8 form, and a JSON escape for it would be refused by the platform's parser.
    body = dumps(frame).encode("utf-8", "replace")
    if len(body) > MAX_FRAME_BYTES:
        raise FrameTooLarge(len(body))
    return body


def answer(reply: dict[str, Any]) -> Any:
    """Returns what a ``reply`` answers, or raises its error."""
    if "error" in reply:
        from wren.errors import from_wire

        raise from_wire(reply["error"])
    return reply.get("ok")


def refused(op: str, error: FrameTooLarge) -> Exception:
    """Returns the error of a call whose arguments do not fit into a frame."""
    return call_error(f"the arguments of {op} are too large: {error}", "INVALID_REQUEST", agent=True)


def call_error(message: str, code: str, *, agent: bool) -> Exception:
    """Returns an error of a call which counts as the platform's own."""
    from wren.errors import from_wire

    return from_wire({"type": "AgentFixableError" if agent else "InternalError", "code": code, "message": message})
