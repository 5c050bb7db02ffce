"""A key's turn: it stands by until this process holds the key, and takes it only by the ledger's policies."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence

from reviewbot.config import Settings
from reviewbot.domain.errors import LeaseLost, LedgerError, LedgerUnwritable, ReviewbotError
from reviewbot.policy.model import Policy
from reviewbot.runtime.policy_files import PolicyWatch, in_a_sentence
from reviewbot.runtime.published import policy_sources
from reviewbot.runtime.replicas import Holdings, Tenure

AGREES = 10.0
"""Seconds between two looks at whether the policies of a key that stands by are the ledger's."""
AGAIN = 0.5
"""Seconds before what a lost database has kept from being done is tried again."""
MEANT = 120.0
"""Seconds for which a free key is left to those that go by the ledger's policies; then ours are meant."""


class KeyTurn:
    """The turns of one key in one process. `wait` and what follows are for its loop alone."""

    def __init__(
        self,
        settings: Settings,
        holdings: Holdings,
        *,
        stop: threading.Event,
        wake: threading.Event,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`stop` ends the waiting, and `wake` says that it may be over."""
        self._monotonic = monotonic
        self._settings, self._holdings = settings, holdings
        self._stop, self._wake = stop, wake
        self._free_since: float | None = None
        self._read: tuple[PolicyWatch, Sequence[Policy]] | None = None
        """Its policies, as they were when it last stood by."""
        self.tenure: Tenure | None = None
        self.problem = "another process holds the key"
        """Why it stands by."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may hold the key."""
        return self._holdings.is_shared

    @property
    def name(self) -> str:
        """Under which name this process holds keys."""
        return self._holdings.name

    def has_ended(self) -> bool:
        """Whether a turn has begun that is to end, or is over."""
        tenure = self.tenure
        return tenure is not None and (tenure.is_over or tenure.is_ending)

    def wait(
        self, stand_by: Callable[[], None] = lambda: None, *, at_most: float = math.inf
    ) -> Tenure | None:
        """The tenure by which the bot may be made; None where there is none before it is told to stop.

        `stand_by` is called where it takes longer. Raises PolicyInvalid and ConfigError.
        """
        until, look_at = self._monotonic() + at_most, -math.inf
        while not self._stop.is_set():
            self._wake.clear()
            now = self._monotonic()
            if now >= look_at:
                look_at = now + (AGREES if self._agree() else AGAIN)
            self.tenure = self._holdings.tenure(self._settings.key)
            if self.tenure is not None or now >= until:
                break
            stand_by()
            self._wake.wait(max(0.0, min(look_at, until) - self._monotonic()))
        return self.tenure

    def over(self) -> None:
        """The bot has ended."""
        self.tenure = None
        self._holdings.release(self._settings.key)

    def failed(self, error: Exception) -> Exception | None:
        """What to park the key for, while others may take it; a database that is away for all is waited for."""
        self.tenure = None
        if self.is_shared and isinstance(error, LedgerUnwritable | LeaseLost):
            self._holdings.release(self._settings.key)
            self._stop.wait(AGAIN)
            return None
        self._holdings.decline(self._settings.key, f"its bot cannot be made here: {why_of(error)}")
        return error

    def _agree(self) -> bool:
        """Take the key only by the policies that the ledger goes by; give whether that could be told.

        Where nobody who goes by those has taken it for a while, ours are a change that is meant.
        """
        key = self._settings.key
        try:
            why = self._disagreement()
        except LedgerError as error:
            self.problem = str(error)
            return False
        now = self._monotonic()
        if why is None or not self._holdings.is_free(key):
            self._free_since = None
        elif self._free_since is None:
            self._free_since = now
        if why is None or (self._free_since is not None and now - self._free_since >= MEANT):
            self._holdings.accept(key)
        else:
            self.problem = why
            self._holdings.decline(key, why)
        return True

    def _disagreement(self) -> str | None:
        if not self.is_shared:
            return None
        if self._read is None or self._read[0].changed():
            watch = PolicyWatch(policy_sources(self._settings))
            self._read = watch, [judge.policy for judge in watch.load()]
        return self._holdings.disagreement(self._settings, self._read[1])


def why_of(error: Exception) -> str:
    """An error in words; what is none of ours by its kind."""
    return in_a_sentence(error) if isinstance(error, ReviewbotError) else type(error).__name__
