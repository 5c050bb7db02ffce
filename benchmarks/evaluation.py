"""What judging costs: generated code against a hand-written function, and beside published engines.

Run `python -m benchmarks.evaluation` to print, with `--write` to keep the figures in
docs/benchmarks/evaluation.json. Engines that are not installed are named and left out:
the dependency group `benchmarks` brings them (`uv run --group benchmarks`, or
`pip install --group benchmarks`).
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any
from unicodedata import normalize

from benchmarks.kept import keep
from reviewbot.domain.decision import Action
from reviewbot.domain.task import Timeline
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import Facts, History, build_facts
from reviewbot.policy.language.parser import parse_policy
from tests.builders import CONFIRMED, an_attempt, an_item

RECORDS = 20_000

POLICY = """
policy: ten
language: 1
lists:
  watched: [acc-1, acc-2, acc-3]
rules:
  - name: blocked
    when: {task.execution_blocked: yes}
    then: escalate
  - name: second visit
    when: {task.times_disputed: at least 2}
    then: escalate
  - name: watched
    when: {task.saved_account_id: in list watched}
    then: escalate
  - name: promo
    when: {task.comment_text: contains promo}
    then: escalate
  - name: failed
    when: {last.outcome_kind: scrape_failed}
    then: approve
  - name: nothing read
    when: {last.comments_scraped: 0}
    then: approve
  - name: found
    when: {last.verified: yes, last.match_score: at least 0.92}
    then: approve
  - name: not there
    when:
      task.platform: tiktok
      last.outcome_kind: couldnt_verify
      last.comments_scraped: between 1 and 99
      last.match_score: less than 0.5
    then: approve
  - name: other text
    when: {last.outcome_kind: wrong_text, last.match_score: between 0.5 and 0.9}
    then: approve
  - name: cheap
    when: {task.cm_payout_amount: at most 0.25 USD, checks.count: at least 2}
    then: leave
    because: not worth a person's time
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""

ANSWERS = {
    name: Evaluation(action, name, index, "not worth a person's time" if name == "cheap" else None)
    for index, (name, action) in enumerate(
        [
            ("blocked", Action.ESCALATE),
            ("second visit", Action.ESCALATE),
            ("watched", Action.ESCALATE),
            ("promo", Action.ESCALATE),
            ("failed", Action.APPROVE),
            ("nothing read", Action.APPROVE),
            ("found", Action.APPROVE),
            ("not there", Action.APPROVE),
            ("other text", Action.APPROVE),
            ("cheap", Action.LEAVE),
        ]
    )
}
WATCHED = frozenset({"acc-1", "acc-2", "acc-3"})
PLATFORMS = frozenset({"tiktok", "instagram"})
OUTCOMES = frozenset({"verified", "wrong_text", "wrong_account", "couldnt_verify", "scrape_failed"})
FALLBACK = timedelta(hours=3)


def by_hand(f: Facts) -> tuple[str, tuple[str, ...]]:
    """The same ten rules as a careful programmer writes them: (rule, rules that could not tell)."""
    task, last = f.task, f.last
    unknown: list[str] = []
    if task.execution_blocked is None:
        unknown.append("blocked")
    elif task.execution_blocked:
        return _undecided(f, "blocked", unknown)
    if f.past.disputes is None:
        unknown.append("second visit")
    elif f.past.disputes >= 2:
        return _undecided(f, "second visit", unknown)
    if task.saved_account_id is None:
        unknown.append("watched")
    elif _fold(task.saved_account_id) in WATCHED:
        return _undecided(f, "watched", unknown)
    if task.comment_text is None:
        unknown.append("promo")
    elif "promo" in _fold(task.comment_text):
        return _undecided(f, "promo", unknown)
    outcome = last.outcome_kind
    if outcome not in OUTCOMES:
        outcome = None
        unknown.append("failed")
    elif outcome == "scrape_failed":
        return "failed", tuple(unknown)
    read = last.comments_scraped
    if read is None:
        unknown.append("nothing read")
    elif read == 0:
        return "nothing read", tuple(unknown)
    verified, score = last.verified, last.match_score
    if verified is not False and (score is None or score >= 0.92):
        if verified is not None and score is not None:
            return "found", tuple(unknown)
        unknown.append("found")
    place = task.platform
    if (
        (place == "tiktok" or place not in PLATFORMS)
        and (outcome == "couldnt_verify" or outcome is None)
        and (read is None or 1 <= read <= 99)
        and (score is None or score < 0.5)
    ):
        if place == "tiktok" and outcome is not None and read is not None and score is not None:
            return "not there", tuple(unknown)
        unknown.append("not there")
    if (outcome == "wrong_text" or outcome is None) and (score is None or 0.5 <= score <= 0.9):
        if outcome is not None and score is not None:
            return "other text", tuple(unknown)
        unknown.append("other text")
    amount, count = task.cm_payout_amount, f.checks.count
    if (amount is None or amount <= 0.25) and (count is None or count >= 2):
        if amount is not None and count is not None:
            return "cheap", tuple(unknown)
        unknown.append("cheap")
    return _undecided(f, "no rule", unknown)


