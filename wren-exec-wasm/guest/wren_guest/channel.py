"""Frames and output over the component's imports; the last frame is what its export returns."""

from __future__ import annotations

import io

from wren._codec import loads
from wren._runtime.channel import FrameTooLarge, answer, encode, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Platform(Protocol):
        """The component's imports."""

        def write(self, descriptor: int, data: bytes) -> None:
            """Takes output."""

        def finish(self, frame: bytes) -> None:
            """Takes the last frame."""

        def call(self, frame: bytes) -> bytes:
            """Answers a call."""


# More than the platform keeps of a line, and little enough to be copied at once.
_WRITE_BYTES = 256 * 1024


class GuestChannel:
    """The WASM executor's channel."""

    # There is no `fork`.
    forked = False

    def __init__(self, platform: Platform) -> None:
        self.connect(platform)

    def connect(self, platform: Platform) -> None:
        """Speaks to another platform from now on, as if nothing had been said yet."""
        self.write, self._finish, self._call = platform.write, platform.finish, platform.call
        self._last_id = 0
        #: The result or the inspection, once it was sent.
        self.last: bytes | None = None

    def send(self, frame: dict[str, Any]) -> None:
        """Sends the last frame; output goes through ``write``."""
        body = encode(frame)
        if self.last is None:
            self.last = body

    def send_and_exit(self, frame: dict[str, Any]) -> None:
        """Sends the last frame from anywhere, and does not come back."""
        self._finish(encode(frame))

    def call(self, op: str, args: dict[str, Any]) -> Any:
        """Asks the platform and waits."""
        self._last_id += 1
        try:
            request = encode({"t": "call", "id": self._last_id, "op": op, "args": args})
        except FrameTooLarge as error:
            raise refused(op, error) from None
        return answer(loads(str(self._call(request), "utf-8")))


class GuestStream(io.RawIOBase):
    """The bottom layer of one stream: bytes as they are, which the platform makes lines of."""

    def __init__(self, channel: GuestChannel, descriptor: int) -> None:
        self._channel = channel
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _WRITE_BYTES):
            self._channel.write(self._descriptor, bytes(view[start : start + _WRITE_BYTES]))
        return len(view)

    def finish(self) -> None:
        """Nothing was kept back."""
