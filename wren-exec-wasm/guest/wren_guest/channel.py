"""Frames over the component's imports; the last one is what its export returns."""

from __future__ import annotations

from wren._codec import loads
from wren._runtime.channel import FrameTooLarge, answer, encode, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class GuestChannel:
    """The WASM executor's channel."""

    # There is no `fork`.
    forked = False

    def __init__(self, emit: Callable[[bytes], None], call: Callable[[bytes], bytes]) -> None:
        self._emit = emit
        self._call = call
        self._last_id = 0
        #: The result or the inspection, once it was sent.
        self.last: bytes | None = None

    def connect(self, emit: Callable[[bytes], None], call: Callable[[bytes], bytes]) -> None:
        """Speaks to another platform from now on, as if nothing had been said yet."""
        self._emit, self._call = emit, call
        self._last_id, self.last = 0, None

    def send(self, frame: dict[str, Any]) -> None:
        """Sends one frame."""
        body = encode(frame)
        if frame["t"] == "log":
            self._emit(body)
        elif self.last is None:
            self.last = body

    def send_and_exit(self, frame: dict[str, Any]) -> None:
        """Sends the last frame from anywhere, and does not come back."""
        self._emit(encode(frame))

    def call(self, op: str, args: dict[str, Any]) -> Any:
        """Asks the platform and waits."""
        self._last_id += 1
        try:
            request = encode({"t": "call", "id": self._last_id, "op": op, "args": args})
        except FrameTooLarge as error:
            raise refused(op, error) from None
        return answer(loads(str(self._call(request), "utf-8")))
