"""The user's Slack workspace. Importing this module declares that the script uses it.

The platform adds the credentials; the script never sees them. A message is identified by its channel and its ``ts``.
"""

from __future__ import annotations

from . import _host
from .registry import declare_integration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["history", "post", "react", "update"]

declare_integration("slack")


def post(
    channel: str, text: str = "", *, blocks: Sequence[dict[str, Any]] | None = None, thread_ts: str | None = None
) -> str:
    """Posts a message and returns its ``ts``.

    ``channel`` is a name such as "#general" or an id, ``blocks`` Slack's Block Kit, ``thread_ts`` the message to answer
    in its thread.
    """
    args = {
        "channel": channel,
        "text": text,
        "blocks": None if blocks is None else list(blocks),
        "thread_ts": thread_ts,
    }
    return str(_call("post", args)["ts"])


def update(channel: str, ts: str, text: str = "", *, blocks: Sequence[dict[str, Any]] | None = None) -> None:
    """Replaces the text of a message that this integration posted."""
    _call("update", {"channel": channel, "ts": ts, "text": text, "blocks": None if blocks is None else list(blocks)})


def react(channel: str, ts: str, emoji: str) -> None:
    """Adds a reaction, such as "thumbsup", to a message."""
    _call("react", {"channel": channel, "ts": ts, "emoji": emoji.strip(":")})


def history(channel: str, *, limit: int = 20) -> list[dict[str, Any]]:
    """Returns the newest messages of a channel, newest first, at most ``limit``, as Slack describes them."""
    return list(_call("history", {"channel": channel, "limit": limit}))


def _call(action: str, args: dict[str, Any]) -> Any:
    request = {"integration": "slack", "action": action, "args": args}
    return _host.call("integration.call", request, what=f"wren.slack.{action}()")
