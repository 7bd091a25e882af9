"""Emails, as handlers receive them and as ``wren.gmail`` returns them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any


class Attachment:
    """A file that came with an email; its bytes are decoded when they are first read.

    ``gmail.inbox`` leaves the bytes out, and so does ``gmail.get`` where they are too many; ``size`` is there all the same.
    """

    __slots__ = ("_content", "_encoded", "content_type", "filename", "size")

    def __init__(
        self,
        filename: str,
        content_type: str = "application/octet-stream",
        encoded: str | None = "",
        size: int | None = None,
    ) -> None:
        self.filename = filename
        self.content_type = content_type
        self._encoded = encoded
        self._content: bytes | None = None
        if size is None:
            # Base64 has four characters, padding included, for three bytes.
            size = len(encoded) // 4 * 3 - encoded[-2:].count("=") if encoded else 0
        #: In bytes.
        self.size = size

    @property
    def content(self) -> bytes:
        """The file's bytes; an error where the email came without them."""
        if self._encoded is None:
            from .errors import AgentFixableError

            raise AgentFixableError(
                f"the {self.size} bytes of the attachment {self.filename!r} are not here",
                code="INVALID_REQUEST",
                hint="gmail.get(email.id) has the bytes of attachments, up to 4 MiB for all of an email",
            )
        if self._content is None:
            from binascii import a2b_base64

            self._content = a2b_base64(self._encoded)
        return self._content

    @property
    def text(self) -> str:
        """The file as UTF-8 text; bytes that are none are replaced."""
        return self.content.decode("utf-8", "replace")

    def __wren_json__(self) -> dict[str, Any]:
        # Without the bytes: neither a prompt nor a result wants them, and a script that does has `content`.
        return {"filename": self.filename, "content_type": self.content_type, "size": self.size}

    def __repr__(self) -> str:
        return f"Attachment({self.filename!r}, {self.content_type!r}, {self.size} bytes)"


class Email:
    """One email.

    It can be given to ``wren.ai``, kept in ``wren.state`` and returned as a result, as JSON without the bytes of its
    attachments.
    """

    __slots__ = (
        "_date",
        "attachments",
        "cc",
        "from_",
        "headers",
        "html",
        "id",
        "message_id",
        "subject",
        "text",
        "to",
        "truncated",
        "verified_sender",
    )

    def __init__(
        self,
        *,
        from_: str = "",
        to: list[str] | None = None,
        cc: list[str] | None = None,
        subject: str = "",
        date: str | None = None,
        text: str = "",
        html: str | None = None,
        headers: dict[str, str] | None = None,
        attachments: list[Attachment] | None = None,
        message_id: str | None = None,
        verified_sender: bool = False,
        id: str | None = None,
        truncated: bool = False,
    ) -> None:
        #: The sender, as the email claims it; ``verified_sender`` says whether to believe that.
        self.from_ = from_
        self.to = to or []
        self.cc = cc or []
        self.subject = subject
        self.text = text
        #: The HTML version, or None when the email has none.
        self.html = html
        self.headers = headers or {}
        self.attachments = attachments or []
        #: The Message-ID header, or None.
        self.message_id = message_id
        #: Whether the platform checked that the sender's domain really sent it.
        self.verified_sender = verified_sender
        #: The provider's own id, which ``wren.gmail`` takes; None in a handler.
        self.id = id
        #: Whether the platform left something out, since the email is too long or too tangled to be given as a whole.
        self.truncated = truncated
        self._date = date

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Email:
        """Returns the email that an event describes; the keys are the attributes' names, with ``from`` for ``from_``.

        An attachment has ``filename``, ``content_type``, ``content`` (base64; absent where the bytes were left out) and
        ``size`` (bytes).
        """
        return cls(
            from_=event.get("from") or "",
            to=_addresses(event.get("to")),
            cc=_addresses(event.get("cc")),
            subject=event.get("subject") or "",
            date=event.get("date"),
            text=event.get("text") or "",
            html=event.get("html"),
            headers=dict(event.get("headers") or {}),
            attachments=[_attachment(one) for one in event.get("attachments") or ()],
            message_id=event.get("message_id"),
            verified_sender=bool(event.get("verified_sender")),
            id=event.get("id"),
            truncated=bool(event.get("truncated")),
        )

    @property
    def date(self) -> datetime | None:
        """When it was sent, with a time zone; None when the email does not say."""
        if not self._date:
            return None
        from ._times import parse_instant

        return parse_instant(self._date)

    def __wren_json__(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "message_id": self.message_id,
            "from": self.from_,
            "to": self.to,
            "cc": self.cc,
            "subject": self.subject,
            "date": self._date,
            "text": self.text,
            "html": None if self.text else self.html,
            "attachments": self.attachments,
            "verified_sender": self.verified_sender,
        }

    def __repr__(self) -> str:
        return f"Email(from_={self.from_!r}, subject={self.subject!r})"


def _addresses(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _attachment(event: dict[str, Any]) -> Attachment:
    return Attachment(
        event.get("filename") or "attachment",
        event.get("content_type") or "application/octet-stream",
        event.get("content"),
        event.get("size"),
    )
