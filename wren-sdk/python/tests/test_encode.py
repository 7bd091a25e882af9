from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json

import pytest

from wren import _codec
from wren._runtime.encode import NotJson, to_plain


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int = 1


class Text(str):
    def __str__(self) -> str:
        return "overridden"


def refused(value) -> NotJson:
    with pytest.raises(NotJson) as caught:
        to_plain(value)
    return caught.value


def test_plain_values_stay_what_they_are():
    value = {"a": [1, -2.5, "é", None, True, False, {}], "b c": []}
    assert to_plain(value) == value


def test_tuples_and_subclasses_become_plain():
    Pair = collections.namedtuple("Pair", "a b")
    plain = to_plain([Pair(1, 2), collections.OrderedDict(x=Level.HIGH), Text("real"), collections.Counter("aa")])
    assert plain == [[1, 2], {"x": 3}, "real", {"a": 2}]
    assert [type(one) for one in plain] == [list, dict, str, dict]
    assert type(plain[1]["x"]) is int


@pytest.mark.parametrize(
    "value, path, hint",
    [
        ({"items": [0, 1, 2, {"when": datetime.datetime(2026, 1, 1)}]}, "$.items[3].when", "use .isoformat()"),
        ([datetime.timedelta(1)], "$[0]", "use .total_seconds()"),
        ({"b c": b"x"}, "$['b c']", "use .decode()"),
        (decimal.Decimal("1.1"), "$", "use str(...)"),
        ({"s": {1, 2}}, "$.s", "use sorted(...)"),
        (Colour.RED, "$", "use .value"),
        (Point(), "$", "use dataclasses.asdict(...)"),
        ((i for i in "ab"), "$", "use list(...)"),
        (collections.deque(), "$", "use list(...)"),
        (object(), "$", "return a dict"),
        ([float("nan")], "$[0]", "use None"),
        ([float("-inf")], "$[0]", "use None"),
        ({"n": 2**64}, "$.n", "use str(...)"),
        ({1: "x"}, "$", "use str(key)"),
    ],
)
def test_what_json_does_not_have_is_refused_with_its_path_and_a_hint(value, path, hint):
    error = refused(value)
    assert error.path == path
    assert error.hint.startswith(hint)


def test_a_cycle_is_refused_and_a_shared_value_is_not():
    shared = [1]
    assert to_plain([shared, shared]) == [[1], [1]]
    shared.append(shared)
    assert refused(shared).problem == "contains itself"


def test_nesting_beyond_what_the_platform_parses_is_refused():
    value: list = []
    for _ in range(200):
        value = [value]
    assert "levels deep" in refused(value).problem


@pytest.mark.parametrize("pair", [_codec._accelerated, _codec._portable])
def test_both_codecs_write_and_read_the_same(pair):
    dumps, loads = pair()
    value = {"a": [1, 2.5, 1e300, -0.0, 'é\u2028\x00"\\', None, True], "": {}}
    assert json.loads(dumps(value)) == value
    assert loads(" " + json.dumps(value) + "\n") == value
    assert ", " not in dumps(value)
    for bad in (float("nan"), {1, 2}):
        with pytest.raises((ValueError, TypeError)):
            dumps([bad])
    for bad in ("", "[1", "[1] 2", "nope"):
        with pytest.raises(ValueError):
            loads(bad)
