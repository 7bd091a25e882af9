"""What a deployment remembers between runs."""

from __future__ import annotations

from _collections_abc import MutableMapping

from . import _host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Base = MutableMapping[str, Any]
else:
    # `typing.Any` would be an import for nothing: only checkers read the parameters.
    Base = MutableMapping


class State(Base):
    """A mapping from text to JSON values, kept per deployment across runs and revisions.

    Each operation is a call to the platform: reading returns a copy, and changing that copy changes nothing that is
    kept. Assign it again:

        seen = wren.state.get("seen", [])
        seen.append(42)
        wren.state["seen"] = seen

    ``items()`` and ``values()`` ask once for each key.
    """

    def __getitem__(self, key: str) -> Any:
        answer = self._call("state.get", {"key": _checked(key)})
        if not answer["found"]:
            raise KeyError(key)
        return answer["value"]

    def __setitem__(self, key: str, value: Any) -> None:
        self._call("state.set", {"key": _checked(key), "value": value})

    def __delitem__(self, key: str) -> None:
        if not self._call("state.delete", {"key": _checked(key)})["found"]:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self._call("state.get", {"key": key})["found"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._call("state.list", {})["keys"])

    def __len__(self) -> int:
        return len(self._call("state.list", {})["keys"])

    def __bool__(self) -> bool:
        return len(self) > 0

    def clear(self) -> None:
        """Deletes every key."""
        # The inherited method asks three times for each key.
        for key in self:
            self._call("state.delete", {"key": key})

    def __repr__(self) -> str:
        # Shows no content: a debugger that displays it must not call the platform.
        return "wren.state"

    def _call(self, op: str, args: dict[str, Any]) -> Any:
        return _host.call(op, args, what="wren.state")


def _checked(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the keys of wren.state are strings, not {type(key).__name__}")
    return key


state = State()
