"""People: a person's answer to an open round goes the same way as a rule's decision.

Theory of operation. An answer is about the round that the person was shown. So the task is read
again, and nothing is sent unless it still waits in that very round. Then the answer becomes a
decision with the person's name, and `perform` writes it down before it sends it: the unique intent
lets one of several answers, the bot's own included, through. Whoever comes later is told who was
first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.alarms.notices import tell_forbidden
from reviewbot.core.context import BotContext
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events, HeldEvidence, ReviewPipeline
from reviewbot.core.questions import Round, answered_in, asked_in, refuse_if_held
from reviewbot.core.revisions import Revisions, zone_of
from reviewbot.core.verdict import Verdict
from reviewbot.domain import round_state
from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import (
    ACTIONS_OF,
    DEADLINE,
    DONE,
    NO_RULE,
    WRITES,
    Action,
    Decision,
    Mode,
    State,
)
from reviewbot.domain.errors import Halted, UsageError
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.calendar import calendars_of
from reviewbot.policy.engine.conditions import Conditions
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.templates import LONGEST, Text, Variants, may_be_sent
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import Policy, ReasonText, Rule
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.ports.queue import Clock
from reviewbot.review.execute import decide, perform
from reviewbot.review.fetch import facts_alone, fetch_now, judge_for
from reviewbot.review.recover import Recovery
from reviewbot.safety import gate, limits

LONGEST_NAME = 80


class PersonAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants done with a round.

    `text` is what the other side reads (dispute, request corrections), `fields` what is to be
    corrected. `take_over` answers although another person has claimed the question, `repeat` sends
    words that were sent for this task before.
    """

    action: Action
    who: str
    text: str | None = None
    fields: dict[str, str] | None = None
    take_over: bool = False
    repeat: bool = False


class AnswerResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reply: `sentence` says it to the person.

    `state` is where the decision stands; None where nothing was written: it was a rehearsal
    (`decision` is what would have been sent) or came too late.
    """

    sentence: str
    decision: Decision | None = None
    state: State | None = None

    @property
    def done(self) -> bool:
        """Whether it is done: the API said yes, or the bot has read so meanwhile."""
        return self.state in DONE

    @property
    def too_late(self) -> bool:
        """Whether something else had ended the round."""
        return self.decision is None or self.state is State.OVERTAKEN


def answer(app: BotContext, chosen: Round, reply: PersonAnswer) -> AnswerResult:
    """Answer an open round. Without a desk (a dry run) everything but the sending is done.

    Raises UsageError for an answer that cannot be given, Halted while a person has paused the action or
    the policy's hours hold it or a statement forbids it, `ApiError` where the API cannot be asked, and
    `LedgerError`.
    """
    sighting = chosen.sighting
    bench = app.bench(sighting.review) or app.make_bench(sighting.review)
    first = answered_in(app.ledger, sighting.task_id, sighting.epoch)
    if first is not None:
        if not Recovery(app, bench, first).waits_after_all():
            return AnswerResult(sentence=who_was_first(app.ledger, first))
        if bench.desk is not None:
            Recovery(app, bench, first).call_open()
    judge = None
    if chosen.latest is not None:
        # The policy that runs by the name of the one that asked; where none does, as it was then.
        asked, now = chosen.decision, app.clock.now()
        running = (judge for judge in bench.judges if judge.policy.name == asked.policy)
        judge = next(running, None) or Revisions(app.ledger).judge(asked.revision)
        if judge is not None:
            limits.check_people(judge, reply.action, now)
        if not reply.take_over:
            refuse_if_held(app.ledger, asked.id, reply.who, now)
    bench.first_seen[(sighting.task_id, sighting.epoch)] = sighting.first_seen_at
    item, held = fetch_now(app.clock, app.wait_turn, bench, sighting.task_id)
    late = _overtaken(app.ledger, app.clock, app.notifier, item, chosen)
    if late is not None:
        # Somebody may have answered through the same log since it was asked above.
        return AnswerResult(sentence=_answered_before(app.ledger, chosen) or late)
    assert item is not None, "what is gone comes too late"
    judge = judge or judge_for(item, bench.judges)
    facts = facts_alone(app.ledger, app.clock, app.events, bench, item, held, judge)
    return _carry_out(app, bench, chosen, checked(reply, facts, chosen), item, held, facts, judge)


def how_it_ended(ledger: Ledger, beginning: str, since: datetime) -> str | None:
    """How the newest round ended of the thing whose id begins so; None where none did since then."""
    ended = [ending for ending in ledger.endings(since) if ending.task_id.startswith(beginning)]
    if not ended:
        return None
    last = ended[-1]
    if last.by == "ours":
        first = answered_in(ledger, last.task_id, last.epoch)
        return None if first is None else who_was_first(ledger, first)
    told = ledger.decisions(task_id=last.task_id)
    when = format_moment(last.at, zone_of(ledger, told[-1].decision.revision if told else ""))
    if last.by == "silence":
        return f"it was finalized by the timer at {when}: nobody had answered"
    if last.by == "leave":
        return f"it was left to the timer on purpose, which finalized it at {when}"
    return f"somebody else ended it outside this log, by {when} (it is {last.status or 'gone'})"


def name_of(text: str) -> str:
    """A person's name fit for the log. Raises UsageError for what is none."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or safe_line(name) != name:
        raise UsageError(
            f"{safe_line(text, 40)!r} is no name: 1 to {LONGEST_NAME} plain characters"
        )
    return name


