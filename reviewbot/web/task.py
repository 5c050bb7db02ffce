"""The page of one task: why a person is asked, what was seen, what happens when, and the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from reviewbot.core.guard_state import PAUSE_TOPIC
from reviewbot.core.questions import Round, holder, open_rounds
from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.text import format_moment, safe
from reviewbot.foresight.future import Future
from reviewbot.insights.limits_in_use import limits_in_use
from reviewbot.insights.questions import texts_for
from reviewbot.policy.engine.calendar import calendars_of, hours_of
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.trace import Outcome
from reviewbot.policy.explain.explain import Explanation, TurningPoint, explain
from reviewbot.policy.facts import Facts
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.ports.ledger import Logged
from reviewbot.presentation.format import dollars
from reviewbot.presentation.phrases import if_you_do_nothing
from reviewbot.presentation.sheets import outcome_of
from reviewbot.presentation.stories import evidence_lines
from reviewbot.review.answer import Texts
from reviewbot.review.pending import pending_on, seen_mark
from reviewbot.runtime.bot_health import bot_of
from reviewbot.safety import pauses
from reviewbot.safety.limits import rule_named
from reviewbot.safety.seal import cancelled_in, is_sealed
from reviewbot.web.console import Visit
from reviewbot.web.render import page

SCRAPE_CAP = 100
"""About how many comments the checker reads at most, by the API's documents."""
LONGEST = 500
"""Characters of a reason that the API takes."""


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One rung of the ladder of rules, from the first to the one that decided."""

    number: str
    name: str
    mark: str
    why: str


def show(visit: Visit) -> Response:
    """The open round; where there is none, how the task's rounds went."""
    task = visit.path["task"]
    for round_ in open_rounds(visit.ledger):
        if round_.sighting.task_id == task:
            return shown(visit, round_, problem=_since_the_message(visit, round_))
    decisions = visit.ledger.decisions(task_id=task)
    status = 200 if decisions else 404
    return page(
        visit, "task_over.html.jinja", status=status, task=task, rows=_story(visit, decisions)
    )


def _since_the_message(visit: Visit, found: Round) -> str:
    """What to say where a message led here that knew something else of it."""
    told = visit.query.get("seen")
    if not told or told == seen_mark(visit.ledger, found):
        return ""
    return "It has changed since the message was written that led you here."


def shown(
    visit: Visit,
    chosen: Round,
    *,
    problem: str = "",
    status: int = 200,
    rehearsed: Decision | None = None,
) -> Response:
    """The page of an open round, perhaps with what went wrong, or with what would have been sent."""
    console = visit.console
    sighting, ledger = chosen.sighting, console.ledger
    future = console.outlook().of(sighting.review, sighting.task_id)
    logged = None if chosen.latest is None else ledger.decision(chosen.decision.id)
    decided = _NOTHING_DECIDED if logged is None else _decided(visit, chosen, logged, future)
    zone = decided["zone"]
    about = {
        "task": sighting.task_id,
        "review": sighting.review,
        "round": chosen,
        "otherwise": "" if future is None else if_you_do_nothing(future, visit.now, zone),
        "paid_by_silence": future is not None and future.end == "silence",
        "story": _story(visit, ledger.decisions(task_id=sighting.task_id)),
        "problem": problem,
        "own_words": visit.form.get("reason", ""),
        "rehearsed": rehearsed,
        "moment": lambda at, of=zone: format_moment(at, of),
        "correctable": CORRECTABLE_FIELDS,
        "longest": LONGEST,
        "cap": SCRAPE_CAP,
        "pays": "Finalize" if sighting.review == "accounts" else "Pay",
    }
    return page(visit, "task.html.jinja", status=status, **about, **decided)


_NOTHING_DECIDED: dict[str, Any] = {
    "sealed": False,
    "cancelled": "",
    **dict.fromkeys(("decision", "facts", "told", "pending", "claim", "amount")),
    **dict.fromkeys(("tries", "evidence", "ladder", "limits", "turns"), ()),
    "texts": Texts(),
    "seen": "",
    "zone": "UTC",
}


def _decided(visit: Visit, chosen: Round, logged: Logged, future: Future | None) -> dict[str, Any]:
    """What the page shows of a round on which the bot has decided something."""
    ledger, revisions, facts = visit.ledger, visit.console.revisions(), _facts(logged)
    judge = revisions.judge(logged.decision.revision)
    zone = "UTC" if judge is None else judge.policy.timezone
    known: dict[str, Any] = {
        "decision": logged.decision,
        "facts": facts,
        "evidence": evidence_lines(logged.decision.facts, zone),
        "seen": seen_mark(ledger, chosen),
        "pending": pending_on(ledger, logged.decision.id),
        "sealed": is_sealed(logged),
        "cancelled": _cancelled(visit, chosen),
        "claim": holder(ledger, logged.decision.id, visit.now),
        "amount": dollars(logged.decision.amount_micros),
        "zone": zone,
    }
    if judge is None or facts is None:
        return _NOTHING_DECIDED | known
    told = explain(judge, facts, over_time=True)
    return known | {
        "told": told,
        "tries": _tries(facts),
        "ladder": [*_ladder(told, future), *_stops(visit, judge, told.rule)],
        "limits": [
            limit
            for limit in limits_in_use(ledger, (judge,), visit.now)
            if limit.rule in (None, told.rule)
        ],
        "turns": _turns(told, future, visit.now, zone),
        "texts": texts_for(ledger, chosen, revisions),
    }


