"""Hostile words through the whole product: no sink of it obeys them, and no sink is forgotten."""

from __future__ import annotations

import csv
import io
import itertools
import json
import unicodedata
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from reviewbot.channels import slack, webhook
from reviewbot.channels.config import TYPES
from reviewbot.channels.email import as_email
from reviewbot.domain.text import quiet, safe, safe_line
from reviewbot.presentation.sheets import sheet
from reviewbot.runtime.logging import Masking
from tests.builders import CONFIRMED
from tests.channels.messages import a_message, an_alarm
from tests.channels.test_sinks import BOX, strings_in
from tests.hostile.stage import LEFT_OUT, RECIPES, Stage, leaves
from tests.proof import proven

JSON_FORMS = ("json", "sarif", "jsonl")


def lively(text: str) -> list[str]:
    """Characters that a screen obeys instead of showing them."""
    return [
        f"U+{ord(c):04X}"
        for c in text
        if c not in "\n\r" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


def refuse(constant: str) -> Any:
    """NaN and the infinities are no JSON."""
    raise ValueError(constant)


def form_of(line: str) -> str:
    """The format a command was asked for."""
    return line.rpartition("[")[2].partition("]")[0]


def outputs(stage: Stage, *forms: str) -> Iterator[tuple[str, str]]:
    """What commands printed in a format."""
    for line, (out, *_) in stage.out.items():
        if form_of(line) in forms and out:
            yield line, out


def test_every_command_is_on_the_stage() -> None:
    """A new command needs a line here, and so does one that goes."""
    commands = {command for command, _ in leaves()}
    assert commands == set(RECIPES) | set(LEFT_OUT)


def test_every_command_ends_as_it_should(stage: Stage) -> None:
    """With an exit code of its own, never as a fault of ours."""
    faults = [line for line, (_, *err) in stage.out.items() if any("unexpected" in e for e in err)]
    assert faults == []
    assert sum(code == 0 for code in stage.codes.values()) > len(stage.codes) // 2


def test_nothing_that_is_printed_moves_a_terminal(stage: Stage) -> None:
    """Neither stream of any command holds a control code or a turn of direction."""
    found = {line: set(lively("".join(texts))) for line, texts in stage.out.items()}
    assert {line: marks for line, marks in found.items() if marks} == {}
    carried = [line for line, texts in stage.out.items() if "alert(1)" in "".join(texts)]
    assert len(carried) > 25
    proven(
        "fuzz",
        "P28",
        "outputs of commands with hostile words, none of which moves a screen",
        len(found),
    )


def test_json_is_json_and_one_line_an_object(stage: Stage) -> None:
    """Also for a reader that takes other characters for line ends."""
    seen = 0
    for line, out in outputs(stage, *JSON_FORMS):
        try:
            json.loads(out, parse_constant=refuse)
        except ValueError:
            for text in out.splitlines():
                assert isinstance(json.loads(text, parse_constant=refuse), dict), line
        seen += 1
    assert seen > 30


def test_a_spreadsheet_calculates_nothing(stage: Stage) -> None:
    """No cell of any CSV begins like a formula, also behind spaces and in full width."""
    texts = dict(outputs(stage, "csv"))
    texts |= {
        name: body.decode()
        for name, body in stage.bytes.items()
        if name.endswith((".csv", ".out")) and "orders" not in name
    }
    cells = 0
    for name, text in texts.items():
        for row in csv.reader(io.StringIO(text)):
            for cell in row:
                cells += 1
                start = unicodedata.normalize("NFKC", cell.lstrip())[:1]
                assert start not in ("=", "+", "-", "@") and cell[:1] not in ("\t", "\r"), (
                    name,
                    cell,
                )
    assert cells > 100


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.bad: list[tuple[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            link = name in ("href", "src") and not (value or "").startswith(("https://", "#"))
            if name.startswith("on") or link:
                self.bad.append((tag, name))


def test_a_page_has_no_markup_of_others(stage: Stage) -> None:
    """No script, no image, no handler; the hostile words stand there to be read."""
    pages = dict(outputs(stage, "html"))
    assert pages
    for line, page in pages.items():
        reader = _Tags()
        reader.feed(page)
        assert reader.bad == [], line
        assert not reader.tags & {"script", "img", "iframe", "b", "i", "base", "form"}, line
    assert any("&lt;script&gt;" in page for page in pages.values())


def test_annotations_stay_on_their_line(stage: Stage) -> None:
    """What GitHub reads as commands are ours alone, and JUnit's file is XML."""
    for line, out in outputs(stage, "github"):
        assert all(text.startswith("::") for text in out.splitlines()), line
    ElementTree.fromstring(stage.bytes["file junit.xml"])


def texts_in(body: str) -> list[str]:
    """Every text of a JSON, as a screen would get it."""
    return strings_in(json.loads(body))


def test_every_type_of_channel_was_written_to(stage: Stage) -> None:
    """And what arrived calls nobody."""
    assert set(TYPES) == {"slack", "webhook", "email", "ntfy", "pagerduty", "alertmanager"}
    for body in stage.out["slack"]:
        text = json.loads(body)["text"]
        assert "<" not in text and not lively(text)
    assert stage.out["slack"] and stage.out["webhook"] and stage.out["mail"]
    for name in ("ntfy", "pagerduty", "alertmanager"):
        assert stage.out[name]
        assert not any(lively(text) for body in stage.out[name] for text in texts_in(body))


def test_every_line_of_the_log_is_an_object(stage: Stage) -> None:
    """One event, one line of JSON, whatever the event is about."""
    seen = 0
    for line, (_, err, *_) in stage.out.items():
        if not line.startswith("run --once"):
            continue
        for line in err.splitlines():
            if line.startswith("{"):
                assert "event" in json.loads(line, parse_constant=refuse)
                seen += 1
    assert seen >= 4


HOOKS = (
    *("<!channel>", "<!here>", "<@U1>", "@everyone", "<https://e.example|bank>", "&lt;!here&gt;"),
    *(
        "\x1b]0;t\x07",
        "\x1b[2J",
        "\x9b31m",
        "\x90q\x9c",
        "\x07",
        "\x08" * 9,
        "\r",
        "\r\nBcc: a@b",
        "\x00",
    ),
    *(
        "\u202e",
        "\u2066",
        "\u200b",
        "\u200f",
        "\u2028",
        "\u2029",
        "\x85",
        "\ufeff",
        "\U000e0041",
        "\ud800",
    ),
    *(
        "<script>",
        "</td><img src=x>",
        "'\"><svg onload=x>",
        "{{7*7}}",
        "${7*7}",
        "{% x %}",
        "&#x3c;b&#x3e;",
    ),
    *(
        "=1+1",
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        " =1",
        "＝1",
        "＋1",
        "－1",
        "＠1",
        "\x00=1",
        "\x1b=1",
    ),
    *(
        "::error::x",
        "%0A::set-output",
        "]]>",
        "<!--",
        '"}],"x":1',
        "\\",
        "\\u001b",
        "NaN",
        "\n.\r\nQUIT",
    ),
)
PAYLOADS = tuple(f"{a}{b}" for a, b in itertools.product(HOOKS, ("", "a", "=x", "\u202e<b>")))


def test_two_hundred_payloads_in_every_kind_of_text() -> None:
    """Line, block, cell, e-mail, chat, object, log line, metric and page, one by one."""
    assert len(PAYLOADS) >= 200
    masking = Masking(["canary"])
    for text in PAYLOADS:
        message = a_message(
            an_alarm(sentence=text, subject=text, facts={text: text}), headline=text
        )
        said = json.loads(slack.as_slack_json(message))["text"]
        assert "<" not in said and not lively(said), text
        hooked = webhook.as_json(message)
        assert hooked.isascii() and json.loads(hooked, parse_constant=refuse), text
        assert not lively(safe(text)) and "\n" not in safe_line(text), text
        _, (cell,) = csv.reader(io.StringIO(sheet(["a"], [[text]]), newline=""))
        start = unicodedata.normalize("NFKC", cell.lstrip())[:1]
        assert start not in ("=", "+", "-", "@") and not lively(cell), text
        line = json.dumps(masking(None, "", {text: text, "nested": [{text: (text,)}]}))
        assert not lively(line) and len(line.splitlines()) == 1, text
        mail = as_email(message, BOX, CONFIRMED).as_bytes()
        heads = message_from_bytes(mail, policy=default)
        assert "bcc" not in heads and heads["to"] == "desk@example.com", text
        quieted = quiet(json.dumps({"x": text}, ensure_ascii=False))
        assert json.loads(quieted) == {"x": text} and not lively(quieted), text


def test_a_label_of_a_metric_stays_a_label() -> None:
    """Rule and policy names come from people; Prometheus reads back just what they wrote."""
    for text in PAYLOADS:
        if "\ud800" in text:
            continue
        family = CounterMetricFamily("reviewbot_decisions", "About", labels=("rule",))
        family.add_metric((text,), 1)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Fixed(family))
        page = generate_latest(registry).decode()
        (found,) = (s for f in text_string_to_metric_families(page) for s in f.samples)
        assert found.labels == {"rule": text} or "\r" in text or "\x85" in text, (text, page)


class Fixed(Collector):
    """A collector of one family."""

    def __init__(self, family: CounterMetricFamily) -> None:
        self.family = family

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The family."""
        yield self.family
