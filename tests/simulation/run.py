"""One run: the whole bot, daemon and all, against the simulated API, in virtual time, by one plan."""

from __future__ import annotations

import os
import shutil
import threading
import time
from bisect import insort
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from random import Random  # noqa: TID251 - seeded by the plan

import time_machine

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.outages import DowntimeReport
from reviewbot.alarms.routing import Route, Routes
from reviewbot.config import Settings
from reviewbot.core import guard_state
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import PassSummary
from reviewbot.core.questions import Round, open_questions, open_rounds
from reviewbot.domain.decision import Action, Mode, State
from reviewbot.domain.errors import ReviewbotError, UsageError
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.domain.review import is_account
from reviewbot.domain.text import Secret
from reviewbot.foresight.gather import Bot
from reviewbot.ledger.checkpoints import CheckpointFile
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.ledger import Ledger
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.poll import STRETCH, Polling
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.daemon import Daemon
from reviewbot.safety import breaker, pauses, seal
from reviewbot.safety.rollout import adopt
from reviewbot.simulator import accounts
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.people import strangers
from reviewbot.simulator.scenarios import START
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.seed_data import plant_waiting
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.untruths import MOMENTARY
from reviewbot.simulator.world import Checker
from tests.simulation import history as lines
from tests.simulation.figures import Figures
from tests.simulation.known import SEALED
from tests.simulation.plan import CANCELLING_AT, QUIET, STATUSES, Account, Act, Death, Plan
from tests.simulation.policies import ACCOUNTS, CAPS, HOLDS, PAYS, WAITS, judges_of
from tests.simulation.process import Crash, Inbox, LedgerOf, Process, Wire, round_name
from tests.simulation.screens import Reader
from tests.simulation.truth import Effects, log_of, rounds_of

EVERY = 600.0
LAST = 1.0
"""Hours at the end in which nothing dies any more and nobody interferes: time to settle what is open."""
RESTART = 60.0
"""Seconds after which a process that ended by itself is started again."""
ON_CALL = 0.7
"""Hours after which somebody looks at an open breaker."""
CANCELS = 0.3
"""How many of the decisions that lie sealed somebody wants to cancel."""
REASON = "We looked again and could not find it. Please post it exactly as written."
FIELDS = {"biography": "As ordered, please."}
ROUTES = Routes((Route(channel="inbox", least="info"),), ("inbox",))


def _was_refused(round_: Round) -> bool:
    """Whether the newest word on a round is that what was sent came to nothing."""
    return round_.latest is not None and round_.latest.state in (
        State.REFUSED,
        State.OVERTAKEN,
        State.VOID,
    )


