"""The package's surface: what it names, what it loads, what it declares."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import SDK

import wren


def python(code: str) -> str:
    program = f"import sys; sys.path.insert(0, {str(SDK)!r})\n{code}"
    command = [sys.executable, "-I", "-S", "-B", "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_misspelt_name_says_what_was_meant():
    with pytest.raises(AttributeError, match="did you mean 'gmail'"):
        wren.gmial  # noqa: B018


def test_every_public_name_resolves():
    for name in wren.__all__:
        assert getattr(wren, name) is not None
    assert {"gmail", "slack", "on_schedule"} <= set(dir(wren))


@pytest.mark.parametrize("statement", ["from wren import gmail", "import wren.gmail", "import wren; wren.gmail.inbox"])
def test_each_way_of_importing_an_integration_declares_it(statement):
    assert python(f"{statement}\nimport wren\nprint(wren.registry.integrations())") == "['gmail']\n"


def test_a_star_import_declares_nothing():
    assert python("from wren import *\nprint(registry.integrations(), http.get is not None)") == "[] True\n"


def test_the_function_stays_the_function_after_everything_is_loaded():
    code = "import wren\n[getattr(wren, name) for name in dir(wren)]\nprint(callable(wren.ai), callable(wren.context))"
    assert python(code) == "True True\n"


def test_a_run_imports_no_more_than_it_needs():
    code = (
        "before = set(sys.modules)\n"
        "import wren, wren._runtime.process\n"
        "loaded = sorted(set(sys.modules) - before)\n"
        # Only now, since it is one of those that must not be loaded.
        "import json; print(json.dumps(loaded))"
    )
    loaded = set(json.loads(python(code)))
    heavy = {"json", "re", "typing", "dataclasses", "inspect", "logging", "asyncio", "traceback", "linecache", "socket"}
    assert not loaded & heavy


def test_outside_of_a_run_the_error_says_how_to_run():
    from wren import _host

    _host.end()
    for use in (
        lambda: wren.context(),
        lambda: wren.state["x"],
        lambda: wren.secret("x"),
        lambda: wren.ai("x"),
        lambda: wren.http.get("https://example.com"),
        lambda: wren.gmail.inbox(),
        lambda: wren.slack.post("#x", "y"),
    ):
        with pytest.raises(wren.AgentFixableError) as caught:
            use()
        assert "wren dev script.py" in caught.value.hint


def test_importing_an_integration_outside_of_a_run_is_harmless():
    assert python("from wren import gmail, slack\nprint('fine')") == "fine\n"
