"""Finds the name that a misspelt one was meant to be."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def closest(name: str, known: Iterable[str], cutoff: float = 0.7) -> str | None:
    """Returns the known name most like ``name``, or None when none is close."""
    # Imported here: only a script that is already failing pays for it.
    import difflib

    matches = difflib.get_close_matches(name, sorted(set(known)), n=1, cutoff=cutoff)
    return matches[0] if matches else None
