"""Text from outside in every sink: nothing calls people, hides a link, breaks a header or a screen."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reviewbot.channels import slack, webhook
from reviewbot.channels.email import Mail, as_email
from reviewbot.domain.alarm import Message
from tests.channels.messages import a_message, an_alarm

BOX = Mail(name="mail", host="h", port=25, sender="bot@example.com", to=("desk@example.com",))
HOSTILE = (
    "<!channel>",
    "<@U024BE7LH> <https://evil.example|your bank>",
    "&lt;!here&gt;",
    "@channel @here /@everyone [bank](https://evil.example)",
    "a\r\nBcc: everyone@example.com\r\n\r\nhello",
    "\x1b]0;owned\x07\x1b[31mred\u202egnp.exe",
    "\ud800 lone, \u2028 line, \x00 nothing",
    '"}],"kind":"drill"',
    "*bold* `code` ~gone~",
    ".\r\nMAIL FROM:<x@y>",
)
TEXT = st.one_of(
    st.sampled_from(HOSTILE), st.text(), st.text(alphabet="<>!@&|[]()`*\r\n\x1b\u202e a")
)


def message_of(text: str) -> Message:
    """A digest in which the text is everywhere that text can be."""
    alarm = an_alarm(
        sentence=text, subject=text, to=(text,), facts={text: text, "nested": [{text: text}]}
    )
    return a_message(alarm, alarm, headline=text)


def strings_in(value: Any) -> list[str]:
    """Every text in plain JSON."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for part in pair for text in strings_in(part)]
        case list():
            return [text for part in value for text in strings_in(part)]
    return []


def odd(text: str) -> list[str]:
    """Characters that do something to a screen instead of standing on it."""
    return [
        c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


@given(TEXT)
def test_nothing_in_slack_calls_or_hides(text: str) -> None:
    """Only our own marks are left: no `<…>`, no call, no label over a link."""
    body = slack.as_slack_json(message_of(text))

    body.decode("ascii")
    said = json.loads(body)["text"]
    assert not odd(said)
    assert not re.search(r"[<>]", said)
    assert not re.search(r"&(?!(amp|lt|gt);)", said)
    assert not re.search(r"@(channel|here|all|everyone)\b|(?<!/)@", said, re.IGNORECASE)
    assert "](" not in said
    assert said.count("*") == 2


def test_the_address_of_a_video_stays_whole_in_slack() -> None:
    """A person has to open it."""
    assert "tiktok.com/@lumen/video/7" in slack.escaped("https://www.tiktok.com/@lumen/video/7")


@given(TEXT)
@example("x" * 5000)
def test_a_webhook_is_valid_json_and_its_texts_are_safe(text: str) -> None:
    """For whatever a receiver does with them."""
    said = json.loads(webhook.as_json(message_of(text)).decode("ascii"))

    assert said["count"] == 2
    assert not [string for string in strings_in(said) if odd(string)]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1.5, 10**30])
def test_a_webhook_has_no_number_that_json_lacks(number: float) -> None:
    """NaN and the infinities become words."""
    body = webhook.as_json(a_message(an_alarm(facts={"n": number})))

    assert "NaN" not in body.decode()
    assert str(json.loads(body)["alarms"][0]["facts"]["n"]) in (str(number), repr(number))


@given(TEXT)
@example("ä" * 300 + "\r\nX-Injected: yes")
def test_a_mail_keeps_its_headers_and_its_readers(text: str) -> None:
    """What is told stands in the subject and the body, and is nothing else."""
    raw = as_email(message_of(text), BOX, datetime(2026, 6, 2, tzinfo=UTC)).as_bytes()

    got = message_from_bytes(raw, policy=default)
    assert isinstance(got, EmailMessage)
    assert sorted(got.keys()) == sorted(
        [
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
            *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
        ]
    )
    assert (got["to"], got["from"]) == ("desk@example.com", "bot@example.com")
    assert not got.defects
    assert not odd(got.get_content().replace("\r\n", "\n"))
    assert max(map(len, raw.split(b"\r\n"))) <= 998
