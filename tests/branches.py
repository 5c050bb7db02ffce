"""Hold what `make coverage` measured against what is wanted: every branch of the core, nearly all."""

from __future__ import annotations

import sys
from io import StringIO

import coverage

from tests.mutation.sample import core

WANTED_OF_THE_CORE, WANTED = 100.0, 95.0
"""Percent of lines and branches taken by the quick tests."""


def main() -> int:
    """Print what is missing; 0 where nothing is."""
    data = coverage.Coverage()
    data.load()
    of_the_core = data.report(include=core(), show_missing=True, skip_covered=True, precision=1)
    whole = data.report(file=StringIO())
    print(f"core: {of_the_core:.2f} % of {WANTED_OF_THE_CORE:g}; all: {whole:.2f} % of {WANTED:g}")
    return 0 if of_the_core >= WANTED_OF_THE_CORE and whole >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
