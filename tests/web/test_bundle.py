"""The editor's bundle: what is committed is what its sources make."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "editors" / "web"
STATIC = ROOT / "reviewbot" / "web" / "static"


def test_the_bundle_is_the_one_whose_digest_is_kept() -> None:
    """And its lock names no host that packages came from."""
    digest = hashlib.sha256((STATIC / "editor.js").read_bytes()).hexdigest()
    assert (STATIC / "editor.js.sha256").read_text().strip() == digest
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    licences = (STATIC / "editor.js.licences.txt").read_text()
    wanted = json.loads((SOURCES / "package.json").read_text())["devDependencies"]
    assert all(name in licences for name in wanted if name != "esbuild")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed: apt-get install npm")
def test_the_bundle_is_made_again_to_the_byte(tmp_path: Path) -> None:
    """From the lock, in a folder of its own."""
    folder = tmp_path / "editors" / "web"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules"))
    made = tmp_path / "reviewbot" / "web" / "static"
    made.mkdir(parents=True)
    for words in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=500)
    for name in ("editor.js", "editor.js.sha256", "editor.js.licences.txt"):
        assert (made / name).read_bytes() == (STATIC / name).read_bytes()
