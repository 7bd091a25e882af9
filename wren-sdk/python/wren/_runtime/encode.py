"""From the script's values to JSON, strictly: what would come back different is refused, with its path and a hint.

The walk exists because the encoder behind ``json`` is lenient (keys that are numbers become strings, NaN is written)
and because the platform's parser has limits that Python has not.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The platform's parser stops at 128 levels, and a value travels inside of a frame.
MAX_DEPTH = 100
_MIN_INT = -(2**63)
_MAX_INT = 2**64 - 1

_HINTS = {
    "datetime": "use .isoformat()",
    "date": "use .isoformat()",
    "time": "use .isoformat()",
    "timedelta": "use .total_seconds()",
    "Timestamp": "use .isoformat()",
    "Decimal": "use str(...) to keep every digit, or float(...)",
    "Fraction": "use float(...) or str(...)",
    "complex": "use [value.real, value.imag]",
    "set": "use sorted(...) or list(...)",
    "frozenset": "use sorted(...) or list(...)",
    "deque": "use list(...)",
    "range": "use list(...)",
    "generator": "use list(...)",
    "map": "use list(...)",
    "filter": "use list(...)",
    "zip": "use list(...)",
    "dict_keys": "use list(...)",
    "dict_values": "use list(...)",
    "dict_items": "use dict(...)",
    "bytes": "use .decode() for text, or base64.b64encode(...).decode()",
    "bytearray": "use .decode() for text, or base64.b64encode(...).decode()",
    "memoryview": "use bytes(...) and then base64.b64encode(...).decode()",
    "UUID": "use str(...)",
    "PosixPath": "use str(...)",
    "Match": "use .group() or .groupdict()",
    "DataFrame": 'use .to_dict("records")',
    "ndarray": "use .tolist()",
    "coroutine": "await it",
    "async_generator": "collect it with [item async for item in ...]",
    "function": "call it",
    "method": "call it",
    "Response": "use .json() or .text",
}


class NotJson(Exception):
    """A value has no faithful JSON form."""

    def __init__(self, path: str, problem: str, hint: str | None = None) -> None:
        super().__init__(f"{path} {problem}" + (f"; {hint}" if hint else ""))
        self.path = path
        self.problem = problem
        self.hint = hint


def to_plain(value: Any) -> Any:
    """Returns ``value`` rebuilt of plain dicts, lists, strings, numbers, booleans and None; raises ``NotJson``.

    Tuples become lists. An object with a ``__wren_json__`` method stands for what that returns.
    """
    return _plain(value, "$", 0, set())


def _plain(value: Any, path: str, depth: int, parents: set[int]) -> Any:
    if value is None or value is True or value is False:
        return value
    # Unbound methods of the exact types: a subclass may override anything, and an enum's members are such subclasses.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int.__pos__(value)
        if not _MIN_INT <= number <= _MAX_INT:
            raise NotJson(path, "is an integer of more than 64 bits", "use str(...)")
        return number
    if isinstance(value, float):
        real = float.__pos__(value)
        if real != real or real in (float("inf"), float("-inf")):
            raise NotJson(path, f"is {real}, which JSON does not have", "use None for a missing number")
        return real
    if isinstance(value, (dict, list, tuple)):
        return _container(value, path, depth, parents)
    convert = getattr(type(value), "__wren_json__", None)
    if convert is not None:
        return _plain(convert(value), path, depth + 1, parents)
    raise NotJson(path, f"is a {type(value).__name__}, which is not JSON", _hint(value))


def _container(value: Any, path: str, depth: int, parents: set[int]) -> Any:
    if id(value) in parents:
        raise NotJson(path, "contains itself")
    if depth >= MAX_DEPTH:
        raise NotJson(path, f"is nested more than {MAX_DEPTH} levels deep")
    parents.add(id(value))
    plain: Any
    if isinstance(value, dict):
        plain = {}
        for key, item in list(dict.items(value)):
            if not isinstance(key, str):
                raise NotJson(path, f"has the key {_brief(key)}, which is a {type(key).__name__}", "use str(key)")
            name = str.__str__(key)
            plain[name] = _plain(item, path + _step(name), depth + 1, parents)
    else:
        items = list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value)
        plain = [_plain(item, f"{path}[{index}]", depth + 1, parents) for index, item in enumerate(items)]
    parents.discard(id(value))
    return plain


def _step(name: str) -> str:
    return "." + name if name.isidentifier() else f"[{_brief(name)}]"


def _brief(value: object) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else text[:57] + "..."


def _hint(value: object) -> str | None:
    kind = type(value)
    for base in kind.__mro__:
        if base.__name__ in _HINTS:
            return _HINTS[base.__name__]
    # A script's own Enum is recognised by its base, a dataclass, a model or an array by what it can do.
    if any(base.__name__ == "Enum" for base in kind.__mro__):
        return "use .value"
    if hasattr(kind, "__dataclass_fields__"):
        return "use dataclasses.asdict(...)"
    for method in ("model_dump", "tolist", "to_dict"):
        if callable(getattr(kind, method, None)):
            return f"use .{method}()"
    return "return a dict, a list, a string, a number, a boolean or None"
