"""`python -m reviewbot`, and the `reviewbot` script."""

from __future__ import annotations

import sys

from reviewbot.cli.main import main as run_command


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run_command())


if __name__ == "__main__":
    main()
