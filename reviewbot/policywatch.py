"""The policies of a running bot: read anew when their files change, and swapped whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from reviewbot.bootstrap import adopt, judges_of
from reviewbot.domain.alarms import Kind
from reviewbot.domain.errors import LedgerError, PolicyInvalid, ReviewbotError
from reviewbot.domain.moments import iso
from reviewbot.policy.cases import run_cases
from reviewbot.policy.evaluate import Judge
from reviewbot.policyfiles import PolicyFile
from reviewbot.service.app import App

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

    def __init__(self, paths: Iterable[str]) -> None:
        self._files = [PolicyFile(path) for path in paths]
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

    def attach(self, app: App) -> None:
        """Take charge of the policies of a bot that was built by them."""
        self._app = app
        self._noted: dict[str, dict[str, object]] = {
            note.subject: {key: value for key, value in note.value.items() if key != SINCE}
            for note in app.ledger.notes(TOPIC)
        }
        self._note()

    def refresh(self, *, asked: bool = False) -> None:
        """Before a pass: take over changed files where they are sound; `asked` even if unchanged."""
        if not (asked or self.problem or any(file.changed() for file in self._files)):
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
        problem = _in_a_sentence(error)
        if problem != self.problem:
            self._app.events(
                "policy not reloaded", level="error", error=problem, findings=_findings(error)
            )
        self.problem = problem
        self._app.alarm(
            Kind.RELOAD,
            f"A changed policy is not used, the old one keeps judging: {problem}",
            running=self._revisions(),
        )

    def _say_swapped(self, before: list[str], asked: bool) -> None:
        now = self._revisions()
        if asked or self.problem or now != before:
            self._app.events("policy reloaded", revisions=now)
        self.problem = None
        self._app.mended(Kind.RELOAD, f"The policies on disk are used: {', '.join(now)}.")

    def _revisions(self) -> list[str]:
        return [f"{one.policy.name} {one.policy.revision[:8]}" for one in self._running()]

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


def _in_a_sentence(error: ReviewbotError) -> str:
    found = _findings(error)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{error}: {found[0]}{more}" if found else str(error)


def _findings(error: ReviewbotError) -> list[str]:
    if not isinstance(error, PolicyInvalid):
        return []
    return [
        f"{one.path}:{one.span.line}:{one.span.column}: {one.message}" for one in error.findings
    ]
