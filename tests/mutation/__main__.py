"""Tests of the tests: `python -m tests.mutation [bugs|sample] [--keep]`; both when none is named.

`bugs` plants every bug of the catalogue, one at a time. `sample` changes the core at random places
(mutmut) and counts how often the tests notice. With `--keep` the figures go to docs/proof.
"""

from __future__ import annotations

import argparse
import sys

from tests.mutation import planted, sample
from tests.proof import keep


def main() -> int:
    """Do what is asked; 0 where every bug was caught and the score is high enough."""
    options = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    options.add_argument("what", nargs="?", choices=("bugs", "sample"))
    options.add_argument("--only", default="", help="bugs whose name holds this")
    options.add_argument("--size", type=int, default=300, help="mutants in the sample")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", action="store_true")
    chosen = options.parse_args()
    good = True
    if chosen.what in (None, "bugs"):
        good = _bugs(chosen.only, chosen.keep)
    if chosen.what in (None, "sample"):
        good = _sample(chosen.size, chosen.seed, chosen.keep) and good
    return 0 if good else 1


def _bugs(only: str, keeps: bool) -> bool:
    wanted = [bug for bug in planted.bugs() if only in bug.name]
    caught = 0
    for outcome in planted.hunt(wanted):
        caught += outcome.caught
        word = "caught" if outcome.caught else "NOT CAUGHT"
        print(f"{word:10}  {outcome.bug.promise:4} {outcome.bug.name}: {outcome.said}", flush=True)
    print(f"{caught} of {len(wanted)} planted bugs are caught")
    if keeps and not only:
        keep("mutation", "P34", "planted bugs caught", f"{caught} of {len(wanted)}", "mutants")
    return caught == len(wanted)


def _sample(size: int, seed: int, keeps: bool) -> bool:
    score = sample.score(size, seed)
    print(score)
    for survivor in score.survivors:
        print(f"survived  {survivor}")
    if keeps:
        keep("mutation", "P34", "mutants of the core killed", str(score), "mutants")
    return score.share >= sample.WANTED


if __name__ == "__main__":
    sys.exit(main())
