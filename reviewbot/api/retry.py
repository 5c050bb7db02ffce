"""Which reads deserve another try, and when. Writes never come here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
)

from reviewbot.domain.errors import CannotConnect, RateLimited, TooLarge, Unclear
from reviewbot.ports import Clock

T = TypeVar("T")

WORTH_IT = (CannotConnect, RateLimited, Unclear)
TRIES = 4
FIRST_WAIT = 0.5
LONGEST_BACKOFF = 8.0
CREDIT, EARNED = 8.0, 0.1
"""How many further tries reads of single things have at most, and what each good one adds."""


class Patience:
    """Tries a read again after an outage or a 429, a few times, ever later.

    Reads `of_many` share what patience there is: where many of them fail, each is tried once, so
    that those which never answer do not take the time of the others. `chance` gives numbers from 0
    to 1, so that many bots do not come back at the same moment. Nothing is tried again once
    `stopping`: each try may take as long as a call may.
    """

    def __init__(
        self,
        clock: Clock,
        chance: Callable[[], float],
        tries: int = TRIES,
        *,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._chance = chance
        self._credit = CREDIT
        self._retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=lambda state: stopping() or state.attempt_number >= tries,
            wait=self._wait,
            sleep=clock.sleep,
            reraise=True,
        )
        self._retrying_one_of_many = self._retrying.copy(
            retry=retry_if_exception(self._affords), before_sleep=self._spend
        )

    def read(self, once: Callable[[], T], *, of_many: bool = False) -> T:
        """Call `once` until it answers; the last error stands."""
        try:
            found = once()
        except WORTH_IT as error:
            failures = [error]
        else:
            self._credit = min(CREDIT, self._credit + EARNED)
            return found

        def again() -> T:
            if failures:
                raise failures.pop()
            return once()

        # The machinery costs more than the call; it starts with the failure as its first try.
        retrying = self._retrying_one_of_many if of_many else self._retrying
        return retrying(again)

    def _affords(self, error: BaseException) -> bool:
        """Whether to try one of many again: only an unclear answer can lie with the thing itself."""
        return _may_pass(error) and (self._credit >= 1 or not isinstance(error, Unclear))

    def _spend(self, _: RetryCallState) -> None:
        self._credit = max(0.0, self._credit - 1)

    def _wait(self, state: RetryCallState) -> float:
        backoff = min(FIRST_WAIT * 2.0 ** (state.attempt_number - 1), LONGEST_BACKOFF)
        return backoff * (0.5 + self._chance())


def _may_pass(error: BaseException) -> bool:
    """Whether the same read may do better later; what is too large once is so again."""
    return isinstance(error, WORTH_IT) and not isinstance(error, TooLarge)
