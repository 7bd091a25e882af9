"""What to say about an import that failed."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# What does the work of packages that scripts often ask for: no executor installs any.
_INSTEAD = (
    ("requests httpx aiohttp urllib3 httplib2", "`from wren import http`, then `http.get(url)`, much as in `requests`"),
    ("openai anthropic langchain litellm cohere ollama", "`wren.ai(prompt)`"),
    ("slack slack_sdk slack_bolt slackclient", "`from wren import slack`"),
    ("google googleapiclient google_auth_oauthlib simplegmail yagmail", "`from wren import gmail`"),
    ("schedule apscheduler celery croniter rocketry", '`@wren.on_schedule("0 9 * * *")`'),
    ("dotenv decouple environs", '`wren.secret("NAME")` within the function that uses it'),
    ("redis sqlalchemy psycopg2 pymongo tinydb diskcache", "`wren.state`, a mapping that is kept from run to run"),
    ("pytz dateutil pendulum arrow tzlocal", "`datetime` and `zoneinfo`"),
    ("yaml ruamel toml ujson orjson simplejson", "`json`, or `tomllib`"),
    ("bs4 lxml html5lib", "`html.parser`"),
    ("feedparser xmltodict", "`xml.etree.ElementTree`"),
    ("pandas numpy polars scipy", "`csv` and `statistics`"),
    ("tenacity retrying backoff", "`@wren.on_schedule(..., retries=3)`"),
    ("pydantic attr attrs marshmallow", "`dataclasses`"),
)


def unsupported(error: ImportError, unavailable: Mapping[str, str]) -> str | None:
    """Returns the executor that has the module which the running one lacks, or None when that is not the fault."""
    top = (error.name or "").partition(".")[0]
    return unavailable.get(top)


def executor_hint(executor: str) -> str:
    """Returns how a script gets what only that executor has."""
    return f'the {executor} executor has it: set `executor = "{executor}"` in the `[tool.wren]` block'


def hint(error: ImportError) -> str | None:
    """Returns what would mend the import, as far as it can be known."""
    module = error.name or ""
    top = module.partition(".")[0]
    if top == "wren":
        return _hint_for_wren(error, module)
    if not isinstance(error, ModuleNotFoundError) or not top:
        return None
    # Python 3.9 does not list its standard library.
    standard: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
    if top in standard:
        return f"`{module}` belongs to the standard library, but this Python was built without it"
    for names, instead in _INSTEAD:
        if top in names.split():
            return f"no packages are installed here: use {instead}"
    from wren._suggest import closest

    meant = closest(top, standard, cutoff=0.8)
    use = "no packages are installed here: use Python's standard library and the `wren` package"
    return f"did you mean `{meant}`? Otherwise, {use}" if meant else use


def attribute_hint(error: AttributeError) -> str | None:
    """Returns what a module of `wren` has, when the script asked one for something else."""
    # Python 3.9 does not say whose attribute it was.
    module, name = getattr(error, "obj", None), getattr(error, "name", None)
    if type(module) is not type(sys) or not isinstance(name, str):
        return None
    return _hint_for_member(module.__name__, name) if module.__name__.startswith("wren.") else None


def _hint_for_wren(error: ImportError, module: str) -> str | None:
    # Python 3.12 names what was asked for; before, only the message does.
    asked = getattr(error, "name_from", None) or _quoted(str(error))
    parent, _, child = module.rpartition(".")
    if not isinstance(error, ModuleNotFoundError):
        # `from wren.http import Session`
        return _hint_for_member(module, asked) if asked else None
    # `import wren.gmial`, or `import wren.http.client`
    return _hint_for_member(parent, child)


def _hint_for_member(module: str, name: str) -> str | None:
    from wren._suggest import closest

    loaded = sys.modules.get(module)
    if loaded is None:
        return None
    # A module's own list leaves out what it imports for itself; the package's leaves out the integrations.
    listed = getattr(loaded, "__all__", None) if module != "wren" else None
    known = sorted(known for known in listed or dir(loaded) if not known.startswith("_"))
    match = closest(name, known, cutoff=0.6)
    return f"did you mean `{match}`?" if match else f"{module} has: " + ", ".join(known)


def _quoted(message: str) -> str | None:
    parts = message.split("'")
    return parts[1] if len(parts) > 1 else None
