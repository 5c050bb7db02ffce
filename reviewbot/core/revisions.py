"""Policies as they ran, compiled again from the texts that the log keeps."""

from __future__ import annotations

from reviewbot.domain.errors import PolicyInvalid
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.ports.ledger import Ledger, StoredPolicy


class Revisions:
    """The judges of every revision in one log, each compiled once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._judges: dict[str, Judge | None] = {}

    def judge(self, revision: str) -> Judge | None:
        """The judge of a revision; None where the log has no text that can be used."""
        if revision not in self._judges:
            stored = self._ledger.policy(revision) if revision else None
            try:
                self._judges[revision] = None if stored is None else judge_of(stored)
            except PolicyInvalid:
                self._judges[revision] = None
        return self._judges[revision]


def zone_of(ledger: Ledger, revision: str) -> str:
    """In which zone a person reads what this revision decided; UTC where the log has no text of it."""
    judge = Revisions(ledger).judge(revision)
    return "UTC" if judge is None else judge.policy.timezone


def judge_of(stored: StoredPolicy) -> Judge:
    """The judge of a revision as it ran, from its text in the log.

    Raises PolicyInvalid when this version of the program can no longer read it.
    """

    def read(name: str) -> bytes:
        if name not in stored.files:
            raise FileNotFoundError(name)
        return stored.files[name].encode()

    parsed = parse_policy(stored.source, path=stored.path, read=read)
    if parsed.policy is None:
        raise PolicyInvalid(
            f"revision {stored.revision[:8]} can no longer be read; name a policy with --policy",
            parsed.findings,
        )
    return compile_policy(parsed.policy)