def _undecided(f: Facts, rule: str, unknown: list[str]) -> tuple[str, tuple[str, ...]]:
    if f.deadline_at is not None and f.now >= f.deadline_at - FALLBACK:
        return "deadline", tuple(unknown)
    return rule, tuple(unknown)


def _fold(text: str) -> str:
    return normalize("NFC", normalize("NFC", text).casefold())


def random_facts(chance: Random) -> Facts:
    """One task of a realistic queue: most facts known, some null."""

    def maybe(value: Any, unknown: float = 0.03) -> Any:
        return None if chance.random() < unknown else value

    item = an_item(
        id=f"{chance.getrandbits(64):016x}",
        platform=maybe(chance.choice(("tiktok", "instagram"))),
        saved_account_id=maybe(f"acc-{chance.randint(1, 60)}"),
        comment_text=maybe(
            chance.choice(("The light in this one is unreal", "Love the café ☕", "nice promo!"))
        ),
        cm_payout_amount=maybe(chance.choice((0.2, 0.24, 0.3))),
        execution_blocked=maybe(chance.random() < 0.02),
    )
    attempts = tuple(
        an_attempt(
            attempt_n=number,
            outcome_kind=maybe(chance.choice((*sorted(OUTCOMES), "couldnt_verify", "new_kind"))),
            verified=maybe(chance.random() < 0.2),
            match_score=maybe(round(chance.random(), 2), 0.1),
            comments_scraped=maybe(chance.choice((0, 20, 60, 87, 99, 100, 100)), 0.1),
        )
        for number in range(1, chance.randint(1, 3) + 1)
    )
    now: datetime = CONFIRMED + timedelta(hours=chance.choice((1, 5, 24, 48, 66, 70)))
    return build_facts(
        item,
        now=now,
        evidence=Timeline(task_id=item.id, attempts=attempts),
        past=History(disputes=maybe(chance.choice((0, 0, 0, 1, 2)))),
    )


# Published engines: the same rules in their own language, over plain dicts --------------------

Engine = Callable[[dict[str, Any]], str]

RULE_TESTS = (
    ("blocked", "blocked == true"),
    ("second visit", "disputes >= 2"),
    ("watched", 'account in ["acc-1", "acc-2", "acc-3"]'),
    ("promo", '"promo" in text'),
    ("failed", 'outcome == "scrape_failed"'),
    ("nothing read", "read == 0"),
    ("found", "verified == true and score >= 0.92"),
    (
        "not there",
        'platform == "tiktok" and outcome == "couldnt_verify" and read >= 1 and read <= 99 '
        "and score < 0.5",
    ),
    ("other text", 'outcome == "wrong_text" and score >= 0.5 and score <= 0.9'),
    ("cheap", "amount <= 0.25 and count >= 2"),
)
"""The ten rules in the words that expression engines share; nulls are told to them as -1 or ""."""


