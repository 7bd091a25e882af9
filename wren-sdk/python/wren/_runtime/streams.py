"""The script's standard streams.

The bottom layer is an executor's own; where it is a channel, output travels as ``log`` frames, which keeps the two streams
in the script's own order. The text and buffer layers are the interpreter's own, so ``sys.stdout.buffer``, ``reconfigure``
and the rest behave as scripts expect.
"""

from __future__ import annotations

import codecs
import io
import sys

try:
    import posix as _os
except ImportError:
    import os as _os  # type: ignore[no-redef]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from wren._runtime.channel import Channel

    class BottomLayer(Protocol):
        """An ``io.RawIOBase`` that can be written to."""

        def finish(self) -> None:
            """Sends what it kept back."""

_write = _os.write

# The protocol's limit for the text of one `log` frame, in bytes of UTF-8.
LOG_BYTES = 64 * 1024
# A character is at most 4 bytes, so a slice of this many characters always fits.
_SAFE_CHARACTERS = LOG_BYTES // 4
# What the decoder may have kept back from the slice before: the first bytes of an unfinished character.
_CARRY_BYTES = 3


class LogStream(io.RawIOBase):
    """The bottom layer of one stream on a channel: turns bytes into frames."""

    def __init__(self, channel: Channel, name: str, fd: int) -> None:
        self._channel = channel
        self._name = name
        self._fd = fd
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        # The real descriptor, so that `subprocess.run(..., stdout=sys.stdout)` works.
        return self._fd

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self._channel.forked:
            return _write(self._fd, view)
        step = LOG_BYTES - _CARRY_BYTES
        for start in range(0, len(view), step):
            self._send(self._decoder.decode(bytes(view[start : start + step])))
        return len(view)

    def finish(self) -> None:
        """Sends what is left of an unfinished character, as the replacement character."""
        if not self._channel.forked:
            self._send(self._decoder.decode(b"", True))

    def _send(self, text: str) -> None:
        if not text:
            return
        # Bytes that are not UTF-8 triple in size when they are replaced.
        step = len(text) if len(text.encode("utf-8")) <= LOG_BYTES else _SAFE_CHARACTERS
        for start in range(0, len(text), step):
            self._channel.send({"t": "log", "s": self._name, "d": text[start : start + step]})


class Output:
    """Both streams as the runtime installed them, whatever the script has put into ``sys`` since."""

    def __init__(self, stdout: BottomLayer, stderr: BottomLayer) -> None:
        self._raw = (stdout, stderr)
        self.stdout, self.stderr = (
            io.TextIOWrapper(
                io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
            )
            for raw in self._raw
        )

    def finish(self) -> None:
        """Sends everything that was written and not sent yet."""
        # The script's own streams first, as they may write to ours: a common line wraps `sys.stdout.buffer` anew.
        names = ("stdout", "stderr", "__stdout__", "__stderr__")
        for stream in (*(getattr(sys, name, None) for name in names), self.stdout, self.stderr):
            try:
                stream.flush()  # type: ignore[union-attr]
            except BaseException:
                # It is closed, which flushed it, or it is None or an object of the script's that raises anything.
                pass
        for raw in self._raw:
            raw.finish()


def of_channel(channel: Channel) -> tuple[LogStream, LogStream]:
    """Returns the bottom layers of standard output and standard error on a channel."""
    return LogStream(channel, "stdout", 1), LogStream(channel, "stderr", 2)


def install(stdout: BottomLayer, stderr: BottomLayer) -> Output:
    """Replaces the standard streams: output goes to these layers, input is at its end."""
    output = Output(stdout, stderr)
    sys.stdout = sys.__stdout__ = output.stdout  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = output.stderr  # type: ignore[misc]
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO(b""), encoding="utf-8")  # type: ignore[misc]
    return output
