"""A share of few cases, with the interval that it leaves open."""

from __future__ import annotations

from math import sqrt

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
