"""Faults: when something goes wrong between client and server, and what the client then gets.

A `Faults` schedule draws at most one fault for a call. `deliver` carries the call out under it and
says how the answer travels; the doors turn that into what their transport would show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any, Literal

import msgspec

from reviewbot.simulator import routes, seed_data, tasks
from reviewbot.simulator.clock import http_date
from reviewbot.simulator.middleware import ROOT, FrontDesk
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.untruths import (
    ABSURD,
    COUNTS,
    MOMENTARY,
    absurd,
    miscounted,
    page,
    refusal,
)
from reviewbot.simulator.wire import Call, HttpAnswer

# ------------------------------------------------------------------------------------------------
# Drift: answers whose shape has changed, as a vendor changes it without telling anyone.


Rows = list[dict[str, Any]]


def drifted(body: bytes, kind: str, rng: Random) -> bytes:
    """The same answer after a drift; a body without data stays as it is."""
    answer = msgspec.json.decode(body)
    rows = _rows(answer)
    if rows:
        DRIFTS[kind](rows, rng)
    return msgspec.json.encode(answer)


def _lost_their_account(was: bytes, body: bytes) -> set[str]:
    """The rows that no longer tell which account they are of: nothing more can be read of it."""
    before, after = (_rows(msgspec.json.decode(text)) for text in (was, body))
    return {
        row["id"]
        for row, other in zip(before, after, strict=True)
        if "id" in row and row.get("saved_account_id") != other.get("saved_account_id")
    }


def _rows(answer: Any) -> Rows:
    data = answer.get("data") if isinstance(answer, dict) else None
    if isinstance(data, dict):
        data = data.get("attempts") or [data]
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def _drop_field(rows: Rows, rng: Random) -> None:
    name = rng.choice(list(rows[0]))
    for row in rows:
        row.pop(name, None)


def _retype_field(rows: Rows, rng: Random) -> None:
    name = rng.choice(list(rows[0]))
    for row in rows:
        match row.get(name):
            case bool() | None:
                row[name] = "yes"
            case str() as text:
                row[name] = rng.choice([{"value": text}, [text], len(text)])
            case int() | float() as number:
                row[name] = str(number)
            case _:
                row[name] = None


def _new_enum_value(rows: Rows, rng: Random) -> None:
    names = [name for name in ("status", "outcome_kind", "platform") if name in rows[0]]
    if names:
        rng.choice(rows)[rng.choice(names)] = rng.choice(["awaiting_audit", "ai_suspected", ""])


def _new_field(rows: Rows, rng: Random) -> None:
    for row in rows:
        row["trust_tier"] = {"level": rng.randrange(5), "since": None}


DRIFTS: dict[str, Callable[[Rows, Random], None]] = {
    "field missing": _drop_field,
    "field retyped": _retype_field,
    "new enum value": _new_enum_value,
    "new field": _new_field,
}
"""Every way in which the shape of an answer can change, by the name of the fault."""

FAULTS = (
    "429",
    "5xx json",
    "5xx html",
    "5xx empty",
    "5xx after the write",
    "refused",
    "reset before",
    "reset after",
    "late",
    "hang",
    "trickle",
    "truncated",
    "cut",
    "html 200",
    "wrong content type",
    "date skew",
    "date jump",
    "page drift",
    "duplicate rows",
    *MOMENTARY,
    *COUNTS,
    *ABSURD,
    *DRIFTS,
)
"""Every fault by name. `truncated` is half a body as a clean answer, `cut` one that ends in a reset."""

How = Literal["whole", "refused", "reset", "hang", "trickle", "cut"]
Which = Literal["all", "reads", "writes"]
LATE = (5.0, 600.0)
LISTS = frozenset({f"{ROOT}/comments", f"{ROOT}/bundles"})
"""What is polled page by page."""
_HTML = b"<html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """One fault, with its chance per call, the calls it hits, and its window in POSIX seconds."""

    fault: str
    chance: float = 1.0
    calls: Which = "all"
    operation: str | None = None
    """The name of one function of the routes, such as `approve_comment`."""
    start: float = 0.0
    end: float = float("inf")
    status: int | None = None
    """Of a momentary refusal; any, where none is given."""
    skew: float = 600.0
    """Of a jump of the API's clock, in seconds. With a chance below 1 only some nodes have jumped."""

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"no fault {self.fault!r}; there are {', '.join(FAULTS)}")

    def may_hit(self, call: Call, now: float) -> bool:
        """This call is one of those it hits, and it is time."""
        if not self.start <= now < self.end:
            return False
        if self.calls != "all" and call.is_write != (self.calls == "writes"):
            return False
        return self.operation is None or self.operation == operation_name(call)


