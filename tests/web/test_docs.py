"""docs/console.md: its keys are the program's, its pictures are there, small, and of the pages as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reviewbot.web.render import KEYS
from tests.tier import FULL
from tests.web import pictures

PAGE = Path(__file__).resolve().parents[2] / "docs" / "console.md"
LARGEST = 160_000
"""Bytes of a picture."""


def test_the_keys_of_the_page_are_those_of_the_legend() -> None:
    """Row by row."""
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.M)
    assert rows == [tuple(key) for key in KEYS]


def test_every_picture_is_there_and_small() -> None:
    """Each that the page names, each that the script makes, and no other."""
    named = set(re.findall(r"\(pictures/(console-\w+\.png)\)", PAGE.read_text()))
    there = {path.name: path for path in pictures.FOLDER.glob("console-*.png")}
    kept = {f"console-{name}.png" for name in json.loads(pictures.TEXTS.read_text())}
    assert named == set(there) == kept
    assert all(path.stat().st_size <= LARGEST for path in there.values())


@pytest.mark.skipif(not FULL, reason="lives through days of the demo: TEST_TIER=full")
@pytest.mark.timeout(300)
def test_the_pictures_show_the_pages_as_they_are() -> None:
    """By their text; `python -m tests.web.pictures --write` makes them anew."""
    with pictures.demo_desk() as desk:
        assert pictures.texts(desk) == json.loads(pictures.TEXTS.read_text())
