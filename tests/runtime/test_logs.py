"""Logs: valid JSON lines, nothing secret, nothing that could disturb a screen."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.decision import Action
from reviewbot.runtime.logging import bind, configure_logs

KEY = "sk_" + "f" * 64


@pytest.fixture(autouse=True)
def _leave_no_traces() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def logged(event: str = "decision", **about: object) -> tuple[str, dict[str, Any]]:
    """Write one event and read it back."""
    stream = io.StringIO()
    configure_logs(stream=stream, secrets=["hunter2hunter2"])(event, **about)
    return stream.getvalue(), json.loads(stream.getvalue())


def test_one_event_is_one_json_line() -> None:
    """With its name, its level, its time, and plain values."""
    text, entry = logged(action=Action.APPROVE, at=datetime(2026, 6, 2, tzinfo=UTC), ids=("a", 1))

    assert text.count("\n") == 1
    assert entry["event"] == "decision"
    assert entry["level"] == "info"
    assert (entry["action"], entry["at"], entry["ids"]) == (
        "approve",
        "2026-06-02T00:00:00Z",
        ["a", 1],
    )


def test_secrets_are_masked_wherever_they_stand() -> None:
    """By their value, by their shape, in a URL, in an error, nested."""
    text, _ = logged(
        error=ValueError(f"bad key {KEY}"),
        deep={"headers": [f"X-API-Key: {KEY}", "hunter2hunter2"]},
        url="postgresql+psycopg://bot:pa55word@db/x",
    )

    assert KEY not in text
    assert "hunter2" not in text
    assert "pa55word" not in text


def test_what_is_no_number_in_json_is_written_as_text() -> None:
    """NaN is not JSON."""
    _, entry = logged(score=float("nan"), high=float("inf"))

    assert (entry["score"], entry["high"]) == ("nan", "inf")


@given(st.text())
def test_any_text_stays_on_its_line(text: str) -> None:
    """No control character and no bidirectional override reaches the stream."""
    line, _ = logged(comment=text)

    assert line.count("\n") == 1
    assert not any(ord(char) < 32 and char != "\n" for char in line)
    assert "\u202e" not in line


def test_what_is_bound_is_said_with_every_event() -> None:
    """The pass and the revision stand on each line."""
    stream = io.StringIO()
    log = configure_logs(stream=stream)
    bind(revision="7c1e")
    log("decision")

    assert json.loads(stream.getvalue())["revision"] == "7c1e"


def test_a_person_gets_plain_lines() -> None:
    """On a terminal it is not JSON."""
    stream = io.StringIO()
    configure_logs(stream=stream, as_json=False)("decision", action="approve")

    assert "decision" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_less_than_the_level_is_not_written() -> None:
    """Debug lines only when asked for."""
    stream = io.StringIO()
    configure_logs(stream=stream)("request", level="debug")

    assert stream.getvalue() == ""
