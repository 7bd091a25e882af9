from __future__ import annotations

import datetime

import pytest
from wren import Attachment, Email, errors
from wren._runtime.encode import to_plain

EVENT = {
    "from": "Ada <ada@example.com>",
    "to": ["b@example.com"],
    "cc": "c@example.com",
    "subject": "Invoice",
    "date": "2026-05-01T10:00:00Z",
    "text": "Hello",
    "html": "<p>Hello</p>",
    "headers": {"X-Test": "1"},
    "attachments": [
        {"filename": "a.txt", "content_type": "text/plain", "content": "aMOpbGxv"},
        {"content": "AA=="},
    ],
    "message_id": "<1@example.com>",
    "verified_sender": True,
}


def test_an_event_becomes_an_email():
    email = Email.from_event(EVENT)
    assert (email.from_, email.to, email.cc) == ("Ada <ada@example.com>", ["b@example.com"], ["c@example.com"])
    assert (email.subject, email.text, email.html) == ("Invoice", "Hello", "<p>Hello</p>")
    assert email.date == datetime.datetime(2026, 5, 1, 10, tzinfo=datetime.timezone.utc)
    assert (email.headers, email.message_id, email.verified_sender) == ({"X-Test": "1"}, "<1@example.com>", True)


def test_an_attachment_is_decoded_when_it_is_read():
    first, second = Email.from_event(EVENT).attachments
    assert (first.filename, first.content_type, first.size) == ("a.txt", "text/plain", 6)
    assert first.content == "héllo".encode()
    assert first.text == "héllo"
    assert (second.filename, second.size, second.content) == ("attachment", 1, b"\x00")


def test_an_empty_event_has_defaults():
    email = Email.from_event({})
    assert (email.from_, email.to, email.subject, email.text) == ("", [], "", "")
    assert (email.date, email.html, email.message_id, email.verified_sender) == (None, None, None, False)
    assert email.attachments == []


def test_an_email_is_json_without_the_bytes():
    plain = to_plain({"mail": Email.from_event(EVENT)})["mail"]
    assert plain["from"] == "Ada <ada@example.com>"
    assert plain["date"] == "2026-05-01T10:00:00Z"
    assert plain["attachments"][0] == {"filename": "a.txt", "content_type": "text/plain", "size": 6}


def test_no_attachment_of_no_bytes_has_a_size():
    assert Attachment("empty").size == 0
    assert Attachment("empty").content == b""


def test_bytes_that_were_left_out_are_asked_for_in_vain():
    (attachment,) = Email.from_event({"attachments": [{"filename": "a.bin", "size": 7}]}).attachments
    assert (attachment.filename, attachment.size) == ("a.bin", 7)
    for read in (lambda: attachment.content, lambda: attachment.text):
        with pytest.raises(errors.AgentFixableError, match="7 bytes of the attachment 'a.bin'.*gmail.get") as raised:
            read()
        assert raised.value.code == "INVALID_REQUEST"
    assert to_plain(attachment) == {"filename": "a.bin", "content_type": "application/octet-stream", "size": 7}


def test_an_email_says_whether_it_is_whole():
    assert Email.from_event({"truncated": True}).truncated is True
    assert Email.from_event({}).truncated is False
