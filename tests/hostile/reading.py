"""Real answers of the simulator, spoiled, through the real client: what came of each, held against the twin.

`Reading.violations` is empty where the client refused, or gave only what the answer says, noted
what it had to leave out, and no policy approved on anything but what is there and typed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.domain.account import AccountReview
from reviewbot.domain.decision import DEADLINE
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.task import CommentTask, Timeline
from reviewbot.policy.facts import Facts, build_facts
from reviewbot.tokportal.accounts import account_item_of
from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.decode import Drift
from reviewbot.tokportal.envelope import OkResponse, Page
from reviewbot.tokportal.rate_limit import ReadRetry
from reviewbot.tokportal.tasks import item_of
from tests.acceptance.house import POLICY, judge_of
from tests.hostile import strict
from tests.hostile.answers import Answers, Json, Sample
from tests.hostile.fuzzed import Fuzzed, account_only_sent, only_sent
from tests.hostile.mutants import mutate
from tests.policy.chance import ACCOUNT_FACTS, COMMENT_FACTS
from tests.tokportal.support import FakeClock

GULLIBLE = """
policy: gullible
language: 1
rules:
  - name: anything but
    when:
      last.outcome_kind: not wrong_text
      last.comments_scraped: less than 50
    then: approve
  - name: none of these
    when:
      none of:
        - last.outcome_kind: couldnt_verify
        - last.verified: no
    then: approve
  - name: cheap and not there
    when:
      task.cm_payout_amount: at most 0.20 USD
      task.comment_text: not contains promo
    then: approve
  - name: nothing is said of it
    when: {last.match_score: unknown}
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: approve
"""
PROFILES = """
policy: profiles
language: 1
applies to: {review: accounts}
rules:
  - name: never sent back
    when: {feedback.corrections_requested: 0}
    then: finalize
  - name: not a robot
    when: {profile.username: not contains bot, profile.biography_length: at least 1}
    then: finalize
deadline:
  decide by: 6h before deadline
  if undecided: escalate
