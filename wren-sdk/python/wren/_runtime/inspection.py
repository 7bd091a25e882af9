"""What the platform learns from importing a script."""

from __future__ import annotations

import sys

from wren import registry
from wren._runtime.signature import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def report(error: dict[str, Any] | None) -> dict[str, Any]:
    """Returns the ``inspection`` frame; what was registered before an error is part of it."""
    return {
        "t": "inspection",
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "triggers": [_trigger(trigger) for trigger in registry.triggers()],
        "integrations": registry.integrations(),
        "error": error,
    }


def _trigger(trigger: registry.Trigger) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "type": trigger.type,
        "func": trigger.func,
        "line": trigger.line,
        "config": trigger.config,
        "problems": trigger.problems,
    }
    takes = signature(trigger.function) if trigger.function is not None else None
    if takes is not None:
        wire["signature"] = takes.to_wire()
    return wire