def checked(reply: PersonAnswer, facts: Facts, chosen: Round) -> PersonAnswer:
    """The reply with its texts trimmed. Raises UsageError where it cannot be sent."""
    action, review = reply.action, chosen.sighting.review
    mine = [write for write in ACTIONS_OF[review] if write in WRITES]
    if action not in mine:
        raise UsageError(
            f"{action.value} is no answer for {review}: it is {mine[0].value} or {mine[1].value}"
        )
    if not action.sends_back:
        return msgspec.structs.replace(reply, text=None, fields=None, who=name_of(reply.who))
    text = (reply.text or "").strip()
    problem = may_be_sent(text, facts, repeat=reply.repeat)
    if problem is not None:
        raise UsageError(problem.replace("its text could not be sent", "the text cannot be sent"))
    fields = {name: words.strip() for name, words in (reply.fields or {}).items()}
    if action is Action.REQUEST_CORRECTIONS:
        _check_fields(fields)
    return msgspec.structs.replace(reply, text=text, fields=fields or None, who=name_of(reply.who))


def _check_fields(fields: dict[str, str]) -> None:
    if not fields or not all(fields.values()):
        raise UsageError("say which fields are to be corrected, each with a text")
    for name, words in fields.items():
        if name not in CORRECTABLE_FIELDS:
            raise UsageError(f"{safe_line(name, 40)!r} is none of {', '.join(CORRECTABLE_FIELDS)}")
        if len(words) > LONGEST:
            raise UsageError(f"the text for {name} has {len(words)} characters, 1 to {LONGEST} fit")


def _overtaken(
    ledger: Ledger, clock: Clock, notifier: Notifier, item: ReviewItem | None, chosen: Round
) -> str | None:
    """Why this answer comes too late; None where the round still waits for it."""
    if item is None:
        return "it is gone: the API no longer knows it"
    epoch, now = chosen.sighting.epoch, clock.now()
    match round_state.fate(item, epoch):
        case round_state.RoundState.WAITING:
            deadline = None if item.deadline_is_estimate else item.deadline_at
            if deadline is not None and now >= deadline:
                return f"its time ran out at {format_moment(deadline, _zone(ledger, notifier, chosen))}; silence pays it now"
            return round_state.cannot_send(item)
        case round_state.RoundState.PAID:
            return _paid(item, chosen, _zone(ledger, notifier, chosen))
        case round_state.RoundState.SENT_BACK:
            return "it was sent back by somebody else, outside this log"
        case round_state.RoundState.MOVED_ON:
            return f"that round is over: it is {item.status} now; see what is asked of the new one"
        case round_state.RoundState.GONE:
            return f"it is {item.status} now"
    return f"it is in a status nobody knows ({safe_line(str(item.status), 40)})"


