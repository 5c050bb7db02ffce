"""Metrics: what Prometheus scrapes of each key, and that it is what the bot did."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from reviewbot.core.context import BotContext
from reviewbot.domain.decision import DEADLINE, Action, State
from reviewbot.domain.errors import CannotConnect
from reviewbot.domain.timing import Timing
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.runtime.liveness import Pulse
from reviewbot.runtime.meters import PAID_BY, Meters, measured
from reviewbot.runtime.metrics import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    LABELLED,
    BotCollector,
    Exposition,
)
from reviewbot.safety import pauses
from reviewbot.tokportal.exchange import OPERATIONS, operation_of
from tests.builders import an_item
from tests.fakes import APPROVE, ESCALATE, HandClock, World, always, an_app, world_of
from tests.safety.test_guards import ASK, PAY, SEND_BACK, Room, a_policy, a_room

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = {
    "reviewbot_paid",
    "reviewbot_paid_usd",
    "reviewbot_open_questions",
    "reviewbot_next_silent_payment_seconds",
    "reviewbot_channel_failures",
    "reviewbot_paused",
    "reviewbot_probation",
    "reviewbot_limit_room",
    "reviewbot_api_requests",
    "reviewbot_api_seconds",
    "reviewbot_ledger_seconds",
    "reviewbot_checkpoint_age_seconds",
    "reviewbot_is_leader",
    "reviewbot_build_info",
}
"""Those on which dashboards and rules elsewhere rely."""


def samples(*pulses: Pulse) -> dict[tuple[str, ...], float]:
    """Every sample of ours: its name without `reviewbot_` and its labels as `name=value`, sorted."""
    text = Exposition(lambda: pulses).text().decode()
    return {
        (
            sample.name.removeprefix("reviewbot_"),
            *sorted(f"{name}={value}" for name, value in sample.labels.items()),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("reviewbot_")
    }


def a_pulse(app: BotContext, meters: Meters | None = None, key: str = "default") -> Pulse:
    """The pulse of a bot whose figures are scraped."""
    return Pulse(app, 60.0, key=key, meters=meters, is_scraped=True)


def measured_bot(answer: Any, *items: Any) -> tuple[BotContext, Pulse]:
    """A bot whose ledger is measured, on these tasks."""
    meters, world = Meters(), World()
    world.add(*(items or (an_item(),)))
    ledger = measured(open_ledger("memory:"), meters)
    app = an_app(world, always(answer), ledger=ledger, clock=HandClock())
    return app, a_pulse(app, meters)


def test_every_metric_of_the_contract_is_there_from_the_first_scrape_on() -> None:
    """Also before a pass, so that a rule or a dashboard never names what does not exist."""
    _app, pulse = measured_bot(APPROVE)
    families = {family.name: family for family in BotCollector(lambda: (pulse,)).collect()}

    assert families.keys() >= CONTRACT
    assert all(family.documentation for family in families.values())
    assert all("key" in sample.labels for f in families.values() for sample in f.samples)
    paid = {s.labels["by"]: s.value for s in families["reviewbot_paid"].samples}
    assert paid == dict.fromkeys(PAID_BY, 0.0)
    assert b"process_resident_memory_bytes" in Exposition(lambda: (pulse,)).text()


def test_the_page_on_operating_lists_each_metric_with_its_labels() -> None:
    """No more and no fewer, in its own words."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(reviewbot_\w+)` \| (.+?) \| (.+?) \|$", page, re.M))
    labelled = ((f"reviewbot_{row.name}", row) for row in LABELLED)
    counters = ((f"reviewbot_{row.name}_total", row) for row in COUNTERS)
    assert listed == {
        *((f"reviewbot_{row.name}", "–", row.sentence) for row in GAUGES),
        *(
            (name, ", ".join(f"`{label}`" for label in row.labels) or "–", row.sentence)
            for name, row in (*labelled, *counters)
        ),
        *((f"reviewbot_{row.name}", "histogram", row.sentence) for row in HISTOGRAMS),
    }


