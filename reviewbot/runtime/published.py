"""Policies that live in the ledger: drafts that people write, and revisions that run as `ledger:NAME`.

A draft is a text that anybody may still change. Published is what was checked and whose tests passed;
it runs once a person has accepted its revision, and the one before it runs until then.
"""

from __future__ import annotations

from contextlib import closing
from datetime import date, datetime

import msgspec

from reviewbot.config import Settings
from reviewbot.domain.errors import PolicyInvalid
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.testing.check import checked
from reviewbot.ports.ledger import Ledger
from reviewbot.runtime.policy_files import PolicySource, refuse_failing
from reviewbot.safety import rollout

SCHEME = "ledger:"
DRAFT, PUBLISHED = "draft", "published"
NEEDS = 1
"""How many people accept a published revision, unless more are asked for."""


class PolicyDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A text that somebody is working on."""

    name: str
    source: str
    author: str
    saved_at: datetime
    note: str = ""
    base: str = ""
    """The revision that it was begun from."""
    proposed: bool = False


class PublishedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A revision in the ledger, with its list files; it runs once it is accepted."""

    name: str
    revision: str
    source: str
    files: dict[str, str] = {}
    tests: str | None = None
    """The text of the file of tests that lay beside it."""
    by: str
    at: datetime
    note: str = ""


def draft_of(ledger: Ledger, name: str) -> PolicyDraft | None:
    """The draft of a policy; None where there is none."""
    kept = ledger.kept_one(DRAFT, name)
    return None if kept is None else msgspec.json.decode(kept.value, type=PolicyDraft)


def save_draft(ledger: Ledger, draft: PolicyDraft) -> None:
    """Keep a draft in the place of the one before."""
    ledger.keep(DRAFT, draft.name, msgspec.json.encode(draft), draft.saved_at)


def drop_draft(ledger: Ledger, name: str) -> None:
    """Let go of a draft."""
    ledger.let_go(DRAFT, name)


def read_text(
    source: str,
    path: str,
    files: dict[str, str] | None = None,
    *,
    today: date | None = None,
    tests: str | None = None,
) -> Parsed:
    """Read and check a text that is in no file; its list files and tests are those at hand."""
    known = files or {}

    def read(name: str) -> bytes:
        if name not in known:
            raise FileNotFoundError(name)
        return known[name].encode()

    beside = None if tests is None else (f"{path}.tests", tests.encode())
    parsed = parse_policy(source, path=path, read=read, tests=beside, today=today)
    return checked(parsed, today=today)


def publish(
    ledger: Ledger,
    source: str,
    files: dict[str, str],
    *,
    by: str,
    now: datetime,
    note: str = "",
    tests: str | None = None,
) -> PublishedPolicy:
    """Put a revision into the ledger, to be accepted. Raises PolicyInvalid."""
    parsed = read_text(source, "draft", files, today=now.date(), tests=tests)
    if parsed.policy is None:
        errors = [finding for finding in parsed.findings if finding.severity is Severity.ERROR]
        raise PolicyInvalid("a policy is not usable", tuple(errors))
    judge = compile_policy(parsed.policy)
    refuse_failing(judge)
    made = PublishedPolicy(
        name=parsed.policy.name,
        revision=parsed.policy.revision,
        source=source,
        files=files,
        tests=tests,
        by=by,
        at=now,
        note=note,
    )
    ledger.keep(PUBLISHED, f"{made.name}\x1f{made.revision}", msgspec.json.encode(made), now)
    if not rollout.is_accepted(ledger, made.revision, NEEDS):
        word = {"policy": made.name, "accepted": False, "needs": NEEDS, "by": [], "asked_by": by}
        ledger.note(rollout.TOPIC, made.revision, word, now)
    return made


def published(ledger: Ledger, name: str) -> list[PublishedPolicy]:
    """Every revision of a policy in the ledger, oldest first."""
    found = [msgspec.json.decode(row.value, type=PublishedPolicy) for row in ledger.kept(PUBLISHED)]
    return sorted((policy for policy in found if policy.name == name), key=lambda policy: policy.at)


def accepted(ledger: Ledger, name: str) -> PublishedPolicy | None:
    """The newest revision that a person has accepted."""
    for policy in reversed(published(ledger, name)):
        if rollout.is_accepted(ledger, policy.revision, NEEDS):
            return policy
    return None


class LedgerPolicy:
    """A policy that runs as `ledger:NAME`: the newest revision there that a person has accepted."""

    def __init__(self, path: str, url: str, key: str) -> None:
        self.path = path
        self._url, self._key = url, key
        self._loaded: tuple[tuple[str, None], ...] | None = None

    def load(self, *, today: date | None = None) -> Parsed:
        """Read and check it."""
        self._loaded = self.stamps()
        with closing(open_ledger(self._url, key=self._key, read_only=True)) as ledger:
            return load_published(ledger, self.path, today=today)

    def changed(self) -> bool:
        """Whether another revision is the accepted one."""
        return self.stamps() != self._loaded

    def stamps(self) -> tuple[tuple[str, None], ...]:
        """The revision that is accepted now."""
        with closing(open_ledger(self._url, key=self._key, read_only=True)) as ledger:
            found = accepted(ledger, self.path.removeprefix(SCHEME))
        return () if found is None else ((found.revision, None),)


def policy_sources(settings: Settings) -> list[str | PolicySource]:
    """Where the policies of the settings are read from. Raises ConfigError where none is named."""
    return [
        LedgerPolicy(path, settings.ledger, settings.key) if path.startswith(SCHEME) else path
        for path in settings.need_policies()
    ]


def load_published(ledger: Ledger, path: str, *, today: date | None = None) -> Parsed:
    """The policy that `ledger:NAME` means now; that there is none is a finding."""
    name = path.removeprefix(SCHEME)
    found = accepted(ledger, name)
    if found is not None:
        return read_text(found.source, path, found.files, today=today, tests=found.tests)
    waits = published(ledger, name)
    message = (
        f"no revision of {name} is accepted yet"
        if waits
        else f"the ledger holds no policy called {name}"
    )
    cure = (
        f"reviewbot policy accept {waits[-1].revision[:8]}"
        if waits
        else f"reviewbot policy publish FILE  puts one there that is called {name}"
    )
    place = Span(1, 1, 1, 1)
    finding = Finding(
        code="P001", severity=Severity.ERROR, span=place, message=message, cure=cure, path=path
    )
    return Parsed(None, (finding,))
