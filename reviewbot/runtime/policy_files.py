"""A policy on disk: its text, its `NAME.tests.yaml` and its list files, read as one."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

from reviewbot.core.context import BotContext
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.errors import ConfigError, LedgerError, PolicyInvalid, ReviewbotError
from reviewbot.domain.text import iso
from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.language.yaml import MAX_BYTES
from reviewbot.policy.model import AppliesTo
from reviewbot.policy.testing.cases import run_cases
from reviewbot.safety.rollout import adopt


def load_judges(paths: Iterable[str | PolicySource]) -> tuple[Judge, ...]:
    """Read, check and compile policy files that are to run together.

    Raises PolicyInvalid with the findings of all of them when one is not usable, and ConfigError
    when two cover the same reviews.
    """
    return judges_of(map(source_at, paths))


def judges_of(files: Iterable[PolicySource]) -> tuple[Judge, ...]:
    """As `load_judges`, of files that the caller keeps an eye on."""
    from reviewbot.policy.testing.check import analyse

    parsed = [file.load() for file in files]
    policies = [result.policy for result in parsed if result.policy is not None]
    read = (finding for result in parsed for finding in result.findings)
    meant = (finding for policy in policies for finding in analyse(policy))
    findings = tuple(finding for finding in (*read, *meant) if finding.severity is Severity.ERROR)
    if findings:
        raise PolicyInvalid("a policy is not usable", findings)
    judges = tuple(compile_policy(policy) for policy in policies)
    refuse_overlap(judges)
    return judges


def refuse_overlap(judges: Sequence[Judge]) -> None:
    """Raise ConfigError when two policies could both judge one thing, or share a name."""
    for index, judge in enumerate(judges):
        for other in judges[index + 1 :]:
            one, two = judge.policy, other.policy
            if one.name == two.name:
                raise ConfigError(f"{one.path} and {two.path} are both called {one.name}")
            if _overlap(one.applies_to, two.applies_to):
                raise ConfigError(
                    f"{one.path} and {two.path} cover the same reviews; narrow  applies to  in one"
                )


def _overlap(one: AppliesTo, two: AppliesTo) -> bool:
    def meet(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
        return not some or not others or bool(set(some) & set(others))

    return (
        one.review == two.review
        and meet(one.platform, two.platform)
        and meet(one.saved_account_id, two.saved_account_id)
    )


Seen = tuple[tuple[str, tuple[int, ...] | None], ...]


class PolicySource(Protocol):
    """Where a policy is read from."""

    def load(self, *, today: date | None = None) -> Parsed:
        """Read and check it; what is wrong is a finding."""

    def changed(self) -> bool:
        """Whether it may be another one since `load`."""

    def stamps(self) -> Seen:
        """What tells one state of it from another; two equal answers mean that nobody writes to it."""


def source_at(path: str | PolicySource) -> PolicySource:
    """A file by its path; what is a source already stays one."""
    return PolicyFile(path) if isinstance(path, str) else path


MAX_LIST_BYTES = 8 * 1024 * 1024
_ATTEMPTS = 3
_ENDINGS = (".yaml", ".yml")


class PolicyFile:
    """One policy file. Reading it raises nothing: what is wrong is a finding."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._typed = str(path)
        self._lists: tuple[str, ...] = ()
        self._loaded: Seen | None = None

    @property
    def tests_path(self) -> Path:
        """Where the tests beside the policy lie, if there are any."""
        return self.path.with_name(f"{self.path.stem}.tests{self.path.suffix}")

    def load(self, *, today: date | None = None) -> Parsed:
        """Read and check the policy with all that belongs to it.

        A file replaced while we read (an editor, a swapped symlink) is read again, so that the parts
        belong together.
        """
        self._loaded = None
        for _ in range(_ATTEMPTS):
            before = self.stamps()
            parsed = self._load(today)
            if self.stamps() == before:
                self._loaded = before
                break
        return parsed

    def changed(self) -> bool:
        """Whether any of its files was touched, swapped, taken away or forbidden since `load`."""
        return self.stamps() != self._loaded

    def stamps(self) -> Seen:
        """What the disk says of its files now; two equal answers mean that nobody writes to them."""
        return tuple((path.name, stamp_of(path)) for path in self._files())

    def _load(self, today: date | None) -> Parsed:
        if self.path.stem.endswith(".tests"):
            return self._unreadable(
                "this file holds the tests of a policy, not a policy", self._policy_beside()
            )
        try:
            source = read_capped(self.path, MAX_BYTES)
        except OSError as problem:
            return self._unreadable(f"the policy cannot be read: {_why(problem)}", None)
        tests: tuple[str, bytes] | None = None
        try:
            tests = (self._beside(self.tests_path.name), read_capped(self.tests_path, MAX_BYTES))
        except FileNotFoundError:
            pass
        except OSError as problem:
            return self._unreadable(f"{self.tests_path.name} cannot be read: {_why(problem)}", None)
        asked: list[str] = []

        def read(name: str) -> bytes:
            if "\0" in name:
                raise OSError("no file has such a name")
            asked.append(name)
            return read_capped(self.path.with_name(name), MAX_LIST_BYTES)

        parsed = parse_policy(source, path=self._typed, read=read, tests=tests, today=today)
        self._lists = tuple(asked)
        return parsed

    def _unreadable(self, message: str, cure: str | None) -> Parsed:
        finding = Finding(
            code="P001",
            severity=Severity.ERROR,
            span=Span(1, 1, 1, 1),
            message=message,
            cure=cure,
            path=self._typed,
        )
        return Parsed(None, (finding,))

    def _policy_beside(self) -> str:
        return f"check  {self.path.stem.removesuffix('.tests')}{self.path.suffix}:  its tests are read with it"

    def _beside(self, name: str) -> str:
        return self._typed[: len(self._typed) - len(self.path.name)] + name

    def _files(self) -> tuple[Path, ...]:
        lists = (self.path.with_name(name) for name in self._lists)
        return (self.path, self.tests_path, *lists)


