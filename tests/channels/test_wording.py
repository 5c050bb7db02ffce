"""Templates: the operator's words around what is told; names that mean nothing are refused at once."""

from __future__ import annotations

import json
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.channels.config import make_channels, read_notices
from reviewbot.channels.wording import PLACEHOLDERS, MessageWording, problem_of_template
from tests.channels.messages import a_message, an_alarm
from tests.channels.servers import mail_server, web_server
from tests.channels.test_sinks import TEXT, message_of, odd


def read(table: dict[str, Any]) -> tuple[Any, list[str]]:
    """The channel of a table, and all that is wrong with it."""
    problems: list[str] = []
    return read_notices({"channels": {"x": table}}, "r.toml", problems, seconds=float), problems


def test_a_template_words_what_slack_and_mail_say() -> None:
    """Its own marks stay, what fills it is made safe."""
    message = a_message(
        an_alarm(sentence="one <b>"), an_alarm(sentence="two"), headline="2 & more", key="acme"
    )
    with web_server() as web, mail_server() as mail:
        words = {"title": "{word} {key}: {headline}", "text": "<!here> {count} of {kind}:\n{lines}"}
        slack, no_problems = read({"type": "slack", "url": web.url(), **words})
        letter, _ = read(
            {
                "type": "email",
                "host": "127.0.0.1",
                "port": mail.port,
                "tls": "none",
                "from": "bot@example.com",
                "to": "desk@example.com",
                **words,
            }
        )
        for notices in (slack, letter):
            make_channels(notices)[0].deliver(message)

    assert no_problems == []
    assert json.loads(web.got[0].body)["text"] == (
        "ALARM acme: 2 &amp; more\n<!here> 2 of undecided:\none &lt;b&gt;\ntwo"
    )
    (got,) = mail.mails
    assert isinstance(got, EmailMessage)
    assert got["Subject"] == "ALARM acme: 2 & more"
    assert got.get_content().replace("\r\n", "\n") == "<!here> 2 of undecided:\none <b>\ntwo\n"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{hedline}", "{hedline} is no placeholder; did you mean  headline"),
        ("{}", "is no placeholder"),
        ("{0}", "is no placeholder"),
        ("{headline.__class__}", "is no placeholder"),
        ("{headline[0]}", "is no placeholder"),
        ("{headline!r}", "takes nothing behind its name"),
        ("{count:>99999999}", "takes nothing behind its name"),
        ("{headline", "a brace that stands alone"),
        ("headline}", "a brace that stands alone"),
        ("{{headline}}", None),
        ("plain", None),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused_where_settings_are_read(
    template: str, says: str | None
) -> None:
    """With its place; nothing of Python is reachable from it."""
    _, problems = read({"type": "slack", "url": "https://h/", "text": template})
    if says is None:
        assert problems == []
    else:
        assert any("channels.x.text: " in problem and says in problem for problem in problems), (
            problems
        )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"type": "slack", "title": "two\nlines"}, "channels.x.title: is no text on one line"),
        ({"type": "slack", "text": 3}, "channels.x.text: is no text"),
        ({"type": "webhook", "text": "{headline}"}, "channels.x.text: no setting has this name"),
    ],
)
def test_where_and_what_a_template_may_be(table: dict[str, Any], says: str) -> None:
    """The webhook's object has a published form, so it takes none."""
    _, problems = read({"url": "https://h/", **table})
    assert any(says in problem for problem in problems), problems


@given(TEXT, st.sampled_from(PLACEHOLDERS))
def test_whatever_fills_a_template_is_safe(text: str, name: str) -> None:
    """And is filled in once: braces in it mean nothing."""
    wording = MessageWording(title=f"a {{{name}}} b", runbooks="https://r.example.com/")
    made = wording.headline(message_of(text))
    assert made.startswith("a ")
    assert made.endswith(" b")
    assert not odd(made)


@given(st.text(alphabet="{}abz !:.[]0", max_size=12))
def test_a_template_that_is_let_through_can_be_filled(template: str) -> None:
    """No error is left for the moment of an alarm."""
    if problem_of_template(template) is None:
        MessageWording(text=template).written(a_message())
