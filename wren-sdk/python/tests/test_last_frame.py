"""A session that ends with status 0 has said how it went, whatever an exception does while it is described."""

from __future__ import annotations

import pytest
from conftest import HostError, inspect, serve

# Each is the definition of a class or two, and what is raised.
HOSTILE = {
    "a platform error without its attributes": (
        "class E(wren.AgentFixableError):\n    def __init__(self, x): self.x = x",
        "E(1)",
        "1",
    ),
    "a platform error whose message cannot be read": (
        "class E(wren.WrenError):\n    def __init__(self, x): pass\n"
        "    @property\n    def message(self): raise KeyError",
        "E('m')",
        "m",
    ),
    "a platform error whose attributes cannot be written": (
        "class Odd:\n    def __str__(self): raise KeyError",
        "wren.WrenError('m', hint=Odd(), action_url=Odd(), details={'a': Odd()})",
        "m",
    ),
    "a platform error whose truth is unknown": (
        "class Odd:\n    def __bool__(self): raise KeyError",
        "wren.WrenError('m', retryable=Odd(), hint=Odd())",
        "m",
    ),
    "a message that exits": ("class E(Exception):\n    def __str__(self): raise SystemExit(0)", "E", "E: <its message"),
    "a message that is no ordinary text": (
        "class T(str):\n    def __format__(self, spec): raise KeyError\n    def __len__(self): raise KeyError\n"
        "class E(Exception):\n    def __str__(self): return T('odd')",
        "E",
        "E: odd",
    ),
    "a class that does not say its name": (
        "class M(type):\n    def __getattribute__(cls, name): raise KeyError\nclass E(Exception, metaclass=M): pass",
        "E('m')",
        "an exception: m",
    ),
    "a syntax error of nonsense": ("", "SyntaxError('x', ('f', 'a', 'b', 'c'))", "SyntaxError: "),
    "an attribute for every name": (
        "class E(Exception):\n    def __getattr__(self, name): raise RuntimeError(name)",
        "E('m')",
        "E: m",
    ),
    "a class that is not what it says": (
        "class E(Exception):\n    __class__ = property(lambda self: 1 / 0)",
        "E('m')",
        "",
    ),
    "a status that cannot be compared": (
        "class C(int):\n    def __eq__(self, other): raise KeyError\n    __hash__ = None\n"
        "    def __bool__(self): raise KeyError",
        "SystemExit(C(3))",
        "the script exited (status 3)",
    ),
    "a status that cannot be read": (
        "class E(SystemExit):\n    code = property(lambda self: 1 / 0)",
        "E(3)",
        "the script exited",
    ),
}


@pytest.mark.parametrize("prelude, raised, message", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_exception_that_cannot_be_described_is_an_error_all_the_same(prelude, raised, message):
    session = serve(f"import wren\n{prelude}\ndef main():\n    print('before')\n    raise {raised}")
    assert (session.status, session.stdout) == (0, "before\n")
    assert (session.error["type"], session.error["code"]) == ("AgentFixableError", "SCRIPT_EXCEPTION")
    assert session.error["message"]
    assert session.error["message"].startswith(message)


@pytest.mark.parametrize("prelude, raised, message", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("session_of", [serve, inspect])
def test_nor_does_it_matter_that_it_is_raised_at_the_top_level(session_of, prelude, raised, message):
    session = session_of(f"import wren\n{prelude}\nraise {raised}")
    assert session.status == 0
    assert session.error["type"] == "AgentFixableError"


def test_what_can_be_described_is_though_another_part_cannot():
    error = serve("def main():\n    raise SyntaxError('x', ('f', 'a', 'b', 'c'))").error
    assert error["location"]["line"] == 2
    assert 'File "script.py", line 2, in main' in error["traceback"]
    assert "_runtime" not in error["traceback"]


def test_a_success_whose_status_cannot_be_compared_is_one():
    script = "class C(int):\n    __eq__ = __bool__ = None\ndef main():\n    raise SystemExit(C(0))"
    assert serve(script).ok is None


def test_a_handler_that_does_not_tell_its_signature_is_reported_without_one():
    session = inspect(
        """
import wren
class Odd:
    def __init__(self): self.__name__ = self.__qualname__ = "main"
    def __getattr__(self, name): raise RuntimeError(name)
    def __call__(self): pass
main = wren.on_schedule("@daily")(Odd())
"""
    )
    (trigger,) = session.last["triggers"]
    assert trigger["func"] == "main"


def test_a_session_without_a_last_frame_does_not_end_with_success():
    session = serve("import os\ndef main():\n    os.closerange(3, 64)\n    return 1")
    assert session.frames == []
    assert session.status == 1


def test_an_error_that_is_too_long_is_cut():
    error = serve("import wren\ndef main():\n    raise wren.WrenError('x' * 9_000_000, hint='y' * 9_000_000)").error
    assert error["code"] == "SCRIPT_EXCEPTION"
    assert "characters left out" in error["message"]


@pytest.mark.parametrize("kind", ["WrenError", "AgentFixableError", "UserFacingConfigError", "InternalError"])
def test_an_error_that_the_script_makes_is_the_scripts(kind):
    error = serve(f"import wren\ndef main():\n    raise wren.{kind}('mine', hint='h')").error
    assert error["type"] == "AgentFixableError"
    assert (error["code"], error["message"], error["hint"]) == ("SCRIPT_EXCEPTION", "mine", "h")


@pytest.mark.parametrize("kind", ["AgentFixableError", "UserFacingConfigError", "InternalError"])
def test_an_error_of_a_reply_keeps_the_type_that_the_platform_gave_it(kind):
    def host(op, args):
        raise HostError(type=kind, code="SOME_CODE", message="no")

    error = serve("import wren\ndef main():\n    wren.secret('x')", host).error
    assert (error["type"], error["code"], error["message"]) == (kind, "SOME_CODE", "no")
