"""The user's Gmail. Importing this module declares that the script uses it.

The platform adds the credentials; the script never sees them.
"""

from __future__ import annotations

from . import _host
from ._email import Email
from .registry import declare_integration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Union

    Addresses = Union[str, Sequence[str]]

__all__ = ["get", "inbox", "label", "send"]

declare_integration("gmail")


def inbox(*, unread: bool | None = None, limit: int = 20, query: str | None = None) -> list[Email]:
    """Returns the newest emails of the inbox, the newest first, at most ``limit`` (1 to 500), without attachments' bytes.

    ``unread`` keeps only unread emails when true, only read ones when false. ``query`` is a Gmail search such as
    "from:acme.com newer_than:2d".
    """
    found = _call("inbox", {"unread": unread, "limit": limit, "query": query})
    return [Email.from_event(one) for one in found]


def get(id: str) -> Email:
    """Returns one email by its ``Email.id``, with the bytes of its attachments: those that fit into 4 MiB together."""
    return Email.from_event(_call("get", {"id": id}))


def send(
    *,
    to: Addresses,
    subject: str,
    body: str = "",
    html: str | None = None,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    reply_to: str | None = None,
) -> str:
    """Sends an email and returns its id.

    An address is "ada@example.com" or "Ada <ada@example.com>". ``body`` is the plain text, ``html`` an HTML version
    beside it. ``reply_to`` is the ``Email.id`` that it answers, so that both stand in one conversation; with an empty
    ``subject`` it has that of the email, after "Re:".
    """
    args = {
        "to": _addresses(to),
        "subject": subject,
        "body": body,
        "html": html,
        "cc": _addresses(cc),
        "bcc": _addresses(bcc),
        "reply_to": reply_to,
    }
    return str(_call("send", args)["id"])


def label(id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
    """Adds labels to an email and removes others, by their names; a label to add is made when it is not there.

    "UNREAD", "STARRED" and "INBOX" are Gmail's own: removing "INBOX" archives the email.
    """
    _call("label", {"id": id, "add": list(add), "remove": list(remove)})


def _call(action: str, args: dict[str, Any]) -> Any:
    request = {"integration": "gmail", "action": action, "args": args}
    return _host.call("integration.call", request, what=f"wren.gmail.{action}()")


def _addresses(value: Addresses | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
