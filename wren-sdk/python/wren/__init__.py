"""Wren: run a Python function on a schedule, on an email or on a webhook.

    import wren

    @wren.on_schedule("0 9 * * *", timezone="Europe/Dublin")
    def good_morning():
        print("run", wren.context().run_id)

Decorators only record what they were given; the platform judges it when the script is deployed. Importing an
integration (``from wren import gmail``) declares that the script uses it.

Names other than the decorators load when they are first used, so that a run pays for what it uses and no more.
"""

from __future__ import annotations

from .decorators import on_email, on_schedule, on_webhook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import errors as errors
    from . import gmail as gmail
    from . import http as http
    from . import registry as registry
    from . import slack as slack
    from ._ai import ai as ai
    from ._context import Context as Context
    from ._context import context as context
    from ._email import Attachment as Attachment
    from ._email import Email as Email
    from ._integration import Integration as Integration
    from ._integration import integration as integration
    from ._secret import secret as secret
    from ._state import State as State
    from ._state import state as state
    from .errors import AgentFixableError as AgentFixableError
    from .errors import InternalError as InternalError
    from .errors import UserFacingConfigError as UserFacingConfigError
    from .errors import WrenError as WrenError

__version__ = "0.1.0"

# The integrations are left out: a star import would load them, and so declare integrations nobody asked for.
__all__ = [
    "AgentFixableError",
    "Attachment",
    "Context",
    "Email",
    "Integration",
    "InternalError",
    "State",
    "UserFacingConfigError",
    "WrenError",
    "ai",
    "context",
    "errors",
    "http",
    "integration",
    "on_email",
    "on_schedule",
    "on_webhook",
    "registry",
    "secret",
    "state",
]

_SUBMODULES = ("errors", "gmail", "http", "registry", "slack")

# Function and class modules begin with an underscore: importing `wren/ai.py` would overwrite the function `wren.ai`.
_HOMES = {
    "AgentFixableError": "errors",
    "Attachment": "_email",
    "Context": "_context",
    "Email": "_email",
    "Integration": "_integration",
    "InternalError": "errors",
    "State": "_state",
    "UserFacingConfigError": "errors",
    "WrenError": "errors",
    "ai": "_ai",
    "context": "_context",
    "integration": "_integration",
    "secret": "_secret",
    "state": "_state",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is not None:
        value = getattr(__import__("wren." + home, None, None, ["__name__"]), name)
    elif name in _SUBMODULES:
        value = __import__("wren." + name, None, None, ["__name__"])
    else:
        raise AttributeError(_unknown_name(name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_SUBMODULES})


def _unknown_name(name: str) -> str:
    message = f"module 'wren' has no attribute {name!r}"
    if name.startswith("_"):
        return message
    from ._suggest import closest

    match = closest(name, [*__all__, *_SUBMODULES])
    return f"{message}; did you mean {match!r}?" if match else message
