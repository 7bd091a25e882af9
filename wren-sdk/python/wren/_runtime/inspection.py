"""What the platform learns from importing a script."""

from __future__ import annotations

import sys

from wren import registry
from wren._runtime.signature import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wren._runtime.signature import Signature


def report(names: dict[str, Any], error: dict[str, Any] | None) -> dict[str, Any]:
    """Returns the ``inspection`` frame; what was registered before an error is part of it.

    ``names`` are the module's, in which a run looks its function up.
    """
    return {
        "t": "inspection",
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "triggers": [_trigger(trigger, names) for trigger in registry.triggers()],
        "integrations": registry.integrations(),
        "error": error,
    }


def _trigger(trigger: registry.Trigger, names: dict[str, Any]) -> dict[str, Any]:
    func, problems = trigger.func, trigger.problems
    if trigger.unfindable is not None:
        # Another decorator made the function and did not keep its name, so the name is the one the script gave it.
        held_as = [name for name, value in list(names.items()) if value is trigger.function]
        if len(held_as) == 1:
            func = held_as[0]
        else:
            problems = [*problems, trigger.unfindable]
    wire: dict[str, Any] = {
        "type": trigger.type,
        "func": func,
        "line": trigger.line,
        "config": trigger.config,
        "problems": problems,
    }
    takes = _signature(trigger, names.get(func))
    if takes is not None:
        wire["signature"] = takes.to_wire()
    return wire


def _signature(trigger: registry.Trigger, held: Any) -> Signature | None:
    if trigger.function is None:
        return None
    try:
        # A decorator above ours may have replaced the function: what a run calls is what the module holds.
        return signature(held if callable(held) else trigger.function)
    except Exception:
        # A callable of the script's own class may raise anything when it is looked at.
        return None
