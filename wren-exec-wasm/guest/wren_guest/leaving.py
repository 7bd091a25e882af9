"""``os._exit`` with its status, which WASI has no word for."""

from __future__ import annotations

import os
from operator import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .channel import GuestChannel


def install(channel: GuestChannel) -> None:
    """Replaces ``os._exit``."""

    def _exit(status: int) -> None:
        """Exit to the system with specified status, without normal exit processing."""
        message = f"the process ended with status {index(status) & 0xFF} before the function returned"
        error = {"type": "AgentFixableError", "code": "SCRIPT_EXCEPTION", "message": message}
        channel.send_and_exit({"t": "result", "error": error})

    _exit.__module__, _exit.__qualname__ = "posix", "_exit"
    os._exit = _exit  # type: ignore[assignment]
