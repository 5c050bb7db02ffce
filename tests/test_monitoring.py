"""Rules, dashboard and runbooks: each names only metrics, alarms and commands that exist, and misses none."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from reviewbot.domain import errors
from reviewbot.domain.alarm import AlarmKind
from reviewbot.runtime.metrics import COUNTERS, GAUGES, HISTOGRAMS, LABELLED
from tests.cli.walk import assert_parses

ROOT = Path(__file__).resolve().parent.parent
MONITORING = ROOT / "packaging/monitoring"
RUNBOOKS = {
    path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "packaging/runbooks").glob("*")
}
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
METRICS = {
    *(f"reviewbot_{row.name}" for row in (*GAUGES, *LABELLED)),
    *(f"reviewbot_{row.name}_total" for row in COUNTERS),
    *(f"reviewbot_{row.name}_{end}" for row in HISTOGRAMS for end in ("bucket", "sum", "count")),
    *("process_cpu_seconds_total", "process_resident_memory_bytes"),
}
"""Every name that a query may use."""
OF_THE_SYSTEM = ("kubectl ", "systemctl ", "journalctl ", "timedatectl ")
promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool (Debian: prometheus) is not installed"
)


def named_in(query: str) -> set[str]:
    """The metrics that a query names."""
    return set(re.findall(r"\b(?:reviewbot|process)_\w+", re.sub(r'"[^"]*"', "", query)))


def exit_codes() -> set[int]:
    """Every code of the page on operating, which a test holds against the errors."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    section = page.split("\n## Exit codes\n", 1)[1].split("\n## ", 1)[0]
    return {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.M)}


# Runbooks ------------------------------------------------------------------------------------


def test_there_is_one_runbook_for_each_kind_of_alarm_and_each_exit_code() -> None:
    """No more and no fewer."""
    assert set(RUNBOOKS) == {kind.value for kind in AlarmKind} | {
        f"exit-{code}" for code in exit_codes()
    }
    assert errors.ReviewbotError.exit_code in exit_codes()


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_a_runbook_says_what_happened_what_it_costs_and_what_to_do(name: str) -> None:
    """In this order, and in commands that exist with options that they have."""
    text = RUNBOOKS[name]
    assert re.findall(r"^## (.+)$", text, re.M) == ["What happened", "What it costs", "What to do"]
    assert text.startswith((f"# `{name}`", f"# Exit code {name.removeprefix('exit-')}:"))
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
        for line in block.splitlines()
    ]
    assert lines
    for line in lines:
        if not line.startswith(OF_THE_SYSTEM):
            assert_parses(line)


def test_a_runbook_names_other_runbooks_that_exist() -> None:
    """`see` and a name in code marks."""
    for text in RUNBOOKS.values():
        for words in re.findall(r"\bsee ((?:`[a-z-]+`(?:, )?)+)", text, re.I):
            assert set(re.findall(r"`([a-z-]+)`", words)) <= set(RUNBOOKS)


# Rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_names_metrics_and_a_runbook_that_exist(rule: dict[str, Any]) -> None:
    """And says how urgent it is, and in a sentence what it is."""
    named = named_in(rule["expr"])
    assert named <= METRICS
    assert named or "up{" in rule["expr"]
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"].removesuffix(".md") in RUNBOOKS


def test_every_rule_is_tested_both_ways() -> None:
    """What sets it off, and what must not."""
    tests = yaml.safe_load((MONITORING / "rules.test.yml").read_text())["tests"]
    outcomes = {
        (case["alertname"], bool(case["exp_alerts"]))
        for test in tests
        for case in test["alert_rule_test"]
    }
    assert outcomes == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


@promtool
@pytest.mark.parametrize(
    "words", [["check", "rules", "rules.yml"], ["test", "rules", "rules.test.yml"]]
)
def test_prometheus_takes_the_rules_and_their_tests_pass(words: list[str]) -> None:
    """By Prometheus' own tool."""
    done = subprocess.run(
        ["promtool", *words], cwd=MONITORING, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr


# The dashboard -------------------------------------------------------------------------------


def dashboard() -> Any:
    """The script that makes it."""
    place = importlib.util.spec_from_file_location("dashboard", MONITORING / "dashboard.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def queries() -> list[str]:
    """Every query of the dashboard that is kept."""
    kept = json.loads((MONITORING / "dashboard.json").read_text())
    return [target["expr"] for panel in kept["panels"] for target in panel.get("targets", ())]


def test_the_dashboard_is_the_one_that_its_table_makes() -> None:
    """`python packaging/monitoring/dashboard.py --write` makes it so."""
    assert (MONITORING / "dashboard.json").read_text(encoding="utf-8") == dashboard().text()


def test_every_query_names_metrics_that_exist_and_every_metric_of_ours_is_drawn() -> None:
    """But for what the page of queries would only repeat."""
    assert all(named_in(query) for query in queries())
    named = {name for query in queries() for name in named_in(query)}
    assert named <= METRICS
    drawn = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in METRICS}
    assert ours - drawn == {
        "reviewbot_build_info",
        "reviewbot_last_successful_poll_timestamp_seconds",
        "reviewbot_ledger_writable",
        "reviewbot_requests_total",
    }


def test_panels_lie_side_by_side_and_on_no_other() -> None:
    """Within the width of a dashboard."""
    kept = json.loads((MONITORING / "dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in kept["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


@promtool
def test_prometheus_reads_every_query_of_the_dashboard(tmp_path: Path) -> None:
    """As a rule that records it, Grafana's own words filled in."""
    rules = [
        {
            "record": f"query:{number}",
            "expr": query.replace("$__rate_interval", "5m").replace("$key", ".*"),
        }
        for number, query in enumerate(queries())
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "d", "rules": rules}]}))
    command = ["promtool", "check", "rules", str(tmp_path / "rules.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
