"""What a check of a policy costs: the reading alone, with a mistake in it, and all findings, for 30 to 1,000 rules.

    python -m benchmarks.checker [30 100 300 1000] [--rounds 3] [--write]

Policies as a desk writes them, rules that hardly meet, and rules that lie across each other
(tests/policy/many.py), the same ones each time. CPU time of the process, the best of the rounds; the
ratio stands beside the smallest policy of the same run. With `--write` the figures are kept in
docs/benchmarks/checker.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

from benchmarks.kept import keep
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.testing.check import checked
from tests.policy.many import KINDS, policy_text

TODAY = date(2026, 12, 1)


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def read(text: str) -> Parsed:
    """What an editor asks for at each change: the mistakes of reading."""
    return parse_policy(text, path="many.yaml", read=_no_file, today=TODAY)


def spent(act: Callable[[], Any], rounds: int) -> float:
    """The least CPU time of some rounds, in milliseconds."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return min(times) * 1000


def _half_way(text: str) -> dict[str, str]:
    """Mistakes half way down the rules: a wrong value, and a line that no YAML is."""
    names = [line for line in text.split("\n") if line.startswith("  - name: rule ")]
    name = names[len(names) // 2]
    rule = text[text.index(f"{name}\n") :].partition("\n  - name:")[0]
    wrong, broken = (
        rule.replace("    then: ", "    then: a"),
        rule.replace("    then: ", "    then "),
    )
    put = {"a wrong value": wrong, "a broken line": broken}
    return {what: text.replace(rule, instead) for what, instead in put.items()}


def measured(kind: str, rules: int, rounds: int) -> dict[str, Any]:
    """One policy: what reading it costs, what all findings cost, and how many there are."""
    text = policy_text(kind, rules)
    found = checked(read(text), today=TODAY).findings
    assert all(finding.severity is not Severity.ERROR for finding in found), found
    return {
        "kB": round(len(text) / 1000),
        "reading, ms": round(spent(lambda: read(text), rounds), 1),
        **{
            f"reading {what}, ms": round(spent(partial(read, mistaken), rounds), 1)
            for what, mistaken in _half_way(text).items()
        },
        "all findings, ms": round(spent(lambda: checked(read(text), today=TODAY), rounds), 1),
        "warnings": sum(finding.severity is Severity.WARNING for finding in found),
        "notes": sum(finding.severity is Severity.NOTE for finding in found),
    }


def main(arguments: Sequence[str]) -> None:
    """Measure each kind in each size, print it and, if asked, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="*", type=int, default=[30, 100, 300, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="keep the figures")
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    for kind in KINDS:
        rows = {
            f"{rules:,} rules": measured(kind, rules, options.rounds) for rules in options.rules
        }
        first = next(iter(rows.values()))["all findings, ms"]
        for row in rows.values():
            row["ratio"] = round(row["all findings, ms"] / first, 1)
        figures[kind] = rows
    print(json.dumps(figures, indent=2))
    if options.write:
        print(keep("checker", figures))


if __name__ == "__main__":
    main(sys.argv[1:])
