"""The errors that the platform answers with.

Each says who must act: ``AgentFixableError`` whoever wrote the script, ``UserFacingConfigError`` the user (there is an
``action_url``), ``InternalError`` the platform's operators.
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

    type: ClassVar[str] = "InternalError"

    code: str
    message: str
    hint: str | None
    action_url: str | None
    docs_url: str | None
    details: Any
    retryable: bool

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "INTERNAL",
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
        text = f"{self.message} [{self.code}]"
        if self.hint:
            text += f" ({self.hint})"
        if self.action_url:
            text += f" -> {self.action_url}"
        return text

    def to_wire(self) -> dict[str, Any]:
        """Returns the error as the protocol writes it, without the keys that it does not have."""
        wire: dict[str, Any] = {"type": self.type, "code": self.code, "message": self.message}
        for key in ("hint", "action_url", "docs_url", "details"):
            value = getattr(self, key)
            if value is not None:
                wire[key] = value
        if self.retryable:
            wire["retryable"] = True
        return wire


class AgentFixableError(WrenError):
    """The script is at fault; changing it helps."""

    type = "AgentFixableError"


class UserFacingConfigError(WrenError):
    """The user must act, usually at ``action_url``: connect an account, grant a permission, raise a quota."""

    type = "UserFacingConfigError"


class InternalError(WrenError):
    """The platform failed; nothing in the script or in the user's settings is wrong."""


def from_wire(wire: Any) -> WrenError:
    """Returns the error that ``wire`` describes; an unknown type becomes an ``InternalError``."""
    if not isinstance(wire, dict):
        return InternalError("the platform answered with a malformed error")
    kinds = {kind.type: kind for kind in (AgentFixableError, UserFacingConfigError)}
    return kinds.get(wire.get("type", ""), InternalError)(
        str(wire.get("message", "")),
        code=str(wire.get("code", "INTERNAL")),
        hint=wire.get("hint"),
        action_url=wire.get("action_url"),
        docs_url=wire.get("docs_url"),
        details=wire.get("details"),
        retryable=bool(wire.get("retryable", False)),
    )
