"""The errors that the platform answers with.

A script may raise them too, with a code and a hint of its own; the run's error is then the script's, whichever it
chooses. Otherwise each says who must act: ``AgentFixableError`` whoever wrote the script, ``UserFacingConfigError`` the
user (there is an ``action_url``), ``InternalError`` the platform's operators.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

__all__ = ["AgentFixableError", "InternalError", "UserFacingConfigError", "WrenError"]


class WrenError(Exception):
    """An error with a stable ``code``, and with a ``hint`` or an ``action_url`` where one helps.

    ``retryable`` is true when the same call may succeed later without anyone acting.
    """

    type: ClassVar[str] = "AgentFixableError"

    # Defaults of the class, since a script's subclass may have an `__init__` that does not call this one.
    code: str = "SCRIPT_EXCEPTION"
    message: str = ""
    hint: str | None = None
    action_url: str | None = None
    docs_url: str | None = None
    details: Any = None
    retryable: bool = False
    # Whether the platform made it; a type that makes others act counts only then.
    _answered: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "SCRIPT_EXCEPTION",
        hint: str | None = None,
        action_url: str | None = None,
        docs_url: str | None = None,
        details: Any = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.action_url = action_url
        self.docs_url = docs_url
        self.details = details
        self.retryable = retryable

    def __str__(self) -> str:
        text = f"{self.message or super().__str__()} [{self.code}]"
        if self.hint:
            text += f" ({self.hint})"
        if self.action_url:
            text += f" -> {self.action_url}"
        return text


class AgentFixableError(WrenError):
    """The script is at fault; changing it helps."""


class UserFacingConfigError(WrenError):
    """The user must act, usually at ``action_url``: connect an account, grant a permission, raise a quota."""

    type = "UserFacingConfigError"


class InternalError(WrenError):
    """The platform failed; nothing in the script or in the user's settings is wrong."""

    type = "InternalError"


def from_wire(wire: Any) -> WrenError:
    """Returns the error that ``wire`` describes; an unknown type becomes an ``InternalError``."""
    if not isinstance(wire, dict):
        wire = {"message": "the platform answered with a malformed error"}
    kinds = {kind.type: kind for kind in (AgentFixableError, UserFacingConfigError)}
    error = kinds.get(wire.get("type", ""), InternalError)(
        str(wire.get("message", "")),
        code=str(wire.get("code", "INTERNAL")),
        hint=wire.get("hint"),
        action_url=wire.get("action_url"),
        docs_url=wire.get("docs_url"),
        details=wire.get("details"),
        retryable=bool(wire.get("retryable", False)),
    )
    error._answered = True
    return error
