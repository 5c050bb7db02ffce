"""Scorecards of an exported log of any size: how the decisions of each rule turned out, thing by thing.

Theory of operation. What proves a decision right or wrong is what somebody did about the same thing
later, so the decisions of one thing have to be looked at together, and nothing else has. They are
sorted by thing (here in sorted runs, on a cluster by its shuffle), each thing is graded as the log's own
report grades it, and the grades add up. An export holds decisions, not how rounds ended without one of
ours, nor later checks: what only these prove is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from reviewbot.domain.decision import DONE, Action, Decision, Mode, State
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.text import safe_line
from reviewbot.history.batch import Part, part_of, worked
from reviewbot.history.files import Piece, RecordFile
from reviewbot.history.partial import UNREADABLE
from reviewbot.history.records import COLUMN, CellTable, PieceReader, Reader
from reviewbot.insights.grades import Grade
from reviewbot.insights.scorecard import AskedAnswers, RuleScore, Scorecard, scorecard
from reviewbot.insights.spill import SortedRuns
from reviewbot.ports.ledger import Logged


class ExportedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What an exported decision says of who did what when, and what became of it."""

    review: ReviewKind
    task_id: str
    seq: int
    epoch: str | None
    action: Action
    rule: str
    outcome: State
    decided_at: datetime
    settled_at: datetime | None = None
    intended_at: datetime | None = None
    amount_micros: int | None = None
    decided_by: str | None = None
    wanted: Action | None = None

    def logged(self) -> Logged:
        """As the log holds it, as far as grading looks at it."""
        decision = Decision(
            id="",
            review=self.review,
            task_id=self.task_id,
            round=0,
            epoch=self.epoch,
            action=self.action,
            rule=self.rule,
            policy="",
            revision="",
            mode=Mode.LIVE,
            decided_at=self.decided_at,
            amount_micros=self.amount_micros,
            decided_by=self.decided_by,
            wanted=self.wanted,
        )
        return Logged(
            seq=self.seq,
            decision=decision,
            state=self.outcome,
            state_at=self.settled_at or self.decided_at,
            intended_at=self.intended_at,
            settled_at=self.settled_at,
        )


SCORED = ExportedDecision.__struct_fields__
"""The columns of an export that are looked at."""
GRADED = (
    *((name, "string") for name in ("kind", "action", "rule", "word")),
    *((name, "long") for name in ("count", "done", "micros")),
)
"""The columns of what things came to: `grade` by its word, `asked` by what was answered, `decided` by who
decided, `outcome`; `unreadable` by why, and `part`."""
Graded = tuple[str, str, str, str, int, int, int]
_of_line = msgspec.json.Decoder(ExportedDecision).decode


def _of_row(row: tuple[Any, ...]) -> ExportedDecision:
    return msgspec.convert(dict(zip(SCORED, row, strict=True)), ExportedDecision)


def _no_other(_: Any) -> None:
    raise ValueError("this is no exported decision")


_LINES, _TABLE = Reader(_of_line, _no_other), CellTable(SCORED, Reader(_of_row, _no_other))


def grade_thing(decisions: Iterable[Logged]) -> Iterator[Graded]:
    """What the decisions of one thing come to, each with a count of its own."""
    found = list(decisions)
    for logged in found:
        decision, done = logged.decision, logged.state in DONE
        who = decision.rule if decision.decided_by is None else f"a person ({decision.decided_by})"
        micros = decision.action.pays * done * (decision.amount_micros or 0)
        yield "decided", decision.action.value, who, "", 1, int(done), micros
        yield "outcome", "", "", logged.state.value, 1, 0, 0
    score = scorecard(found, (), ())
    for card in score.cards:
        for grade, count in card.counts.items():
            micros = card.micros_against if grade.against else 0
            yield "grade", card.action.value, card.rule, grade.value, count, 0, micros
    for answers in score.asked:
        for word in ("paid", "sent_back", "nobody"):
            yield "asked", "", answers.rule, word, getattr(answers, word), 0, 0


def grade_batches(batches: Iterable[Any]) -> Iterator[list[Graded]]:
    """What Arrow record batches come to, of rows (`SCORED`) or lines (`COLUMN`) that are sorted by thing;
    a few at a time."""
    found = Scores()

    def decisions() -> Iterator[ExportedDecision]:
        for batch in batches:
            is_lines = COLUMN in batch.schema.names
            cells = (
                batch.column(COLUMN).to_pylist() if is_lines else _TABLE.source_of(batch).payloads
            )
            for cell in cells:
                try:
                    yield _of_line(cell or "") if is_lines else _of_row(cell)
                except ValueError as error:
                    found.give_up(str(error))

    for number, (_, thing) in enumerate(groupby(decisions(), lambda d: (d.review, d.task_id)), 1):
        found.merge(grade_thing(decision.logged() for decision in thing))
        if number % 10_000 == 0:
            yield found.rows()
            found = Scores()
    if left := found.rows():
        yield [*left, ("part", "", "", "", 1, 0, 0)]