def as_dict(f: Facts) -> dict[str, Any]:
    """A record as engines take it."""

    def number(value: Any) -> Any:
        return -1 if value is None else value

    return {
        "blocked": bool(f.task.execution_blocked),
        "disputes": number(f.past.disputes),
        "account": f.task.saved_account_id or "",
        "text": _fold(f.task.comment_text or ""),
        "outcome": f.last.outcome_kind or "",
        "read": number(f.last.comments_scraped),
        "verified": bool(f.last.verified),
        "score": float(number(f.last.match_score)),
        "platform": f.task.platform or "",
        "amount": float(number(f.task.cm_payout_amount)),
        "count": number(f.checks.count),
    }


def _first(tests: Sequence[tuple[str, Callable[[dict[str, Any]], Any]]]) -> Engine:
    def run(record: dict[str, Any]) -> str:
        for name, test in tests:
            if test(record):
                return name
        return "no rule"

    return run


def _plainly() -> Engine:
    """What the same words mean in Python: each engine must answer alike."""

    def test(source: str) -> Callable[[dict[str, Any]], Any]:
        code = compile(source.replace("true", "True"), "rule", "eval")
        return lambda record: eval(code, {}, record)

    return _first([(name, test(source)) for name, source in RULE_TESTS])


def evalidate_engine() -> Engine:
    """evalidate: Python expressions behind an allow-list."""
    evalidate = importlib.import_module("evalidate")
    model = evalidate.base_eval_model.clone()
    model.nodes.extend(["In", "List", "Constant"])

    def test(source: str) -> Callable[[dict[str, Any]], Any]:
        code = evalidate.Expr(source.replace("true", "True"), model=model).code
        return lambda record: eval(code, {"__builtins__": {}}, record)

    return _first([(name, test(source)) for name, source in RULE_TESTS])


def cel_engine() -> Engine:
    """cel-python: the Common Expression Language in Python."""
    celpy = importlib.import_module("celpy")
    environment = celpy.Environment()

    def test(source: str) -> Callable[[Any], Any]:
        source = source.replace(" and ", " && ").replace(
            '"promo" in text', 'text.contains("promo")'
        )
        program = environment.program(environment.compile(source))
        return lambda record: program.evaluate(record)

    run = _first([(name, test(source)) for name, source in RULE_TESTS])
    return lambda record: run(celpy.json_to_cel(record))


def rule_engine_engine() -> Engine:
    """rule-engine: typed expressions with their own parser."""
    rule_engine = importlib.import_module("rule_engine")
    return _first([(name, rule_engine.Rule(source).matches) for name, source in RULE_TESTS])


def zen_engine() -> Engine:
    """zen-engine: expressions of GoRules, in Rust."""
    zen = importlib.import_module("zen")

    def test(source: str) -> Callable[[dict[str, Any]], Any]:
        source = source.replace('"promo" in text', 'contains(text, "promo")')
        evaluate: Callable[[dict[str, Any]], Any] = zen.compile_expression(source).evaluate
        return evaluate

    return _first([(name, test(source)) for name, source in RULE_TESTS])


def json_logic_engine() -> Engine:
    """panzi-json-logic: all ten rules as one tree of JsonLogic."""
    json_logic = importlib.import_module("json_logic")
    cases: list[Any] = []
    for name, source in RULE_TESTS:
        cases += [_as_json_logic(ast.parse(source.replace("true", "True"), mode="eval").body), name]
    tree = {"if": [*cases, "no rule"]}
    return lambda record: json_logic.jsonLogic(tree, record)


def _as_json_logic(node: ast.AST) -> Any:
    """A test as JsonLogic writes it."""
    signs = {ast.Eq: "==", ast.GtE: ">=", ast.LtE: "<=", ast.Lt: "<", ast.In: "in"}
    match node:
        case ast.BoolOp(values=values):
            return {"and": [_as_json_logic(value) for value in values]}
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return {signs[type(sign)]: [_as_json_logic(left), _as_json_logic(right)]}
        case ast.List(elts=elements):
            return [_as_json_logic(element) for element in elements]
        case ast.Name(id=name):
            return {"var": name}
        case ast.Constant(value=value):
            return value
    raise ValueError(ast.dump(node))


