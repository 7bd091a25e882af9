"""What the platform learns from importing a script."""

from __future__ import annotations

import sys

import pytest
from conftest import inspect


def test_everything_that_was_registered_is_reported():
    session = inspect(
        """
import wren
from wren import gmail, slack

@wren.on_schedule("0 9 * * *", timezone="Europe/Dublin")
def daily():
    pass

@wren.on_email(subject="x", from_="y")
def mail(email, *rest, key, other=1):
    pass
"""
    )
    report = session.last
    assert report["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert report["integrations"] == ["gmail", "slack"]
    assert report["error"] is None
    assert report["triggers"] == [
        {
            "type": "schedule",
            "func": "daily",
            "line": 5,
            "config": {"cron": "0 9 * * *", "timezone": "Europe/Dublin"},
            "problems": [],
            "signature": {"required": 0, "max": 0, "required_keywords": []},
        },
        {
            "type": "email",
            "func": "mail",
            "line": 9,
            "config": {"subject": "x", "from": "y"},
            "problems": [],
            "signature": {"required": 1, "max": None, "required_keywords": ["key"]},
        },
    ]
    assert session.status == 0


def test_what_was_registered_before_an_error_is_listed():
    report = inspect("import wren\n@wren.on_schedule('@daily')\ndef f(): pass\nimport nothing_like_this").last
    assert [trigger["func"] for trigger in report["triggers"]] == ["f"]
    assert report["error"]["code"] == "IMPORT_ERROR"
    assert report["error"]["location"]["line"] == 4


def test_a_syntax_error_is_reported():
    assert inspect("def (").last["error"]["code"] == "SYNTAX_ERROR"


@pytest.mark.parametrize(
    "use", ["wren.state['x']", "wren.http.get('https://example.com')", "wren.gmail.inbox()", "wren.context()"]
)
def test_calls_to_the_platform_are_refused_during_import(use):
    session = inspect(f"import wren\n{use}")
    error = session.last["error"]
    assert (error["type"], error["code"]) == ("AgentFixableError", "IMPORT_ERROR")
    assert error["hint"] == "move it into the function that the trigger runs"
    assert error["location"]["line"] == 2
    assert [frame["t"] for frame in session.frames] == ["inspection"]


def test_a_wrapped_handler_has_the_signature_of_what_it_wraps():
    report = inspect(
        """
import functools, wren
def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper
@wren.on_email
@logged
def mail(email):
    pass
@wren.on_webhook
class NotAFunction:
    pass
"""
    ).last
    first, second = report["triggers"]
    assert first["signature"] == {"required": 1, "max": 1, "required_keywords": []}
    assert second["problems"] == ["on_webhook must decorate a function, not NotAFunction"]


def test_a_target_that_cannot_be_called_has_no_signature():
    (trigger,) = inspect("import wren\nwren.on_schedule('@daily')(3)").last["triggers"]
    assert "signature" not in trigger


def test_functions_registered_for_the_exit_do_not_run():
    session = inspect("import atexit\natexit.register(print, 'bye')\nprint('hello')")
    assert session.stdout == "hello\n"