class Decided(NamedTuple):
    """How often somebody decided something, how often it was carried out, and what that paid."""

    times: int
    done: int
    micros: int


class Scores:
    """Adds up what things came to, in whatever order they come."""

    def __init__(self) -> None:
        self.read = 0
        """How many decisions they are about."""
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._done: Counter[tuple[str, str, str, str]] = Counter()
        self._micros: Counter[tuple[str, str, str, str]] = Counter()

    def give_up(self, why: str) -> None:
        """Count a row that is no decision; of the first few it is known why."""
        word = safe_line(why, 300) if len(self.unreadable()) < UNREADABLE else ""
        self.merge([("unreadable", "", "", word, 1, 0, 0)])

    def unreadable(self) -> dict[str, int]:
        """How many rows are no decisions, by why."""
        return {key[3]: count for key, count in self._of("unreadable")}

    @property
    def parts(self) -> int:
        """In how many parts a cluster read them."""
        return self._counts["part", "", "", ""]

    def merge(self, rows: Iterable[Graded]) -> None:
        """Add rows."""
        for kind, action, rule, word, count, done, micros in rows:
            key = (kind, action, rule, word)
            self.read += count if kind == "outcome" else 0
            self._counts[key] += count
            self._done[key] += done
            self._micros[key] += micros

    def rows(self) -> list[Graded]:
        """All of it, to be merged elsewhere."""
        return [
            (*key, count, self._done[key], self._micros[key]) for key, count in self._counts.items()
        ]

    def _of(self, kind: str) -> Iterator[tuple[tuple[str, str, str, str], int]]:
        """The counts of a kind, the largest first, those alike by name."""
        found = ((key, count) for key, count in self._counts.items() if key[0] == kind and count)
        return iter(sorted(found, key=lambda pair: (-pair[1], pair[0])))

    def decided(self) -> dict[tuple[str, str], Decided]:
        """What was decided, by (who, action)."""
        return {
            (key[2], key[1]): Decided(count, self._done[key], self._micros[key])
            for key, count in self._of("decided")
        }

    def outcomes(self) -> dict[str, int]:
        """How many decisions came to stand where."""
        return {key[3]: count for key, count in self._of("outcome")}

    def scorecard(self) -> Scorecard:
        """Every rule's card, and what people said where they were asked; no decision by itself."""
        cards: dict[tuple[str, str], RuleScore] = {}
        for key, count in self._of("grade"):
            _, action, rule, word = key
            card = cards.setdefault(
                (rule, action), RuleScore(voice="", rule=rule, action=Action(action))
            )
            card.counts[Grade(word)] += count
            card.micros_against += self._micros[key]
        asked: dict[str, AskedAnswers] = {}
        for (_, _, rule, word), count in self._of("asked"):
            answers = asked.setdefault(rule, AskedAnswers(rule=rule))
            setattr(answers, word, count)
        ordered = sorted(cards.values(), key=lambda card: (-card.claims, card.rule, card.action))
        return Scorecard(cards=tuple(ordered), answered=(), asked=tuple(asked.values()))


# Here -------------------------------------------------------------------------------------------


class ScoredFiles:
    """The decisions of exported files, put in order by thing."""

    def __init__(self) -> None:
        self._runs: SortedRuns[tuple[str, str, int, str]] = SortedRuns(tuple[str, str, int, str])

    def take(self, part: Part) -> None:
        """Take in what a part of the files holds."""
        for review, task_id, seq, text in part.decisions:
            self._runs.add((review, task_id, seq, text))

    def scores(self) -> Scores:
        """What they come to."""
        found = Scores()
        for _, rows in groupby(self._runs, lambda row: row[:2]):
            found.merge(grade_thing(_of_line(row[3]).logged() for row in rows))
        self._runs.close()
        return found


def decisions_of_files(
    since: datetime | None,
    files: list[RecordFile],
    *,
    workers: int | None = None,
    lost: Callable[[str], object] = lambda _: None,
) -> Iterator[Part]:
    """The exported decisions of files, part by part. Raises OSError, UsageError, WorkerLost."""
    return worked(partial(_gatherer, since), files, workers, lost)


def _gatherer(since: datetime | None) -> Callable[[Piece], Part]:
    reader, encode = PieceReader(None, _LINES, _TABLE), msgspec.json.encode

    def work(piece: Piece) -> Part:
        found: list[tuple[str, str, int, str]] = []

        def take(decision: ExportedDecision) -> None:
            if since is None or decision.decided_at >= since:
                text = encode(decision).decode()
                found.append((decision.review, decision.task_id, decision.seq, text))

        part = part_of(reader, piece, take, lambda *_: None)
        return part._replace(decisions=found)

    return work