def _paid(item: ReviewItem, chosen: Round, zone: str) -> str:
    finalized = item.subject.finalized_at
    when = "" if finalized is None else f" at {format_moment(finalized, zone)}"
    if round_state.by_silence(item, chosen.deadline_at, estimated=item.deadline_is_estimate):
        return f"it was finalized by the timer{when}: nobody had answered"
    return f"it was finalized by somebody else{when}, outside this log"


def _zone(ledger: Ledger, notifier: Notifier, chosen: Round) -> str:
    """The zone of the policy that asked, else of the only one that runs."""
    if chosen.latest is None:
        return notifier.zone(review=chosen.sighting.review)
    return zone_of(ledger, chosen.decision.revision)


def _answered_before(ledger: Ledger, chosen: Round) -> str | None:
    """Who was first, where the log knows of a decision that was sent in this round."""
    sighting = chosen.sighting
    first = answered_in(ledger, sighting.task_id, sighting.epoch)
    return None if first is None else who_was_first(ledger, first)


def who_was_first(ledger: Ledger, first: Logged) -> str:
    """Say who decided a round, what, when, and where that stands."""
    decision = first.decision
    when = format_moment(
        first.intended_at or decision.decided_at, zone_of(ledger, decision.revision)
    )
    stands = _STANDS.get(first.state, f" ({first.state.value})")
    if decision.decided_by is not None:
        who = safe_line(decision.decided_by, LONGEST_NAME)
        return f"{who} answered {decision.action.value} at {when}{stands}"
    if decision.rule != DEADLINE:
        return f"the rule {decision.rule!r} decided {decision.action.value} at {when}{stands}"
    asked = asked_in(ledger, decision.task_id, decision.epoch)
    nobody = "" if asked is None else ": nobody had answered"
    return f"the policy's deadline decided {decision.action.value} at {when}{stands}{nobody}"


_STANDS = {
    State.PERFORMED: "",
    State.INTENT: " (it is on its way)",
    State.UNKNOWN: " (whether it arrived is not known yet)",
}


def _carry_out(
    app: BotContext,
    bench: ReviewPipeline,
    chosen: Round,
    reply: PersonAnswer,
    item: ReviewItem,
    held: HeldEvidence | None,
    facts: Facts,
    judge: Judge | None,
) -> AnswerResult:
    """The person's decision, under the rule that asked and the revision it belongs to."""
    asked = chosen.latest.decision if chosen.latest is not None else None
    verdict = Verdict(
        action=reply.action,
        rule=NO_RULE if asked is None else asked.rule,
        reason=reply.text,
        fields=reply.fields,
        policy="" if asked is None else asked.policy,
        revision="" if asked is None else asked.revision,
    )
    decision = decide(app.mode, app.skew, item, facts, verdict, held, decided_by=reply.who)
    try:
        if bench.desk is None:
            if (halted := gate.forbids(judge, facts, decision, by_person=True)) is not None:
                raise halted
            return AnswerResult(sentence="dry run: nothing was sent", decision=decision)
        state = perform(app, bench, decision, facts, judge)
    except Halted as halted:
        if halted.by == "statement":
            _say_forbidden(app.events, app.notifier, decision, halted)
        raise
    if state is None:
        late = _answered_before(app.ledger, chosen)
        return AnswerResult(sentence=late or "somebody else was first")
    app.events(
        "answered",
        id=decision.id,
        review=decision.review,
        task_id=decision.task_id,
        epoch=decision.epoch,
        action=decision.action.value,
        rule=decision.rule,
        decided_by=decision.decided_by,
        state=state.value,
    )
    logged = app.ledger.decision(decision.id)
    note = safe_line(logged.note or "") if logged is not None else ""
    return AnswerResult(
        sentence=_SAID.get(state, "{note}").format(note=note), decision=decision, state=state
    )


def _say_forbidden(events: Events, notifier: Notifier, decision: Decision, halted: Halted) -> None:
    """Let others know that somebody tried what a statement forbids."""
    events(
        "answer forbidden",
        level="warning",
        review=decision.review,
        task_id=decision.task_id,
        epoch=decision.epoch,
        action=decision.action.value,
        decided_by=decision.decided_by,
        statement=halted.subject,
    )
    if decision.mode is Mode.LIVE:
        tell_forbidden(notifier, decision, str(halted))


