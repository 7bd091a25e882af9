"""What the platform learns from importing a script."""

from __future__ import annotations

import sys

import pytest
from conftest import inspect, serve


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


def test_the_signature_is_that_of_what_a_run_calls():
    """A decorator above ours replaces the function under its name, and a run looks the name up."""
    (trigger,) = inspect(
        """
import wren
def with_session(function):
    def wrapper():
        return function("session")
    return wrapper
@with_session
@wren.on_schedule("@daily")
def main(session):
    pass
"""
    ).last["triggers"]
    assert (trigger["func"], trigger["problems"]) == ("main", [])
    assert trigger["signature"] == {"required": 0, "max": 0, "required_keywords": []}


def test_a_name_that_the_module_does_not_hold_any_more_has_its_functions_signature():
    (trigger,) = inspect("import wren\n@wren.on_email\ndef main(mail): pass\nmain = None").last["triggers"]
    assert trigger["signature"] == {"required": 1, "max": 1, "required_keywords": []}


UNNAMED = """
import functools, wren
def logged(function):
    def wrapper(*args):
        return function(*args)
    return wrapper
class Logged:
    def __init__(self, function): self.function = function
    def __call__(self, mail): return self.function(mail)
def handle(mail):
    return type(mail).__name__
"""


@pytest.mark.parametrize(
    "definition",
    [
        "@wren.on_email\n@logged\ndef main(mail): return handle(mail)",
        "@wren.on_email\n@Logged\ndef main(mail): return handle(mail)",
        "main = wren.on_email(lambda mail: handle(mail))",
        "main = wren.on_email(functools.partial(handle))",
    ],
)
def test_a_handler_without_a_name_of_its_own_is_known_by_the_modules(definition):
    (trigger,) = inspect(UNNAMED + definition).last["triggers"]
    assert (trigger["func"], trigger["problems"]) == ("main", [])
    for kind in ("email", "manual"):
        assert serve(UNNAMED + definition, trigger=kind, event={"subject": "hi"}).ok == "Email"


@pytest.mark.parametrize("after", ["other = main", "del main"])
def test_a_handler_that_the_module_knows_by_no_one_name_is_a_problem(after):
    (trigger,) = inspect(f"{UNNAMED}@wren.on_email\n@logged\ndef main(mail): pass\n{after}").last["triggers"]
    assert trigger["func"] == "wrapper"
    assert "functools.wraps" in trigger["problems"][0]
