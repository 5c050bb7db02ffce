"""Metrics: every figure that Prometheus scrapes, made when it asks; each with the key it is about.

What is not known is left out; the name of each is always told. The dashboard and the rules under
`packaging/monitoring` are held against these names.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from reviewbot import __version__
from reviewbot.runtime.liveness import BUCKETS, Pulse
from reviewbot.runtime.meters import PAID_BY

KEY = "key"
"""The label that says which key a figure is about."""

LEADER = "is_leader"
"""What is a figure of every key, also of those that another process holds."""
BUILD, _THIS_BUILD = "build_info", (__version__, platform.python_version())


class Gauge(NamedTuple):
    """One figure of a bot: its name, a sentence, and how it is read; None where it is not known."""

    name: str
    sentence: str
    read: Callable[[Pulse], float | None]


class Labelled(NamedTuple):
    """One figure for each of several things, which the labels name."""

    name: str
    sentence: str
    labels: tuple[str, ...]
    read: Callable[[Pulse], Iterable[tuple[tuple[str, ...], float]]]


def _now() -> datetime:
    return datetime.now(UTC)


def _until(at: datetime | None) -> float | None:
    return None if at is None else (at - _now()).total_seconds()


def _since(at: datetime | None) -> float | None:
    return None if at is None else (_now() - at).total_seconds()


def _next_deadline(pulse: Pulse) -> datetime | None:
    left = pulse.summary.undecided if pulse.summary else ()
    return min((seen.deadline_at for seen in left if seen.deadline_at is not None), default=None)


def _oldest(pulse: Pulse) -> float:
    left = pulse.summary.undecided if pulse.summary else ()
    starts = [seen.started_at for seen in left if seen.started_at is not None]
    return _since(min(starts)) or 0.0 if starts else 0.0


def _skew(pulse: Pulse) -> float | None:
    skew = None if pulse.app.skew is None else pulse.app.skew()
    return None if skew is None else skew.total_seconds()


GAUGES = (
    Gauge(
        "last_successful_poll_timestamp_seconds",
        "When the last good pass ended",
        lambda pulse: None if pulse.good_pass_at is None else pulse.good_pass_at.timestamp(),
    ),
    Gauge(
        "next_deadline_seconds",
        "Until silence pays for the most urgent undecided thing",
        lambda pulse: _until(_next_deadline(pulse)),
    ),
    Gauge(
        "next_silent_payment_seconds",
        "Until something is paid on nobody's word, as things stand; left out where nothing will be",
        lambda pulse: _until(pulse.meters.ahead.silence_at) if pulse.meters.ahead else None,
    ),
    Gauge(
        "oldest_undecided_seconds", "Since the round of the longest undecided thing began", _oldest
    ),
    Gauge("clock_skew_seconds", "API's clock minus this machine's", _skew),
    Gauge(
        "policy_reload_success",
        "1 while the policies on disk are those that judge",
        lambda pulse: pulse.policy_problem() is None,
    ),
    Gauge("ledger_writable", "1 while the log can be written", lambda pulse: pulse.ledger_writable),
    Gauge("ledger_last_seq", "Lines of the log", lambda pulse: pulse.lines),
    Gauge(
        "checkpoint_age_seconds",
        "Since the log's newest checkpoint was kept",
        lambda pulse: _since(pulse.meters.checkpoint_at),
    ),
    Gauge("breaker_open", "Breakers that stand open", lambda pulse: pulse.breakers_open),
    Gauge(
        "brake_on",
        "1 while nothing may be sent",
        lambda pulse: pulse.app.guard.braked() is not None,
    ),
    Gauge("paused", "1 while a person paused some or all actions", lambda pulse: pulse.paused),
    Gauge(
        "probation",
        "Policies whose new and changed rules are on probation",
        lambda pulse: len(pulse.app.guard.trials),
    ),
    Gauge(LEADER, "1 while this process holds the key", lambda _: 1),
    Gauge(
        "waiting", "Things that wait", lambda pulse: pulse.summary.waiting if pulse.summary else 0
    ),
    Gauge(
        "undecided",
        "Of these, undecided",
        lambda pulse: len(pulse.summary.undecided) if pulse.summary else 0,
    ),
    Gauge(
        "open_questions",
        "Things for which a person is asked and has not answered",
        lambda pulse: pulse.meters.ahead.questions if pulse.meters.ahead else None,
    ),
    Gauge(
        "not_reviewed",
        "Of what waits, without a turn so far in the pass under way",
        lambda pulse: pulse.summary.left if pulse.summary else 0,
    ),
    Gauge(
        "unknown_outcomes",
        "Writes not known to be done or not",
        lambda pulse: pulse.summary.in_quarantine if pulse.summary else 0,
    ),
    Gauge(
        "ratelimit_remaining",
        "What the API last said is left of the key's budget",
        lambda pulse: pulse.app.traffic.remaining,
    ),
)
"""What is one number for each key; each name begins with `reviewbot_`."""


def _policies(pulse: Pulse) -> Iterator[tuple[tuple[str, ...], float]]:
    for bench in pulse.app.benches:
        for judge in bench.judges:
            yield (judge.policy.name, judge.policy.revision), 1


LABELLED = (
    Labelled("policy_info", "Policies that judge", ("policy", "sha256"), _policies),
    Labelled(BUILD, "This program", ("version", "python"), lambda _: [(_THIS_BUILD, 1)]),
    Labelled(
        "limit_room",
        "What a limit has left: decisions, US dollars, or the part by which a share is below it",
        ("policy", "limit"),
        lambda pulse: [
            ((policy, limit), left)
            for policy, limit, left in (pulse.meters.ahead.rooms if pulse.meters.ahead else ())
        ],
    ),
)


def _of_one(counts: Mapping[str, float]) -> list[tuple[tuple[str, ...], float]]:
    return [((name,), count) for name, count in sorted(counts.items())]


COUNTERS = (
    Labelled(
        "decisions",
        "Decisions written down",
        ("policy", "rule", "action", "outcome", "mode"),
        lambda pulse: list(pulse.decisions.copy().items()),
    ),
    Labelled(
        "paid",
        "Things that were paid, by whose word; silence has to stay 0",
        ("by",),
        lambda pulse: [((by,), pulse.meters.paid[by]) for by in PAID_BY],
    ),
    Labelled(
        "paid_usd",
        "What they cost in US dollars, where the API states it",
        ("by",),
        lambda pulse: [((by,), pulse.meters.paid_micros[by] / 1_000_000) for by in PAID_BY],
    ),
    Labelled(
        "failed_passes",
        "Passes that failed",
        ("error",),
        lambda pulse: _of_one(pulse.failures.copy()),
    ),
    Labelled(
        "channel_failures",
        "Messages that a channel, or the ping to the outside, did not take",
        ("channel",),
        lambda pulse: _of_one(pulse.app.notifier.alarms.failures()),
    ),
    Labelled("requests", "Requests sent", (), lambda pulse: [((), pulse.app.traffic.requests)]),
    Labelled("writes", "Of these, writes", (), lambda pulse: [((), pulse.app.traffic.writes)]),
    Labelled(
        "api_requests",
        "Requests by operation and HTTP status, or why there was no answer",
        ("operation", "status"),
        lambda pulse: sorted(dict(pulse.app.traffic.calls).items()),
    ),
)
"""What only grows, by key and labels; each name ends in `_total`."""


class Histogram(NamedTuple):
    """How long something took: the edges in seconds, how many up to each, and all seconds together."""

    name: str
    sentence: str
    read: Callable[[Pulse], tuple[Sequence[float], Sequence[int], float]]


HISTOGRAMS = (
    Histogram(
        "read_to_post_seconds",
        "From seeing a thing to the write on it",
        lambda pulse: (BUCKETS, tuple(pulse.waits), pulse.waited),
    ),
    Histogram(
        "api_seconds",
        "How long a request to the API took, without the wait for its turn",
        lambda pulse: (
            (timing := pulse.app.traffic.seconds).steps,
            tuple(timing.counts),
            timing.total,
        ),
    ),
    Histogram(
        "ledger_seconds",
        "How long a call of the decision log took",
        lambda pulse: (
            (timing := pulse.meters.ledger_seconds).steps,
            tuple(timing.counts),
            timing.total,
        ),
    ),
)


class BotCollector(Collector):
    """Reads the pulses of this process when asked, and which keys it holds of those that it might."""

    def __init__(
        self,
        pulses: Callable[[], Iterable[Pulse]],
        leaders: Callable[[], Mapping[str, bool]] = dict,
    ) -> None:
        self._pulses, self._leaders = pulses, leaders

    def collect(self) -> Iterator[Metric]:
        """Every metric once, with a sample for each key."""
        pulses = tuple(self._pulses())
        for name, sentence, read in GAUGES:
            gauge = GaugeMetricFamily(f"reviewbot_{name}", sentence, labels=(KEY,))
            values = {pulse.key: read(pulse) for pulse in pulses}
            if name == LEADER:
                values |= self._leaders()
            for key, value in values.items():
                if value is not None:
                    gauge.add_metric((key,), float(value))
            yield gauge
        for family, rows in ((GaugeMetricFamily, LABELLED), (CounterMetricFamily, COUNTERS)):
            for row in rows:
                metric = family(f"reviewbot_{row.name}", row.sentence, labels=(KEY, *row.labels))
                for pulse in pulses:
                    for labels, value in row.read(pulse):
                        metric.add_metric((pulse.key, *labels), float(value))
                if row.name == BUILD:  # also of a process that stands by
                    for key in self._leaders().keys() - {pulse.key for pulse in pulses}:
                        metric.add_metric((key, *_THIS_BUILD), 1.0)
                yield metric
        for histogram in HISTOGRAMS:
            yield _histogram(histogram, pulses)


def _histogram(row: Histogram, pulses: Iterable[Pulse]) -> Metric:
    metric = HistogramMetricFamily(f"reviewbot_{row.name}", row.sentence, labels=(KEY,))
    for pulse in pulses:
        edges, counts, total = row.read(pulse)
        names = (*(f"{edge:g}" for edge in edges), "+Inf")
        grown = map(float, accumulate(counts))
        metric.add_metric((pulse.key,), list(zip(names, grown, strict=True)), total)
    return metric


class Exposition:
    """All metrics of this process as text, in the words of Prometheus."""

    def __init__(
        self,
        pulses: Callable[[], Iterable[Pulse]],
        leaders: Callable[[], Mapping[str, bool]] = dict,
    ) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(BotCollector(pulses, leaders))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Read them all now."""
        return generate_latest(self._registry)
