"""The page of benchmarks is what a machine wrote from the figures that were kept."""

from __future__ import annotations

import importlib
import json

import pytest

from benchmarks import page
from benchmarks.kept import FOLDER


def test_nobody_types_a_figure_in() -> None:
    """`python -m benchmarks.page` writes it anew."""
    assert page.PAGE.read_text() == page.page()


def test_every_benchmark_that_was_kept_is_told() -> None:
    """And each that is told can be run again."""
    assert {path.stem for path in FOLDER.glob("*.json")} <= page.BENCHMARKS.keys()
    for name in page.BENCHMARKS:
        assert importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_figure_stands_on_the_page(path) -> None:
    """However deep it is nested."""
    text = page.PAGE.read_text()

    def every(value: object) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                every(inner)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            assert f"{value:,}" in text

    every(json.loads(path.read_text()))
