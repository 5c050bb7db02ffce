"""Three pages over HTTP for probes and metrics: read-only, no secrets, one thread a question."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from reviewbot.domain.errors import ConfigError
from reviewbot.domain.text import safe_line
from reviewbot.runtime.liveness import BUCKETS, Pulse

PATIENCE = 5.0
"""Seconds that a client may take to ask."""
LOOK = 0.1
"""Seconds between two looks at whether to end."""
PLAIN = "text/plain; charset=utf-8"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Gauge = tuple[str, str, float | None]
"""A metric: its name, a sentence, and its value; left out where that is not known."""
Page = tuple[HTTPStatus, str, bytes]


class HealthServer(ThreadingHTTPServer):
    """Answers until `close`; never in the way of the loop, and gone with the process."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], pulse: Pulse) -> None:
        self.pulse = pulse
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise ConfigError(
                f"cannot listen at {address[0]}:{address[1]} ({error.strerror})"
            ) from error
        self._thread = threading.Thread(
            target=self.serve_forever, args=(LOOK,), daemon=True, name="health"
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer
    timeout = PATIENCE
    server_version = "reviewbot"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.PAGES.get(urlsplit(self.path).path)
        status, kind, body = (
            page(self.server.pulse) if page else (HTTPStatus.NOT_FOUND, PLAIN, b"no such page\n")
        )
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds; nobody wants to read of each."""

    PAGES: ClassVar[dict[str, Callable[[Pulse], Page]]] = {
        "/-/healthy": lambda pulse: _answer(pulse.stuck()),
        "/-/ready": lambda pulse: _answer(pulse.unready()),
        "/metrics": lambda pulse: (HTTPStatus.OK, CONTENT_TYPE, exposition(pulse)),
    }


def _answer(problem: str | None) -> Page:
    if problem is None:
        return HTTPStatus.OK, PLAIN, b"ok\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, f"{safe_line(problem)}\n".encode()


def exposition(pulse: Pulse) -> bytes:
    """All metrics as text, in the words of Prometheus, made when it asks."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PulseCollector(pulse))
    return generate_latest(registry)


class PulseCollector(Collector):
    """Reads a pulse when asked; a value that is not known is left out."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def collect(self) -> Iterator[Metric]:
        """Every metric once."""
        yield self._policies()
        for name, sentence, value in (*self._times(), *self._states()):
            if value is not None:
                yield GaugeMetricFamily(f"reviewbot_{name}", sentence, float(value))
        yield from self._counts()

    def _times(self) -> Iterator[Gauge]:
        pulse, now = self._pulse, datetime.now(UTC)
        good, skew = pulse.good_pass_at, pulse.app.skew()
        left = pulse.summary.undecided if pulse.summary else ()
        deadline = min((t.deadline_at for t in left if t.deadline_at is not None), default=None)
        start = min((t.started_at for t in left if t.started_at is not None), default=now)
        yield (
            "last_successful_poll_timestamp_seconds",
            "When the last good pass ended",
            None if good is None else good.timestamp(),
        )
        yield (
            "next_deadline_seconds",
            "Until silence pays for the most urgent undecided thing",
            None if deadline is None else (deadline - now).total_seconds(),
        )
        yield (
            "oldest_undecided_seconds",
            "Since the round of the longest undecided thing began",
            (now - start).total_seconds(),
        )
        yield (
            "clock_skew_seconds",
            "API's clock minus this machine's",
            None if skew is None else skew.total_seconds(),
        )

    def _policies(self) -> Metric:
        info = GaugeMetricFamily(
            "reviewbot_policy_info", "Policies that judge", labels=("policy", "sha256")
        )
        for bench in self._pulse.app.benches:
            for judge in bench.judges:
                info.add_metric((judge.policy.name, judge.policy.revision), 1)
        return info

    def _states(self) -> tuple[Gauge, ...]:
        pulse, summary = self._pulse, self._pulse.summary
        waiting = summary.waiting if summary else 0
        undecided = len(summary.undecided) if summary else 0
        left = summary.left if summary else 0
        unknown = summary.in_quarantine if summary else 0
        reloaded, brake = pulse.policy_problem() is None, pulse.app.brake() is not None
        remaining = pulse.app.traffic.remaining
        return (
            (
                "policy_reload_success",
                "1 while the policies on disk are those that judge",
                reloaded,
            ),
            ("ledger_writable", "1 while the log can be written", pulse.ledger_writable),
            ("ledger_last_seq", "Lines of the log", pulse.lines),
            ("breaker_open", "Breakers that stand open", pulse.breakers_open),
            ("brake_on", "1 while nothing may be sent", brake),
            ("is_leader", "1: the one instance on this log", 1),
            ("waiting", "Things that wait", waiting),
            ("undecided", "Of these, undecided", undecided),
            ("not_reviewed", "Of these, without a turn so far in the pass under way", left),
            ("unknown_outcomes", "Writes not known to be done or not", unknown),
            ("ratelimit_remaining", "What the API last said is left", remaining),
        )

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
