"""Traces: what a collector gets of a pass, and that one which is dead delays neither a pass nor the end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.errors import KeyRefused
from reviewbot.network import proxy_of
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.meters import Meters
from reviewbot.runtime.traces import COLLECTOR, Traces, collector_of, open_traces
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.house import a_setting, judge_of
from tests.acceptance.process import a_world, running
from tests.channels.servers import web_server
from tests.fakes import Said

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
AT_ONCE = 60.0
"""Seconds between two batches: nothing leaves before the end of a test asks for it."""


def sent_to(server: Any) -> list[dict[str, Any]]:
    """Every span that arrived, with its attributes as plain values."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found = []
    for got in server.got:
        request = ExportTraceServiceRequest.FromString(got.body)
        for resource in request.resource_spans:
            about = {
                attribute.key: attribute.value.string_value
                for attribute in resource.resource.attributes
            }
            for scope in resource.scope_spans:
                for span in scope.spans:
                    values = {
                        attribute.key: getattr(attribute.value, attribute.value.WhichOneof("value"))
                        for attribute in span.attributes
                    }
                    found.append(
                        {
                            "name": span.name,
                            "id": span.span_id,
                            "parent": span.parent_span_id,
                            "trace": span.trace_id,
                            "about": values,
                            "status": span.status.message,
                            "resource": about,
                        }
                    )
    return found


@contextmanager
def traced(collector: str, **more: Any) -> Iterator[tuple[Any, Any, Said]]:
    """A bot over the simulator whose passes are traced, and its traces."""
    said = Said()
    traces = Traces(collector, name="eu-1", events=said, every=AT_ONCE, **more)
    world = build_world("backlog", seed=0, requests_kept=None, tasks=4)
    app = build(
        a_setting(live=True, ledger="memory:"),
        judges=[judge_of()],
        transport=SimulatorTransport(world),
        clock=world.clock,
        chance=lambda: 0.5,
        meters=Meters(spans=traces.of("acme")),
    )
    try:
        yield app, traces, said
    finally:
        app.close()


def test_a_pass_holds_its_decisions_and_they_their_calls() -> None:
    """Each says which key it is about, what it did, and what came of it."""
    with web_server() as server, traced(server.url("/v1/traces")) as (app, traces, _):
        poll_once(app)
        traces.close()
        spans = sent_to(server)
        texts = [
            item.subject.comment_text
            for bench in app.benches
            for item in bench.queue.waiting().items
        ]

    by_id = {span["id"]: span for span in spans}
    (whole,) = [span for span in spans if span["name"] == "pass"]
    decides = [span for span in spans if span["name"] == "decide"]
    calls = [span for span in spans if span["name"] == "api"]
    assert len(decides) == whole["about"]["reviewbot.waiting"] == 4
    assert {span["parent"] for span in decides} == {whole["id"]}
    assert {by_id[span["parent"]]["name"] for span in calls} == {"pass", "decide"}
    assert len({span["trace"] for span in spans}) == 1
    assert {span["about"]["reviewbot.key"] for span in spans} == {"acme"}
    assert {"list_comments", "get_verifications"} <= {
        span["about"]["reviewbot.operation"] for span in calls
    }
    assert {span["about"]["reviewbot.status"] for span in calls} == {200}
    assert all(
        span["about"]["reviewbot.action"] and span["about"]["reviewbot.rule"] for span in decides
    )
    assert whole["resource"]["service.name"] == "reviewbot"
    assert whole["resource"]["service.instance.id"] == "eu-1"
    bodies = b"".join(got.body for got in server.got)
    assert texts
    assert not any(text.encode() in bodies for text in texts if text)


def test_an_error_leaves_its_name_and_none_of_its_words() -> None:
    """It passes through as it was."""
    with web_server() as server, traced(server.url("/v1/traces")) as (_, traces, _said):
        with pytest.raises(KeyRefused), traces.of("acme").span("decide", task_id="t"):
            raise KeyRefused("no to sk_secret_words")
        traces.close()
        (span,) = sent_to(server)

    assert span["status"] == "KeyRefused"
    assert b"sk_secret_words" not in server.got[0].body