"""


class Evidence(msgspec.Struct):
    """What the twin found for one review: the objects as sent, and the moment of judging."""

    now: datetime
    task: Json = None
    attempts: Json = None

    def last(self, field: str) -> Any:
        """A field of the last attempt."""
        return strict.known(strict.last_of(self.attempts), field, "attempt")

    def of_task(self, field: str) -> Any:
        """A field of the task."""
        return strict.known(self.task, field, "task")

    def any_last(self, field: str) -> list[Any]:
        """A field of every attempt that could be the last, where numbers are equal or missing."""
        return [strict.known(attempt, field, "attempt") for attempt in self.attempts]

    def due(self) -> bool:
        """Whether the deadline that was sent lies within three hours."""
        deadline = self.of_task("client_dispute_deadline_at")
        return deadline is not None and self.now >= deadline - timedelta(hours=3)


def _cheap(e: Evidence) -> bool:
    amount, text = e.of_task("cm_payout_amount"), e.of_task("comment_text")
    return amount is not None and amount <= 0.2 and text is not None


def _anything_but(e: Evidence) -> bool:
    kind, seen = e.last("outcome_kind"), e.last("comments_scraped")
    return kind not in (None, "wrong_text") and seen is not None and seen < 50


def _none_of_these(e: Evidence) -> bool:
    return e.last("outcome_kind") not in (None, "couldnt_verify") and e.last("verified") is True


MAY_PAY: dict[tuple[str, str], Callable[[Evidence], bool]] = {
    ("acceptance", "nothing could be read"): lambda e: (
        e.last("outcome_kind") == "scrape_failed" or e.last("comments_scraped") == 0
    ),
    ("acceptance", DEADLINE): Evidence.due,
    ("gullible", "anything but"): _anything_but,
    ("gullible", "none of these"): _none_of_these,
    ("gullible", "cheap and not there"): _cheap,
    ("gullible", "nothing is said of it"): lambda e: e.last("match_score") is None,
    ("gullible", DEADLINE): Evidence.due,
}
"""When a rule may approve, by what was sent; said in Python, apart from the engine."""


class Canned:
    """An exchange that has one answer for everything."""

    writes_sent = 0

    def __init__(self) -> None:
        self.body = b""

    def get(self, path: str) -> OkResponse:
        """Give the answer."""
        return OkResponse(status=200, body=self.body)

    def write(self, method: str, path: str, **more: Any) -> OkResponse:
        """Give the answer."""
        return OkResponse(status=200, body=self.body)


class Reading:
    """Reads spoiled answers and keeps count; one object for a whole run."""

    def __init__(self, seed: int, policies: int = 2) -> None:
        """Judge by so many random policies in turn, beside those that are written here."""
        self.chance = Random(seed)
        self.answers = Answers()
        self.samples = self.answers.samples
        self.canned = Canned()
        clock = FakeClock()
        self.api = ReviewApi(self.canned, ReadRetry(clock, lambda: 0.0, tries=1))  # type: ignore[arg-type]
        self.comment_judges = [judge_of(POLICY), judge_of(GULLIBLE)]
        self.account_judge = judge_of(PROFILES)
        half = policies // 2
        self.fuzzed = Fuzzed(Random(seed), policies - half, COMMENT_FACTS)
        self.fuzzed_accounts = Fuzzed(Random(seed), half, ACCOUNT_FACTS)
        self.counts: Counter[str] = Counter()
        self.touched: set[tuple[str, str]] = set()
        self.violations: list[str] = []

    def run(self, mutants: int) -> None:
        """Read so many spoiled answers, every place of every operation in turn."""
        spots = [(sample, place) for sample in self.samples for place in sample.whole.places]
        for number in range(mutants):
            sample, place = spots[number % len(spots)]
            self.touched.add((sample.operation, _name(place)))
            self.read(sample, mutate(self.chance, sample.whole, place))

    def read(self, sample: Sample, body: bytes) -> None:
        """Read one answer and say what is wrong with how it was read."""
        self.counts["answers"] += 1
        self.counts[sample.operation] += 1
        self.canned.body = body
        drift = Drift()
        try:
            found = sample.ask(self.api, drift)
        except ReviewbotError:
            self.counts["refused"] += 1
            return
        except Exception as error:
            self._wrong(sample, body, f"raised {error!r}")
            return
        self.counts["noted" if drift.taken else "read"] += 1
        try:
            said = strict.parse(body)
        except strict.NoJson as error:
            if not drift.wrong:
                self._wrong(sample, body, f"read what is no JSON ({error})")
            return
        try:
            for problem in self._problems(sample, found, said, drift):
                self._wrong(sample, body, problem)
        except Exception as error:
            self._wrong(sample, body, f"judging raised {error!r}")

    def _wrong(self, sample: Sample, body: bytes, what: str) -> None:
        self.violations.append(f"{sample.operation}: {what}: {body[:3000]!r}")

    def _problems(self, sample: Sample, found: Any, said: Json, drift: Drift) -> Iterator[str]:
        if not isinstance(said, dict) or "data" not in said:
            yield "read an answer without data"
            return
        data = said["data"]
        if said.get("dry_run") is True and not isinstance(found, Page):
            yield "believed an answer that only pretended"
        if isinstance(found, Page):
            if not isinstance(data, list):
                yield "read a list that is none"
                return
            if found.size != len(data):
                yield "lost a row without counting it"
            if found.unread and not drift.wrong:
                yield "dropped a row without a word"
            rows = [row for row in data if _id_of(row) in {thing.id for thing in found.rows}]
            if len(rows) == len(found.rows):
                for thing, row in zip(found.rows, rows, strict=True):
                    yield from self._one(thing, row, drift)
            elif not found.unread:
                yield "made rows of others"
        else:
            name = found.task_id if isinstance(found, Timeline) else getattr(found, "id", None)
            if sample.asked is not None and name != sample.asked:
                yield "took an answer about another thing"
            yield from self._one(found, data, drift)

    def _one(self, thing: Any, row: Json, drift: Drift) -> Iterator[str]:
        match thing:
            case CommentTask():
                yield from compare("task", thing, row, drift)
                if (timeline := self.answers.timelines.get(thing.id)) is not None:
                    yield from self._judge(thing, row, *timeline)
            case Timeline():
                attempts = row["attempts"] if isinstance(row, dict) else None
                if not isinstance(attempts, list) or len(attempts) != len(thing.attempts):
                    yield "lost an attempt"
                    return
                for attempt, sent in zip(thing.attempts, attempts, strict=True):
                    yield from compare("attempt", attempt, sent, drift)
                yield from self._judge(*self.answers.tasks[thing.task_id], thing, attempts)
            case AccountReview():
                yield from self._judge_account(thing, row, drift)

    def _judge(
        self, task: CommentTask, row: Json, timeline: Timeline, attempts: list[Json]
    ) -> Iterator[str]:
        facts = build_facts(item_of(task), now=self.answers.now, evidence=timeline)
        evidence = Evidence(self.answers.now, row, attempts)
        for judge in self.comment_judges:
            answer = judge.decide(facts)
            self.counts["judged"] += 1
            if not answer.action.pays:
                continue
            self.counts["approved"] += 1
            if not MAY_PAY[judge.policy.name, answer.rule](evidence):
                yield f"{judge.policy.name}, rule {answer.rule!r}, paid"
        problem = self.fuzzed.judge(facts, lambda: self._sent(task, row, timeline, attempts))
        if problem is not None:
            yield problem

    def _sent(
        self, task: CommentTask, row: Json, timeline: Timeline, attempts: list[Json]
    ) -> Facts:
        """The facts without what was not sent."""
        pairs = zip(timeline.attempts, attempts, strict=True)
        known = replace(timeline, attempts=tuple(only_sent("attempt", *pair) for pair in pairs))
        return build_facts(
            item_of(only_sent("task", task, row)), now=self.answers.now, evidence=known
        )

    def _judge_account(self, bundle: AccountReview, row: Json, drift: Drift) -> Iterator[str]:
        facts = build_facts(account_item_of(bundle), now=self.answers.now, evidence=bundle.profile)
        problem = self.fuzzed_accounts.judge(facts, lambda: self._sent_account(bundle, row))
        if problem is not None:
            yield problem
        answer = self.account_judge.decide(facts)
        self.counts["judged"] += 1
        account = row.get("account", row) if isinstance(row, dict) else None
        if not answer.action.pays:
            return
        self.counts["approved"] += 1
        if not isinstance(account, dict):
            yield "finalized an account that was not sent"
        elif answer.rule == "never sent back":
            entries = account.get("feedback_history")
            kinds = (
                [e.get("type") if isinstance(e, dict) else None for e in entries]
                if isinstance(entries, list)
                else [None]
            )
            if any(k not in ("corrections_applied", "finalized") for k in kinds):
                yield f"finalized with the feedback {kinds}"
        elif _text(account, "username") is None or not _text(account, "biography"):
            yield "finalized a profile that is not there"

    def _sent_account(self, bundle: AccountReview, row: Json) -> Facts:
        """The facts of an account without what was not sent."""
        known = account_only_sent(bundle, row)
        return build_facts(account_item_of(known), now=self.answers.now, evidence=known.profile)


def compare(kind: str, thing: Any, row: Json, drift: Drift) -> Iterator[str]:
    """Hold every field of what was read against what was sent."""
    if not isinstance(row, dict):
        if any(getattr(thing, field) is not None for field in strict.FIELDS[kind]):
            yield f"made a {kind} of {row!r:.40}"
        return
    for field, type_ in strict.FIELDS[kind].items():
        got, sent = getattr(thing, field), row.get(field)
        if got is not None:
            truth = strict.typed(sent, type_)
            if type(got) is not type_ or got != truth:
                yield f"{kind}.{field} is {got!r:.60}, but {sent!r:.60} was sent"
            if field in strict.CHOICES and got not in strict.CHOICES[field] and not drift.values:
                yield f"said nothing of the new {field} {got!r:.40}"
        elif not drift.wrong and (
            sent is not None
            or field in strict.NEVER_NULL[kind]
            or (field not in row and field not in strict.OPTIONAL)
        ):
            yield f"said nothing of {kind}.{field}, {sent!r:.60}"


def _name(place: tuple[str | int, ...]) -> str:
    return ".".join("*" if isinstance(part, int) else part for part in place)


def _id_of(row: Json) -> str | None:
    """The id of a row, if it can be asked for; bundles may call it otherwise."""
    names = (row.get("id"), row.get("bundle_id")) if isinstance(row, dict) else ()
    return next((name for name in names if strict.usable({"id": name})), None)


def _text(thing: dict[str, Json], field: str) -> str | None:
    text = thing.get(field)
    return text if isinstance(text, str) else None