def policy_paths(path: Path) -> tuple[Path, ...]:
    """The policies that a path means: itself, or every policy file of a folder."""
    if not path.is_dir():
        return (path,)
    found = (file for file in path.iterdir() if file.suffix in _ENDINGS)
    return tuple(sorted(file for file in found if not file.stem.endswith(".tests")))


def read_capped(path: Path, most: int) -> bytes:
    """Read a regular file of at most `most` bytes (one more, so that the reader can tell).

    A pipe or a device is refused rather than waited for. Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(22, "it is not a regular file")
        return file.read(most + 1)


def stamp_of(path: Path) -> tuple[int, ...] | None:
    """What tells one state of a file from another; None where there is none to be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _why(problem: OSError) -> str:
    return (problem.strerror or str(problem)).lower()


TOPIC = "running"
"""Notes of which revision of a policy runs, by the policy's name."""
SINCE = "since"
SETTLING, LOOKS = 0.25, 12
"""Seconds between two looks at files that somebody may be writing, and how many looks."""


class PolicyWatch:
    """Keeps the policies of a bot as their files say, as long as the files hold usable ones.

    `load` them, build the bot by them, and `attach` it. `problem` says why the newest files are not
    used. A bad file is tried again at each poll: what is wrong may lie beside it. `admit` may put
    off policies that are sound, by giving others.
    """

    def __init__(self, paths: Iterable[str | PolicySource]) -> None:
        self._files = [source_at(path) for path in paths]
        self.admit: Callable[[Sequence[Judge]], Sequence[Judge]] = lambda judges: judges
        self.problem: str | None = None

    def load(self) -> tuple[Judge, ...]:
        """Read, check and compile the policies, and run the tests they bring.

        Raises PolicyInvalid and ConfigError.
        """
        judges = judges_of(self._files)
        for judge in judges:
            refuse_failing(judge)
        return judges

    def changed(self) -> bool:
        """Whether any of them may be another one since it was read. Raises `LedgerError`."""
        return any(file.changed() for file in self._files)

    def attach(self, app: BotContext) -> None:
        """Take charge of the policies of a bot that was built by them."""
        self._app = app
        self._noted: dict[str, dict[str, object]] = {
            note.subject: {key: value for key, value in note.value.items() if key != SINCE}
            for note in app.ledger.notes(TOPIC)
        }
        self._note()

    def refresh(self, *, asked: bool = False) -> None:
        """Before a pass: take over changed files where they are sound; `asked` even if unchanged."""
        if not (asked or self.problem or self.changed()):
            return
        if not self._settled():
            return
        before = self._revisions()
        try:
            adopt(self._app, self.admit(self.load()))
        except ReviewbotError as error:
            self._refuse(error)
        else:
            self._say_swapped(before, asked)
        self._note()

    def _settled(self) -> bool:
        """Whether nobody writes to the files; one that never rests is looked at in the next pass."""
        before = [file.stamps() for file in self._files]
        for _ in range(LOOKS):
            self._app.clock.sleep(SETTLING)
            now = [file.stamps() for file in self._files]
            if now == before:
                return True
            before = now
        return False

    def _refuse(self, error: ReviewbotError) -> None:
        problem = in_a_sentence(error)
        if problem != self.problem:
            self._app.events(
                "policy not reloaded", level="error", error=problem, findings=_findings(error)
            )
        self.problem = problem
        self._app.notifier.notify(
            AlarmKind.RELOAD,
            f"A changed policy is not used, the old one keeps judging: {problem}",
            running=self._revisions(),
        )

    def _say_swapped(self, before: list[str], asked: bool) -> None:
        now = self._revisions()
        if asked or self.problem or now != before:
            self._app.events("policy reloaded", revisions=now)
        self.problem = None
        self._app.notifier.alarms.mended(
            AlarmKind.RELOAD, f"The policies on disk are used: {', '.join(now)}."
        )

    def _revisions(self) -> list[str]:
        return [f"{judge.policy.name} {judge.policy.revision[:8]}" for judge in self._running()]

    def _running(self) -> list[Judge]:
        return [judge for bench in self._app.benches for judge in bench.judges]

    def _note(self) -> None:
        """Write down what runs, and what the disk holds, where that has changed."""
        for judge in self._running():
            policy = judge.policy
            value: dict[str, object] = {
                "revision": policy.revision,
                "path": policy.path,
                "problem": self.problem,
            }
            if self._noted.get(policy.name) == value:
                continue
            at = self._app.clock.now()
            try:
                self._app.ledger.note(TOPIC, policy.name, value | {SINCE: iso(at)}, at)
            except LedgerError as error:
                self._app.events("chore failed", level="error", error=str(error))
            else:
                self._noted[policy.name] = value


def refuse_failing(judge: Judge) -> None:
    """Raise PolicyInvalid where a test that the policy brings does not hold."""
    results = run_cases(judge)
    failed = [result for result in results if not result.passed]
    if failed:
        first = failed[0]
        raise PolicyInvalid(
            f"{judge.policy.path}: {len(failed)} of its {len(results)} tests fail, the first is"
            f" {first.test.name!r}: {first.problems[0]}"
        )


def in_a_sentence(error: ReviewbotError) -> str:
    """What is wrong, with the first finding where policies are."""
    found = _findings(error)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{error}: {found[0]}{more}" if found else str(error)


def _findings(error: ReviewbotError) -> list[str]:
    if not isinstance(error, PolicyInvalid):
        return []
    return [
        f"{finding.path}:{finding.span.line}:{finding.span.column}: {finding.message}"
        for finding in error.findings
    ]