@contextmanager
def a_port(*, answers: bool) -> Iterator[str]:
    """An address at which nobody listens, or somebody takes all and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if answers:
            listening.listen(8)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1/traces"


@pytest.mark.parametrize("answers", [False, True])
def test_a_dead_collector_delays_neither_a_pass_nor_the_end(answers: bool) -> None:
    """It is said once that nothing arrives; the end waits as long as it is told, and no longer."""
    with (
        a_port(answers=answers) as collector,
        traced(collector, attempt=0.2) as (app, traces, said),
    ):
        began = time.monotonic()
        poll_once(app)
        passed = time.monotonic() - began
        traces.close(1.0)
        took = time.monotonic() - began

    assert passed < 1.5
    assert took < passed + 1.5
    assert len(said.named("traces not sent")) <= 1


def test_it_is_said_when_a_collector_takes_nothing_and_when_it_does_again() -> None:
    """Once each; where it is, and nothing of the address behind it."""
    with web_server() as server, traced(server.url("/v1/traces"), attempt=0.5) as (_, traces, said):
        server.answers = [(400, {}, b"no")]
        for status in (400, 400, 200):
            server.answers = [(status, {}, b"")]
            with traces.of("acme").span("pass"):
                pass
            traces._provider.force_flush(2000)
        traces.close()

    assert [name for name, _ in said.events] == ["traces not sent", "traces sent again"]
    assert said.events[0][1] == {"collector": "127.0.0.1"}


@pytest.mark.parametrize(
    ("env", "address"),
    [
        ({}, None),
        ({COLLECTOR[1]: "http://c:4318"}, "http://c:4318/v1/traces"),
        ({COLLECTOR[1]: "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({COLLECTOR[0]: "http://c:4318/own", COLLECTOR[1]: "http://d"}, "http://c:4318/own"),
        ({COLLECTOR[1]: "http://c:4318", "OTEL_SDK_DISABLED": "true"}, None),
        ({COLLECTOR[1]: "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_usual_variables_say_where_to(env: dict[str, str], address: str | None) -> None:
    """As for every program with OpenTelemetry."""
    assert collector_of(env) == address


def test_without_the_extra_it_is_said_and_nothing_else_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bot runs as without a collector."""
    said = Said()
    monkeypatch.setenv(COLLECTOR[1], "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    assert open_traces("eu-1", said) is None
    assert "reviewbot[otel]" in str(said.named("traces not sent")[0]["why"])


def test_they_go_through_the_proxy_as_all_else_does() -> None:
    """By CONNECT, with its credentials; what the environment says of proxies is read by the settings alone."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        listening.settimeout(5)
        proxy = proxy_of(f"http://user:pass@127.0.0.1:{listening.getsockname()[1]}")
        traces = Traces("https://c.example.com/v1/traces", name="x", events=Said(), proxy=proxy)
        with traces.of("acme").span("pass"):
            pass
        ending = threading.Thread(target=traces.close, args=(2.0,))
        ending.start()
        with listening.accept()[0] as line:
            asked = line.recv(4096).decode()
        ending.join()

    assert asked.startswith("CONNECT c.example.com:443 ")
    assert "Proxy-Authorization: Basic" in asked


def test_nothing_of_it_is_loaded_where_no_collector_is_named() -> None:
    """It costs half a second of processor."""
    text = "import sys, reviewbot.cli.run; print('opentelemetry' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_a_stop_with_a_dead_collector_takes_no_ten_seconds(tmp_path: Path) -> None:
    """The process itself, with one that takes the connection and never answers."""
    with (
        a_port(answers=True) as collector,
        running(a_world(2), tmp_path, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector) as bot,
    ):
        bot.wait_for("pass")
        began = time.monotonic()
        bot.send(signal.SIGTERM)
        assert bot.ended() == 0
        assert time.monotonic() - began < 10
