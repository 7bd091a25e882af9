"""The decorators that declare triggers.

They record what they were given and judge nothing: values are checked in one place, by the platform, which reports all
that is wrong at once. For the same reason a decorator never raises; what it cannot record becomes a problem of its
trigger. An argument that is None counts as not passed.

Durations are written like "90s", "5m", "2h" or "1d", or given as ``datetime.timedelta``. Instants are RFC 3339 text or
``datetime.datetime``.
"""

from __future__ import annotations

import sys

from .registry import Trigger, add_trigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta, tzinfo
    from re import Pattern
    from typing import Any, Callable, Literal, TypeVar, Union, overload

    # Annotated as impossible, so that an editor marks a misspelt keyword which at run time must reach the platform.
    from typing import NoReturn as Never

    F = TypeVar("F", bound=Callable[..., Any])
    Decorator = Callable[[F], F]
    Duration = Union[str, timedelta]
    Instant = Union[str, datetime]
    Text = Union[str, Pattern[str]]
    Texts = Union[Text, Sequence[Text]]
    # The filters of `on_email`, by name; a filter within one may be a dict again.
    Rules = Mapping[str, Any]
    Overlap = Literal["skip", "queue", "allow", "cancel_previous"]
    CatchUp = Literal["latest", "all", "none"]
    Delivery = Literal["at_least_once", "at_most_once"]

__all__ = ["on_email", "on_schedule", "on_webhook"]


def on_schedule(
    cron: str | None = None,
    *extra: Never,
    every: Duration | None = None,
    at: Instant | None = None,
    timezone: str | tzinfo | None = None,
    overlap: Overlap | None = None,
    catch_up: CatchUp | None = None,
    catch_up_window: Duration | None = None,
    jitter: Duration | None = None,
    start: Instant | None = None,
    end: Instant | None = None,
    retries: int | None = None,
    backoff: Duration | None = None,
    timeout: Duration | None = None,
    delivery: Delivery | None = None,
    **unknown: Never,
) -> Callable[[F], F]:
    """Runs the function on a schedule: a cron expression, ``every`` so often, or once ``at`` an instant.

    The function takes no arguments. ``timezone`` is an IANA name such as "Europe/Dublin", UTC when absent.

    - ``overlap``: what happens when a run is due while the one before still runs; skipped by default.
    - ``catch_up``: which of the runs missed while the platform was down are made up for, up to ``catch_up_window`` ago.
    - ``jitter``: delays each run by a random time up to this long.
    - ``start``, ``end``: no run is due before, or after.
    - ``retries``: how often a failed run is tried again, after ``backoff``, which doubles each time.
    - ``timeout``: ends a run that takes longer.
    - ``delivery``: "at_most_once" never repeats a run whose worker died, at the price of losing it.
    """
    config = {
        "cron": cron,
        "every": every,
        "at": at,
        "timezone": timezone,
        "overlap": overlap,
        "catch_up": catch_up,
        "catch_up_window": catch_up_window,
        "jitter": jitter,
        "start": start,
        "end": end,
        "retries": retries,
        "backoff": backoff,
        "timeout": timeout,
        "delivery": delivery,
        **unknown,
    }
    decorate: Callable[[F], F] = _decorator("schedule", "cron", config, extra)
    return decorate


if TYPE_CHECKING:

    @overload
    def on_email(_function: F, /) -> F: ...

    @overload
    def on_email(
        *,
        subject: Texts | None = None,
        from_: Texts | None = None,
        to: Texts | None = None,
        body: Texts | None = None,
        has_attachment: bool | None = None,
        mailbox: Texts | None = None,
        account: str | None = None,
        all: Sequence[Rules] | None = None,
        any: Sequence[Rules] | None = None,
        not_: Rules | Sequence[Rules] | None = None,
        overlap: Overlap | None = None,
        catch_up: Literal["all", "none"] | None = None,
        catch_up_window: Duration | None = None,
        retries: int | None = None,
        backoff: Duration | None = None,
        timeout: Duration | None = None,
        delivery: Delivery | None = None,
    ) -> Callable[[F], F]: ...


def on_email(
    *extra: Any,
    subject: Texts | None = None,
    from_: Texts | None = None,
    to: Texts | None = None,
    body: Texts | None = None,
    has_attachment: bool | None = None,
    mailbox: Texts | None = None,
    account: str | None = None,
    all: Sequence[Rules] | None = None,
    any: Sequence[Rules] | None = None,
    not_: Rules | Sequence[Rules] | None = None,
    overlap: Overlap | None = None,
    catch_up: Literal["all", "none"] | None = None,
    catch_up_window: Duration | None = None,
    retries: int | None = None,
    backoff: Duration | None = None,
    timeout: Duration | None = None,
    delivery: Delivery | None = None,
    **unknown: Any,
) -> Any:
    """Runs the function for each email that arrives and passes all of the filters given; it takes a ``wren.Email``.

    - ``subject``, ``body``: found anywhere in them, in any case. ``*`` stands for any text, ``?`` for one character; text with
      other characters of regular expressions in it is one, and is also found as it is written.
    - ``from_``, ``to``: whole addresses, without names: "billing@acme.com", "*@acme.com". ``to`` is ``Cc``, too.
    - ``mailbox``: names the folder.
    - ``account``: names the credential that the mailbox is reached with, "imap" when absent.
    - ``has_attachment``: whether there is one.
    - ``all``, ``any``, ``not_``: lists of dicts of the same filters, for ``not_`` also one dict.

    A list of texts is any of them. "glob:..." and "re:..." say which of the two a text is; a compiled expression is one.
    Emails that came while nobody watched run all, those of
    the last ``catch_up_window``, or with ``catch_up="none"`` those of the last five minutes. ``retries``, ``backoff``,
    ``timeout``, ``overlap`` and ``delivery`` are those of ``on_schedule``. Without parentheses it matches every email.
    """
    config = {
        "subject": subject,
        "from": from_,
        "to": to,
        "body": body,
        "has_attachment": has_attachment,
        "mailbox": mailbox,
        "account": account,
        "all": all,
        "any": any,
        "not": not_,
        "overlap": overlap,
        "catch_up": catch_up,
        "catch_up_window": catch_up_window,
        "retries": retries,
        "backoff": backoff,
        "timeout": timeout,
        "delivery": delivery,
        **unknown,
    }
    return _decorator("email", None, config, extra)


