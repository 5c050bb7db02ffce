"""What is published: alike each time, complete, and by workflows that may do no more than they must."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as name_of

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MOMENT = 1_750_000_000
"""When the packages in these tests say they were made."""


def release() -> ModuleType:
    """The script that makes a release."""
    spec = importlib.util.spec_from_file_location("release", ROOT / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(source: Path, output: Path, kind: str = "wheel", umask: int = 0o022) -> Path:
    """A package of a source tree."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(MOMENT)}
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(output)]
    subprocess.run(
        command, cwd=source, env=environment, umask=umask, check=True, stdout=subprocess.DEVNULL
    )
    (package,) = output.iterdir()
    return package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of what is checked out."""
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


# The packages --------------------------------------------------------------------------------


def test_a_wheel_is_as_old_as_its_commit_and_holds_the_bot_alone(wheel: Path) -> None:
    """Nothing of the day or the folder of its making gets into it; every module does."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        times = {entry.date_time for entry in archive.infolist()}

    made = datetime.fromtimestamp(MOMENT, UTC)
    assert times == {(made.year, made.month, made.day, made.hour, made.minute, made.second)}
    modules = {str(file.relative_to(ROOT)) for file in (ROOT / "reviewbot").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    assert {name.split("/")[0] for name in names} == {
        "reviewbot",
        f"reviewbot-{PROJECT['version']}.dist-info",
    }
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_a_wheel_says_what_it_is(wheel: Path) -> None:
    """Version, licence, the oldest Python and every one that it was made for."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = message_from_bytes(archive.read(name))

    assert about["Version"] == PROJECT["version"]
    assert about["License-Expression"] == "MIT"
    assert about["Requires-Python"] == ">=3.11"
    minors = [
        line.removeprefix("Programming Language :: Python :: ")
        for line in about.get_all("Classifier", [])
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", line)
    ]
    assert minors == ["3.11", "3.12", "3.13", "3.14"]
    assert minors == workflow("ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]


def test_the_same_source_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Built again under another umask: not a byte differs."""
    again = built(ROOT, tmp_path / "again", umask=0o077)

    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


@pytest.mark.slow
def test_the_same_commit_gives_the_same_packages_anywhere(tmp_path: Path) -> None:
    """From two copies, one with newer files in another place and other modes, wheel and source are alike."""
    digests = []
    for place in ("here", "far/away/from/here"):
        copy = tmp_path / place
        ignored = shutil.ignore_patterns(".venv", ".git", "dist", ".*_cache", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=ignored, copy_function=shutil.copyfile, symlinks=True)
        for number, file in enumerate(sorted(copy.rglob("*"))):
            os.utime(file, (MOMENT + number, MOMENT + len(place) * 100 + number))
        digests.append(
            [
                hashlib.sha256(built(copy, tmp_path / f"{kind}{len(place)}", kind).read_bytes())
                for kind in ("wheel", "sdist")
            ]
        )

    first, second = ([digest.hexdigest() for digest in pair] for pair in digests)
    assert first == second


def index_answers() -> bool:
    """Whether pip can fetch packages here."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps"]
    done = subprocess.run([*command, "--ignore-installed", "h11"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("minor", ["3.11", "3.12", "3.13", "3.14"])
def test_every_python_named_needs_no_compiler(minor: str, tmp_path: Path) -> None:
    """Each locked package has a wheel for it, with the digest that the lock holds."""
    if not index_answers():
        pytest.skip("no package index can be reached, which the locked packages come from")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps"]
    aim = ["--target", str(tmp_path), "--python-version", minor, "--only-binary", ":all:"]
    lock = ["--require-hashes", "-r", str(ROOT / "requirements.lock")]

    done = subprocess.run([*command, *aim, *lock], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stranger_installs_the_wheel_and_it_runs(wheel: Path, tmp_path: Path) -> None:
    """In an empty environment, with what pip finds for it, the demo reviews its week."""
    if not index_answers():
        pytest.skip("no package index can be reached, which a bare environment installs from")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "bare")], check=True)
    bin_ = tmp_path / "bare" / "bin"
    subprocess.run([str(bin_ / "pip"), "install", "--quiet", str(wheel)], check=True)

    def ask(*words: str) -> str:
        environment = {"PATH": str(bin_), "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        done = subprocess.run(
            [str(bin_ / "reviewbot"), *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert ask("--version") == f"reviewbot, version {PROJECT['version']}\n"
    assert "silence            0" in ask("demo")
    ask("policy", "new", "--template", "cautious", "--name", "mine")
    assert "deadline" in ask("policy", "guide", "deadline")


def pins() -> set[tuple[str, str]]:
    """What the lock pins for this machine and Python."""
    lines = re.findall(r"^[a-z0-9].*?(?= \\$)", (ROOT / "requirements.lock").read_text(), re.M)
    found = [Requirement(line) for line in lines]
    return {
        (name_of(requirement.name), str(requirement.specifier).removeprefix("=="))
        for requirement in found
        if requirement.marker is None or requirement.marker.evaluate()
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_release_is_complete_and_alike_each_time(tmp_path: Path) -> None:
    """Packages, a bill of the locked packages, a licence for each, checksums; the same twice."""
    if not index_answers():
        pytest.skip("no package index can be reached, which the locked packages come from")
    made: list[dict[str, bytes]] = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        command = [sys.executable, str(ROOT / "release.py"), "--output", str(folder)]
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(MOMENT)}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        made.append({file.name: file.read_bytes() for file in folder.iterdir()})
    first, second = made
    assert first == second

    bill = json.loads(first["reviewbot.cdx.json"])
    parts = {(name_of(part["name"]), part["version"]) for part in bill["components"]}
    assert parts == pins()
    assert bill["metadata"]["component"]["version"] == PROJECT["version"]

    licences = first["THIRD-PARTY-LICENSES.txt"].decode()
    heads = re.findall(r"^={88}\n(\S+) (\S+): (.+)\n={88}$", licences, re.M)
    assert {(name_of(name), version) for name, version, _ in heads} == pins()
    assert "licence not named" not in licences
    sums = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, check=False)
    assert sums.returncode == 0
    assert len(first["SHA256SUMS"].splitlines()) == len(first) - 1


@pytest.mark.parametrize(
    ("tag", "changelog", "problem"),
    [
        ("v1.0.0", "## 1.0.0 — 2026-12-24\n", None),
        ("v1.0.1", "## 1.0.0 — 2026-12-24\n", "the tag would be v1.0.0"),
        ("1.0.0", "## 1.0.0 — 2026-12-24\n", "the tag would be v1.0.0"),
        ("v1.0.0", "## 1.0.0 — unreleased\n", "the day of the release"),
        ("v1.0.0", "## Unreleased\n", "the day of the release"),
    ],
)
def test_tag_version_and_changelog_have_to_agree(
    tag: str, changelog: str, problem: str | None, tmp_path: Path
) -> None:
    """A slip of the pen publishes nothing."""
    module: Any = release()
    module.ROOT, module.VERSION = tmp_path, "1.0.0"
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")

    found = module.departure(tag)

    assert found is None if problem is None else problem in found


# The image -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "digest", "builds"),
    [
        ("", "", True),
        ("0.2.0", "", False),
        ("0.2.0", "sha256:" + "a" * 63, False),
        ("0.2.0", "sha256:" + "a" * 64, True),
    ],
)
def test_an_image_for_others_names_its_base_by_digest(
    version: str, digest: str, builds: bool
) -> None:
    """The first step of the build refuses a version on a base that may be another tomorrow."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    step = re.search(r"^RUN (test -z .*PYTHON_DIGEST.*)$", text, re.M)
    assert step

    environment = {"PATH": os.environ["PATH"], "VERSION": version, "PYTHON_DIGEST": digest}
    done = subprocess.run(
        ["sh", "-c", step.group(1)], env=environment, capture_output=True, check=False
    )

    assert (done.returncode == 0) is builds
    bases = re.findall(r"^FROM (\S+)", text, re.M)
    assert set(bases) == {"python:3.13-slim${PYTHON_DIGEST:+@${PYTHON_DIGEST}}"}


def test_an_image_says_what_it_is() -> None:
    """The labels that registries and scanners read, each from a build argument or a fact."""
    labels = dict(
        re.findall(
            r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', (ROOT / "Dockerfile").read_text()
        )
    )

    assert labels["licenses"] == PROJECT["license"]
    assert labels["description"] == PROJECT["description"]
    assert labels["base.name"] == "docker.io/library/python:3.13-slim"
    arguments = {"version": "VERSION", "revision": "REVISION", "source": "SOURCE"}
    assert {name: labels[name] for name in arguments} == {
        name: f"${argument}" for name, argument in arguments.items()
    }
    assert labels["base.digest"] == "$PYTHON_DIGEST"


# The workflows -------------------------------------------------------------------------------


def workflow(name: str) -> Any:
    """A workflow as the forge reads it."""
    return yaml.safe_load((ROOT / ".github/workflows" / name).read_text())


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_and_says_its_version(file: Path) -> None:
    """By a commit's hash, which nobody can move, with the version for people."""
    uses = re.findall(r"uses: (.*)", file.read_text())

    assert uses
    for use in uses:
        assert re.fullmatch(
            r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/\S+( #.*)?", use
        )


def test_one_action_has_one_version() -> None:
    """Nothing is pinned in two versions."""
    found = {
        use for file in WORKFLOWS for use in re.findall(r"uses: (\S+)@(\S+)", file.read_text())
    }
    assert len({name for name, _ in found}) == len(found)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_has_no_rights_but_those_its_jobs_name(file: Path) -> None:
    """None at the top; a job that writes is in the release, and none but that signs or publishes."""
    read = workflow(file.name)

    assert read["permissions"] == {}
    for name, job in read["jobs"].items():
        rights = set(job["permissions"].items())
        assert job.get("uses") or job["timeout-minutes"] <= 30
        if file.name == "ci.yml" or name in {"ci", "build"}:
            assert rights == {("contents", "read")}
        assert "secrets" not in json.dumps(job)


def test_nothing_is_published_that_ci_has_not_passed() -> None:
    """Each job of a release waits for the one before it, back to CI, which calls `.ci/run`."""
    jobs = workflow("release.yml")["jobs"]

    def before(name: str) -> set[str]:
        needs = set(jobs[name].get("needs", []))
        return needs.union(*(before(need) for need in needs))

    assert all("ci" in before(name) for name in jobs if name != "ci")
    assert all({"build", "attest"} <= before(name) for name in ("pypi", "image", "page"))
    assert {"run": ".ci/run"} in workflow("ci.yml")["jobs"]["test"]["steps"]
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}
    assert jobs["pypi"]["environment"]["name"] == "pypi"


def tool(name: str) -> str:
    """A tool of the development environment, or a skip that says why."""
    found = shutil.which(
        name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if found is None:
        pytest.skip(f"{name} is not installed, which reads the workflows")
    return found


def test_the_workflows_have_no_known_weakness() -> None:
    """By zizmor, which knows how workflows are attacked."""
    command = [tool("zizmor"), "--offline", "--no-progress", "--format", "plain"]
    done = subprocess.run(
        [*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_workflows_are_of_the_forge_s_form() -> None:
    """By its own schema."""
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run(
        [*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
