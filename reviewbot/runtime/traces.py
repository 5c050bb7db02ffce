"""Traces by OpenTelemetry, where its variables name a collector and the extra `otel` is installed.

What becomes of them is no concern of the bot's: they leave from a thread of their own, each try has two
seconds, and an end waits for the last of them no longer than that and a moment, for which a stop has room.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reviewbot import __version__
from reviewbot.core.pipeline import Events
from reviewbot.network import Proxy, way_to
from reviewbot.ports.tracing import Attribute, NoSpans, Spans, TraceSpan

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Variables that name the collector, as every program with OpenTelemetry reads them."""
PATH = "/v1/traces"
TRY = 2.0
"""Seconds that one batch may take to leave."""
END = 3.0
"""Seconds that an end waits for what has not left yet."""
EVERY = 5.0
"""Seconds between two batches."""


def collector_of(env: Mapping[str, str] = os.environ) -> str | None:
    """The address that traces are sent to; None where they are not wanted."""
    off = env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or env.get("OTEL_TRACES_EXPORTER", "").strip() == "none":
        return None
    whole, root = (env.get(name, "").strip() for name in COLLECTOR)
    return whole or (root.rstrip("/") + PATH if root else None)


class Traces:
    """The traces of a process: spans for each key, sent to a collector until `close`."""

    def __init__(
        self,
        collector: str,
        *,
        name: str,
        events: Events,
        proxy: Proxy | None = None,
        attempt: float = TRY,
        every: float = EVERY,
    ) -> None:
        """`name` is this process's. Raises ImportError without the extra."""
        self._provider = _provider(collector, name, events, proxy, attempt, every)

    def of(self, key: str) -> Spans:
        """Spans that say which key they are about."""
        return _OtelSpans(self._provider.get_tracer("reviewbot", __version__), key)

    def close(self, patience: float = END) -> None:
        """Send what is left, and end; what has not left by then is given up."""
        # The library waits much longer where nobody answers.
        end: Callable[[], None] = self._provider.shutdown
        ending = threading.Thread(target=end, name="traces", daemon=True)
        ending.start()
        ending.join(patience)


def open_traces(name: str, events: Events, proxy: Proxy | None = None) -> Traces | None:
    """The traces that the environment asks for; None where it asks for none, or they cannot be made."""
    collector = collector_of()
    if collector is None:
        return None
    try:
        return Traces(collector, name=name, events=events, proxy=proxy)
    except ImportError:
        install = "pip install 'reviewbot[otel]'"
        events("traces not sent", level="warning", why=f"the extra is not installed: {install}")
        return None


def spans_of(traces: Traces | None, key: str) -> Spans:
    """The spans of a key."""
    return NoSpans() if traces is None else traces.of(key)


def _provider(
    collector: str, name: str, events: Events, proxy: Proxy | None, attempt: float, every: float
) -> TracerProvider:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    own = {"service.name": "reviewbot", "service.version": __version__, "service.instance.id": name}
    # What the environment says of the service goes before what we say.
    resource = Resource.create(own).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    processor = BatchSpanProcessor(
        _exporter(collector, events, proxy, attempt),
        schedule_delay_millis=round(every * 1000),
        export_timeout_millis=round(attempt * 1000),
    )
    provider.add_span_processor(processor)
    return provider


def _exporter(collector: str, events: Events, proxy: Proxy | None, attempt: float) -> SpanExporter:
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    # What it writes of each failure is said below, once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    session = requests.Session()
    session.trust_env = False
    if (way := way_to(collector, proxy)) is not None:
        session.proxies = {"https": way}
    sender = OTLPSpanExporter(
        endpoint=collector,
        timeout=attempt,
        session=session,
        certificate_file=os.environ.get("SSL_CERT_FILE") or None,
    )
    host = urlsplit(collector).hostname or ""

    class Told(SpanExporter):
        """Says when the collector stops to take what is sent, and when it takes it again."""

        takes = True

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            found = sender.export(spans)
            takes = found is SpanExportResult.SUCCESS
            if takes is not self.takes:
                self.takes = takes
                what = "traces sent again" if takes else "traces not sent"
                events(what, level="info" if takes else "warning", collector=host)
            return found

        def shutdown(self) -> None:
            end: Callable[[], None] = sender.shutdown
            end()

    return Told()


class _OtelSpans:
    """Makes spans of one key's bot."""

    def __init__(self, tracer: Tracer, key: str) -> None:
        self._tracer = tracer
        self._key = key

    @contextmanager
    def span(self, name: str, **about: Attribute | None) -> Iterator[TraceSpan]:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        kind = SpanKind.CLIENT if name == "api" else SpanKind.INTERNAL
        with self._tracer.start_as_current_span(
            name,
            kind=kind,
            attributes=_named({"key": self._key, **about}),
            # The text of an error may hold anything.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield _OtelSpan(span)
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise


class _OtelSpan:
    def __init__(self, span: Any) -> None:
        self._span = span

    def note(self, **about: Attribute | None) -> None:
        with suppress(Exception):  # a trace is never worth a review
            self._span.set_attributes(_named(about))


def _named(about: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    return {f"reviewbot.{name}": value for name, value in about.items() if value is not None}
