"""One session over an inherited socket, after which the process ends."""

from __future__ import annotations

from wren._runtime import session, streams
from wren._runtime.socket_channel import SocketChannel, exit_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(fd: int) -> NoReturn:
    """Serves the one job that arrives on ``fd`` and ends the process."""
    channel = SocketChannel(fd)
    status = 1
    try:
        output = streams.install(*streams.of_channel(channel))
        # A platform that died meanwhile sends no job: the end of the connection ends this process before any script.
        channel.greet()
        returned = session.serve(channel.receive(), channel, output)
        # Success, since the last frame has said the rest; a child has nothing but its status to say it with.
        status = returned if channel.forked else 0
    finally:
        # Not `sys.exit`: a daemon thread must not outlive the result. An exception on its way out is an I/O error of
        # a host that is gone, and there is nobody left to tell.
        exit_now(status)
