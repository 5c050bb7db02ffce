"""The extension for VS Code: it can be built anywhere, alike each time, and starts the server."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXTENSION = ROOT / "editors" / "vscode"
needs_npm = pytest.mark.skipif(
    shutil.which("npm") is None or shutil.which("node") is None,
    reason="npm is not installed, which fetches and bundles the client",
)


def test_the_lock_names_no_host_and_each_digest() -> None:
    """Whoever builds it takes the packages from the registry of that machine, and these alone."""
    lock = json.loads((EXTENSION / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert "http" not in (EXTENSION / "package-lock.json").read_text()
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())


def test_it_is_as_new_as_the_bot() -> None:
    """One version for both."""
    about = json.loads((EXTENSION / "package.json").read_text())

    from reviewbot import __version__

    assert about["version"] == __version__
    command = about["contributes"]["configuration"]["properties"]["reviewbot.command"]
    assert command["default"] == ["reviewbot", "policy", "lsp"]


@needs_npm
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_builds_are_alike_and_start_the_server(tmp_path: Path) -> None:
    """Byte by byte; and what was built starts a real server under an interface like VS Code's."""
    spec = importlib.util.spec_from_file_location("vscode_build", EXTENSION / "build.py")
    assert spec is not None and spec.loader is not None
    building = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(building)
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    try:
        one, two = (building.build(folder) for folder in folders)
    except subprocess.CalledProcessError as problem:
        pytest.skip(f"the packages of the lock cannot be fetched here: {problem}")

    assert one.read_bytes() == two.read_bytes()
    with ZipFile(one) as archive:
        archive.extractall(tmp_path)
    command = json.dumps([sys.executable, "-m", "reviewbot", "policy", "lsp"])
    stub, built = ROOT / "tests" / "vscode_stub.js", tmp_path / "extension" / "extension.js"
    ran = subprocess.run(
        ["node", str(stub), str(built), command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.stdout.split() == ["started", "stopped"], ran.stderr
