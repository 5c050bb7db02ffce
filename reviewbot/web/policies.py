"""Policies as people read them, and how each rule has done."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from starlette.responses import Response

from reviewbot.domain.errors import UsageError
from reviewbot.insights.scorecard import NO_COUNTS
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
    stored = [found for found in visit.ledger.policies() if found.name == name]
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
    return page(
        visit,
        "policy.html.jinja",
        policy=judge.policy,
        passages=[
            (
                passage,
                titles.get(passage.title),
                counts.decided.get(_name(titles, passage.title), 0),
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


def rules(visit: Visit) -> Response:
    """Every rule's card: how often, how much, and how it turned out."""
    month = visit.console.figures.month()
    card = month.card
    return page(
        visit,
        "rules.html.jinja",
        cards=[
            {
                "card": one,
                "money": dollars(one.micros),
                "low": round(100 * one.interval[0]),
                "high": round(100 * one.interval[1]),
                "unknown": round(100 * (one.claims - one.answered) / one.claims)
                if one.claims
                else 0,
            }
            for one in card.cards
        ],
        asked=card.asked,
        at=month.at,
    )
