"""What each capability asks of the platform, against a channel that answers from memory."""

from __future__ import annotations

import base64
import datetime

import pytest

import wren


class Memory:
    def __init__(self):
        self.values = {}

    def __call__(self, op, args):
        if op == "state.get":
            return {"found": args["key"] in self.values, "value": self.values.get(args["key"])}
        if op == "state.set":
            self.values[args["key"]] = args["value"]
            return None
        if op == "state.delete":
            return {"found": self.values.pop(args["key"], self) is not self}
        assert op == "state.list"
        return {"keys": sorted(self.values)}


def test_state_is_a_mapping(host):
    host(Memory())
    state = wren.state
    assert not state
    state["a"] = {"n": [1, (2, 3)]}
    assert state["a"] == {"n": [1, [2, 3]]}
    state.update(b=None, c=3)
    assert (len(state), sorted(state), "b" in state, "z" in state, 5 in state) == (
        3,
        ["a", "b", "c"],
        True,
        False,
        False,
    )
    assert state.get("b", "default") is None
    assert state.get("z", "default") == "default"
    assert state.setdefault("d", 4) == 4
    assert dict(state.items())["c"] == 3
    del state["c"]
    with pytest.raises(KeyError):
        del state["c"]
    with pytest.raises(KeyError):
        state["c"]
    assert state.pop("d") == 4
    state.clear()
    assert len(state) == 0


def test_changing_what_was_read_changes_nothing_that_is_kept(host):
    class Fresh(Memory):
        def __call__(self, op, args):
            answer = super().__call__(op, args)
            if op == "state.get":
                answer["value"] = list(answer["value"])
            return answer

    host(Fresh())
    wren.state["seen"] = [1]
    wren.state["seen"].append(2)
    assert wren.state["seen"] == [1]


def test_state_refuses_what_is_not_json(host):
    channel = host(Memory())
    with pytest.raises(TypeError, match=r"wren\.state: \$\.value\.when is a datetime"):
        wren.state["x"] = {"when": datetime.datetime.now()}
    with pytest.raises(TypeError, match=r"the keys of wren\.state are strings, not int"):
        wren.state[1] = 2
    assert channel.calls == []


def test_the_context_has_what_the_platform_sent(host):
    host(Memory())
    context = wren.context()
    assert (context.run_id, context.attempt, context.revision, context.timezone) == ("run_1", 2, 3, "Europe/Dublin")
    due = datetime.datetime(2026, 3, 1, 9, 0, 0, 123456, tzinfo=datetime.timezone.utc)
    assert context.scheduled_for == due
    assert "run_1" in repr(context)


def test_a_request_carries_its_parts(host):
    channel = host(lambda op, args: {"status": 200, "headers": {}, "body": "", "url": args["url"]})
    wren.http.post(
        "https://example.com/a?x=1#part", params={"q": "é", "none": None, "l": [1, 2]}, json={"n": 1}, timeout=2.5
    )
    ((op, args),) = channel.calls
    assert op == "http.request"
    assert args == {
        "method": "POST",
        "url": "https://example.com/a?x=1&q=%C3%A9&l=1&l=2#part",
        "headers": {"Content-Type": "application/json"},
        "body": base64.b64encode(b'{"n":1}').decode(),
        "timeout_ms": 2500,
    }


