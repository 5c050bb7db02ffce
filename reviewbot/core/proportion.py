"""A share of few cases: the interval that it leaves open, and what chance makes of it."""

from __future__ import annotations

from math import comb, exp, lgamma, sqrt

Z_95 = 1.959964
"""The normal quantile that leaves 2.5 % on either side."""


def wilson(hits: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a proportion: what the true share may be, where `hits` of `of` were.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal of
    the American Statistical Association 22 (1927), 209-212. Of no cases it is everything.
    """
    if of == 0:
        return 0.0, 1.0
    share, weight = hits / of, z * z / of
    centre = share + weight / 2
    spread = z * sqrt(share * (1 - share) / of + weight / (4 * of))
    low, high = (centre - spread) / (1 + weight), (centre + spread) / (1 + weight)
    return (0.0 if hits == 0 else low), (1.0 if hits == of else high)


def at_least(found: int, of: int, share: float) -> float:
    """How often chance alone brings about as many or more, each with the same probability."""
    return sum(
        comb(of, count) * share**count * (1 - share) ** (of - count)
        for count in range(found, of + 1)
    )


def clustered_at_least(found: int, of: int, share: float, spread: float) -> float:
    """The same where cases stick together: sums of `of` vary `spread` times as much as by chance.

    The beta-binomial distribution: the share itself varies from one lot to the next.
    """
    if spread <= 1 or not 0 < share < 1:
        return at_least(found, of, share)
    alike = min((spread - 1) / (of - 1), 0.999)
    a, b = share * (1 - alike) / alike, (1 - share) * (1 - alike) / alike
    return sum(
        comb(of, count) * exp(_log_beta(a + count, b + of - count) - _log_beta(a, b))
        for count in range(found, of + 1)
    )


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
