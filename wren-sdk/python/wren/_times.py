"""RFC 3339 text as ``datetime``."""

from __future__ import annotations

from datetime import datetime


def parse_instant(text: str) -> datetime:
    """Returns the instant; its time zone is the text's offset.

    Before Python 3.11 ``datetime.fromisoformat`` knew neither "Z" nor fractions of other than three or six digits.
    """
    text = text.strip()
    if text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    whole, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{whole}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"
    return datetime.fromisoformat(text)
