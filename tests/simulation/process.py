"""A simulated process: what it holds of the world, all of it gone in one instant when it crashes.

Theory of operation. A crash is a `Crash` raised at a fault point; it is no `Exception`, so nothing in
the bot may catch it. `finally` blocks still run in Python, which no killed process does: so from the
crash on every socket of the process (its transport, its log, its post) raises `Crash` again and does
nothing. What had reached the API or the disk before stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from reviewbot.domain.decision import Decision
from reviewbot.ports.ledger import Ledger
from reviewbot.ports.queue import Delivery, Letter
from reviewbot.simulator.accounts import differences
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.world import World
from tests.simulation.history import Heard, History, Sent, Shown, Told, Truth, Wrote

PATIENCE = 30.0
"""Seconds within which a whole answer counts; the client waits no longer."""
_PATH = re.compile(r"/(comments|bundles|accounts)/([^/?]+)(/[^?]*)?")
_ACTIONS = {
    "/approve": "approve",
    "/dispute": "dispute",
    "/account/finalize": "finalize",
    "/account/corrections": "corrections",
}


class Crash(BaseException):
    """The process is gone, between two of its steps."""


class Process:
    """One process: its number, whether it lives, and the word that it is about to commit."""

    def __init__(self, who: int, history: History, world: World, clock: VirtualClock) -> None:
        self.who, self.history, self.world, self.clock = who, history, world, clock
        self.alive = True
        self.point: str | None = None
        self._pending: Wrote | None = None

    def check(self) -> None:
        """A process that is gone does nothing."""
        if not self.alive:
            raise Crash

    def die(self, point: str) -> None:
        """End here."""
        self.alive, self.point = False, point
        raise Crash(point)

    def at_point(self, name: str) -> None:
        """Take note that a word is on the disk before anything else can happen."""
        if name.endswith(".committed"):
            self.commit()

    def expect(self, word: Wrote) -> None:
        """A word is about to be committed."""
        self._pending = word

    def commit(self) -> None:
        """The word is on the disk."""
        if self._pending is not None:
            self.history.append(self._pending)
            self._pending = None

    @property
    def about(self) -> str | None:
        """The task of the word that it is about to commit."""
        return None if self._pending is None else self._pending.task

    def forget(self) -> None:
        """The word was not written."""
        self._pending = None


def round_name(epoch: str | None) -> str | None:
    """The same name for a round however its beginning was written: to the second, in UTC."""
    if epoch is None or epoch.isdigit():
        return epoch
    try:
        moment = datetime.fromisoformat(epoch)
    except ValueError:
        return epoch
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"


# What it hears and says ---------------------------------------------------------------------


class _Entry(msgspec.Struct):
    type: str | None = None


class _Account(msgspec.Struct):
    status: Any = None
    feedback_history: list[_Entry] | None = None

    @property
    def epoch(self) -> str | None:
        """The round of an account: how often it was corrected, and one more."""
        history = self.feedback_history
        if history is None:
            return None
        return str(sum(entry.type == "corrections_applied" for entry in history) + 1)


class _Row(_Account):
    """A task, an order with its account, or that account alone."""

    id: str | None = None
    account_status: Any = None
    manually_confirmed_at: str | None = None
    updated_at: Any = None
    account: _Account | None = None

    @property
    def epoch(self) -> str | None:
        """The round of what is shown."""
        if self.manually_confirmed_at is not None:
            return round_name(self.manually_confirmed_at)
        return super().epoch if self.account is None else self.account.epoch


class _Rows(msgspec.Struct):
    data: list[_Row] = []


class _One(msgspec.Struct):
    data: _Row


_rows = msgspec.json.Decoder(_Rows).decode
_one = msgspec.json.Decoder(_One).decode


class Wire(httpx.BaseTransport):
    """The way from a process to the API, overheard."""

    def __init__(self, process: Process, inner: httpx.BaseTransport) -> None:
        self.process, self.inner, self.calls = process, inner, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        process = self.process
        process.check()
        self.calls += 1
        call = self.calls
        task, what = self._about(request.url.path)
        writes = request.method != "GET"
        sent = Sent(
            at=process.clock.time,
            who=process.who,
            call=call,
            method=request.method,
            path=what[1:],
            task=task,
            action=_ACTIONS.get(what) if writes else None,
            key=request.headers.get("idempotency-key") if writes else None,
            truth=truth(process.world, task or "") if writes else None,
        )
        process.history.append(sent)
        try:
            response = self.inner.handle_request(request)
        except httpx.HTTPError as error:
            self._hear(call, error=type(error).__name__)
            raise
        if isinstance(response.stream, httpx.ByteStream):
            self._answered(sent, response, b"".join(response.stream))
        else:
            assert isinstance(response.stream, httpx.SyncByteStream)
            response.stream = _Overheard(self, sent, response, response.stream)
        return response

    def _about(self, path: str) -> tuple[str | None, str]:
        """The task or order that a path is about, and what of it."""
        found = _PATH.search(path)
        if found is None:
            return None, "/list"
        if found[1] == "accounts":
            bundles = self.process.world.bundles.values()
            return next((b.id for b in bundles if b.saved_account_id == found[2]), None), "/profile"
        return found[2], found[3] or "/task"

    def _answered(self, sent: Sent, response: httpx.Response, body: bytes) -> None:
        status, shows = response.status_code, tuple[Shown, ...]()
        in_time = self.process.clock.time - sent.at <= PATIENCE
        clear = in_time and 400 <= status < 500
        if in_time and 200 <= status < 300 and "json" in response.headers.get("content-type", ""):
            clear, shows = _read(sent, body)
        after = response.headers.get("retry-after")
        self._hear(
            sent.call,
            clear=clear,
            status=status,
            shows=shows,
            retry_after=float(after) if after else None,
        )

    def _hear(self, call: int, **about: Any) -> None:
        process = self.process
        process.history.append(Heard(at=process.clock.time, who=process.who, call=call, **about))


class _Overheard(httpx.SyncByteStream):
    """A body that comes in pieces, or not whole."""

    def __init__(
        self, wire: Wire, sent: Sent, response: httpx.Response, inner: httpx.SyncByteStream
    ) -> None:
        self.wire, self.sent, self.response, self.inner = wire, sent, response, inner

    def __iter__(self) -> Any:
        body = b""
        for piece in self.inner:
            body += piece
            yield piece
        self.wire._answered(self.sent, self.response, body)


def _read(sent: Sent, body: bytes) -> tuple[bool, tuple[Shown, ...]]:
    """Whether the body can be read at all, and the tasks that it shows."""
    try:
        if sent.path == "list":
            return True, tuple(_shown(row) for row in _rows(body).data if row.id)
        if sent.path in ("task", "account"):
            return True, (_shown(_one(body).data, sent.task),)
        msgspec.json.decode(body)
        return True, ()
    except msgspec.DecodeError:
        return False, ()


def _shown(row: _Row, asked: str | None = None) -> Shown:
    status = row.status if row.account is None else row.account.status
    if row.account_status is not None:
        status = row.account_status
    said = (text if isinstance(text, str) else None for text in (status, row.updated_at))
    return Shown(row.id or asked or "", row.epoch, *said)


def truth(world: World, name: str) -> Truth | None:
    """What is true of a task or an ordered account now."""
    bundle = world.bundles.get(name)
    if bundle is not None:
        asked = sum(entry["type"] == "corrections_requested" for entry in bundle.history)
        return Truth(None, None, asked, None, differences(world, bundle))
    task = world.tasks.get(name)
    if task is None:
        return None
    newest = task.attempts[-1] if task.attempts else None
    return Truth(
        None if newest is None else newest.outcome_kind,
        None if newest is None else newest.comments_scraped,
        task.disputes,
        task.review_until,
        checked_at=None if newest is None else newest.scraped_at,
    )


# What it writes down ------------------------------------------------------------------------

_READS = (
    "policy",
    "policies",
    "unended",
    "rounds",
    "endings",
    "memories",
    "accounts",
    "open_intents",
    "decisions",
    "iter_decisions",
    "decided",
    "sent",
    "decision",
    "decisions_named",
    "entries",
    "notes",
    "story",
    "checkpoint",
    "departure",
    "lost",
    "recount",
    "take_as_it_is",
    "keep",
    "kept",
    "kept_one",
    "let_go",
    "beat",
    "last_beat",
    "verify",
    "remember_policy",
    "probe",
    "backup",
    "erase",
    "finish_erasures",
    "keep_retained",
)


class LedgerOf:
    """The log as one process sees it: every word is written into the history once it is committed."""

    def __init__(self, process: Process, inner: Ledger) -> None:
        self._process, self._inner = process, inner
        for name in _READS:
            setattr(self, name, self._guarded(getattr(inner, name)))

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        process = self._process

        def call(*args: Any, **options: Any) -> Any:
            process.check()
            return method(*args, **options)

        return call

    def _write(self, word: Wrote, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        process = self._process
        process.check()
        process.expect(word)
        try:
            given = method(*args, **options)
        except Exception:
            process.forget()
            raise
        process.commit()
        return given

    def _word(self, verb: Any, **about: Any) -> Wrote:
        process = self._process
        return Wrote(at=process.clock.time, who=process.who, verb=verb, **about)

    def _of(self, verb: str, decision: Decision, state: str) -> Wrote:
        return self._word(
            verb,
            task=decision.task_id,
            epoch=round_name(decision.epoch),
            id=decision.id,
            action=decision.action.value,
            state=state,
            rule=decision.rule,
            policy=decision.policy,
            decided_by=decision.decided_by,
            decided_at=decision.decided_at,
            amount=decision.amount_micros,
            evidence=decision.evidence_hash is not None,
            held_by=decision.held_by,
            until=decision.until,
        )

    def record(self, decision: Decision, state: Any, limits: Any = ()) -> None:
        """A decision that sends nothing."""
        word = self._of("record", decision, str(state))
        self._write(word, self._inner.record, decision, state, limits)

    def intend(self, decision: Decision, limits: Any = ()) -> str:
        """An intent; its key names the try."""
        word = self._of("intend", decision, "intent")
        key: str = self._write(word, self._inner.intend, decision, limits)
        return key

    def mark(self, decision_id: str, state: Any, at: Any, **about: Any) -> None:
        """An outcome."""
        word = self._word("mark", id=decision_id, state=str(state))
        self._write(word, self._inner.mark, decision_id, state, at, **about)

    def sight(self, items: Any, at: Any) -> Any:
        """Rounds seen for the first time."""
        items = list(items)
        self._process.check()
        seen = self._inner.sight(items, at)
        for item in items:
            self._process.history.append(
                self._word("sight", task=item.id, epoch=round_name(item.epoch))
            )
        return seen

    def end(self, *endings: Any) -> None:
        """Endings."""
        self._process.check()
        self._inner.end(*endings)
        for ending in endings:
            self._process.history.append(
                self._word("end", task=ending.task_id, epoch=round_name(ending.epoch), by=ending.by)
            )

    def note(self, topic: str, subject: str, value: Any, at: Any) -> None:
        """A word; that which cancels a decision is about a round."""
        about: dict[str, Any] = {}
        if topic == "seal":
            _, task, epoch = subject.split(":", 2)
            about = {"task": task, "epoch": round_name(epoch), "rule": value["rule"]}
        word = self._word("note", topic=topic, subject=subject, value=_plain(value), **about)
        self._write(word, self._inner.note, topic, subject, value, at)

    def note_all(self, topic: str, words: Any, at: Any, **options: Any) -> None:
        """Several words."""
        self._process.check()
        self._inner.note_all(topic, words, at, **options)
        for subject, value in words.items():
            self._process.history.append(
                self._word("note", topic=topic, subject=subject, value=_plain(value))
            )

    def close(self) -> None:
        """Let go; what a killed process held is freed by the system."""
        self._inner.close()


def _plain(value: Any) -> dict[str, Any] | None:
    """Only pauses and breakers matter to the checker, and they are plain."""
    kept = {name: value[name] for name in ("on", "open", "until") if name in value}
    return kept or None


class Inbox:
    """The channel of somebody who reads everything at once."""

    def __init__(self, process: Process) -> None:
        self._process, self._done = process, list[Delivery]()

    def send(self, letter: Letter) -> bool:
        """Read a letter."""
        process = self._process
        process.check()
        for alarm in letter.message.alarms:
            if alarm.mended:
                continue
            facts = alarm.facts
            process.history.append(
                Told(
                    at=process.clock.time,
                    kind=alarm.kind.value,
                    task=facts.get("task_id"),
                    epoch=round_name(facts.get("epoch")),
                    hours=facts.get("hours_left"),
                )
            )
        self._done.append(Delivery(number=letter.number, channel="inbox"))
        return True

    def ping(self) -> None:
        """Nobody waits for it."""

    def deliveries(self) -> Sequence[Delivery]:
        """All arrived."""
        done, self._done = self._done, []
        return done

    def settle(self, seconds: float) -> None:
        """All has."""

    def close(self) -> None:
        """Nothing is open."""