if TYPE_CHECKING:

    @overload
    def on_webhook(_function: F, /) -> F: ...

    @overload
    def on_webhook(
        path: str | None = None,
        *,
        methods: Sequence[str] | None = None,
        overlap: Overlap | None = None,
        retries: int | None = None,
        backoff: Duration | None = None,
        timeout: Duration | None = None,
        delivery: Delivery | None = None,
    ) -> Callable[[F], F]: ...


def on_webhook(
    path: Any = None,
    *extra: Any,
    methods: Sequence[str] | None = None,
    overlap: Overlap | None = None,
    retries: int | None = None,
    backoff: Duration | None = None,
    timeout: Duration | None = None,
    delivery: Delivery | None = None,
    **unknown: Any,
) -> Any:
    """Runs the function for each request to the trigger's address; it takes the request as a dict.

    ``path`` is the last part of the address, ``methods`` lists the HTTP methods that are accepted. ``retries``,
    ``backoff``, ``timeout``, ``overlap`` and ``delivery`` are those of ``on_schedule``. Works without parentheses.
    """
    config = {
        "path": path,
        "methods": methods,
        "overlap": overlap,
        "retries": retries,
        "backoff": backoff,
        "timeout": timeout,
        "delivery": delivery,
        **unknown,
    }
    return _decorator("webhook", "path", config, extra)


def _decorator(kind: str, positional: str | None, passed: dict[str, Any], extra: Sequence[Any]) -> Any:
    # Two frames up is the script's line with the decorator.
    line = sys._getframe(2).f_lineno
    name = "on_" + kind
    values = [passed[positional]] if positional else []
    values += extra
    if len(values) == 1 and callable(values[0]):
        if positional:
            passed[positional] = None
        problems = []
        if kind == "schedule":
            problems.append('on_schedule needs a schedule: write `@wren.on_schedule("0 9 * * *")`')
        return _record(kind, values[0], line, passed, problems)
    problems = []
    if extra:
        takes = "one positional argument" if positional else "no positional arguments"
        problems.append(f"{name} takes {takes}, got {len(values)}")
    return lambda function: _record(kind, function, line, passed, problems)


def _record(kind: str, function: Any, line: int, passed: dict[str, Any], problems: list[str]) -> Any:
    from ._runtime.encode import to_plain

    # Copied, since one decorator may be kept in a variable and applied to several functions.
    problems = list(problems)
    config: dict[str, Any] = {}
    for key, value in passed.items():
        if value is None:
            continue
        try:
            config[key] = to_plain(_to_config(value))
        except Exception as error:
            problems.append(f"{key} {getattr(error, 'problem', None) or error}")
    name, unfindable = _target(kind, function)
    if not callable(function) or isinstance(function, type):
        problems.append(f"on_{kind} must decorate a function, not {name}")
        unfindable = None
    add_trigger(Trigger(kind, name, line, config, problems, function if callable(function) else None, unfindable))
    return function


def _target(kind: str, function: Any) -> tuple[str, str | None]:
    """Returns the function's own name, and what keeps the platform from finding it under that name."""
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        name = type(function).__name__
        return name, f"on_{kind} must decorate a function with a name, not an object of the class {name}"
    qualified = getattr(function, "__qualname__", name)
    if name == "<lambda>":
        return name, f"on_{kind} must decorate a function with a name, not a lambda"
    if qualified != name:
        problem = f"on_{kind} must decorate a function at the top level of the script, not `{qualified}`"
        if "<locals>" in qualified:
            problem += "; if another decorator made it, that one should use functools.wraps"
        return name, problem
    return name, None


def _to_config(value: Any) -> Any:
    """Returns ``value`` with the types that schedules and filters are naturally given as replaced by text."""
    kind = type(value)
    home = kind.__module__
    # Recognised by name: importing datetime or re to ask would cost every script what few use.
    if home == "datetime" and kind.__name__ == "timedelta":
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    if home == "datetime" and hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "utcoffset") and hasattr(value, "key"):
        # A `zoneinfo.ZoneInfo`.
        return value.key
    if home == "datetime" and hasattr(value, "utcoffset"):
        # `datetime.timezone.utc` writes itself as "UTC".
        return str(value)
    if hasattr(value, "pattern") and hasattr(value, "flags"):
        return _expression(value)
    if isinstance(value, dict):
        return {key: _to_config(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_config(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_to_config(item) for item in value)
    return value


def _expression(pattern: Any) -> str:
    if not isinstance(pattern.pattern, str):
        raise TypeError(f"must be text, not {type(pattern.pattern).__name__}")
    # The values of `re.I`, `re.M`, `re.S` and `re.X`. Others have no inline form that the platform's expressions share.
    flags = "".join(letter for letter, bit in (("i", 2), ("m", 8), ("s", 16), ("x", 64)) if pattern.flags & bit)
    # Case does not count in a filter unless it says so, and it does in Python.
    flags += "" if pattern.flags & 2 else "-i"
    return f"re:(?{flags}){pattern.pattern}"
