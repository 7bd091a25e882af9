"""What a handler can be called with.

Reads plain functions' code objects; ``inspect`` is imported for other callables only, since a run has no need of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_VARARGS = 0x04


class Signature:
    """How many positional arguments a callable requires and takes, and the keywords that it insists on."""

    __slots__ = ("max", "required", "required_keywords")

    def __init__(self, required: int, max: int | None, required_keywords: list[str]) -> None:
        self.required = required
        # None when it takes any number.
        self.max = max
        self.required_keywords = required_keywords

    def to_wire(self) -> dict[str, Any]:
        """Returns the signature as the protocol writes it."""
        return {"required": self.required, "max": self.max, "required_keywords": self.required_keywords}


def signature(function: Callable[..., Any]) -> Signature | None:
    """Returns the signature, or None for a callable that does not tell."""
    code = getattr(function, "__code__", None)
    if code is not None and not hasattr(function, "__wrapped__") and not hasattr(function, "__self__"):
        return _of_function(function, code)
    return _of_callable(function)


def _of_function(function: Any, code: Any) -> Signature:
    count = code.co_argcount
    keywords = code.co_varnames[count : count + code.co_kwonlyargcount]
    defaults = function.__kwdefaults__ or {}
    return Signature(
        count - len(function.__defaults__ or ()),
        None if code.co_flags & _VARARGS else count,
        [name for name in keywords if name not in defaults],
    )


def _of_callable(function: Callable[..., Any]) -> Signature | None:
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return Signature(
        sum(p.default is p.empty for p in positional),
        None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(positional),
        [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty],
    )
