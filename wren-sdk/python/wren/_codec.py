"""JSON without the ``json`` package, which would double an interpreter's start-up time by importing ``re``.

The C accelerator behind ``json`` has had the same two entry points since Python 3.2. Where it is missing or behaves
differently, the package itself is used: slower to start, the same on the wire.

Both functions hold their own references, so a script that replaces ``json.dumps`` cannot break a frame.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class _ScannerSettings:
    """What the C scanner reads its options from."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    # Neither NaN nor Infinity is JSON; a host that sends one is broken.
    parse_constant = None


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is not JSON")


def _accelerated() -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    from _json import encode_basestring, make_encoder, make_scanner

    settings: Any = _ScannerSettings
    scan = make_scanner(settings)

    def dumps(value: Any) -> str:
        # The first argument is the set of containers being written, which finds cycles; it is fresh for each call.
        encoder = make_encoder({}, _refuse, encode_basestring, None, ":", ",", False, False, False)
        return "".join(encoder(value, 0))

    def loads(text: str) -> Any:
        text = text.strip(" \t\r\n")
        try:
            value, end = scan(text, 0)
        except StopIteration:
            raise ValueError("malformed JSON") from None
        if end != len(text):
            raise ValueError("text after the end of the JSON value")
        return value

    probe = {"a": [1, 2.5, None, True, "\u00e9\n"]}
    if loads(dumps(probe)) != probe:
        raise ImportError("the JSON accelerator behaves differently")
    return dumps, loads


def _portable() -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    import json

    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    decoder = json.JSONDecoder()
    return encoder.encode, decoder.decode


try:
    dumps, loads = _accelerated()
except Exception:
    dumps, loads = _portable()
