"""The pulse in the words of Prometheus, made when it asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from reviewbot.health.pulse import BUCKETS, Pulse

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(pulse: Pulse) -> bytes:
    """All metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PulseCollector(pulse))
    return generate_latest(registry)


class PulseCollector(Collector):
    """Reads a pulse when asked; a value that is not known is left out."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def collect(self) -> Iterator[Metric]:
        """Every metric once."""
        yield from self._time()
        yield from self._policy()
        yield from self._state()
        yield from self._counts()

    def _time(self) -> Iterator[Metric]:
        pulse, now = self._pulse, datetime.now(UTC)
        if pulse.good_pass_at is not None:
            yield _gauge(
                "last_successful_poll_timestamp_seconds",
                "When the last good pass ended",
                pulse.good_pass_at.timestamp(),
            )
        summary = pulse.summary
        left = summary.undecided if summary else ()
        deadlines = [one.deadline_at for one in left if one.deadline_at is not None]
        if deadlines:
            yield _gauge(
                "next_deadline_seconds",
                "Until silence pays for the most urgent undecided thing",
                (min(deadlines) - now).total_seconds(),
            )
        started = [one.started_at for one in left if one.started_at is not None]
        yield _gauge(
            "oldest_undecided_seconds",
            "Since the round of the longest undecided thing began",
            (now - min(started)).total_seconds() if started else 0.0,
        )
        skew = pulse.app.skew()
        if skew is not None:
            yield _gauge(
                "clock_skew_seconds", "API's clock minus this machine's", skew.total_seconds()
            )

    def _policy(self) -> Iterator[Metric]:
        pulse = self._pulse
        info = GaugeMetricFamily(
            "reviewbot_policy_info", "Policies that judge", labels=("policy", "sha256")
        )
        for bench in pulse.app.benches:
            for judge in bench.judges:
                info.add_metric((judge.policy.name, judge.policy.revision), 1)
        yield info
        yield _gauge(
            "policy_reload_success",
            "1 while the policies on disk are those that judge",
            pulse.policy_problem() is None,
        )

    def _state(self) -> Iterator[Metric]:
        pulse, summary = self._pulse, self._pulse.summary
        yield _gauge("ledger_writable", "1 while the log can be written", pulse.ledger_writable)
        yield _gauge("ledger_last_seq", "Lines of the log", pulse.lines)
        yield _gauge("breaker_open", "Breakers that stand open", pulse.breakers_open)
        yield _gauge("brake_on", "1 while nothing may be sent", pulse.app.brake() is not None)
        yield _gauge("is_leader", "1: the one instance on this log", 1)
        yield _gauge("waiting", "Things that wait", summary.waiting if summary else 0)
        yield _gauge("undecided", "Of these, undecided", len(summary.undecided) if summary else 0)
        yield _gauge(
            "not_reviewed",
            "Of these, without a turn so far in the pass under way",
            summary.left if summary else 0,
        )
        yield _gauge(
            "unknown_outcomes",
            "Writes not known to be done or not",
            summary.in_quarantine if summary else 0,
        )
        remaining = pulse.app.traffic.remaining
        if remaining is not None:
            yield _gauge("ratelimit_remaining", "What the API last said is left", remaining)

    def _counts(self) -> Iterator[Metric]:
        pulse = self._pulse
        decisions = CounterMetricFamily(
            "reviewbot_decisions",
            "Decisions written down",
            labels=("policy", "rule", "action", "outcome", "mode"),
        )
        for labels, count in pulse.decisions.copy().items():
            decisions.add_metric(labels, count)
        yield decisions
        failures = CounterMetricFamily(
            "reviewbot_failed_passes", "Passes that failed", labels=("error",)
        )
        for name, count in pulse.failures.copy().items():
            failures.add_metric((name,), count)
        yield failures
        traffic = pulse.app.traffic
        yield CounterMetricFamily("reviewbot_requests", "Requests sent", traffic.requests)
        yield CounterMetricFamily("reviewbot_writes", "Of these, writes", traffic.writes)
        yield self._waits()

    def _waits(self) -> Metric:
        edges = [*(f"{edge:g}" for edge in BUCKETS), "+Inf"]
        total, buckets = 0, []
        for edge, count in zip(edges, self._pulse.waits, strict=True):
            total += count
            buckets.append((edge, float(total)))
        family = HistogramMetricFamily(
            "reviewbot_read_to_post_seconds", "From seeing a thing to the write on it"
        )
        family.add_metric([], buckets, self._pulse.waited)
        return family


def _gauge(name: str, sentence: str, value: float) -> Metric:
    return GaugeMetricFamily(f"reviewbot_{name}", sentence, float(value))
