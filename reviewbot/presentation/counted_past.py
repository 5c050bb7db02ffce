"""The past as it was counted, in the published shapes: the same for every engine but for the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reviewbot.history.partial import PastTotals
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.testing.compare import Transition
from reviewbot.presentation import machine_forms as forms


def backtest_form(totals: PastTotals, judge: Judge, run: forms.Run) -> forms.BackTest:
    """What one policy comes to."""
    rules = tuple(
        forms.RuleCount(action=action, rule=rule, **_published(cell, totals.accounts[action, rule]))
        for action, rule, cell in totals.impact.by_rule()
    )
    return forms.BackTest(
        policy=judge.policy.name,
        revision=judge.policy.revision,
        rules=rules,
        could_not_tell=dict(sorted(totals.impact.could_not_tell.items())),
        limits=totals.kept[1],
        run=run,
        **_read(totals),
    )


def diff_form(
    totals: PastTotals, old: Judge, new: Judge, broken: Sequence[str], run: forms.Run
) -> forms.Diff:
    """What moves from an old policy to a new one."""
    impact = totals.impact
    moves = tuple(
        forms.Moved(
            old=before,
            new=after,
            rules=tuple(
                forms.Pair(old_rule, new_rule, part.count)
                for old_rule, new_rule, part in impact.causes(before, after)
            ),
            **_published(cell, totals.accounts[before, after]),
        )
        for (before, after), cell in impact.flips().items()
    )
    return forms.Diff(
        old=forms.Which(old.policy.name, old.policy.revision),
        new=forms.Which(new.policy.name, new.policy.revision),
        moves=moves,
        limits=forms.BothLimits(*totals.kept),
        broken=tuple(broken),
        run=run,
        **_read(totals),
    )


def _read(totals: PastTotals) -> dict[str, Any]:
    """What both shapes say of what was read."""
    return {
        "version": totals.version,
        "read": totals.read,
        "judged": totals.judged,
        "reviews": totals.judged,
        "others": totals.impact.others,
        "unread": totals.unread,
        "unreadable": tuple(forms.UnreadableRecord(*record) for record in totals.unreadable),
    }


def _published(cell: Transition, accounts: int) -> dict[str, Any]:
    return {
        "count": cell.count,
        "money_usd": cell.micros / 1_000_000,
        "accounts": accounts,
        "samples": cell.samples,
    }
