"""Accounts on a server that is not ours: the right ones go live, go back, or to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.domain.decision import Mode
from reviewbot.domain.text import Secret
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator.clock import VirtualClock
from tests.acceptance.house import KEY, judge_of
from tests.acceptance.strange_accounts import (
    WANTED,
    Refused,
    StrangeAccounts,
    a_correction,
    a_request,
)
from tests.acceptance.stranger import served

START = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
POLICY = """
policy: profiles
language: 1
applies to: {review: accounts}
rules:
  - name: asked, and not done
    when:
      feedback.last_fields: contains username
      feedback.changed_since_request: not contains username
    then: escalate
  - name: another name
    when: {profile.differs: contains username}
    then: request corrections
    comment: One thing to mend before this account can go live.
    fields: {username: "Please use {profile.username}."}
  - name: names its city, as requested
    when:
      profile.biography: contains lisbon
      profile.differs: not contains biography
    then: finalize
deadline: {decide by: 6h before deadline, if undecided: escalate}
"""


def other(**changes: Any) -> dict[str, Any]:
    """The requested profile with something else in it."""
    return WANTED | changes


def fill(server: StrangeAccounts) -> dict[str, str | None]:
    """One account of each kind; gives what should be sent for each, None for nothing."""
    now, silent = server.now(), {k: v for k, v in WANTED.items() if k != "biography"}
    asked = [a_request(9, now, username="Shorter."), a_correction(2, now, biography=("a", "b"))]
    done = [a_request(9, now, username="Shorter."), a_correction(2, now, username=("a", "b"))]
    server.put("bnd_abc123", WANTED)
    server.put("bnd_name", other(username="lumen_backup"))
    server.put("bnd_name_only", {"username": "lumen_backup"})
    server.put("bnd_biography", other(biography="hello"))
    server.put("bnd_half", silent)
    server.put("bnd_unseen", None)
    server.put("bnd_no_city", other(biography="One pan."), wanted=other(biography="One pan."))
    server.put("bnd_not_done", WANTED, history=asked)
    server.put("bnd_done", WANTED, history=done)
    server.put("bnd_newest_first", WANTED, history=done[::-1])
    server.put("bnd_odd", WANTED, history=[{"type": 7}])
    server.put("bnd_two_words", WANTED)
    server.bundles["bnd_two_words"]["account"]["status"] = "finalized"
    server.put("bnd_finalized", WANTED, status="finalized")
    server.put("bnd_early", None, status="published")
    return {
        "bnd_abc123": "finalize",
        "bnd_name": "corrections",
        "bnd_name_only": "corrections",
        "bnd_done": "finalize",
        "bnd_newest_first": "finalize",
    } | dict.fromkeys(("bnd_biography", "bnd_half", "bnd_unseen", "bnd_no_city", "bnd_not_done"))


@contextmanager
def a_bot(server: StrangeAccounts, clock: VirtualClock) -> Iterator[BotContext]:
    """A live bot with the real transport, in virtual time."""
    with served(server) as url:  # type: ignore[arg-type]  # it answers as a Stranger does
        settings = Settings(api_key=Secret(KEY), base_url=url, mode=Mode.LIVE, ledger="memory:")
        app = build(settings, judges=[judge_of(POLICY)], clock=clock, chance=lambda: 0.5)
        try:
            yield app
        finally:
            app.close()


KINDS: dict[str, dict[str, Any]] = {
    "as documented": {},
    "no filter honoured": {"filters": False},
    "bare rows, no filter": {"filters": False, "bare_rows": True},
    "newer words": {"detour": "pending_corrections", "shout": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_accounts_go_live_go_back_or_to_a_person(kind: str) -> None:
    """Each once; what only one side states is never taken for alike, and never for different."""
    clock = VirtualClock(START)
    server = StrangeAccounts(clock.now, **KINDS[kind])
    wanted = fill(server)
    with a_bot(server, clock) as app:
        poll_once(app)
        clock.sleep(60)
        poll_once(app)

        assert {bundle: act for bundle, act, _ in server.acts} == {
            bundle: act for bundle, act in wanted.items() if act
        }
        assert len(server.acts) == 5
        (body,) = (b for bundle, _, b in server.acts if bundle == "bnd_name")
        assert body["fields"] == {"username": "Please use lumen.cooks."}
        states = {logged.decision.task_id: logged.state.value for logged in app.ledger.decisions()}
        for bundle, act in wanted.items():
            assert states[bundle] == ("performed" if act else "held")
        assert "bnd_finalized" not in states
        assert "bnd_early" not in states
        assert {ending.by for ending in app.ledger.endings()} == {"ours"}
        assert app.ledger.verify().problems == ()


def test_an_account_that_comes_back_is_judged_anew() -> None:
    """Honoured, it goes live in its second round; not honoured, a person looks."""
    clock = VirtualClock(START)
    server = StrangeAccounts(clock.now)
    server.put("bnd_kept", other(username="lumen_backup"))
    server.put("bnd_broken", other(username="lumen_backup"))
    with a_bot(server, clock) as app:
        poll_once(app)
        clock.sleep(3600)
        server.mend("bnd_kept", username="lumen.cooks")
        server.mend("bnd_broken", biography="One pan, one city: Lisbon!")
        poll_once(app)

        assert [(bundle, act) for bundle, act, _ in server.acts] == [
            ("bnd_broken", "corrections"),
            ("bnd_kept", "corrections"),
            ("bnd_kept", "finalize"),
        ]
        last = {logged.decision.task_id: logged.decision for logged in app.ledger.decisions()}
        assert (last["bnd_kept"].round, last["bnd_kept"].epoch) == (2, "2")
        assert (last["bnd_broken"].rule, last["bnd_broken"].epoch) == ("asked, and not done", "2")


def test_whoever_was_first_is_noticed() -> None:
    """A 409 in lower case ends that account's review, and no other's."""
    clock = VirtualClock(START)
    server = StrangeAccounts(clock.now)
    server.put("bnd_abc123", WANTED)
    server.put("bnd_other", WANTED)

    def finalize_first(bundle_id: str) -> None:
        if bundle_id == "bnd_abc123":
            bundle = server.bundles[bundle_id]
            bundle["account_status"] = bundle["account"]["status"] = "finalized"

    server.before_act = finalize_first
    with a_bot(server, clock) as app:
        poll_once(app)
        states = {logged.decision.task_id: logged.state.value for logged in app.ledger.decisions()}
        assert states == {"bnd_abc123": "overtaken", "bnd_other": "performed"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "invalid_status"),
        (404, "bundle_not_found"),
        (404, "not_found"),
        (403, "forbidden"),
        (402, "insufficient_credits"),
        (422, "unprocessable"),
        (400, "invalid_field"),
        (403, "bundle_not_owned"),
    ],
)
def test_a_refusal_of_a_moment_ends_no_account(status: int, code: str) -> None:
    """While the account goes on waiting, it is tried again, or a person is asked meanwhile."""
    clock = VirtualClock(START)
    server = StrangeAccounts(clock.now)
    server.put("bnd_abc123", WANTED)
    until = START.timestamp() + 30

    def refuse(bundle_id: str) -> None:
        if clock.time < until:
            raise Refused(status, code, current_status="in_review")

    server.before_act = refuse
    with a_bot(server, clock) as app:
        for _ in range(20):
            poll_once(app)
            clock.sleep(60)
        states = {
            logged.decision.action.value: logged.state.value for logged in app.ledger.decisions()
        }
    assert server.acts == [("bnd_abc123", "finalize", {})]
    assert states["finalize"] == "performed"


def test_nobody_decides_so_the_estimated_deadline_asks_a_person_once() -> None:
    """The window is counted from first sight; nothing is sent for what no rule covers."""
    clock = VirtualClock(START)
    server = StrangeAccounts(clock.now)
    server.put("bnd_half", {"username": "lumen.cooks"})
    with a_bot(server, clock) as app:
        rules = []
        for _ in range(73):
            poll_once(app)
            clock.sleep(3600)
            (one,) = app.ledger.decisions()
            rules.append(one.decision.rule)
        assert rules == ["no rule"] * 66 + ["deadline"] * 7
        assert one.decision.deadline_is_estimate
        assert server.acts == []
