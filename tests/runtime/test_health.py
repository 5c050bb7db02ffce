"""Health: what probes and Prometheus are told, over a real socket."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from reviewbot.core.context import BotContext
from reviewbot.domain.errors import CannotConnect, ConfigError, LedgerUnwritable
from reviewbot.review.poll import poll_once
from reviewbot.runtime.health import HealthServer
from reviewbot.runtime.liveness import STUCK, LivelyEvent, Pulse
from reviewbot.safety import pauses
from tests.builders import an_item
from tests.fakes import APPROVE, HandClock, World, always, an_app


@pytest.fixture
def clock() -> HandClock:
    """Time that the test moves."""
    return HandClock()


@pytest.fixture
def app(clock: HandClock) -> BotContext:
    """A bot on one task, which it approves."""
    world = World()
    world.add(an_item())
    return an_app(world, always(APPROVE), clock=clock)


@pytest.fixture
def pulse(app: BotContext) -> Pulse:
    """Its pulse."""
    pulse = Pulse(app, 60.0)
    app.events = pulse.hearing(app.events)
    return pulse


@pytest.fixture
def server(pulse: Pulse) -> Iterator[HealthServer]:
    """The pages, on a free port of this machine."""
    with closing(HealthServer(("127.0.0.1", 0), pulse)) as server:
        yield server


def ask(server: HealthServer, page: str) -> tuple[int, str]:
    """Fetch one page."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{server.server_port}{page}", timeout=5
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_it_is_ready_only_after_a_good_pass(
    app: BotContext, pulse: Pulse, server: HealthServer
) -> None:
    """And healthy from the start: the loop turns."""
    assert ask(server, "/-/healthy") == (200, "ok\n")
    assert ask(server, "/-/ready")[0] == 503

    pulse.passed(poll_once(app))

    assert ask(server, "/-/ready") == (200, "ok\n")


@pytest.mark.parametrize(
    "error", [LedgerUnwritable("the disk is full"), CannotConnect("nobody answers")]
)
def test_a_failed_pass_makes_it_unready_and_the_next_good_one_ready(
    app: BotContext, pulse: Pulse, server: HealthServer, error: Exception
) -> None:
    """The page says why; the process stays healthy, for a new start would mend nothing."""
    pulse.passed(poll_once(app))

    pulse.failed(error)  # type: ignore[arg-type]

    assert ask(server, "/-/ready") == (503, f"{error}\n")
    assert ask(server, "/-/healthy")[0] == 200
    assert pulse.ledger_writable is not isinstance(error, LedgerUnwritable)
    pulse.passed(poll_once(app))
    assert ask(server, "/-/ready")[0] == 200


def test_a_loop_that_stands_still_is_not_healthy(
    clock: HandClock, pulse: Pulse, server: HealthServer
) -> None:
    """Any sign of life mends it."""
    clock.forward(seconds=STUCK + 1)
    assert ask(server, "/-/healthy")[0] == 503

    pulse.turn()

    assert ask(server, "/-/healthy")[0] == 200


def test_passes_that_stay_away_make_it_unready(
    clock: HandClock, app: BotContext, pulse: Pulse, server: HealthServer
) -> None:
    """Five polls without a good one."""
    pulse.passed(poll_once(app))
    clock.forward(seconds=301)
    pulse.turn()

    assert "last good pass was" in ask(server, "/-/ready")[1]


def test_metrics_say_what_was_done_and_by_which_rule(
    app: BotContext, pulse: Pulse, server: HealthServer
) -> None:
    """In the form that Prometheus reads, every figure that operating it needs."""
    pulse.policy_problem = lambda: "line 3 is wrong"
    app.skew = lambda: timedelta(seconds=-7)
    pulse.passed(poll_once(app))

    status, text = ask(server, "/metrics")

    assert status == 200
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    sent = 'action="approve",key="default",mode="live",outcome="performed",policy="fake",rule="the rule"'
    assert float(lines[f"reviewbot_decisions_total{{{sent}}}"]) == 1
    assert float(lines['reviewbot_read_to_post_seconds_bucket{key="default",le="1"}']) == 1
    assert float(lines['reviewbot_policy_reload_success{key="default"}']) == 0
    assert float(lines['reviewbot_clock_skew_seconds{key="default"}']) == -7
    assert float(lines['reviewbot_ledger_last_seq{key="default"}']) == pulse.lines > 0
    assert f'reviewbot_policy_info{{key="default",policy="fake",sha256="{"f" * 64}"}}' in lines
    named = {line.split("{")[0] for line in lines}
    assert named >= {
        "reviewbot_oldest_undecided_seconds",
        "reviewbot_last_successful_poll_timestamp_seconds",
        "reviewbot_breaker_open",
        "reviewbot_is_leader",
        "reviewbot_not_reviewed",
        "reviewbot_unknown_outcomes",
        "reviewbot_ledger_writable",
        "reviewbot_brake_on",
    }


def test_an_unknown_page_is_404(server: HealthServer) -> None:
    """And nothing can be changed from here."""
    assert ask(server, "/")[0] == 404


def test_a_taken_port_is_told(server: HealthServer, pulse: Pulse) -> None:
    """As a bad setting, at the start."""
    with pytest.raises(ConfigError, match="cannot listen at"):
        HealthServer(("127.0.0.1", server.server_port), pulse)


def test_a_long_wait_shows_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few seconds, and it ends when the event is set."""
    monkeypatch.setattr("reviewbot.runtime.liveness.SLICE", 0.01)
    event, turns = LivelyEvent(), []
    event.turn = lambda: turns.append(1) or (event.set() if len(turns) == 3 else None)

    assert event.wait(60.0)
    assert len(turns) == 3


def test_many_short_waits_show_signs_of_life() -> None:
    """A list of many pages at a slow rate does not look like a loop that stands still."""
    event, turns = LivelyEvent(), []
    event.turn = lambda: turns.append(1)

    for _ in range(5):
        event.wait(0.0)

    assert len(turns) == 5


@pytest.mark.parametrize(("word", "status"), [("all", 503), ("approve", 200)])
def test_a_bot_that_sends_nothing_is_not_ready(
    word: str, status: int, app: BotContext, pulse: Pulse, server: HealthServer
) -> None:
    """A pause of everything, not of a part; ready again with the first pass after it."""
    now = app.clock.now()
    pauses.pause(app.ledger, word, reason="why", who="ana", until=None, now=now)

    pulse.passed(poll_once(app))

    code, said = ask(server, "/-/ready")
    assert code == status
    assert ("paused by ana" in said) is (status == 503)
    pauses.resume(app.ledger, word, reason="well", who="ana", now=now)
    pulse.passed(poll_once(app))
    assert ask(server, "/-/ready")[0] == 200


def test_the_last_good_pass_is_told_by_this_machines_clock(app: BotContext) -> None:
    """The API's may be hours ahead, and whoever scrapes counts by the machine's."""
    here = datetime(2026, 6, 2, 3, 4, tzinfo=UTC)
    pulse = Pulse(app, 60.0, wall=lambda: here)
    summary = poll_once(app)
    pulse.passed(summary)
    assert (pulse.good_pass_at, summary.ended_at != here) == (here, True)
