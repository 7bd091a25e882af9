"""What a run knows about itself."""

from __future__ import annotations

from . import _host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any


class Context:
    """The running run, read-only."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    @property
    def run_id(self) -> str:
        """The run's id, ``run_…``; the same for all of its attempts."""
        return str(self._fields.get("run_id", ""))

    @property
    def deployment_id(self) -> str:
        """The deployment's id, ``dep_…``."""
        return str(self._fields.get("deployment_id", ""))

    @property
    def deployment_name(self) -> str:
        """The deployment's name."""
        return str(self._fields.get("deployment_name", ""))

    @property
    def revision(self) -> int:
        """The number of the script's revision, from 1."""
        return int(self._fields.get("revision") or 1)

    @property
    def trigger(self) -> str:
        """What fired: "schedule", "email", "webhook" or "manual"."""
        return str(self._fields.get("trigger", ""))

    @property
    def trigger_id(self) -> str | None:
        """The trigger's id, ``trg_…``; None when no trigger fired."""
        return self._fields.get("trigger_id")

    @property
    def func(self) -> str:
        """The name of the function that runs."""
        return str(self._fields.get("func", ""))

    @property
    def scheduled_for(self) -> datetime | None:
        """When the run was due, in UTC: the same on every attempt, however late the run starts."""
        text = self._fields.get("scheduled_for")
        if not text:
            return None
        from ._times import parse_instant

        return parse_instant(text)

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return int(self._fields.get("attempt") or 1)

    @property
    def idempotency_key(self) -> str:
        """A key that all attempts share: pass it to services that accept one, and a retry repeats no side effect."""
        return str(self._fields.get("idempotency_key", ""))

    @property
    def correlation_id(self) -> str:
        """The id under which the platform's own logs speak of this run."""
        return str(self._fields.get("correlation_id", ""))

    @property
    def timezone(self) -> str:
        """The trigger's time zone, an IANA name."""
        return str(self._fields.get("timezone") or "UTC")

    def __repr__(self) -> str:
        return f"Context(run_id={self.run_id!r}, func={self.func!r}, attempt={self.attempt})"


def context() -> Context:
    """Returns the running run's context."""
    return Context(_host.context("wren.context()"))
