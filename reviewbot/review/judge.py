"""Look and judge: from one thing as seen to what the policy says of it, with no more evidence than needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec

from reviewbot.core.pipeline import (
    ApiContact,
    Background,
    Backoff,
    Events,
    HeldEvidence,
    Judged,
    LoopLimits,
    ReviewPipeline,
)
from reviewbot.core.refusals import LONGEST_PAUSE
from reviewbot.core.verdict import (
    UNCOVERED,
    Verdict,
    failed,
    in_its_place,
    no_evidence,
    not_waiting,
    trace_of,
    verdict_of,
)
from reviewbot.domain.decision import DEADLINE
from reviewbot.domain.errors import (
    ApiError,
    CannotConnect,
    Halted,
    KeyRefused,
    RateLimited,
    ReviewbotError,
)
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.round_state import elsewhere
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import Facts
from reviewbot.ports.queue import Clock
from reviewbot.review.fetch import evidence_for, kept_evidence

DEAD_LETTER = 8
"""Failures in a row after which a person is told."""

LAST_CALL = timedelta(minutes=30)
"""With less time left the fallback no longer waits for evidence that cannot be fetched."""

OURS = ("cap", "guardrail", "refusal", "statement", "cancelled")
"""What keeps an act back that the deadline decides about all the same."""


@dataclass(frozen=True, slots=True)
class Judging:
    """How one thing is judged: by what it is seen, and what is known of it."""

    clock: Clock
    contact: ApiContact
    events: Events
    limits: LoopLimits
    bench: ReviewPipeline
    known: Background

    def look(self, item: ReviewItem, *, fresh: bool = False) -> Judged:
        """Judge with the evidence fetched only where the answer needs it; `fresh`: not from memory.

        A policy that breaks asks a person. Raises `ApiError` when evidence that is needed cannot be had.
        """
        try:
            judged = self._look(item, fresh)
            more = self._with_total(judged)
            if more is None:
                return judged
            return replace(self, known=more)._look(item, fresh)
        except (ReviewbotError, MemoryError):
            raise
        except Exception as error:
            # Whatever breaks in judging must neither pay nor keep the pass from the other tasks.
            if self.known.judge is None:
                raise
            self.events("evaluation failed", level="error", task_id=item.id, error=repr(error))
            facts = self.known.facts(item, self.clock.now())
            return Judged(item=item, facts=facts, verdict=failed(self.known.judge, error))

    def _look(self, item: ReviewItem, fresh: bool) -> Judged:
        at_most = self.limits.freshness if fresh else None
        if self.known.judge is not None and elsewhere(item.review, item.status) is not None:
            facts = self.known.facts(item, self.clock.now())
            return Judged(item=item, facts=facts, verdict=not_waiting(item, self.known.judge))
        if self.known.judge is not None:
            kept = kept_evidence(self.clock, self.bench, item, at_most=at_most)
            if kept is not None:
                return self._with_evidence(item, self.known.judge, kept)
        facts = self.known.facts(item, self.clock.now())
        if self.known.judge is None:
            return Judged(item=item, facts=facts, verdict=UNCOVERED)
        if not self.limits.always_evidence:
            answer = self.known.judge.triage(facts)
            if answer is not None:
                return Judged(
                    item=item, facts=facts, verdict=verdict_of(self.known.judge, facts, answer)
                )
        try:
            held = evidence_for(self.clock, self.bench, item, at_most=at_most)
        except (CannotConnect, RateLimited, KeyRefused):
            raise
        except ApiError as error:
            return self._without_evidence(item, facts, self.known.judge, error)
        self.contact.failed_reads = 0
        return self._with_evidence(item, self.known.judge, held)

    def _with_total(self, judged: Judged) -> Background | None:
        """What is known with the total of the account's finalized tasks, where the answer hangs on it.

        None where it does not, or where it cannot be had.
        """
        judge, account_id = self.known.judge, judged.item.account_id
        if judge is None or account_id is None or self.bench.directory is None:
            return None
        if not judge.asks_for_total(judged.facts):
            return None
        total = self.bench.accounts.total(self.bench.directory, account_id, self.clock, self.events)
        if total is None:
            return None
        account = msgspec.structs.replace(self.known.account, finalized_total=total)
        return msgspec.structs.replace(self.known, account=account)

    def _with_evidence(self, item: ReviewItem, judge: Judge, held: HeldEvidence) -> Judged:
        facts = self.known.facts(item, self.clock.now(), held.evidence)
        verdict = verdict_of(judge, facts, judge.judge(facts))
        return Judged(item=item, facts=facts, verdict=verdict, evidence=held)

    def with_what_was_seen(self, judged: Judged) -> Judged:
        """The same with the evidence, where it can be had: a person who is asked sees what the checker saw.

        Where it cannot be had, the question is asked all the same. Raises KeyRefused.
        """
        judge, known = self.known.judge, self._as_judged(judged)
        if judged.evidence is not None:
            return judged
        try:
            held = evidence_for(self.clock, self.bench, judged.item)
        except KeyRefused:
            raise
        except ApiError as error:
            self.events(
                "asked without evidence", level="warning", task_id=judged.item.id, error=str(error)
            )
            return judged
        # As of the moment at which it was judged: the API's clock may have gone back with this answer, and
        # the log must say by which moment the deadline decided.
        facts = msgspec.structs.replace(
            known.facts(judged.item, self.clock.now(), held.evidence), now=judged.facts.now
        )
        verdict = judged.verdict
        if judge is not None and verdict.trace is not None:
            verdict = msgspec.structs.replace(verdict, trace=lambda: trace_of(judge, facts))
        return Judged(item=judged.item, facts=facts, verdict=verdict, evidence=held)

    def at_the_deadline(self, judged: Judged, halted: Halted) -> Judged | None:
        """What the deadline decides where the policy's own caps or pauses keep a rule's act back.

        Held is undecided, and the undecided get `if undecided`: without this, silence would pay. None
        while there is time, and where the fallback changes nothing. Raises `ApiError`.
        """
        judge = self.known.judge
        if judge is None or halted.by not in OURS:
            return None
        if judge.fallback(judged.facts) is None:
            return None
        if judged.evidence is None and judge.ever_needs_evidence:
            held = evidence_for(self.clock, self.bench, judged.item)
            as_judged = replace(self, known=self._as_judged(judged))
            judged = as_judged._with_evidence(judged.item, judge, held)
        instead = in_its_place(judge, judged.facts, judged.verdict)
        return None if instead is None else msgspec.structs.replace(judged, verdict=instead)

    def _as_judged(self, judged: Judged) -> Background:
        """What is known, with what was asked of the account as it was judged."""
        return msgspec.structs.replace(self.known, account=judged.facts.account)

    def _without_evidence(
        self, item: ReviewItem, facts: Facts, judge: Judge, error: ApiError
    ) -> Judged:
        """Only the deadline may decide without evidence, and only when there is no more time to fetch it:
        a rule that could not be answered for lack of it must not let a later rule pay. What was given up
        stays a dead letter, and is asked for again only now and then."""
        trouble = self.bench.troubles.get(item.id)
        gave_up = trouble is not None and trouble.tries >= DEAD_LETTER
        if trouble is not None and gave_up:
            again_at = self.clock.monotonic() + LONGEST_PAUSE
            self.bench.troubles[item.id] = Backoff(tries=trouble.tries, until=again_at)
        left = None if facts.deadline_at is None else facts.deadline_at - facts.now
        if not gave_up and (left is None or left > LAST_CALL):
            raise error
        answer = judge.judge(facts)
        if answer.rule == DEADLINE:
            return Judged(item=item, facts=facts, verdict=verdict_of(judge, facts, answer))
        if not gave_up:
            raise error
        return Judged(item=item, facts=facts, verdict=no_evidence(judge, answer))


def judged_otherwise(judge: Judge | None, before: Judged, seen: Judged) -> Judged | None:
    """What is decided now that the evidence came after all; None where that is the same.

    What needs no evidence is the same with it. But where reading it had failed a moment before, rules
    could not tell, and a person was to be asked, or the deadline to decide, in the place of one that can.
    Where the deadline decides all the same, the log must not say any more that they could not tell.
    """
    if judge is None or before.verdict.broke:
        return None
    if before.evidence is not None or seen.evidence is None:
        return None
    verdict = verdict_of(judge, seen.facts, judge.judge(seen.facts))
    # What a full limit has put in the place of a rule is not what the policy said without the evidence:
    # to decide by that rule again, which meets the limit again, went on for ever.
    unseen = verdict_of(judge, before.facts, judge.judge(before.facts))
    same = _said(verdict) in (_said(before.verdict), _said(unseen))
    return None if same else msgspec.structs.replace(seen, verdict=verdict)


def _said(verdict: Verdict) -> tuple[object, ...]:
    """The parts of an answer that are judged again by `log replay`."""
    texts = verdict.reason, verdict.fields, verdict.to, verdict.cannot_tell
    return verdict.action, verdict.rule, verdict.until, *texts
