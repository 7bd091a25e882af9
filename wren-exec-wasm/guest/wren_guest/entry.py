"""The component's exports."""

from __future__ import annotations

import marshal
import os
import warnings

import wit_world
from wit_world.imports import platform
from wren._codec import loads
from wren._runtime import session, streams
from wren._runtime.channel import encode
from wren._runtime.failures import UNDESCRIBED
from wren._runtime.loading import Script

from .absent import UNAVAILABLE
from .channel import GuestChannel, GuestStream


class _Build:
    """Stands for the platform while the guest is made: what is printed then says why that fails."""

    @staticmethod
    def write(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data)

    finish = call = platform.call


channel = GuestChannel(_Build)
# Before the snapshot, so that no run has to: a script finds its streams in place.
output = streams.install(GuestStream(channel, 1), GuestStream(channel, 2))
# Bound here, as a script may replace what the modules hold.
_marshal_loads = marshal.loads


class WitWorld(wit_world.WitWorld):
    """One use of one instance: `compile`, then at most one of the others."""

    def compile(self, source: str, filename: str) -> bytes:
        """Returns the script's byte code, or nothing when it does not compile: then a run says why."""
        with warnings.catch_warnings():
            # Its own run would not show them again, so nobody sees them here either.
            warnings.simplefilter("ignore")
            try:
                return marshal.dumps(Script(filename, source).compile())
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
                return b""

    def inspect(self, job: bytes, code: bytes) -> bytes:
        """Imports the script and returns the `inspection`."""
        return serve(job, code)

    def run(self, job: bytes, code: bytes) -> bytes:
        """Runs the job's function and returns the `result`."""
        return serve(job, code)


def connect() -> None:
    """Speaks to the platform from now on."""
    channel.connect(platform)


def serve(job: bytes, code: bytes) -> bytes:
    """Does the job and returns its last frame."""
    compiled = _marshal_loads(code) if code else None
    frame = loads(str(job, "utf-8"))
    try:
        session.serve(frame, channel, output, unavailable=UNAVAILABLE, code=compiled)
    except BaseException:
        # An exception here would be a fault of the guest's; whatever it is, the script made it come.
        if channel.last is None:
            kind = "inspection" if frame.get("mode") == "inspect" else "result"
            channel.last = encode({"t": kind, "error": UNDESCRIBED})
    return channel.last or b""
