"""What the script declared so far: its triggers and its integrations.

Filled by the decorators and by importing integrations, read by the runtime when the platform inspects a script.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["Trigger", "integrations", "triggers"]


class Trigger:
    """One decorator on one function."""

    __slots__ = ("config", "func", "function", "line", "problems", "type", "unfindable")

    def __init__(
        self,
        type: str,
        func: str,
        line: int,
        config: dict[str, Any],
        problems: list[str],
        function: Callable[..., Any] | None,
        unfindable: str | None = None,
    ) -> None:
        self.type = type
        self.func = func
        self.line = line
        self.config = config
        self.problems = problems
        self.function = function
        # The problem that the function has unless the module holds it under a name: `func` is not that name.
        self.unfindable = unfindable

    def __repr__(self) -> str:
        return f"Trigger({self.type!r}, func={self.func!r}, line={self.line}, config={self.config!r})"


_triggers: list[Trigger] = []
# A dict because it keeps the order of the declarations and each of them once.
_integrations: dict[str, None] = {}


def triggers() -> list[Trigger]:
    """Returns the triggers, in the order in which the decorators were applied."""
    return list(_triggers)


def integrations() -> list[str]:
    """Returns the names of the integrations that were imported, in the order of their first import."""
    return list(_integrations)


def add_trigger(trigger: Trigger) -> None:
    """Records a trigger."""
    _triggers.append(trigger)


def declare_integration(name: str) -> None:
    """Records that the script uses an integration."""
    _integrations[name] = None


def clear() -> None:
    """Forgets the triggers and the integrations, before another script is loaded into the same interpreter."""
    _triggers.clear()
    _integrations.clear()
