"""Policies as people read them, and how each rule has done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from reviewbot.domain.errors import UsageError
from reviewbot.insights.limits_in_use import limits_in_use
from reviewbot.insights.scorecard import NO_COUNTS, RuleScore
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.explain.summary import read_policy, title_of
from reviewbot.policy.ladder import step_name
from reviewbot.policy.model import Rule
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.examples import examples
from reviewbot.ports.ledger import StoredPolicy
from reviewbot.presentation.format import dollars
from reviewbot.presentation.policy_page import SIGNED, passage_of_tests
from reviewbot.safety import impact
from reviewbot.safety.ladder import standings
from reviewbot.web.acts import STEPS
from reviewbot.web.console import Visit
from reviewbot.web.render import page


def all_policies(visit: Visit) -> Response:
    """Every policy that runs or ran, the newest revision of each."""
    beat = visit.console.beat()
    running = {} if beat is None else {policy.name: policy.revision for policy in beat.policies}
    newest = {stored.name: stored for stored in visit.ledger.policies()}
    return page(
        visit,
        "policies.html.jinja",
        policies=[
            (stored, running.get(name) == stored.revision)
            for name, stored in sorted(newest.items())
        ],
    )


def running_policy(visit: Visit) -> tuple[Judge, list[StoredPolicy]]:
    """The revision of a policy that runs, or the newest that ran; and every revision, the newest first."""
    name = visit.path["policy"]
    beat = visit.console.beat()
    running = {} if beat is None else {policy.name: policy.revision for policy in beat.policies}
    stored = [policy for policy in visit.ledger.policies() if policy.name == name]
    if not stored:
        raise UsageError(f"no policy is called {name!r}")
    judge = visit.console.revisions().judge(running.get(name, stored[-1].revision))
    if judge is None:
        raise UsageError("this version of the program can no longer read that revision")
    return judge, list(reversed(stored))


def one_policy(visit: Visit) -> Response:
    """One policy, rule by rule, with what each did in the last 30 days."""
    judge, revisions = running_policy(visit)
    month = visit.console.figures.month()
    counts = month.counts.get(judge.policy.name, NO_COUNTS)
    titles = {title_of(rule): rule for rule in judge.policy.rules}
    cards: dict[str, list[RuleScore]] = defaultdict(list)
    # A card counts by the rule's name: where another policy has one of that name it is not this rule's.
    of_others = {
        rule
        for name, of in month.counts.items()
        if name != judge.policy.name
        for rule in of.decided
    }
    for card in month.card.cards:
        if not card.voice and card.rule not in of_others:
            cards[card.rule].append(card)
    limits = list(limits_in_use(visit.ledger, (judge,), visit.now))
    return page(
        visit,
        "policy.html.jinja",
        limits=[limit for limit in limits if not limit.rule],
        policy=judge.policy,
        passages=[
            (
                passage,
                titles.get(passage.title),
                counts.decided.get(_name(titles, passage.title), 0),
                [_figures(card) for card in cards.get(_name(titles, passage.title), ())],
                [limit for limit in limits if limit.rule == _name(titles, passage.title)],
            )
            for passage in read_policy(judge.policy)
        ],
        stages=standings(visit.ledger, judge.policy),
        step_name=step_name,
        steps=tuple(STEPS),
        decisions=counts.decisions,
        revisions=revisions,
        changes=_changes(visit, judge.policy.name),
    )


def _changes(visit: Visit, policy: str) -> dict[str, str]:
    """What each revision moved as it took over, in a sentence."""
    found = {}
    for word in visit.ledger.story(impact.TOPIC, policy):
        change = impact.from_value(word.value)
        if change is not None:
            found[change.revision] = change.sentence()
    return found


def to_sign(visit: Visit) -> Response:
    """The policy as a text that is printed and signed."""
    judge, _ = running_policy(visit)
    results = run_cases(judge)
    zone = ZoneInfo(judge.policy.timezone)
    passages = read_policy(
        judge.policy, examples(judge, results), visit.now.astimezone(zone).date()
    )
    tests = passage_of_tests(results)
    return page(
        visit, "print.html.jinja", policy=judge.policy, passages=(*passages, tests), signed=SIGNED
    )


def _name(titles: Mapping[str, Rule], title: str) -> str:
    rule = titles.get(title)
    return "" if rule is None else rule.name


def _figures(score: RuleScore) -> dict[str, Any]:
    """What a rule did in the last 30 days: how much money, and how many of the answered speak against it."""
    low, high = score.interval
    return {
        "card": score,
        "money": dollars(score.micros),
        "low": round(100 * low),
        "high": round(100 * high),
    }


def rules(visit: Visit) -> Response:
    """Every rule's card: how often, how much, and how it turned out."""
    month = visit.console.figures.month()
    card = month.card
    return page(
        visit,
        "rules.html.jinja",
        cards=[
            _figures(score)
            | {
                "weeks": " · ".join(map(str, score.by_week(month.at))),
                "unknown": round(100 * (score.claims - score.answered) / score.claims)
                if score.claims
                else 0,
            }
            for score in card.cards
        ],
        asked=card.asked,
        at=month.at,
    )
