"""Finds the trigger's function and calls it with what its trigger passes."""

from __future__ import annotations

from wren import registry
from wren._runtime.signature import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


def find(module: ModuleType, name: str) -> Callable[..., Any]:
    """Returns the function of that name: the module's, else one that a decorator saw."""
    function: Callable[..., Any] | None = vars(module).get(name)
    if function is None:
        # Last first, as a later definition of a name replaces an earlier one.
        for trigger in reversed(registry.triggers()):
            if trigger.func == name and trigger.function is not None:
                return trigger.function
    if callable(function):
        return function
    from wren._suggest import closest
    from wren.errors import AgentFixableError

    if function is not None:
        message = f"`{name}` is a {type(function).__name__}, not a function"
        raise AgentFixableError(message, code="FUNCTION_NOT_FOUND")
    known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    match = closest(name, known, cutoff=0.6)
    hint = f"did you mean `{match}`?" if match else "define it at the top level of the script"
    raise AgentFixableError(f"the script has no function `{name}`", code="FUNCTION_NOT_FOUND", hint=hint)


def call(function: Callable[..., Any], name: str, trigger: str, event: Any) -> Any:
    """Calls the function and returns its result; a coroutine is run to its end first."""
    result = function(*_arguments(function, name, trigger, event))
    if hasattr(result, "__await__"):
        # Imported here: asyncio takes longer to import than a bare interpreter takes to start.
        import asyncio

        return asyncio.run(_wait_for(result))
    return result


async def _wait_for(awaitable: Any) -> Any:
    return await awaitable


def _arguments(function: Callable[..., Any], name: str, trigger: str, event: Any) -> tuple[Any, ...]:
    takes = signature(function)
    if takes is None:
        return () if event is None else (_shape(event, function, name, trigger),)
    passed: tuple[Any, ...] = ()
    # A handler that has no use for the event may leave it out.
    if event is not None and trigger != "schedule" and takes.max != 0:
        passed = (_shape(event, function, name, trigger),)
    if takes.required > len(passed) or takes.required_keywords:
        raise _cannot_call(name, trigger, takes.required, len(passed), takes.required_keywords)
    return passed


def _shape(event: Any, function: Callable[..., Any], name: str, trigger: str) -> Any:
    is_email = trigger == "email"
    if trigger == "manual":
        # A run by hand stands in for the trigger that the function has, under whichever name a decorator saw it.
        is_email = any(
            known.type == "email" and (known.func == name or known.function is function)
            for known in registry.triggers()
        )
    if is_email and isinstance(event, dict):
        from wren._email import Email

        return Email.from_event(event)
    return event


def _cannot_call(name: str, trigger: str, required: int, passed: int, keywords: list[str]) -> Exception:
    from wren.errors import AgentFixableError

    if required > passed:
        plural = "s" * (required != 1)
        message = f"`{name}` requires {required} argument{plural}, a {trigger} run passes {passed or 'none'}"
        if trigger == "manual" and not passed:
            hint = "run it with an event, or give the argument a default"
        else:
            hint = "give the others defaults, or remove them"
    else:
        message = f"`{name}` requires the keyword argument `{keywords[0]}`, which no trigger passes"
        hint = f"give `{keywords[0]}` a default"
    return AgentFixableError(message, code="FUNCTION_SIGNATURE", hint=hint)