class _Wake(threading.Event):
    """The pauses of the daemon, in virtual time."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def wait(self, timeout: float | None = None) -> bool:
        """Let time pass, and people act; many short waits of one pause are one here."""
        self._run.idle(max(timeout or 0.0, self._run.until_something()))
        return self.is_set()


class NotedBrake:
    """What stops every write, and whether it ever did since that was last forgotten.

    By the hours that differ from answer to answer it may be on for one task of a pass and off for the next.
    """

    def __init__(self, brake: Callable[[], str | None]) -> None:
        self._brake = brake
        self.was_on = False

    def __call__(self) -> str | None:
        """Ask it."""
        why = self._brake()
        self.was_on = self.was_on or why is not None
        return why


class Passes:
    """The passes of one process, in the stretches that the daemon makes them in."""

    def __init__(self, run: Run, process: Process) -> None:
        self._run, self._process = run, process
        self._polling = Polling(min(EVERY, STRETCH))
        self._goes_on = False
        self._began = 0.0
        self._before = (0, 0)

    def __call__(self, app: BotContext) -> PassSummary:
        """Make a stretch; write into the history what came of the pass that it ends."""
        run = self._run
        if not isinstance(app.guard.brake, NotedBrake):
            app.guard.brake = NotedBrake(app.guard.brake)
        if not self._goes_on:
            app.guard.brake.was_on = False
            self._began, self._before = run.clock.time, run.trouble()
            run.faults.spoiled.clear()
            run.figures.passes += 1
        self._goes_on = False
        stopped, error = None, None
        try:
            summary = self._polling(app)
            self._goes_on, stopped = summary.goes_on, summary.stopped
            if stopped is None:
                run.last_good = app.clock.now()
        except ReviewbotError as problem:
            error = str(problem)
            run.figures.failed += 1
            raise
        finally:
            run.follow_clock()
            if self._process.alive and not self._goes_on:
                faults, lists = run.trouble()
                faults += run.log_away is not None
                run.history.append(
                    lines.Passed(
                        at=run.clock.time,
                        who=self._process.who,
                        began=self._began,
                        stopped=stopped,
                        error=error,
                        braked=app.guard.braked() is not None or app.guard.brake.was_on,
                        faults=faults - self._before[0],
                        lists=lists - self._before[1],
                        spoiled=tuple(sorted(run.faults.spoiled)),
                    )
                )
                if run.log_away is None:
                    run.read_screens(app)
        return summary


@contextmanager
def in_utc() -> Iterator[None]:
    """Give the zone back that a daemon takes over."""
    before = os.environ.get("TZ")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = before
        time.tzset()


class Run:
    """One run of a plan, with its log in `folder`."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        self.pause_file = folder / "PAUSE"
        self.history = lines.History()
        self.chance = Random(plan.seed)
        self.odd = Random(f"odd acts of {plan.seed}")
        self.figures = Figures(hours=plan.hours, runs=1)
        self.points: Counter[str] = Counter()
        self.world = world = build_world(
            "empty", seed=plan.seed, choices=plan.choices, requests_kept=0
        )
        assert isinstance(world.clock, VirtualClock)
        self.clock = world.clock
        self.start = START.timestamp() + 24 * HOUR
        self.end = self.start + plan.hours * HOUR
        self.faults = Faults(plan.storms_from(self.start), seed=plan.seed)
        self._populate()
        world.effects = Effects(self.history)
        self.transport = SimulatorTransport(world, faults=self.faults, neighbour=plan.neighbour)
        self.revision = 0
        self.judges = self._judges()
        self.processes = 0
        self.last_good: datetime | None = None
        self._acts = deque(plan.acts)
        self._deaths = deque(plan.deaths)
        self._armed: dict[str, Death] = {}
        self._due: dict[str | None, list[Act]] = {}
        self._undo: list[tuple[float, Callable[[], None]]] = []
        self._current: list[Process] = []
        self._away = 0.0
        self._stop = threading.Event()
        self._daemon: Daemon | None = None
        self._on_call = self.start
        self._swap = False
        self._looked_at = self._read_up_to = 0
        self._desk = Random(f"who cancels in {plan.seed}")
        self.log_away: float | None = None
        """Until when the log's files are not where they were."""
        self._reader = Reader(world, plan.decide_by)

    def _populate(self) -> None:
        plan, world = self.plan, self.world
        for number in range(plan.backlog):
            plant_waiting(world, self.start - (70 - 66 * (number + 0.5) / plan.backlog) * HOUR)
        busy = plan.hours - QUIET
        for _ in range(int(plan.per_hour * busy)):
            plant_waiting(world, self.start + self.chance.uniform(0, busy) * HOUR)
        strangers(world, plan.strangers)
        self.clock.advance_to(self.start)
        for account in plan.accounts:
            world.at(self.start + account.hour * HOUR, self._deliver, account)
        for sickness in plan.sick:
            world.at(self.start + sickness.start * HOUR, self._let_checker_be, sickness.checker)
            world.at(self.start + sickness.end * HOUR, self._let_checker_be, "well")
        for jump in plan.jumps:
            world.at(self.start + jump.start * HOUR, self._set_clock, jump.skew)
            world.at(self.start + jump.end * HOUR, self._set_clock, 0.0)

    def _deliver(self, account: Account) -> None:
        world = self.world
        bundle = accounts.random_bundle(world, account.platform, diligence=account.diligence)
        accounts.deliver(world, bundle, accounts.make_account(world, bundle, **account.differing))

    def _let_checker_be(self, how: Checker) -> None:
        self.world.checker = how
        if how != "well":
            self.faults.seen[f"checker {how}"] += 1

    def trouble(self) -> tuple[int, int]:
        """How many faults so far may have hurt a whole pass; how many were contradicting lists."""
        faults = self.faults
        return faults.seen.total() - faults.confined, faults.contradictions

    def _set_clock(self, skew: float) -> None:
        self.clock.skew = skew

    # The course of things ---------------------------------------------------------------------

    def live(self) -> Figures:
        """From the start to the quiet end."""
        began = time.process_time()
        self.history.append(
            lines.Scene(
                at=self.start,
                every=EVERY,
                caps=CAPS if self.plan.capped else {},
                holds=HOLDS if self.plan.capped else {},
                decide_by=self.plan.decide_by * HOUR,
                pays=(PAYS, ACCOUNTS),
            )
        )
        self.history += [
            lines.Skewed(at=self.start, start=storm.start, end=storm.end, skew=storm.skew)
            for storm in self.faults.storms
            if storm.fault == "date jump"
        ]
        self.history += [
            lines.Skewed(
                at=self.start,
                start=self.start + jump.start * HOUR,
                end=self.start + jump.end * HOUR,
                skew=jump.skew,
                machine=True,
            )
            for jump in self.plan.jumps
        ]
        on_fault_point(self._at_point)
        try:
            # The daemon's chores follow the machine's own clock, through a library that asks for it.
            with in_utc(), time_machine.travel(self.clock.now(), tick=False) as self._machine:
                while self.clock.time < self.end:
                    self._one_life()
        finally:
            on_fault_point(None)
        self._tell_the_truth()
        self._sum_up()
        self.figures.seconds = time.process_time() - began
        return self.figures

    def _one_life(self) -> None:
        if self.log_away is not None:
            self._put_log_back()  # whoever starts it anew looks first
        process = self._process("bot")
        ledger = open_ledger(self.url, lock=True)
        how: lines.How = "stop"
        point: str | None = None
        self._stop = stop = threading.Event()
        self._current = [process]
        self.figures.lives += 1
        passes = Passes(self, process)
        try:
            app = self._a_bot(process, ledger, stop)
            daemon = Daemon(
                app,
                every=EVERY,
                stop=stop,
                refresh=lambda asked: self._refresh(app),
                book=CheckpointFile(self.folder / "checkpoints.jsonl"),
                poll=DowntimeReport(passes, self.last_good),
                wake=_Wake(self),
            )
            self._daemon = daemon
            code = daemon.run()
            if code:
                how, point = "fatal", str(code)
            if self.log_away is not None:
                self._put_log_back()
            app.close()
        except Crash:
            how, point = "crash", process.point
        except Exception as error:
            how, point = "fatal", repr(error)
        finally:
            self._current = []
            ledger.close()
        self.history.append(lines.Gone(at=self.clock.time, who=process.who, how=how, point=point))
        if how == "fatal":
            self.idle(RESTART)
        if how == "crash":
            calm = self.end - QUIET * HOUR
            self.idle(min(self._away, max(5.0, calm - self.clock.time)))

    def follow_clock(self) -> None:
        """Set the machine's own clock to the time of the run."""
        self._machine.move_to(self.clock.now())

    def idle(self, seconds: float) -> None:
        """Nobody works; time passes, and people may act."""
        self.clock.sleep(seconds)
        if self.clock.time >= self.end:
            self._stop.set()
        self._catch_up()
        if None in self._due and self.log_away is None:
            for act in self._due.pop(None):
                self._do(act)

    def until_something(self) -> float:
        """Seconds to the next pass, or until somebody acts before it."""
        assert self._daemon is not None
        began = self.clock.time - self.clock.monotonic()
        due = [began + self._daemon.next_poll_at, self._on_call]
        due += [self.start + act.hour * HOUR for act in islice(self._acts, 1)]
        due += [at for at, _ in self._undo[:1]]
        if self.log_away is not None:
            due = [began + self._daemon.next_poll_at, self.log_away]
        return min(due) - self.clock.time

    def _catch_up(self) -> None:
        """See what is due by now."""
        hour = (self.clock.time - self.start) / HOUR
        while self._acts and self._acts[0].hour <= hour:
            act = self._acts.popleft()
            self._due.setdefault(act.point, []).append(act)
        while self._deaths and self._deaths[0].hour <= hour:
            death = self._deaths.popleft()
            self._armed.setdefault(death.point, death)
        if self.log_away is not None and self.log_away <= self.clock.time:
            self._put_log_back()
        if self.log_away is not None:
            return  # nobody can use a command without the log
        if self._undo and self._undo[0][0] <= self.clock.time:
            _, undo = self._undo.pop(0)
            self.history.append(lines.Acted(at=self.clock.time, deed="undo"))
            undo()
        self._look_at_seals()
        if self.clock.time >= self._on_call:
            self._on_call = self.clock.time + ON_CALL * HOUR
            self._look_at_breakers()

    def _at_point(self, name: str) -> None:
        process = self._current[-1]
        process.check()
        process.at_point(name)
        self.points[name] += 1
        if self.log_away is not None or self.clock.time >= self.end - LAST * HOUR:
            return
        if len(self._current) == 1 and name in self._due:
            for act in self._due.pop(name):
                self._do(act)
        if name in self._armed:
            self._away = self._armed.pop(name).away
            crashes = self.figures.crashes
            crashes[name] = crashes.get(name, 0) + 1
            process.die(name)

    def _process(self, kind: lines.Kind) -> Process:
        self.processes += 1
        self.history.append(lines.Born(at=self.clock.time, who=self.processes, kind=kind))
        return Process(self.processes, self.history, self.world, self.clock)

    # The bot ----------------------------------------------------------------------------------

    def _a_bot(self, process: Process, ledger: Ledger, stop: threading.Event) -> BotContext:
        seen: Ledger = LedgerOf(process, ledger)  # type: ignore[assignment]
        app = build(
            self._settings(),
            judges=self.judges,
            transport=Wire(process, self.transport),
            clock=self.clock,
            ledger=seen,
            chance=self.chance.random,
            stop=stop,
        )
        app.notifier.alarms = AlarmDispatcher(
            ledger=seen, clock=app.clock, events=app.say, routes=ROUTES, post=Inbox(process)
        )
        return app

    def _settings(self) -> Settings:
        return Settings(
            api_key=Secret("sk_" + "0123456789abcdef" * 4),
            base_url="https://simulator.test/api/ext",
            mode=Mode.LIVE,
            ledger=self.url,
            pause_file=str(self.pause_file),
        )

    def _judges(self) -> tuple[Judge, ...]:
        plan = self.plan
        return judges_of(self.revision, plan.decide_by, plan.capped, accounts=bool(plan.accounts))

    def _refresh(self, app: BotContext) -> None:
        if self._swap:
            with suppress(ReviewbotError):  # a log that cannot be used just now is tried again
                adopt(app, self.judges)
                self._swap = False

    # People -----------------------------------------------------------------------------------

    def _do(self, act: Act) -> None:
        if self.log_away is not None:
            return  # nobody can use a command without the log, nor take it away twice
        self.figures.acts += 1
        self.history.append(lines.Acted(at=self.clock.time, deed=act.deed))
        until = min(self.clock.time + act.lasts * HOUR, self.end - LAST * HOUR)
        match act.deed:
            case "answer":
                self._answer()
            case "pause":
                word = self.chance.choice(sorted(pauses.WORDS))
                self._say(
                    lambda log, now: pauses.pause(
                        log, word, reason="a look", who="ana", until=None, now=now
                    )
                )
                self._later(
                    until,
                    lambda: self._say(
                        lambda log, now: pauses.resume(
                            log, "all", reason="fine", who="ana", now=now
                        )
                    ),
                )
            case "pause file":
                self._put_file("all: a look\n")
                self._later(until, lambda: self._put_file(None))
            case "policy":
                self.revision = (self.revision + 1) % len(WAITS)
                self.judges = self._judges()
                self._swap = True
            case "cancel":
                self._cancel(act)
            case "restart":
                self._stop.set()
            case "log away":
                self._take_log_away(until)
            case "refuse":
                self.faults.add(
                    Storm(
                        fault=self.odd.choice(MOMENTARY),
                        calls=self.odd.choice(("writes", "writes", "all")),
                        start=self.clock.time,
                        end=until,
                        status=self.odd.choice(STATUSES),
                    )
                )

    def _later(self, at: float, undo: Callable[[], None]) -> None:
        self._undo.append((at, undo))
        self._undo.sort(key=lambda pair: pair[0])

    def _put_file(self, text: str | None) -> None:
        if text is None:
            self.pause_file.unlink(missing_ok=True)
        else:
            self.pause_file.write_text(text)
        word = None if text is None else "all"
        self.history.append(lines.PauseFile(at=self.clock.time, word=word))

    def _take_log_away(self, until: float) -> None:
        """Somebody moves the log's files, and may leave an older copy in their place."""
        files = [self.folder / f"ledger.db{end}" for end in ("", "-wal", "-shm")]
        for file in files:
            if file.exists():
                file.rename(file.with_name(f"moved-{file.name}"))
        copy = self.folder / "older.db"
        if copy.exists() and self.odd.random() < 0.5:
            copy.rename(files[0])
        self.log_away = until
        self.faults.seen["log moved"] += 1
        self.history.append(lines.LogMoved(at=self.clock.time, away=True))

    def _put_log_back(self) -> None:
        for file in self.folder.glob("ledger.db*"):
            if file.suffix != ".lock":
                file.unlink()
        for file in self.folder.glob("moved-*"):
            file.rename(file.with_name(file.name.removeprefix("moved-")))
        self.log_away = None
        shutil.copy(self.folder / "ledger.db", self.folder / "older.db")
        self.history.append(lines.LogMoved(at=self.clock.time, away=False))

    def read_screens(self, app: BotContext) -> None:
        """Somebody reads what the screens say of what is about to end."""
        word = "all" if self.pause_file.exists() else None
        bot = Bot(every=EVERY, file=word, brake=app.guard.braked())
        judges = [judge for bench in app.benches for judge in bench.judges]
        self.history += self._reader.read(app.ledger, app.clock.now(), bot, judges)

    @contextmanager
    def _person(self) -> Iterator[tuple[Process, Ledger]]:
        """Somebody runs a command beside the bot, on the same log."""
        process = self._process("person")
        log = open_ledger(self.url, create=False, lock=False)
        self._current.append(process)
        try:
            yield process, LedgerOf(process, log)  # type: ignore[misc]
        except Crash:
            pass
        finally:
            self._current.pop()
            log.close()

    def _say(self, what: Callable[[Ledger, datetime], object]) -> None:
        with self._person() as (_, log):
            what(log, self.world.time)

    def _look_at_breakers(self) -> None:
        if self._breakers_stand():
            self._say(lambda log, now: breaker.close(log, reason="looked", who="ana", now=now))

    def _breakers_stand(self) -> bool:
        """As the history says: the log itself is asked only where there is something to close."""
        stands: dict[str | None, bool] = {}
        for line in self.history[self._looked_at :]:
            if isinstance(line, lines.Wrote) and line.topic == guard_state.BREAKER_TOPIC:
                stands[line.subject] = (line.value or {}).get("open") is not False
        self._looked_at = len(self.history)
        return any(stands.values())

    def _look_at_seals(self) -> None:
        """Who reads that something lies sealed may cancel it, until it was to be sent or later."""
        news, self._read_up_to = self.history[self._read_up_to :], len(self.history)
        for line in news:
            if isinstance(line, lines.Wrote) and (line.held_by or "").startswith(SEALED):
                self.figures.sealed += 1
                at = self.clock.time + self._desk.uniform(0, HOLDS[line.rule or ""])
                if self._desk.random() < CANCELS and at < self.end - QUIET * HOUR:
                    point = self._desk.choice(CANCELLING_AT)
                    act = Act((at - self.start) / HOUR, "cancel", point, 0.0)
                    insort(self._acts, act, key=lambda act: act.hour)

    def _cancel(self, act: Act) -> None:
        """Cancel the very thing that is about to be sent, or else any that lies sealed."""
        busy = self._current[0].about if self._current else None
        with self._person() as (_, log):
            rounds = list(seal.sealed_rounds(log))
            found = [round_ for round_ in rounds if round_.sighting.task_id == busy]
            if rounds and busy is not None and not found:
                self._due.setdefault(act.point, []).append(act)  # its turn is yet to come
            elif rounds:
                chosen = self._desk.choice(found or rounds)
                now = self.world.time
                with suppress(UsageError):  # too late: it was on its way
                    seal.cancel(log, chosen, who="ana", reason="a look", now=now)
                self.figures.cancelled += 1

    def _answer(self) -> None:
        with self._person() as (process, log):
            now = self.world.time
            # The very task that the bot is busy with, or else any question.
            busy = self._current[0].about
            rounds = list(open_rounds(log))
            found = [round_ for round_ in rounds if round_.sighting.task_id == busy]
            # Or what the API refused, and goes on waiting.
            found = found or [
                round_ for round_ in rounds if _was_refused(round_) and self._waits(round_)
            ]
            found = found or open_questions(log, now)
            if not found:
                return
            chosen = self.chance.choice(found)
            app = build(
                self._settings(),
                judges=(),
                transport=Wire(process, self.transport),
                clock=self.clock,
                ledger=log,
                chance=self.chance.random,
            )
            if is_account(chosen.sighting.review):
                actions, fields = (Action.FINALIZE, Action.REQUEST_CORRECTIONS), FIELDS
            else:
                actions, fields = (Action.APPROVE, Action.DISPUTE), None
            reply = PersonAnswer(
                action=self.chance.choice(actions),
                who="ana",
                text=REASON,
                fields=fields,
                repeat=True,
            )
            waits, met = self._waits(chosen), self.faults.seen.total()
            try:
                answered = answer(app, chosen, reply)
            except ReviewbotError:
                return
            if self.faults.seen.total() == met:
                self.history.append(
                    lines.Answered(
                        at=self.clock.time,
                        task=chosen.sighting.task_id,
                        epoch=round_name(chosen.sighting.epoch) or "",
                        late=answered.decision is None,
                        waits=waits and self._waits(chosen),
                    )
                )

    def _waits(self, chosen: Round) -> bool:
        """Whether a round waits in truth, and for a while yet."""
        world, name = self.world, chosen.sighting.task_id
        epoch = round_name(chosen.sighting.epoch)
        bundle, task = world.bundles.get(name), world.tasks.get(name)
        if bundle is not None:
            return bundle.account_status == "in_review" and accounts.epoch(bundle) == epoch
        if task is None or task.status != "manually_confirmed" or task.review_until is None:
            return False
        return world.epoch(task) == epoch and world.now < task.review_until - LAST * HOUR

    # The end ----------------------------------------------------------------------------------

    def _tell_the_truth(self) -> None:
        """Every round as it was, and what the log says of itself."""
        rounds = list(rounds_of(self.world))
        self.figures.silent = sum(round_.by == "silence" for round_ in rounds)
        self.history += rounds
        ledger = open_ledger(self.url, read_only=True)
        try:
            kept = CheckpointFile(self.folder / "checkpoints.jsonl").read()
            log = log_of(self.world, ledger, kept)
        finally:
            ledger.close()
        self.history.append(log)
        self.figures.decisions = log.decisions

    def _sum_up(self) -> None:
        found = self.figures
        found.tasks, found.accounts = len(self.world.tasks), len(self.world.bundles)
        found.effects = sum(effect.by == "client" for effect in self.world.effects)
        found.requests = self.transport.desk.served
        found.faults = dict(self.faults.seen)
