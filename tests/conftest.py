"""How thoroughly properties are searched, by tier."""

from __future__ import annotations

from hypothesis import settings

from tests.tier import times

settings.register_profile("tier", max_examples=times(40, 400), deadline=None)
settings.load_profile("tier")
