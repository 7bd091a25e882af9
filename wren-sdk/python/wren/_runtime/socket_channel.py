"""Frames over a connected stream socket: a 4-byte big-endian length, then UTF-8 JSON.

Everything used after the script was loaded is bound here by name, because a script may replace what modules hold.
"""

from __future__ import annotations

from _thread import RLock, allocate_lock, get_ident

# `posix` is built in and already loaded; `os` would be an import, and a script can replace its functions.
try:
    import posix as _os
except ImportError:
    import os as _os  # type: ignore[no-redef]

from wren._codec import loads
from wren._runtime.channel import (
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    FrameTooLarge,
    answer,
    call_error,
    encode,
    refused,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_read = _os.read
_write = _os.write
_close = _os.close
exit_now = _os._exit


class _Waiter:
    """A thread that waits for the reply to one call."""

    __slots__ = ("reply", "signal")

    def __init__(self) -> None:
        self.reply: dict[str, Any] | None = None
        # A held lock stands for an unset event; `threading.Event` would import `threading`.
        self.signal = allocate_lock()
        self.signal.acquire()

    def wake(self) -> None:
        try:
            self.signal.release()
        except RuntimeError:
            # It was woken before and has not run yet.
            pass


class SocketChannel:
    """The process executor's channel."""

    def __init__(self, fd: int) -> None:
        self.forked = False
        self._fd = fd
        self._received = bytearray()
        # Reentrant, so that a signal handler or a finaliser that prints can find out that it interrupted a write.
        self._write_lock = RLock()
        self._writer: int | None = None
        self._unsent: list[bytes] = []
        self._last: bytes | None = None
        self._calls_lock = allocate_lock()
        self._reader_lock = allocate_lock()
        self._last_id = 0
        self._waiting: dict[int, _Waiter] = {}
        # Programs that the script starts must not inherit the connection.
        _os.set_inheritable(fd, False)
        if hasattr(_os, "register_at_fork"):
            _os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        self.forked = True
        _close(self._fd)

    def greet(self) -> None:
        """Tells the platform that this process is here, which then sends the job."""
        self.send({"t": "hello", "v": PROTOCOL_VERSION})

    def receive(self) -> dict[str, Any]:
        """Returns the next frame; raises ``EOFError`` when the platform has closed the connection."""
        size = int.from_bytes(self._take(4), "big")
        if size > MAX_FRAME_BYTES:
            raise FrameTooLarge(size)
        frame = loads(self._take(4 + size)[4:].decode("utf-8"))
        del self._received[: 4 + size]
        if not isinstance(frame, dict):
            raise ValueError("a frame must be an object")
        return frame

    def _take(self, size: int) -> bytes:
        # Bytes stay in the buffer until their frame is whole: a signal handler that raises loses nothing.
        while len(self._received) < size:
            chunk = _read(self._fd, 65536)
            if not chunk:
                raise EOFError("the platform closed the connection")
            self._received += chunk
        return bytes(self._received[:size])

    def send(self, frame: dict[str, Any]) -> None:
        """Sends one frame; frames of one thread arrive in the order in which they were sent."""
        if not self.forked:
            self.send_encoded(encode(frame))

    def send_and_exit(self, frame: dict[str, Any]) -> None:
        """Sends one frame and ends the process, once a write that this call interrupts is done."""
        body = encode(frame)
        self._last = len(body).to_bytes(4, "big") + body
        if self._writer != get_ident():
            with self._write_lock:
                self._write_unsent()
                self._exit_after_last()

    def send_encoded(self, body: bytes) -> None:
        """Sends one frame whose JSON is written already."""
        self._unsent.append(len(body).to_bytes(4, "big") + body)
        if self._writer == get_ident():
            # This call interrupted a write of the same thread, which sends the frame once it is done with its own.
            return
        with self._write_lock:
            self._writer = get_ident()
            try:
                self._write_unsent()
            finally:
                self._writer = None
            # Here and not in the loop: the handler may have run after the loop had found nothing left to write.
            self._exit_after_last()

    def _write_unsent(self) -> None:
        while self._unsent:
            sent = _write(self._fd, self._unsent[0])
            rest = self._unsent[0][sent:]
            if rest:
                self._unsent[0] = rest
                continue
            del self._unsent[0]
            if self._last is not None:
                # What other threads still have to say would come after the last frame.
                return

    def _exit_after_last(self) -> None:
        if self._last is not None:
            while self._last:
                self._last = self._last[_write(self._fd, self._last) :]
            exit_now(0)

    def call(self, op: str, args: dict[str, Any]) -> Any:
        """Asks the platform and waits; several threads may have calls under way at once."""
        if self.forked:
            raise call_error("a forked child process cannot call the platform", "INVALID_REQUEST", agent=True)
        waiter = _Waiter()
        with self._calls_lock:
            self._last_id += 1
            call_id = self._last_id
            self._waiting[call_id] = waiter
        try:
            self.send({"t": "call", "id": call_id, "op": op, "args": args})
            reply = self._await(waiter)
        except FrameTooLarge as error:
            raise refused(op, error) from None
        except (EOFError, OSError) as error:
            raise call_error(f"the platform is gone: {error}", "EXECUTOR_UNAVAILABLE", agent=False) from None
        finally:
            self._waiting.pop(call_id, None)
        return answer(reply)

    def _await(self, waiter: _Waiter) -> dict[str, Any]:
        # Whichever waiting thread holds the reader's lock reads for all of them. When it has its own reply, it wakes
        # another to read on.
        while waiter.reply is None:
            if not self._reader_lock.acquire(False):
                waiter.signal.acquire()
                continue
            try:
                while waiter.reply is None:
                    self._deliver(self.receive())
            finally:
                self._reader_lock.release()
                for other in list(self._waiting.values()):
                    if other is not waiter and other.reply is None:
                        other.wake()
                        break
        return waiter.reply

    def _deliver(self, frame: dict[str, Any]) -> None:
        waiter = self._waiting.get(frame.get("id", 0))
        # A call that was abandoned by an exception has no waiter any more; its late reply is dropped.
        if frame.get("t") == "reply" and waiter is not None:
            waiter.reply = frame
            waiter.wake()