@dataclass(slots=True)
class Transit:
    """How the answer to a call travels."""

    how: How
    answer: HttpAnswer | None = None


class Faults:
    """A schedule of faults, repeatable by its seed. `seen` counts what has happened."""

    def __init__(self, storms: Iterable[Storm] = (), *, seed: int = 0) -> None:
        self.storms = list(storms)
        self.seen: Counter[str] = Counter()
        self.rng = Random(seed)  # noqa: S311 - chance of a simulation, repeatable by its seed
        self.spoiled: set[str] = set()
        """The things that a fault of single rows has hit; whoever asks takes them out."""
        self.confined = 0
        """How many faults were of that kind, or should hurt nothing at all."""
        self.contradictions = 0
        """How many lists contradicted their own count."""
        self._once: list[Storm] = []
        self._brewing: tuple[float, float, tuple[list[Storm], list[Storm]]] = (0.0, 0.0, ([], []))
        self._repeats = any(storm.fault == "duplicate rows" for storm in self.storms)
        self._last_rows: dict[str, Any] = {}
        """Of each list, the last row that it showed."""

    def once(
        self,
        fault: str,
        *,
        calls: Which = "all",
        operation: str | None = None,
        status: int | None = None,
    ) -> None:
        """Let a fault hit the next call it may hit, and only that one."""
        self._once.append(Storm(fault=fault, calls=calls, operation=operation, status=status))

    def add(self, storm: Storm) -> None:
        """Let a storm come up that nobody had planned; it goes before all others."""
        self.storms.insert(0, storm)
        self._repeats |= storm.fault == "duplicate rows"
        self._brewing = (0.0, 0.0, ([], []))

    def draw(self, call: Call, now: float) -> Storm | None:
        """The storm whose fault hits this call, if any."""
        for number, trigger in enumerate(self._once):
            if trigger.may_hit(call, now):
                del self._once[number]
                return trigger
        for storm in self._now(now)[call.is_write]:
            if storm.chance < 1 and self.rng.random() >= storm.chance:
                continue
            if storm.operation is None or storm.may_hit(call, now):
                return storm
        return None

    def _now(self, now: float) -> tuple[list[Storm], list[Storm]]:
        """The storms of this time that may hit reads, and writes; looked up until one more begins or ends."""
        begin, end, brewing = self._brewing
        if not begin <= now < end:
            edges = {edge for storm in self.storms for edge in (storm.start, storm.end)}
            begin = max((edge for edge in edges if edge <= now), default=0.0)
            end = min((edge for edge in edges if edge > now), default=float("inf"))
            there = [storm for storm in self.storms if storm.start <= now < storm.end]
            brewing = (
                [storm for storm in there if storm.calls != "writes"],
                [storm for storm in there if storm.calls != "reads"],
            )
            self._brewing = begin, end, brewing
        return brewing

    def deliver(self, desk: FrontDesk, call: Call) -> Transit:
        """Carry out a call, or fail to."""
        storm = self.draw(call, desk.world.now)
        if storm is None:
            delivery = Transit("whole", desk.answer(call))
        else:
            self.seen[storm.fault] += 1
            delivery = self._under(storm, desk, call)
        if call.path in LISTS and delivery.answer and delivery.answer.status == 200:
            self._remember_last_row(call.path, delivery.answer)
        return delivery

    def _under(self, storm: Storm, desk: FrontDesk, call: Call) -> Transit:
        fault = storm.fault
        match fault:
            case "429":
                refused = desk.too_many(self.rng.randint(1, 20))
                return Transit("whole", desk.refuse(call, refused, fault=fault))
            case "5xx json":
                refused = Refusal(500, "INTERNAL_ERROR", "Something went wrong.")
                return Transit("whole", desk.refuse(call, refused, fault=fault))
            case "4xx page":
                return Transit("whole", page(storm.status, self.rng))
            case kind if kind in MOMENTARY:
                refused = refusal(kind, storm.status, self.rng)
                return Transit("whole", desk.refuse(call, refused, fault=fault))
            case "5xx html" | "5xx empty":
                return Transit("whole", self._gateway_error(fault))
            case "5xx after the write":
                desk.answer(call, fault=fault)
                return Transit("whole", self._gateway_error("5xx html"))
            case "refused":
                return Transit("refused")
            case "reset before":
                return Transit("reset")
            case "reset after":
                desk.answer(call, fault=fault)
                return Transit("reset")
            case "late":
                delay = self.rng.uniform(*LATE)
                desk.world.after(delay, lambda: desk.answer(call, fault=fault))
                return Transit("hang")
            case "hang":
                return Transit("hang")
            case "page drift":
                _let_one_wait(desk)
        answer = desk.answer(call, fault=fault)
        match fault:
            case "trickle":
                return Transit("trickle", answer)
            case "cut":
                return Transit("cut", answer)
        self._spoil(storm, call.path, answer)
        return Transit("whole", answer)

    def _spoil(self, storm: Storm, path: str, answer: HttpAnswer) -> None:
        match storm.fault:
            case "truncated":
                answer.body = answer.body[: len(answer.body) // 2]
            case "html 200":
                answer.status, answer.body = 200, _HTML
                _set_header(answer, b"content-type", b"text/html; charset=utf-8")
            case "wrong content type":
                _set_header(answer, b"content-type", b"text/plain")
            case "date skew":
                _shift_date(answer, self.rng.choice((-7200.0, -400.0, 400.0, 7200.0)))
            case "date jump":
                self.confined += 1
                _shift_date(answer, storm.skew)
            case kind if kind in COUNTS:
                if path in LISTS:
                    answer.body, changed = miscounted(answer.body, kind, self.rng)
                    self.contradictions += changed
            case kind if kind in ABSURD:
                self._make_absurd(kind, path, answer)
            case "duplicate rows":
                self._repeat_last_row(path, answer)
            case kind if kind in DRIFTS:
                was, answer.body = answer.body, drifted(answer.body, kind, self.rng)
                self.spoiled.update(_lost_their_account(was, answer.body))

    def _make_absurd(self, kind: str, path: str, answer: HttpAnswer) -> None:
        """Only the things that it hits may suffer from it."""
        self.confined += 1
        if answer.status >= 300 or not answer.body:
            return
        about = path.removeprefix(ROOT).split("/")[2:3]
        answer.body, hit = absurd(answer.body, kind, "".join(about), self.rng)
        self.spoiled.update(hit)

    def _gateway_error(self, fault: str) -> HttpAnswer:
        status = self.rng.choice((500, 502, 503, 504))
        body = _HTML if fault == "5xx html" else b""
        return HttpAnswer(status, [(b"content-type", b"text/html")], body)

    def _remember_last_row(self, path: str, answer: HttpAnswer) -> None:
        if self._repeats or any(storm.fault == "duplicate rows" for storm in self._once):
            try:
                rows = msgspec.json.decode(answer.body)["data"]
            except (msgspec.DecodeError, KeyError, TypeError):
                return
            self._last_rows[path] = rows[-1] if rows else None

    def _repeat_last_row(self, path: str, answer: HttpAnswer) -> None:
        """What a row inserted between two pages does: the last row of one is the first of the next."""
        body = msgspec.json.decode(answer.body)
        rows = body.get("data")
        if isinstance(rows, list) and rows:
            body["data"] = [self._last_rows.get(path) or rows[-1], *rows]
            answer.body = msgspec.json.encode(body)


def parse_faults(text: str, *, seed: int = 0) -> Faults:
    """Read a schedule such as `429:0.1,5xx html:0.05`: faults and their chances per call.

    Raises ValueError for an unknown fault or a chance that is none.
    """
    storms = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, chance = part.rpartition(":")
        if not name:
            raise ValueError(f"write {part!r} as FAULT:CHANCE, for example 429:0.1")
        share = float(chance)
        if not 0 <= share <= 1:
            raise ValueError(f"the chance of {name!r} must be from 0 to 1, not {chance}")
        storms.append(Storm(fault=name, chance=share))
    return Faults(storms, seed=seed)


def operation_name(call: Call) -> str | None:
    """The name of the function that answers a call; None where there is none."""
    try:
        return routes.find(call.method, call.path.removeprefix(ROOT))[0].__name__
    except Refusal:
        return None


def _let_one_wait(desk: FrontDesk) -> None:
    """Somebody confirms a task right now, so that every later page shifts by one row."""
    world = desk.world
    submitted = world.board.tasks("submitted")
    if not submitted:
        able = [account for account in world.accounts.values() if account.owned and account.manager]
        if not able:
            return
        submitted = [seed_data.order(world, world.rng.choice(able), led=True)]
        tasks.submit(world, submitted[0])
    tasks.confirm(world, submitted[0])


def _set_header(answer: HttpAnswer, name: bytes, text: bytes) -> None:
    answer.headers = [(key, text if key == name else value) for key, value in answer.headers]


def _shift_date(answer: HttpAnswer, seconds: float) -> None:
    text = next(value for key, value in answer.headers if key == b"date")
    said = parsedate_to_datetime(text.decode()).timestamp()
    _set_header(answer, b"date", http_date(int(said + seconds)))
