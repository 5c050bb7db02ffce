"""Which Chromium the tests drive: the one without windows where there is one, which costs two thirds of the CPU."""

from __future__ import annotations

import shutil

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
"""Its path; None where none is installed."""
