"""What whoever wrote the script is told when it does not import, and how failures are shown."""

from __future__ import annotations

import sys

import pytest
from conftest import serve


def test_a_syntax_error_has_its_place():
    error = serve("x = 1\ndef main(:\n    pass").error
    assert error["code"] == "SYNTAX_ERROR"
    assert error["location"] == {"line": 2, "column": 10, "snippet": "def main(:"}


@pytest.mark.parametrize("source", ["x = '\x00'", "x = '\ud800'", "x = " + "(" * 5000])
def test_text_that_is_no_program_is_a_syntax_error(source):
    assert serve(source).error["code"] in ("SYNTAX_ERROR", "MEMORY_LIMIT")


def test_a_byte_order_mark_is_no_syntax_error():
    assert serve("\ufeffdef main():\n    return 1").ok == 1


def test_a_syntax_error_that_the_function_meets_is_an_exception():
    assert serve("def main():\n    eval('1 +')").error["code"] == "SCRIPT_EXCEPTION"


def test_a_missing_package_is_told_that_there_are_none():
    error = serve("import yaml_not_there").error
    assert error["code"] == "IMPORT_ERROR"
    assert error["hint"].startswith("no packages are installed here")
    assert error["location"]["line"] == 1


@pytest.mark.parametrize(
    ("package", "instead"),
    [("requests_not_there", "`wren` package"), ("slack_bolt", "wren import slack"), ("apscheduler", "on_schedule")],
)
def test_what_does_the_work_of_a_package_is_named(package, instead):
    assert instead in serve(f"import {package}").error["hint"]


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        ("from wren.http import Session", "wren.http has: HTTPError, Headers, Response, delete"),
        ("from wren.slack import pots", "did you mean `post`?"),
        ("import wren.http.client", "wren.http has: "),
    ],
)
def test_what_a_module_of_the_sdk_has_is_named(script, hint):
    assert serve(script).error["hint"].startswith(hint)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="this Python does not say whose attribute is missing")
@pytest.mark.parametrize("script", ["from wren import gmail\n{}", "from wren import gmail\ndef main():\n    {}"])
def test_a_function_that_an_integration_lacks_comes_with_those_it_has(script):
    error = serve(script.format("gmail.search('invoice')")).error
    assert error["hint"] == "wren.gmail has: get, inbox, label, send"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="this Python does not list its standard library")
def test_a_misspelt_standard_module_is_recognised():
    assert serve("import datetme").error["hint"].startswith("did you mean `datetime`?")


@pytest.mark.parametrize("statement", ["from wren import gmial", "import wren.gmial"])
def test_a_misspelt_integration_is_recognised(statement):
    error = serve(statement).error
    assert (error["code"], error["hint"]) == ("IMPORT_ERROR", "did you mean `gmail`?")


def test_a_failing_top_level_is_an_import_error():
    error = serve("x = 1\ny = x / 0\n").error
    assert (error["code"], error["message"]) == ("IMPORT_ERROR", "ZeroDivisionError: division by zero")
    assert error["location"]["line"] == 2


@pytest.mark.parametrize("call", ["sys.exit(0)", "sys.exit(2)"])
def test_exiting_at_the_top_level_is_an_import_error(call):
    error = serve(f"import sys\n{call}").error
    assert error["code"] == "IMPORT_ERROR"
    assert "__main__" in error["hint"]


def test_the_place_is_the_scripts_deepest_line():
    error = serve(
        "import json\ndef helper(text):\n    é = 'ü'; return json.loads(text)\ndef main():\n    helper('{')"
    ).error
    assert error["location"]["line"] == 3
    assert error["location"]["snippet"] == "    é = 'ü'; return json.loads(text)"
    if sys.version_info >= (3, 11):
        # Counted in characters, although the interpreter counts bytes.
        assert error["location"]["column"] == 21
    assert error["message"].startswith("json.decoder.JSONDecodeError: ")


def test_the_traceback_shows_the_script_and_not_the_runtime():
    text = serve("def main():\n    helper()\ndef helper():\n    raise ValueError('x')").error["traceback"]
    assert text.startswith('Traceback (most recent call last):\n  File "script.py", line 2, in main\n')
    assert text.endswith("ValueError: x")
    assert "_runtime" not in text


def test_a_chain_is_shown_whole():
    error = serve(
        """
def main():
    try:
        {}["missing"]
    except KeyError as cause:
        raise ValueError("outer") from cause
"""
    ).error
    assert "KeyError: 'missing'" in error["traceback"]
    assert "direct cause" in error["traceback"]
    assert "_runtime" not in error["traceback"]
    assert error["location"]["line"] == 6


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_a_group_is_shown_whole():
    error = serve("def main():\n    raise ExceptionGroup('many', [ValueError('a'), TypeError('b')])").error
    assert "ValueError: a" in error["traceback"]
    assert "TypeError: b" in error["traceback"]


def test_messages_and_tracebacks_are_limited():
    error = serve("def main():\n    raise ValueError('x' * 1_000_000)").error
    assert len(error["message"]) < 5_000
    assert len(error["traceback"]) < 20_000
    assert "characters left out" in error["message"]


def test_mutual_recursion_is_limited():
    error = serve("def main():\n    other()\ndef other():\n    main()").error
    assert error["message"].startswith("RecursionError")
    assert len(error["traceback"]) < 20_000


def test_a_file_of_the_scripts_name_is_not_mistaken_for_it(tmp_path):
    decoy = tmp_path / "script.py"
    decoy.write_text("decoy\n" * 5)
    error = serve("def main():\n    raise ValueError('x')", filename=str(decoy)).error
    assert error["location"]["snippet"] == "    raise ValueError('x')"
    assert "decoy" not in error["traceback"].replace(str(decoy), "")


def test_modules_that_another_executor_has_are_named():
    # The hook of executors whose Python lacks modules; the process executor's lacks none.
    from wren._runtime import failures
    from wren._runtime.loading import Script

    error = ModuleNotFoundError("No module named 'ssl'", name="ssl.sub")
    wire = failures.of_import(error, Script("script.py", ""), {"ssl": "process"})
    assert wire["code"] == "UNSUPPORTED_IMPORT"
    assert 'executor = "process"' in wire["hint"]


@pytest.mark.parametrize("odd", ["\x0c", "\x0b", "\x85", "\u2028", "\x1c"])
def test_only_line_breaks_break_lines(odd):
    error = serve(f"x = '{odd}'\r\ny = '{odd}'\rdef main():\n    raise ValueError('here')  # {odd}").error
    assert error["location"]["line"] == 4
    assert error["location"]["snippet"] == f"    raise ValueError('here')  # {odd}"
    assert "    raise ValueError('here')" in error["traceback"]
