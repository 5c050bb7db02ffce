"""The rate limit: a token bucket per key, refilled continuously."""

from __future__ import annotations


class Bucket:
    """Tokens of one API key. `neighbour` is what other tools on the key take, in tokens a second."""

    def __init__(self, per_minute: int, burst: int, now: float, *, neighbour: float = 0.0) -> None:
        self.limit = per_minute
        self.burst = burst
        self.neighbour = neighbour
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token; gives 0, or the seconds until there is one."""
        self._refill(now)
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._net_rate

    def drain(self) -> None:
        """Empty the bucket, as a burst of other requests would."""
        self._tokens = 0.0

    @property
    def remaining(self) -> int:
        """Whole tokens left."""
        return int(self._tokens)

    def full_at(self) -> int:
        """When the bucket is full again, in POSIX seconds."""
        return int(self._at + (self.burst - self._tokens) / self._net_rate) + 1

    @property
    def _net_rate(self) -> float:
        return max(self.limit / 60 - self.neighbour, 0.01)

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        gained = passed * (self.limit / 60 - self.neighbour)
        self._tokens = min(float(self.burst), max(0.0, self._tokens + gained))
        self._at = max(self._at, now)
