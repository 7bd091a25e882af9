"""Secrets that a script may read itself."""

from __future__ import annotations

from . import _host


def secret(name: str) -> str:
    """Returns the value of a secret that the user has released to this deployment.

    Each read is written to the audit log. An integration needs no secret: the platform adds the credentials outside of
    the script.
    """
    answer = _host.call("secret.get", {"name": name}, what=f"wren.secret({name!r})")
    return str(answer["value"])