def _cancelled(visit: Visit, chosen: Round) -> str:
    """Who cancelled what a rule decided of it, where somebody did."""
    seen = chosen.sighting
    halted = cancelled_in(visit.ledger, seen.review, seen.task_id, seen.epoch, "")
    return "" if halted is None else str(halted)


def _facts(logged: Logged) -> Facts | None:
    try:
        return facts_from_json(logged.decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError):
        return None


def _tries(facts: Facts) -> list[dict[str, Any]]:
    """Each try of the checker: when, how far it read, what it found."""
    attempts = sorted(facts.attempts or (), key=lambda attempt: attempt.attempt_n or 0)
    return [
        {
            "number": attempt.attempt_n,
            "at": attempt.scraped_at,
            "outcome": attempt.outcome_kind or "unknown",
            "read": attempt.comments_scraped,
            "width": min(100, round(100 * (attempt.comments_scraped or 0) / SCRAPE_CAP)),
            "score": attempt.match_score,
            "found": attempt.found_comment_id,
            "reason": attempt.reason,
        }
        for attempt in attempts
    ]


_WORDS = {
    Outcome.MET: "holds",
    Outcome.NOT_MET: "does not hold",
    Outcome.CANNOT_TELL: "cannot tell",
}


def _ladder(told: Explanation, future: Future | None) -> list[Rung]:
    """The rules above with the one condition that failed, the one that decided, and what keeps it back."""
    rungs = [
        Rung(number=str(passed.number), name=passed.rule, mark=_WORDS[passed.mark], why=passed.why)
        for passed in told.passed
    ]
    seen = "; ".join(f"{seen.fact} is {seen.value}" for seen in told.seen)
    rungs.append(
        Rung(
            number="" if told.number is None else str(told.number),
            name=told.rule,
            mark="decides",
            why=seen or "it asks nothing",
        )
    )
    kept = told.kept_back or (future.kept.sentence if future and future.kept else None)
    if kept:
        rungs.append(Rung(number="", name="held back", mark="holds", why=kept))
    return rungs


def _stops(visit: Visit, judge: Judge, rule: str) -> Iterator[Rung]:
    """What holds beside the rules: the hours of the one that decided, and what is paused."""
    policy, now = judge.policy, visit.now
    decided = rule_named(policy, rule)
    calendars = calendars_of(policy)
    for name in () if decided is None else hours_of(policy, decided):
        opens = calendars[name].next_open(now)
        is_open, when = opens == now, format_moment(opens, policy.timezone)
        why = "it may act now" if is_open else f"it acts from {when} on" if opens else "for good"
        yield Rung(number="", name=f"hours {name}", mark="open" if is_open else "closed", why=why)
    words = visit.ledger.notes(PAUSE_TOPIC)
    for pause in pauses.pauses_on(words, bot_of(visit.console.settings, now).file, now):
        yield Rung(number="", name="pause", mark="holds", why=pause.sentence())


_DOES = {
    Action.APPROVE: "pays",
    Action.DISPUTE: "sends back",
    Action.FINALIZE: "finalizes",
    Action.REQUEST_CORRECTIONS: "asks for corrections",
    Action.ESCALATE: "asks a person",
    Action.WAIT: "waits",
    Action.LEAVE: "leaves it to the timer",
}


def _turns(
    told: Explanation, future: Future | None, now: datetime, zone: str
) -> list[tuple[str, str]]:
    """What happens when, if the facts stay as they are and nobody answers."""

    def does(said: Explanation | TurningPoint) -> str:
        waits = said.until is not None and said.action.writes
        since = f" from {format_moment(said.until, zone)} on" if waits else ""
        return f"{_DOES[said.action]}{since}, by {said.rule}"

    end = None if future is None else future.at
    turns = [("now", does(told))]
    turns += [
        (format_moment(later.at, zone), does(later))
        for later in told.later
        if later.at > now and (end is None or later.at < end)
    ]
    if future is not None and future.at is not None and future.at > now:
        turns.append(
            (format_moment(future.at, zone), f"ends: {if_you_do_nothing(future, now, zone)}")
        )
    return turns


def _story(visit: Visit, decisions: Any) -> list[dict[str, str]]:
    """Every decision on the task, with who made it and what the other side was told."""
    zones = visit.console.zones()
    return [
        {
            "id": logged.decision.id,
            "at": format_moment(
                logged.decision.decided_at,
                zones.of(revision=logged.decision.revision, policy=logged.decision.policy),
            ),
            "round": str(logged.decision.round),
            "action": logged.decision.action.value,
            "by": logged.decision.decided_by or f"rule “{logged.decision.rule}”",
            "text": safe(logged.decision.reason or ""),
            "outcome": outcome_of(logged),
        }
        for logged in decisions
    ]
