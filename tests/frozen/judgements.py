"""Digests of random judgements: every field of the evaluation and of its trace, a thousand a line.

`python -m tests.frozen.judgements --write` writes them anew; without the word, it says which differ.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy import model as m
from reviewbot.policy import operators as ops
from reviewbot.policy.engine.judge import Judge, compile_pauses, compile_policy, fleet_facts
from reviewbot.policy.facts import Facts, build_facts
from tests.builders import an_item
from tests.policy.chance import (
    ACCOUNT_FACTS,
    COMMENT_FACTS,
    HOURS,
    a_random_policy,
    random_account_facts,
    random_facts,
)

KEPT = Path(__file__).resolve().parent / "judgements.txt"
BLOCKS, POLICIES, FACTS = 20, 50, 20
DESK = m.Hours(
    name="desk",
    open=(
        m.OpenRange(days=(0, 1, 2, 3, 4), start=540, end=1080),
        m.OpenRange(days=(4,), start=1320, end=120),
    ),
)
FLEET = tuple(fact for fact in COMMENT_FACTS if fact.name.startswith("fleet."))


def digest(block: int) -> str:
    """What a thousand random judgements came to."""
    chance = Random(f"judgements {block}")
    made = hashlib.sha256()
    for _ in range(POLICIES):
        of_tasks = chance.random() < 0.7
        policy = _with_texts(
            chance, a_random_policy(chance, COMMENT_FACTS if of_tasks else ACCOUNT_FACTS)
        )
        judge = compile_policy(policy)
        pauses = compile_pauses(judge)
        for _ in range(FACTS):
            facts = random_facts(chance) if of_tasks else random_account_facts(chance)
            for answer in _answers(judge, facts):
                made.update(repr(answer).encode(errors="surrogatepass"))
            for condition in (pauses.disputes, pauses.approvals):
                paused = (
                    None if condition is None else condition(fleet_facts(facts.fleet, facts.now))
                )
                made.update(repr(paused).encode())
        made.update(repr((judge.needs_account, judge.needs_fleet)).encode())
        made.update(repr(judge.ever_needs_evidence).encode())
    return made.hexdigest()[:32]


def _answers(judge: Judge, facts: Facts) -> Iterator[object]:
    yield judge.judge(facts)
    traced = judge.judge(facts, trace=True)
    yield traced
    assert traced.trace is not None
    yield judge.trace_json(traced.trace)
    yield judge.triage(facts)
    yield judge.triage(facts, trace=True)
    yield judge.fallback(facts)
    blind = build_facts(
        an_item(), now=facts.now, past=facts.past, account=facts.account, fleet=facts.fleet
    )
    yield judge.triage(blind)


def _with_texts(chance: Random, policy: m.Policy) -> m.Policy:
    """The same policy whose rules also dispute, correct, ask, wait for hours, and mark the fallback."""
    rules = tuple(_rule(chance, policy, rule) for rule in policy.rules)
    cases = [
        msgspec.structs.replace(case, then=_then(chance, policy))
        if case.when is not None and chance.random() < 0.5
        else case
        for case in policy.deadline.fallbacks
    ]
    if chance.random() < 0.1:
        cases.pop()
    decide_by = policy.deadline.decide_by
    if chance.random() < 0.1:
        decide_by = m.WhenOpens(hours="desk", text="when desk opens")
    rails = m.Guardrails(
        pause_disputes_when=_pause(chance, policy), pause_approvals_when=_pause(chance, policy)
    )
    deadline = m.Deadline(
        decide_by=decide_by,
        fallbacks=tuple(cases),
        because=chance.choice((None, "The deadline is near.")),
    )
    return msgspec.structs.replace(
        policy, rules=rules, deadline=deadline, hours=(DESK, HOURS[1]), guardrails=rails
    )


def _rule(chance: Random, policy: m.Policy, rule: m.Rule) -> m.Rule:
    if chance.random() < 0.5:
        rule = msgspec.structs.replace(rule, then=_then(chance, policy))
    return msgspec.structs.replace(
        rule,
        act_during="desk" if chance.random() < 0.3 else None,
        repeat=chance.random() < 0.3,
    )


def _then(chance: Random, policy: m.Policy) -> m.Then:
    action = chance.choice((Action.DISPUTE, Action.REQUEST_CORRECTIONS, Action.ESCALATE))
    to = chance.choice((None, "lead"))
    if action is Action.ESCALATE:
        question = chance.choice((None, _text(chance, policy), m.Template(parts=("Why? ",))))
        because = chance.choice((None, "Somebody has to look."))
        return m.Then(action=action, to=to, question=question, because=because)
    if action is Action.REQUEST_CORRECTIONS:
        fields = tuple((name, _text(chance, policy)) for name in ("username", "biography"))
        return m.Then(action=action, to=to, comment=_text(chance, policy), fields=fields)
    variants = chance.choice(
        ((), (("tiktok", _text(chance, policy)),), (("round 2", _text(chance, policy)),))
    )
    otherwise = None if variants and chance.random() < 0.3 else _text(chance, policy)
    reason = m.ReasonText(name=None, variants=variants, otherwise=otherwise)
    return m.Then(action=action, to=to, reason=reason)


def _text(chance: Random, policy: m.Policy) -> m.Template:
    facts = COMMENT_FACTS if policy.applies_to.review == "comments" else ACCOUNT_FACTS
    parts: list[str | m.Placeholder] = [chance.choice(("Please look: ", " ", "ok {} "))]
    for _ in range(chance.choice((0, 1, 1, 2))):
        parts.append(m.Placeholder(fact=chance.choice(facts).name))
    return m.Template(parts=tuple(parts))


def _pause(chance: Random, policy: m.Policy) -> m.Condition | None:
    if chance.random() < 0.5 or policy.applies_to.review == "accounts":
        return None
    low = chance.choice((0, 0.5, 50, 99, 100))
    parts = [
        m.Compare(fact=fact.name, test=ops.Range(low=low), text="range")
        for fact in chance.sample(FLEET, chance.randint(1, 2))
    ]
    return m.AllOf(parts=tuple(parts))


def main() -> int:
    """Write, or compare."""
    made = [digest(block) for block in range(BLOCKS)]
    if "--write" in sys.argv:
        KEPT.write_text("".join(f"{line}\n" for line in made))
        return 0
    kept = KEPT.read_text().split()
    differ = [block for block in range(BLOCKS) if made[block] != kept[block]]
    sys.stdout.write(f"blocks that differ: {differ}\n")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
