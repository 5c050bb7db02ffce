"""What is published: wheel, source, bill of materials, licences and checksums, into `dist/`.

    python3 dev.py release                      whatever is checked out
    .venv/bin/python release.py --tag v0.2.0    refuses where tag, version and changelog disagree

The same commit gives the same bytes: what carries a time carries the commit's. Bill and licences
are read from an environment that holds exactly `requirements.lock` and the wheel.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|authors)[^/]*$", re.IGNORECASE)


def main() -> int:
    """Make everything that a release consists of; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tag", help="the tag that is released; it has to fit")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="FOLDER")
    words = parser.parse_args()
    if words.tag is not None and (problem := departure(words.tag)):
        sys.stderr.write(f"error: {problem}\n")
        return 1
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time())
    wheel = build(words.output)
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder) / "locked", wheel)
        write_bill(words.output / "reviewbot.cdx.json", python)
        write_licences(words.output / "THIRD-PARTY-LICENSES.txt", python)
    write_checksums(words.output)
    return 0


def departure(tag: str) -> str | None:
    """What keeps the tag from being released: it, the version and the changelog are to agree."""
    if tag != f"v{VERSION}":
        return f"the tag is {tag}, the version in pyproject.toml {VERSION}: the tag would be v{VERSION}"
    head = re.search(rf"^## {re.escape(VERSION)}\b(.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    if head is None or not re.search(r"\d{4}-\d\d-\d\d", head.group(1)):
        return f"CHANGELOG.md has no head '## {VERSION} — DATE' with the day of the release"
    return None


def commit_time() -> str:
    """When the commit was made, in seconds: what is built of it is as old."""
    return _output("git", "log", "-1", "--format=%ct").strip()


def build(output: Path) -> Path:
    """Build wheel and source archive in an emptied folder; give the wheel."""
    output.mkdir(exist_ok=True, parents=True)
    for old in output.iterdir():
        old.unlink()
    _run(sys.executable, "-m", "hatchling", "build", "-d", str(output.resolve()))
    (wheel,) = output.glob("*.whl")
    return wheel


def environment(place: Path, wheel: Path) -> Path:
    """An environment of exactly the locked packages and the wheel, no installer in it; its Python."""
    _run(sys.executable, "-m", "venv", "--without-pip", str(place))
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    _run(*pip, "--no-compile", "--require-hashes", "-r", str(ROOT / "requirements.lock"))
    _run(*pip, "--no-compile", "--no-deps", str(wheel))
    return python


def write_bill(path: Path, python: Path) -> None:
    """Write what the locked environment consists of, as CycloneDX."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    _run(*command, "--pyproject", str(ROOT / "pyproject.toml"), "-o", str(path), str(python))


def write_licences(path: Path, python: Path) -> None:
    """Write the licence of every other distribution in the environment, with its whole text."""
    (place,) = _output(str(python), "-c", "import site; print(*site.getsitepackages())").split()
    found = sorted(distributions(path=[place]), key=lambda package: package.name.lower())
    parts = [part for package in found if package.name != "reviewbot" for part in licence(package)]
    path.write_text("\n".join(parts), encoding="utf-8")


def licence(package: Distribution) -> Iterator[str]:
    """A head that names the licence of one distribution, then the texts that it ships."""
    about = package.metadata
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or []
        if line.startswith("License :: ")
    ]
    named = about["License-Expression"] or ", ".join(classifiers) or about["License"]
    yield f"{'=' * 88}\n{package.name} {package.version}: {named or 'licence not named'}\n{'=' * 88}\n"
    for file in package.files or []:
        if ".dist-info" in str(file) and LICENCE_FILE.search(str(file)):
            yield file.read_text(encoding="utf-8").strip() + "\n"


def write_checksums(output: Path) -> None:
    """Write the digest of each file, as `sha256sum --check` reads it."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(output.iterdir())
    ]
    (output / "SHA256SUMS").write_text("".join(lines))


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