def test_each_key_has_its_own_figures_under_one_name() -> None:
    """Two bots in one process: one family each, a sample for either."""
    pulses = [a_pulse(measured_bot(APPROVE)[0], key=key) for key in ("acme", "orbit")]
    pulses[1].breakers_open = 2

    found = samples(*pulses)

    assert found["breaker_open", "key=acme"] == 0
    assert found["breaker_open", "key=orbit"] == 2


def test_a_process_that_stands_by_says_so_and_which_program_it_is() -> None:
    """So that nobody takes it for one that is gone."""
    _, pulse = measured_bot(APPROVE)
    leaders = {"default": True, "acme": False}
    text = Exposition(lambda: (pulse,), lambda: leaders).text().decode()
    found = {
        (sample.name, sample.labels["key"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name in ("reviewbot_is_leader", "reviewbot_build_info")
    }
    assert found == {
        ("reviewbot_is_leader", "default"): 1,
        ("reviewbot_is_leader", "acme"): 0,
        ("reviewbot_build_info", "default"): 1,
        ("reviewbot_build_info", "acme"): 1,
    }


def test_what_a_rule_paid_is_counted_once_its_round_is_over() -> None:
    """By whose word, and in dollars; not at the decision, which may still turn out not done."""
    app, pulse = measured_bot(APPROVE)
    pulse.passed(poll_once(app))
    assert samples(pulse)["paid_total", "by=rule", "key=default"] == 0

    pulse.passed(poll_once(app))

    found = samples(pulse)
    assert found["paid_total", "by=rule", "key=default"] == 1
    assert found["paid_usd_total", "by=rule", "key=default"] == pytest.approx(0.24)
    assert found["paid_total", "by=silence", "key=default"] == 0


def test_what_silence_and_others_paid_is_counted_apart() -> None:
    """Silence: it is finalized at its deadline and nobody decided. Somebody else: well before."""
    one, two = an_item(id="a"), an_item(id="b")
    app, pulse = measured_bot(ESCALATE, one, two)
    pulse.passed(poll_once(app))
    world = world_of(app)
    assert one.deadline_at is not None
    world.change("a", status="finalized", finalized_at=one.deadline_at + timedelta(minutes=1))
    world.change("b", status="finalized", finalized_at=app.clock.now())
    app.clock.forward(hours=80)  # type: ignore[attr-defined]

    poll_once(app)

    found = samples(pulse)
    assert found["paid_total", "by=silence", "key=default"] == 1
    assert found["paid_total", "by=other", "key=default"] == 1
    assert found["paid_total", "by=rule", "key=default"] == 0


@pytest.mark.parametrize(
    ("changes", "by"),
    [({"decided_by": "ana"}, "person"), ({"rule": DEADLINE}, "fallback"), ({}, "rule")],
)
def test_what_another_process_sent_is_counted_by_whose_word_it_was(
    changes: dict[str, Any], by: str
) -> None:
    """A person's answer leaves from the console or from a command; the log knows it."""
    app, pulse = measured_bot(ESCALATE, an_item(id="a"))
    pulse.passed(poll_once(app))
    (asked,) = app.ledger.decisions(task_id="a")
    paid = replace(asked.decision, id="paid", action=Action.APPROVE, **changes)
    app.ledger.intend(paid)
    app.ledger.mark("paid", State.PERFORMED, app.clock.now())
    world_of(app).change("a", status="finalized", finalized_at=app.clock.now())

    pulse.passed(poll_once(app))

    found = samples(pulse)
    counted = {which: found["paid_total", f"by={which}", "key=default"] for which in PAID_BY}
    assert counted == {which: float(which == by) for which in PAID_BY}


def looked_at(room: Room) -> dict[tuple[str, ...], float]:
    """What is scraped after a pass."""
    pulse = a_pulse(room.app)
    pulse.passed(poll_once(room.app))
    return samples(pulse)


def test_open_questions_and_the_next_silent_payment_are_foreseen() -> None:
    """A question stays with its person; under a pause of everything silence pays the first."""
    room = a_room(a_policy(ASK), count=3)
    found = looked_at(room)
    assert found["open_questions", "key=default"] == 3
    assert ("next_silent_payment_seconds", "key=default") not in found
    assert found["paused", "key=default"] == 0
    now = room.app.clock.now()
    pauses.pause(room.ledger, "all", reason="why", who="ana", until=None, now=now)

    found = looked_at(room)

    assert found["paused", "key=default"] == 1
    # Counted from the machine's clock, and the tasks of the test lie in its past.
    assert found["next_silent_payment_seconds", "key=default"] < 0


@pytest.mark.parametrize(
    ("rails", "rules", "name", "left"),
    [
        ("approvals: at most 3 per hour", PAY, "approvals: at most 3 per hour", 1),
        (
            "money approved: at most 1 USD per day",
            PAY,
            "money approved: at most 1.00 USD per day",
            0.52,
        ),
        (
            "dispute share: at most 60% after 5 decisions",
            SEND_BACK,
            "dispute share: at most 60% after 5 decisions",
            -0.4,
        ),
    ],
)
def test_the_room_of_each_limit_is_told(rails: str, rules: str, name: str, left: float) -> None:
    """In decisions, in dollars and as a share, after two decisions."""
    room = a_room(a_policy(rules, f"guardrails:\n  {rails}\n"), count=2)

    found = looked_at(room)

    assert found["limit_room", "key=default", f"limit={name}", "policy=guarded"] == pytest.approx(
        left
    )


def test_a_limit_of_a_rule_keeps_its_room_when_nothing_waits() -> None:
    """It is read from the log then."""
    limited = PAY + "    limit: at most 5 per day\n"
    room = a_room(a_policy(limited), count=2)
    looked_at(room)
    looked_at(room)

    (name,) = [labels for labels in looked_at(room) if labels[0] == "limit_room"]
    assert looked_at(room)[name] == 3


def test_a_checkpoint_that_is_kept_begins_anew_to_age() -> None:
    """The loop says so as an event, which the pulse hears."""
    app, pulse = measured_bot(APPROVE)
    say = pulse.hearing(app.events)
    assert ("checkpoint_age_seconds", "key=default") not in samples(pulse)

    say("checkpoint", count=1, head="", at=app.clock.now(), signature="")

    assert pulse.meters.checkpoint_at == app.clock.now()
    assert samples(pulse)["checkpoint_age_seconds", "key=default"] > 0


def test_calls_of_the_ledger_are_timed_and_go_through() -> None:
    """One that fails too."""
    meters, moments = Meters(), iter([0.0, 0.2, 1.0, 3.0])
    ledger = measured(open_ledger("memory:"), meters, lambda: next(moments))

    assert ledger.endings() == []
    with pytest.raises(TypeError):
        ledger.decisions(wrong=1)  # type: ignore[call-arg]

    assert meters.ledger_seconds.total == pytest.approx(2.2)
    assert sum(meters.ledger_seconds.counts) == 2


@pytest.mark.parametrize(
    ("seconds", "place"), [(0.0, 0), (0.005, 0), (0.006, 1), (30.0, 9), (31.0, 10)]
)
def test_a_call_is_counted_at_the_first_step_that_holds_it(seconds: float, place: int) -> None:
    """As Prometheus reads it: up to and including the edge."""
    timing = Timing()
    timing.add(seconds)
    assert timing.counts.index(1) == place


def test_a_path_that_nobody_knows_is_no_new_label() -> None:
    """Labels stay few whatever is called."""
    assert operation_of("GET", "/comments/x/y/z?a=b") == "other"
    assert operation_of("GET", "/comments?page=2") == "list_comments"
    assert (
        operation_of("POST", "/bundles/bnd_1/account/finalize")
        == OPERATIONS["POST /bundles/{id}/account/finalize"]
    )


@pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool (Debian: prometheus) is not installed"
)
def test_prometheus_itself_has_nothing_to_say_against_it() -> None:
    """`promtool check metrics` on a whole page: names, units, help and types."""
    room = a_room(a_policy(PAY, "guardrails:\n  approvals: at most 3 per hour\n"), count=5)
    pulse = a_pulse(room.app)
    pulse.passed(poll_once(room.app))
    pulse.failed(CannotConnect("nobody answers"))
    text = Exposition(lambda: (pulse,)).text()

    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=20
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