_SAID = {
    State.PERFORMED: "done",
    State.SETTLED: "done",
    State.UNKNOWN: "sent, but no clear answer came ({note}): the bot finds out by reading; do not"
    " answer again",
    State.VOID: "nothing was done ({note}): answer again",
    State.REFUSED: "nothing was done ({note}): answer again, or otherwise",
    State.OVERTAKEN: "somebody else was first: {note}",
}


# ------------------------------------------------------------------------------------------------
# Ready-made answers: the texts of a policy, written for one task, for a person to send as they are.
#
# None of them is ever picked for a person, but the one that the rule that asked names itself: a text that
# happens to be the only one that can be written may well accuse somebody of another thing.


class CannedReply(msgspec.Struct, frozen=True, kw_only=True):
    """One text of the policy with its facts. `name` is the reason's, or the rule's that holds it."""

    name: str
    text: str
    fields: dict[str, str] | None = None


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """Every text of a policy for one task, in the policy's order: written, or why it is not."""

    written: tuple[CannedReply, ...] = ()
    unwritten: dict[str, str] = {}
    """By name, what keeps a text from being sent."""
    asked_for: str | None = None
    """The one that the rule that asked names."""


def texts_of(judge: Judge, facts: Facts, *, asked_by: str = "") -> Texts:
    """The texts of the policy for this task now."""
    policy = judge.policy
    written, unwritten = [], {}
    for name, reply in (*_reasons(policy, facts), *_corrections(policy, facts)):
        problem = reply if isinstance(reply, str) else may_be_sent(reply.text, facts)
        if problem is not None:
            unwritten[name] = problem
        elif not isinstance(reply, str):
            written.append(reply)
    asking = next((rule for rule in policy.rules if rule.name == asked_by), None)
    asked_for = None if asking is None else _named_by(asking)
    return Texts(written=tuple(written), unwritten=unwritten, asked_for=asked_for)


def _named_by(rule: Rule) -> str | None:
    if rule.then.reason is not None:
        return rule.then.reason.name or rule.name
    return None if rule.then.comment is None else rule.name


_Found = Iterator[tuple[str, CannedReply | str]]
"""Each text by its name, or in its place what keeps it from being written."""


def _reasons(policy: Policy, facts: Facts) -> _Found:
    zone, catalogue = ZoneInfo(policy.timezone), CATALOGUE[policy.applies_to.review]
    conditions = Conditions(policy, calendars_of(policy))
    named: list[tuple[str | None, ReasonText]] = [
        (reason.name, reason) for reason in policy.reasons
    ]
    named += [
        (rule.name, rule.then.reason)
        for rule in policy.rules
        if rule.then.reason is not None and rule.then.reason.name is None
    ]
    for name, reason in named:
        assert name is not None, "a reason without a name belongs to a rule, which has one"
        variants = Variants(reason, catalogue, zone, conditions)
        if (text := variants.choose(facts)) is None:
            none = "none of its variants is for this round or platform"
            yield name, variants.unchosen if reason.cases else none
            continue
        written = text.fill(facts).text
        yield (
            name,
            _lacking(text, facts=facts)
            if written is None
            else CannedReply(name=name, text=written),
        )


def _corrections(policy: Policy, facts: Facts) -> _Found:
    zone, catalogue = ZoneInfo(policy.timezone), CATALOGUE[policy.applies_to.review]
    for rule in policy.rules:
        if rule.then.comment is None:
            continue
        comment = Text(rule.then.comment, catalogue, zone)
        fields = {name: Text(template, catalogue, zone) for name, template in rule.then.fields}
        words = {name: text.fill(facts).text for name, text in fields.items()}
        text, whole = comment.fill(facts).text, {n: w for n, w in words.items() if w is not None}
        if text is None or len(whole) < len(fields):
            yield rule.name, _lacking(comment, *fields.values(), facts=facts)
        else:
            yield rule.name, CannedReply(name=rule.name, text=text, fields=whole)


def _lacking(*texts: Text, facts: Facts) -> str:
    missing = dict.fromkeys(name for text in texts for name in text.missing(facts))
    verb = "is" if len(missing) == 1 else "are"
    return f"the facts are missing, not the text: {', '.join(missing)} {verb} unknown"
