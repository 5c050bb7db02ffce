"""The Grafana dashboard, from one table: `python packaging/monitoring/dashboard.py --write` writes it.

A row is a panel: its title, how it is drawn, its unit, and its queries with their legends. `$key` and
`$__rate_interval` are Grafana's. Import `dashboard.json`, or mount this folder as compose.yaml does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

PLACE = Path(__file__).with_name("dashboard.json")
WIDTH = 24
"""Columns of a dashboard."""
SOURCE = {"type": "prometheus", "uid": "${source}"}


class Panel(NamedTuple):
    """One panel. `bad` is the value from which on a figure is red."""

    title: str
    kind: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    width: int = 8
    bad: float | None = None


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Money",
        (
            Panel(
                "Paid by silence, 24 h",
                "stat",
                "none",
                (
                    (
                        'sum(increase(reviewbot_paid_total{key=~"$key",by="silence"}[24h]))',
                        "things",
                    ),
                ),
                4,
                bad=1,
            ),
            Panel(
                "Silence pays next in",
                "stat",
                "s",
                (('min(reviewbot_next_silent_payment_seconds{key=~"$key"})', ""),),
                4,
            ),
            Panel(
                "Open questions",
                "stat",
                "none",
                (('sum(max by (key) (reviewbot_open_questions{key=~"$key"}))', ""),),
                4,
            ),
            Panel(
                "Paid, by whose word",
                "timeseries",
                "currencyUSD",
                (
                    (
                        'sum by (by) (increase(reviewbot_paid_usd_total{key=~"$key"}[1h]))',
                        "{{by}}",
                    ),
                ),
                12,
            ),
            Panel(
                "Decisions an hour",
                "timeseries",
                "none",
                (
                    (
                        "sum by (action, outcome) (increase(reviewbot_decisions_total"
                        '{key=~"$key"}[1h]))',
                        "{{action}} {{outcome}}",
                    ),
                ),
                12,
            ),
            Panel(
                "Room of each limit",
                "timeseries",
                "none",
                (
                    (
                        'min by (key, policy, limit) (reviewbot_limit_room{key=~"$key"})',
                        "{{key}} {{limit}}",
                    ),
                ),
                12,
                bad=0,
            ),
        ),
    ),
    (
        "The queue",
        (
            Panel(
                "Waiting and undecided",
                "timeseries",
                "none",
                (
                    ('sum(max by (key) (reviewbot_waiting{key=~"$key"}))', "waiting"),
                    ('sum(max by (key) (reviewbot_undecided{key=~"$key"}))', "undecided"),
                    ('sum(max by (key) (reviewbot_not_reviewed{key=~"$key"}))', "no turn yet"),
                ),
            ),
            Panel(
                "Nearest deadline, oldest undecided",
                "timeseries",
                "s",
                (
                    ('min by (key) (reviewbot_next_deadline_seconds{key=~"$key"})', "{{key}} next"),
                    (
                        'max by (key) (reviewbot_oldest_undecided_seconds{key=~"$key"})',
                        "{{key}} oldest",
                    ),
                ),
            ),
            Panel(
                "From seeing to the write, 95 %",
                "timeseries",
                "s",
                (
                    (
                        "histogram_quantile(0.95, sum by (key, le) (rate("
                        'reviewbot_read_to_post_seconds_bucket{key=~"$key"}[$__rate_interval])))',
                        "{{key}}",
                    ),
                ),
                bad=60,
            ),
        ),
    ),
    (
        "What keeps it back",
        (
            Panel(
                "Breakers, brakes, pauses",
                "timeseries",
                "none",
                (
                    ('max by (key) (reviewbot_breaker_open{key=~"$key"})', "{{key}} breakers"),
                    ('max by (key) (reviewbot_brake_on{key=~"$key"})', "{{key}} brake"),
                    ('max by (key) (reviewbot_paused{key=~"$key"})', "{{key}} paused"),
                    ('max by (key) (reviewbot_probation{key=~"$key"})', "{{key}} probation"),
                ),
            ),
            Panel(
                "Writes in doubt",
                "timeseries",
                "none",
                (('max by (key) (reviewbot_unknown_outcomes{key=~"$key"})', "{{key}}"),),
            ),
            Panel(
                "Policies that judge",
                "table",
                "none",
                (
                    (
                        'max by (key, policy, sha256) (reviewbot_policy_info{key=~"$key"})',
                        "",
                    ),
                    (
                        'min by (key) (reviewbot_policy_reload_success{key=~"$key"})',
                        "",
                    ),
                ),
            ),
        ),
    ),
    (
        "The API",
        (
            Panel(
                "Requests a second, by status",
                "timeseries",
                "reqps",
                (
                    (
                        "sum by (status) (rate(reviewbot_api_requests_total"
                        '{key=~"$key"}[$__rate_interval]))',
                        "{{status}}",
                    ),
                    (
                        'sum(rate(reviewbot_writes_total{key=~"$key"}[$__rate_interval]))',
                        "writes",
                    ),
                ),
            ),
            Panel(
                "How long they take",
                "timeseries",
                "s",
                (
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(reviewbot_api_seconds_bucket"
                        '{key=~"$key"}[$__rate_interval])))',
                        "half",
                    ),
                    (
                        "histogram_quantile(0.99, sum by (le) (rate(reviewbot_api_seconds_bucket"
                        '{key=~"$key"}[$__rate_interval])))',
                        "99 %",
                    ),
                ),
            ),
            Panel(
                "Budget left, failed passes",
                "timeseries",
                "none",
                (
                    ('min by (key) (reviewbot_ratelimit_remaining{key=~"$key"})', "{{key}} left"),
                    (
                        'sum by (error) (increase(reviewbot_failed_passes_total{key=~"$key"}[10m]))',
                        "{{error}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "The log, people, processes",
        (
            Panel(
                "Calls of the log, 99 %",
                "timeseries",
                "s",
                (
                    (
                        "histogram_quantile(0.99, sum by (key, le) (rate("
                        'reviewbot_ledger_seconds_bucket{key=~"$key"}[$__rate_interval])))',
                        "{{key}}",
                    ),
                ),
                6,
            ),
            Panel(
                "Lines of the log, age of the checkpoint",
                "timeseries",
                "none",
                (
                    ('max by (key) (reviewbot_ledger_last_seq{key=~"$key"})', "{{key}} lines"),
                    (
                        'min by (key) (reviewbot_checkpoint_age_seconds{key=~"$key"})',
                        "{{key}} seconds",
                    ),
                ),
                6,
            ),
            Panel(
                "Channels that fail",
                "timeseries",
                "none",
                (
                    (
                        "sum by (channel) (increase(reviewbot_channel_failures_total"
                        '{key=~"$key"}[1h]))',
                        "{{channel}}",
                    ),
                ),
                6,
                bad=1,
            ),
            Panel(
                "Who holds which key",
                "table",
                "none",
                (('max by (key, instance) (reviewbot_is_leader{key=~"$key"})', ""),),
                6,
            ),
            Panel(
                "Processor",
                "timeseries",
                "percentunit",
                (
                    (
                        'rate(process_cpu_seconds_total{job="reviewbot"}[$__rate_interval])',
                        "{{instance}}",
                    ),
                ),
            ),
            Panel(
                "Memory",
                "timeseries",
                "bytes",
                (('process_resident_memory_bytes{job="reviewbot"}', "{{instance}}"),),
            ),
            Panel(
                "Clock, against the API's",
                "timeseries",
                "s",
                (('max by (key) (reviewbot_clock_skew_seconds{key=~"$key"})', "{{key}}"),),
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """The whole dashboard, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    x = y = 0
    for title, row in ROWS:
        y += 8 if x else 0
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place, "panels": []}
        )
        x, y = 0, y + 1
        for panel in row:
            if x + panel.width > WIDTH:
                x, y = 0, y + 8
            place = {"x": x, "y": y, "w": panel.width, "h": 8}
            panels.append(drawn(panel, len(panels) + 1, place))
            x += panel.width
    return {
        "uid": "reviewbot",
        "title": "reviewbot",
        "tags": ["reviewbot"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source(), _keys()]},
        "annotations": {"list": []},
        "panels": panels,
    }


def drawn(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    """One panel in Grafana's words."""
    is_table = panel.kind == "table"
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad is not None:
        steps.append({"color": "red", "value": panel.bad})
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": None,
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": {} if is_table else {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": legend,
                "instant": is_table,
                "format": "table" if is_table else "time_series",
            }
            for at, (query, legend) in enumerate(panel.queries)
        ],
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}


def _keys() -> dict[str, Any]:
    return {
        "name": "key",
        "label": "Key",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": "label_values(reviewbot_build_info, key)", "refId": "key"},
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }


def text() -> str:
    """What stands in `dashboard.json`."""
    return json.dumps(dashboard(), indent=1, sort_keys=True) + "\n"


def main(words: list[str]) -> int:
    """Write the dashboard, or say whether the one that is there is up to date."""
    if words == ["--write"]:
        PLACE.write_text(text(), encoding="utf-8")
        return 0
    return int(PLACE.read_text(encoding="utf-8") != text())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
