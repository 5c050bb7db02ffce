"""What a policy can reach at all: honest managers paid, misses sent back, questions asked, against each other.

    python -m benchmarks.frontier [--days 30] [--seeds 2] [--per-hour 2] [--write]

Five choices make a policy of the usual kind: what counts as having looked, how often a machine sends
back, what becomes of a page that was cut, before and after a dispute, and of a check that saw nothing.
Every combination of them reviews the same months in all populations, on the engine alone (`quality.py`
says what is measured). Those that no other beats on all of it at once are the frontier;
`docs/benchmarks/frontier.svg` draws them with the policies to start from, and
`docs/benchmarks/frontier.json` keeps the figures.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.kept import FOLDER, keep
from benchmarks.picture import Mark, Panel, draw
from benchmarks.populations import POPULATIONS
from benchmarks.quality import HELD_OUT, POLICIES, Span, by_engine, policy_figures

PICTURE = FOLDER / "frontier.svg"
TITLE = "What a policy can reach: honest paid and misses sent back, for so many questions"
LOOKED = {
    "last check": "",
    "checks agree": "      checks.most_comments: at most 99\n      checks.failed: 0\n",
    "checks agree, two after a dispute": (
        "      checks.most_comments: at most 99\n      checks.failed: 0\n"
        "    unless:\n      task.times_disputed: at least 1\n      checks.count: 1\n"
    ),
}
"""What must hold besides "1 to 99 read" before "not there" is believed."""
VISITS = {"once": 1, "three times": 3}
"""How often a machine sends one task back."""
CUT = {
    "asked": (),
    "believed on a clean record": ("account.dispute_share_30d: at most 25%",),
    "clean record, or the desk is full": (
        "account.dispute_share_30d: at most 25%",
        "fleet.escalated: more than 30",
    ),
    "paid": ("task.times_disputed: 0",),
}
"""On which grounds, one after the other, a full page is paid, under which the comment may stand."""
AGAIN = {"asked": False, "sent back": True}
"""What becomes of a full page after a dispute."""
BLIND = {"asked": False, "paid": True}
"""What becomes of a check that saw nothing."""
AXES = (
    "questions per 100 rounds",
    "honest: paid %",
    "provable misses: sent back %",
    "all misses: sent back %",
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One combination of the choices."""

    looked: str
    visits: str
    cut: str
    again: str
    blind: str

    @property
    def name(self) -> str:
        """The choices, for a table."""
        return (
            f"{self.looked}; sent back {self.visits}; cut page {self.cut}, after a dispute"
            f" {self.again}; nothing seen {self.blind}"
        )

    def text(self) -> bytes:
        """The policy."""
        return "\n".join(self._lines()).encode()

    def _lines(self) -> Iterator[str]:
        yield "policy: variant\nlanguage: 1\nrules:"
        yield "  - name: found\n    when:\n      last.outcome_kind: verified\n    then: approve"
        yield "  - name: came back too often\n    when:"
        yield f"      task.times_disputed: at least {VISITS[self.visits]}\n    then: escalate"
        yield "  - name: another text\n    when:\n      last.outcome_kind: wrong_text"
        yield "      last.comments_scraped: at least 1\n    then: dispute\n    reason: wrong"
        yield "  - name: not as ordered\n    when:"
        yield "      last.outcome_kind: [couldnt_verify, wrong_account]"
        yield "      last.comments_scraped: between 1 and 99"
        yield f"{LOOKED[self.looked]}    then: dispute\n    reason: wrong"
        if AGAIN[self.again]:
            yield "  - name: not among the newest\n    when:\n      task.times_disputed: at least 1"
            yield "      last.comments_scraped: at least 100\n    then: dispute\n    reason: wrong"
        yield "  - name: came back\n    when:\n      task.times_disputed: at least 1"
        yield "    then: escalate"
        for number, ground in enumerate(CUT[self.cut], 1):
            yield f"  - name: cut page {number}\n    when:\n      last.comments_scraped: at least 100"
            if "share" in ground:
                yield "      account.decisions_30d: at least 5"
            yield f"      {ground}\n    then: approve"
        if BLIND[self.blind]:
            yield "  - name: nothing seen\n    when any:\n      - last.outcome_kind: scrape_failed"
            yield "      - last.comments_scraped: 0\n    then: approve"
        yield "  - name: the rest\n    always: yes\n    then: escalate"
        yield "reasons:\n  wrong:"
        for number, words in enumerate(("Not there.", "Still not there.", "Not there at all."), 1):
            yield f"    round {number}: {words} Please post it as written and press re-check."
        yield "deadline:\n  decide by: 3h before deadline\n  if undecided: approve"
        yield "  because: We pay when we cannot show what is wrong."


