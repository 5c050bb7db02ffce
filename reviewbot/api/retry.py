"""Which reads deserve another try, and when. Writes never come here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from reviewbot.domain.errors import CannotConnect, RateLimited, Unclear
from reviewbot.ports import Clock

T = TypeVar("T")

WORTH_IT = (CannotConnect, RateLimited, Unclear)
TRIES = 4
FIRST_WAIT = 0.5
LONGEST_BACKOFF = 8.0


class Patience:
    """Tries a read again after an outage or a 429, a few times, ever later.

    `chance` gives numbers from 0 to 1, so that many bots do not come back at the same moment.
    """

    def __init__(self, clock: Clock, chance: Callable[[], float], tries: int = TRIES) -> None:
        self._chance = chance
        self._retrying = Retrying(
            retry=retry_if_exception_type(WORTH_IT),
            stop=stop_after_attempt(tries),
            wait=self._wait,
            sleep=clock.sleep,
            reraise=True,
        )

    def read(self, once: Callable[[], T]) -> T:
        """Call `once` until it answers; the last error stands."""
        try:
            return once()
        except WORTH_IT as error:
            failures = [error]

        def again() -> T:
            if failures:
                raise failures.pop()
            return once()

        # The machinery costs more than the call; it starts with the failure as its first try.
        return self._retrying(again)

    def _wait(self, state: RetryCallState) -> float:
        backoff = min(FIRST_WAIT * 2.0 ** (state.attempt_number - 1), LONGEST_BACKOFF)
        return backoff * (0.5 + self._chance())