def simpleeval_engine() -> Engine:
    """simpleeval: a walk over the tree of a Python expression."""
    simpleeval = importlib.import_module("simpleeval")

    def test(source: str) -> Callable[[dict[str, Any]], Any]:
        source = source.replace("true", "True")
        engine = simpleeval.EvalWithCompoundTypes()
        parsed = engine.parse(source)

        def run(record: dict[str, Any]) -> Any:
            engine.names = record
            return engine.eval(source, previously_parsed=parsed)

        return run

    return _first([(name, test(source)) for name, source in RULE_TESTS])


ENGINES: dict[str, tuple[str, Callable[[], Engine], int]] = {
    "evalidate": ("evalidate", evalidate_engine, RECORDS // 4),
    "panzi-json-logic": ("panzi-json-logic", json_logic_engine, 2000),
    "simpleeval": ("simpleeval", simpleeval_engine, 2000),
    "zen-engine": ("zen-engine", zen_engine, 1000),
    "rule-engine": ("rule-engine", rule_engine_engine, 400),
    "cel-python": ("cel-python", cel_engine, 200),
}
"""Name → (distribution, builder, how many records are enough to time it)."""


# Timing --------------------------------------------------------------------------------------


def interleaved(runs: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Time each run in turn, again and again, so that a busy machine disturbs all alike."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return times


def measure(rounds: int) -> dict[str, Any]:
    """Check that all give the same answers, then time them."""
    parsed = parse_policy(POLICY.encode(), path="ten.yaml", read=lambda _: b"")
    if parsed.policy is None:
        raise SystemExit("\n".join(finding.message for finding in parsed.findings))
    judge = compile_policy(parsed.policy)
    chance = Random(20)
    records = [random_facts(chance) for _ in range(RECORDS)]
    for facts in records:
        made, traced = judge.judge(facts), judge.judge(facts, trace=True)
        if not (made.rule, made.cannot_tell) == by_hand(facts) == (traced.rule, traced.cannot_tell):
            raise SystemExit(f"different answers: {made} and {by_hand(facts)}")

    def over(function: Callable[[Facts], object]) -> Callable[[], None]:
        def run() -> None:
            for facts in records:
                function(facts)

        return run

    times = interleaved(
        {
            "by hand": over(by_hand),
            "generated": over(judge.judge),
            "generated, with trace": over(partial(judge.judge, trace=True)),
        },
        rounds,
    )
    each = {name: statistics.median(runs) / RECORDS for name, runs in times.items()}
    hand = each["by hand"]
    return {
        "about": "ten ordered rules over 20,000 records, first match decides; process time",
        "rounds": rounds,
        "microseconds": {name: round(value * 1e6, 3) for name, value in each.items()},
        "ratio": {
            name: round(statistics.median(ratios), 2)
            for name, runs in times.items()
            if (ratios := [a / b for a, b in zip(runs, times["by hand"], strict=True)])
        },
        "engines": {name: _engine(name, records, hand) for name in ENGINES},
    }


def _engine(name: str, records: Sequence[Facts], hand: float) -> Any:
    distribution, build, enough = ENGINES[name]
    try:
        run = build()
    except ImportError:
        return f"not installed: pip install {distribution}"
    plain = [as_dict(facts) for facts in records[:enough]]
    wanted = _plainly()
    for record in plain:
        if run(record) != wanted(record):
            raise SystemExit(f"{name} answers otherwise: {run(record)} of {record}")
    found = []
    for _ in range(3):
        start = time.process_time()
        for record in plain:
            run(record)
        found.append((time.process_time() - start) / len(plain))
    version = importlib.metadata.version(distribution)
    return {
        "version": version,
        "ratio": round(statistics.median(found) / hand, 1),
        "records": enough,
    }


def main(arguments: Sequence[str]) -> None:
    """Measure, print and, if asked, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    figures = measure(options.rounds)
    print(json.dumps(figures, indent=2))
    if options.write:
        print(keep("evaluation", figures))


if __name__ == "__main__":
    main(sys.argv[1:])