@pytest.mark.parametrize(
    "data, body, content_type",
    [
        ("é", "é".encode(), "text/plain; charset=utf-8"),
        (b"\x00\xff", b"\x00\xff", None),
        ({"a": "b c"}, b"a=b+c", "application/x-www-form-urlencoded"),
        ([("a", 1), ("a", 2)], b"a=1&a=2", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_is_sent_as_its_type_says(host, data, body, content_type):
    channel = host(lambda op, args: {"status": 204, "headers": {}, "body": None, "url": args["url"]})
    wren.http.put("https://example.com", data=data)
    args = channel.calls[0][1]
    assert base64.b64decode(args["body"]) == body
    assert args["headers"].get("Content-Type") == content_type


def test_a_given_content_type_is_kept(host):
    channel = host(lambda op, args: {"status": 200, "headers": {}, "body": "", "url": ""})
    wren.http.patch("https://example.com", data="<a/>", headers={"content-type": "text/xml"})
    assert channel.calls[0][1]["headers"] == {"content-type": "text/xml"}


def test_data_and_json_exclude_each_other(host):
    host(Memory())
    with pytest.raises(TypeError, match="not both"):
        wren.http.post("https://example.com", data="x", json={})


def test_a_response_reads_like_that_of_requests(host):
    body = base64.b64encode('{"a": "é"}'.encode("latin-1")).decode()
    headers = {"Content-Type": "application/json; charset=ISO-8859-1"}
    host(lambda op, args: {"status": 404, "headers": headers, "body": body, "url": "https://example.com/b"})
    answer = wren.http.get("https://example.com/a")
    assert (answer.status_code, answer.ok, answer.url) == (404, False, "https://example.com/b")
    assert answer.headers["content-TYPE"] == headers["Content-Type"]
    assert answer.text == '{"a": "é"}'
    with pytest.raises(wren.http.HTTPError, match="answered 404") as caught:
        answer.raise_for_status()
    assert caught.value.response is answer


def test_an_answer_of_json_is_parsed(host):
    body = base64.b64encode('{"a": "é"}'.encode()).decode()
    host(lambda op, args: {"status": 200, "headers": {}, "body": body, "url": ""})
    answer = wren.http.get("https://example.com")
    assert answer.json() == {"a": "é"}
    answer.raise_for_status()


def test_ai_takes_emails_and_parses_json_on_demand(host):
    answers = iter(["fine", '```json\n{"n": 1}\n```', "no"])
    channel = host(lambda op, args: {"text": next(answers)})
    email = wren.Email(from_="a@b.c", subject="hi", text="body")
    assert wren.ai("summarise", [email], max_tokens=9) == "fine"
    assert channel.calls[0][0] == "ai.complete"
    assert channel.calls[0][1]["input"][0]["subject"] == "hi"
    assert channel.calls[0][1]["max_tokens"] == 9
    assert wren.ai("x", json=True) == {"n": 1}
    with pytest.raises(ValueError, match="not JSON"):
        wren.ai("x", json=True)


def test_a_secret_is_asked_for_by_name(host):
    channel = host(lambda op, args: {"value": "s3"})
    assert wren.secret("TOKEN") == "s3"
    assert channel.calls == [("secret.get", {"name": "TOKEN"})]


def test_gmail_calls_its_actions(host):
    answers = {"inbox": [{"id": "m1", "from": "a@b.c", "subject": "s"}], "get": {"id": "m1"}, "send": {"id": "m2"}}
    channel = host(lambda op, args: answers.get(args["action"]))
    (mail,) = wren.gmail.inbox(unread=True, limit=5)
    assert (mail.id, mail.from_) == ("m1", "a@b.c")
    assert wren.gmail.get("m1").id == "m1"
    assert wren.gmail.send(to="x@y.z", subject="s", body="b") == "m2"
    wren.gmail.label("m1", add=["Done"], remove=["UNREAD"])
    assert {op for op, _ in channel.calls} == {"integration.call"}
    assert channel.calls[0][1] == {
        "integration": "gmail",
        "action": "inbox",
        "args": {"unread": True, "limit": 5, "query": None},
    }
    assert channel.calls[2][1]["args"]["to"] == ["x@y.z"]


def test_slack_calls_its_actions(host):
    channel = host(lambda op, args: {"post": {"ts": "1.2"}, "history": [{"text": "t"}]}.get(args["action"]))
    assert wren.slack.post("#general", "hello", thread_ts="1.1") == "1.2"
    wren.slack.update("#general", "1.2", "hello again")
    wren.slack.react("#general", "1.2", ":tada:")
    assert wren.slack.history("#general") == [{"text": "t"}]
    assert [args["action"] for _, args in channel.calls] == ["post", "update", "react", "history"]
    assert channel.calls[2][1]["args"]["emoji"] == "tada"


@pytest.mark.parametrize("charset", ["undefined", "no-such", "hex", "idna", "a\x00b", ""])
def test_a_charset_that_does_not_decode_is_taken_for_utf_8(host, charset):
    body = base64.b64encode("é..".encode()).decode()
    headers = {"content-type": f"text/plain; charset={charset}"}
    host(lambda op, args: {"status": 200, "headers": headers, "body": body, "url": ""})
    assert wren.http.get("https://example.com").text == "é.."


@pytest.mark.parametrize(
    "timeout, milliseconds", [((3, 10), 13_000), ([0.5, 1], 1500), ((3, None), None), (None, None), (2, 2000)]
)
def test_a_timeout_may_be_a_pair_as_in_requests(host, timeout, milliseconds):
    channel = host(lambda op, args: {"status": 200, "headers": {}, "body": "", "url": ""})
    wren.http.get("https://example.com", timeout=timeout)
    assert channel.calls[0][1]["timeout_ms"] == milliseconds


@pytest.mark.parametrize(
    "params, query",
    [("a=b", "a=b"), (b"a=b", "a=b"), ("q=a b&x=%20&y=é#", "q=a%20b&x=%20&y=%C3%A9%23"), ("", ""), ({}, "")],
)
def test_params_may_be_text_as_in_requests(host, params, query):
    channel = host(lambda op, args: {"status": 200, "headers": {}, "body": "", "url": ""})
    wren.http.get("https://example.com/?k=v#part", params=params)
    expected = f"https://example.com/?k=v{'&' if query else ''}{query}#part"
    assert channel.calls[0][1]["url"] == expected


def test_an_integration_is_asked_by_its_name(host):
    channel = host(lambda op, args: {"status": 200, "headers": {"X-A": "1"}, "body": "aGk=", "url": "https://crm/v1/a"})
    crm = wren.integration("crm")
    answer = crm.get("/v1/items", params={"page": 2}, headers={"X-Mine": "1"})
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (200, "hi", "1")
    crm.post("https://crm.example/v1/items", json={"a": 1}, timeout=5)
    (first_op, first), (second_op, second) = channel.calls[-2:]
    assert first_op == second_op == "integration.request"
    assert (first["integration"], first["method"], first["path"]) == ("crm", "GET", "/v1/items?page=2")
    assert "url" not in first and first["headers"] == {"X-Mine": "1"}
    assert (second["url"], second["timeout_ms"]) == ("https://crm.example/v1/items", 5000)
    assert base64.b64decode(second["body"]) == b'{"a":1}' and "path" not in second
    assert "crm" in wren.registry.integrations()
    with pytest.raises(TypeError):
        wren.integration(5)
