"""Hostile words through the whole product: no sink of it obeys them, and no sink is forgotten."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from reviewbot.channels.config import TYPES
from tests.hostile.stage import LEFT_OUT, RECIPES, Stage, leaves, perform

JSON_FORMS = ("json", "sarif", "jsonl")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Every command, every channel and every file, on the hostile stage."""
    return perform(tmp_path_factory.mktemp("stage"))


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


def test_json_is_json_and_one_line_an_object(stage: Stage) -> None:
    """Also for a reader that takes other characters for line ends."""
    seen = 0
    for line, out in outputs(stage, *JSON_FORMS):
        try:
            json.loads(out, parse_constant=refuse)
        except ValueError:
            for one in out.splitlines():
                assert isinstance(json.loads(one, parse_constant=refuse), dict), line
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
        assert all(one.startswith("::") for one in out.splitlines()), line
    ElementTree.fromstring(stage.bytes["file junit.xml"])


def test_every_type_of_channel_was_written_to(stage: Stage) -> None:
    """And what arrived calls nobody."""
    assert set(TYPES) == {"slack", "webhook", "email"}
    for body in stage.out["slack"]:
        text = json.loads(body)["text"]
        assert "<" not in text and not lively(text)
    assert stage.out["slack"] and stage.out["webhook"] and stage.out["mail"]
