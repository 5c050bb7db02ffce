"""Write the net anew: `python -m tests.frozen --write`; without the word, say what differs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.frozen.day import pages
from tests.frozen.scene import desk

FOLDER = Path(__file__).resolve().parent / "pages"


def printed() -> dict[str, str]:
    """Every page of the net by its name, as this code prints it."""
    with tempfile.TemporaryDirectory() as name, desk(Path(name)) as found:
        return {page: what.text() for page, what in pages(found)}


def differing(found: dict[str, str]) -> list[str]:
    """The pages that are not as they are kept."""
    kept = {path.stem: path.read_bytes().decode() for path in FOLDER.iterdir()}
    pages_of_both = sorted(kept.keys() | found.keys())
    return [page for page in pages_of_both if kept.get(page) != found.get(page)]


def main() -> int:
    """Write, or compare."""
    found = printed()
    if "--write" in sys.argv:
        FOLDER.mkdir(exist_ok=True)
        for path in FOLDER.iterdir():
            path.unlink()
        for page, text in found.items():
            (FOLDER / f"{page}.txt").write_text(text, newline="")
        return 0
    differ = differing(found)
    sys.stdout.write("".join(f"{page}\n" for page in differ))
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