VARIANTS = tuple(
    Variant(looked=looked, visits=visits, cut=cut, again=again, blind=blind)
    for looked, visits, cut, again, blind in product(LOOKED, VISITS, CUT, AGAIN, BLIND)
)


def over_all(source: Any, span: Span) -> dict[str, Any]:
    """The figures of one policy over all populations together."""
    counts: Counter[str] = Counter()
    for population in POPULATIONS:
        counts += by_engine(source, population, span)
    return policy_figures(counts)


def frontier(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names that no other beats: nowhere worse, somewhere better."""

    def merits(name: str) -> tuple[float, ...]:
        row = found[name]
        return (-row[AXES[0]], row[AXES[1]], row[AXES[2]], row[AXES[3]])

    def beaten(name: str) -> bool:
        own = merits(name)
        return any(
            other != own and all(theirs >= mine for theirs, mine in zip(other, own, strict=True))
            for other in map(merits, found)
        )

    return [name for name in found if not beaten(name)]


def panels(
    found: Mapping[str, Mapping[str, Any]], named: Mapping[str, Mapping[str, Any]]
) -> list[Panel]:
    """Questions across, and up once the honest who are paid, once the provable misses sent back, once all."""
    best = frontier(found)
    goals = {AXES[1]: 97.5, AXES[2]: 94.0, AXES[3]: 0.0}
    titles = {
        AXES[1]: "Honest managers",
        AXES[2]: "Misses that the checker saw",
        AXES[3]: "All misses, also under cut pages and unread",
    }
    rows = list(named.values())
    drawn = []
    for axis, title in titles.items():
        marks = [
            Mark(x=row[AXES[0]], y=row[axis], kind="best" if name in best else "some")
            for name, row in found.items()
        ]
        # The first of several that come to the same has the label; what lies far below is not drawn.
        low = 10 * (min(mark.y for mark in marks) // 10)
        marks += [
            Mark(x=row[AXES[0]], y=row[axis], kind="named", name=name)
            for number, (name, row) in enumerate(named.items())
            if row not in rows[:number] and row[axis] >= low
        ]
        goal = (50.0, goals[axis] or 100.0)
        drawn.append(
            Panel(
                title=title,
                across=AXES[0],
                up=axis,
                marks=marks,
                x=(0, 100),
                y=(low, 100),
                goal=goal,
            )
        )
    return drawn


def measure(span: Span, policies: Sequence[str]) -> dict[str, Any]:
    """Every combination and every policy to start from."""
    rows: dict[str, dict[str, Any]] = {"combinations": {}, "policies": {}}
    sources: list[tuple[str, str, Path | bytes]] = []
    sources += [("policies", name, POLICIES[name]) for name in policies]
    sources += [("combinations", variant.name, variant.text()) for variant in VARIANTS]
    for group, name, source in sources:
        rows[group][name] = row = over_all(source, span)
        print(name, f"{time.process_time():.0f} s", {axis: row[axis] for axis in AXES}, flush=True)
    return rows


def main() -> None:
    """Parse the options, measure, draw."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--days", type=float, default=30.0)
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--per-hour", type=float, default=2.0)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    span = Span(days=chosen.days, seeds=HELD_OUT[: chosen.seeds], per_hour=chosen.per_hour)
    rows = measure(span, list(POLICIES))
    best = frontier(rows["combinations"])
    print("\n".join(best))
    if chosen.write:
        PICTURE.write_text(draw(panels(rows["combinations"], rows["policies"]), TITLE))
        short = {name: {axis: rows["combinations"][name][axis] for axis in AXES} for name in best}
        figures = {
            "days": span.days,
            "seeds": len(span.seeds),
            "combinations": len(VARIANTS),
            "the frontier": short,
        }
        print(keep("frontier", figures))


if __name__ == "__main__":
    main()
