from __future__ import annotations

import datetime
import functools
import re
import sys

import pytest

import wren
from wren import registry


def only() -> registry.Trigger:
    (trigger,) = registry.triggers()
    return trigger


def test_a_schedule_records_exactly_what_was_passed():
    line = sys._getframe().f_lineno + 2

    @wren.on_schedule("0 9 * * *", timezone="Europe/Dublin", retries=3, timeout="5m")
    def daily():
        return 1

    trigger = only()
    assert daily() == 1
    assert (trigger.type, trigger.line, trigger.function) == ("schedule", line, daily)
    assert trigger.config == {"cron": "0 9 * * *", "timezone": "Europe/Dublin", "retries": 3, "timeout": "5m"}


def test_values_are_not_judged_and_unknown_keywords_are_kept():
    wren.on_schedule(cron=17, overlap="perhaps", evry="5m")(top_level)
    assert only().config == {"cron": 17, "overlap": "perhaps", "evry": "5m"}
    assert only().problems == []


def test_python_types_have_a_text_form():
    zone = datetime.timezone.utc
    wren.on_schedule(
        every=datetime.timedelta(minutes=1, seconds=30),
        at=datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=zone),
        backoff=datetime.timedelta(milliseconds=1500),
        timezone=zone,
        start=datetime.date(2026, 1, 1),
    )(top_level)
    assert only().config == {
        "every": "90s",
        "at": "2026-01-02T03:04:05+00:00",
        "backoff": "1.5s",
        "timezone": "UTC",
        "start": "2026-01-01",
    }


def test_a_zone_is_its_name():
    class Zone(datetime.tzinfo):
        key = "Europe/Dublin"

    wren.on_schedule("@daily", timezone=Zone())(top_level)
    assert only().config["timezone"] == "Europe/Dublin"


def test_a_zone_whose_name_is_no_text_is_a_problem():
    class Zone(datetime.tzinfo):
        key = object()

    wren.on_schedule("@daily", timezone=Zone())(top_level)
    assert only().problems == ["timezone is a object, which is not JSON"]


def test_an_email_filter_is_called_from():
    wren.on_email(subject=re.compile("invoice", re.IGNORECASE), from_=["*@acme.com", "x@y.z"])(top_level)
    assert only().config == {"subject": "re:(?i)invoice", "from": ["*@acme.com", "x@y.z"]}


def test_an_email_trigger_names_its_account():
    wren.on_email(subject="invoice", mailbox="Work", account="office")(top_level)
    assert only().config == {"subject": "invoice", "mailbox": "Work", "account": "office"}
    assert only().problems == []


def test_filters_may_hold_filters():
    rules = [{"from_": "*@acme.com"}, {"subject": re.compile("inv"), "body": None}]
    wren.on_email(any=rules, all=({"to": "a@b.c"},), not_={"subject": {"draft", "copy"}})(top_level)
    assert only().config == {
        "any": [{"from_": "*@acme.com"}, {"subject": "re:(?-i)inv", "body": None}],
        "all": [{"to": "a@b.c"}],
        "not": {"subject": ["copy", "draft"]},
    }


def test_an_email_trigger_says_whose_mailbox_and_what_happens_with_what_was_missed():
    wren.on_email(account="work.imap", mailbox="Orders", catch_up="all", catch_up_window="2d", retries=3)(top_level)
    assert only().config == {
        "mailbox": "Orders",
        "account": "work.imap",
        "retries": 3,
        "catch_up": "all",
        "catch_up_window": "2d",
    }


def test_one_function_may_have_several_triggers():
    wren.on_schedule("@daily")(wren.on_schedule("@weekly")(wren.on_webhook("orders")(top_level)))
    assert [(t.type, t.config) for t in registry.triggers()] == [
        ("webhook", {"path": "orders"}),
        ("schedule", {"cron": "@weekly"}),
        ("schedule", {"cron": "@daily"}),
    ]


def test_a_decorator_kept_in_a_variable_shares_no_problems():
    nightly = wren.on_schedule("@daily", object())
    nightly(top_level)
    nightly(12)
    first, second = registry.triggers()
    assert len(first.problems) == 1
    assert len(second.problems) == 2


def test_too_many_positional_arguments_are_a_problem():
    wren.on_schedule("0 9 * * *", "UTC")(top_level)
    assert only().problems == ["on_schedule takes one positional argument, got 2"]


def test_positional_arguments_of_on_email_are_a_problem():
    wren.on_email("invoice")(top_level)
    assert only().problems == ["on_email takes no positional arguments, got 1"]


def test_a_bare_schedule_is_a_problem_and_not_a_crash():
    assert wren.on_schedule(top_level) is top_level
    assert only().func == "top_level"
    assert only().config == {}
    assert "needs a schedule" in only().problems[0]


def test_bare_events_are_fine():
    assert wren.on_email(top_level) is top_level
    assert wren.on_webhook(top_level) is top_level
    assert [(t.type, t.config, t.problems) for t in registry.triggers()] == [("email", {}, []), ("webhook", {}, [])]


def test_an_argument_that_is_not_json_is_a_problem():
    wren.on_schedule("@daily", retries=object(), jitter=float("nan"))(top_level)
    assert only().config == {"cron": "@daily"}
    assert only().problems == ["jitter is nan, which JSON does not have", "retries is a object, which is not JSON"]


def test_a_target_that_is_not_a_function_is_a_problem():
    wren.on_schedule("@daily")(5)
    wren.on_schedule("@daily")(Exception)
    assert [t.problems[0].split(", ")[-1] for t in registry.triggers()] == ["not int", "not Exception"]


def test_a_function_that_cannot_be_found_by_its_name_has_a_problem_unless_the_module_holds_it():
    def inner():
        pass

    wren.on_schedule("@daily")(inner)
    assert only().problems == []
    assert "at the top level" in only().unfindable
    assert "functools.wraps" in only().unfindable
    registry.clear()
    wren.on_schedule("@daily")(lambda: None)
    assert "not a lambda" in only().unfindable


def test_a_wrapper_that_keeps_the_name_is_fine():
    @functools.wraps(top_level)
    def wrapper():
        pass

    wren.on_schedule("@daily")(wrapper)
    assert only().func == "top_level"
    assert only().problems == []


def test_the_line_is_that_of_the_decorator_when_it_spans_several():
    line = sys._getframe().f_lineno + 1
    decorate = wren.on_schedule(
        "@daily",
        timezone="UTC",
    )
    decorate(top_level)
    assert only().line == line


def top_level():
    pass


@pytest.mark.parametrize(
    "flags, written",
    [
        (0, "re:(?-i)inv"),
        (re.I | re.M | re.S | re.X, "re:(?imsx)inv"),
        (re.M, "re:(?m-i)inv"),
        (re.S | re.X, "re:(?sx-i)inv"),
    ],
)
def test_the_flags_of_an_expression_are_written_into_it(flags, written):
    wren.on_email(body=re.compile("inv", flags))(top_level)
    assert only().config == {"body": written}


@pytest.mark.parametrize("flags", [0, re.I])
def test_an_expression_of_bytes_is_a_problem(flags):
    wren.on_email(subject=re.compile(b"inv", flags))(top_level)
    assert only().config == {}
    assert only().problems == ["subject must be text, not bytes"]
