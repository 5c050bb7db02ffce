"""What is installed and shipped: the locks, the wheel's entry, the image, the unit, the doors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from reviewbot.presentation.manual import guide_text

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-dev.lock")


def name_of(requirement: str) -> str:
    """The normalised name at the start of a requirement."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def locked(lock: str) -> set[str]:
    """The names that a lock file pins."""
    lines = (ROOT / lock).read_text().splitlines()
    return {name_of(line) for line in lines if re.match(r"[a-z0-9]", line)}


def dependencies(*groups: str) -> set[str]:
    """The names that pyproject.toml asks for."""
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    for group in groups:
        wanted += PROJECT["dependency-groups"][group]
    return {name_of(line) for line in wanted}


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_name_no_host(lock: str) -> None:
    """A lock is the same wherever its packages come from."""
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "index" not in re.sub(r"# via .*|#   .*", "", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    """`--require-hashes` has something to hold each download against."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text().strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_locks_hold_all_that_is_asked_for() -> None:
    """A dependency added to pyproject.toml and not locked is noticed here (`make lock`)."""
    assert dependencies() <= locked("requirements.lock")
    assert dependencies("test", "dev", "build") <= locked("requirements-dev.lock")


def test_both_locks_pin_the_same_versions() -> None:
    """What is tested is what is shipped."""

    def pins(lock: str) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.M))

    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: dev.get(name) for name in run} == run


def test_the_runtime_stays_small() -> None:
    """At most 35 distributions, besides the PostgreSQL driver and what only Windows or PyPy need."""
    text = (ROOT / "requirements.lock").read_text()
    always = re.findall(r"^([a-z0-9._-]+)==\S+ \\$", text, re.M)
    assert len(set(always) - {"psycopg"}) <= 35


def test_python_m_reviewbot_works() -> None:
    """The package can be run where its script is not on the PATH."""
    command = [sys.executable, "-m", "reviewbot", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == f"reviewbot, version {PROJECT['project']['version']}\n"


def test_the_guide_is_shipped_from_the_one_page_there_is() -> None:
    """What `policy guide` reads in an installed package is the page of the docs, not a copy of it."""
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert shipped == {"docs/policy-guide.md": "reviewbot/presentation/guide.md"}
    assert guide_text() == (ROOT / "docs/policy-guide.md").read_text("utf-8")


# The image -----------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, argument), continuation lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    return [
        (word, rest.strip()) for word, _, rest in (x.partition(" ") for x in lines if x.strip())
    ]


def last_stage() -> dict[str, str]:
    """The last stage, the newest of each instruction."""
    all_of_them = instructions()
    start = max(i for i, (word, _) in enumerate(all_of_them) if word == "FROM")
    return dict(all_of_them[start:])


def test_the_image_has_two_stages_and_runs_as_a_fixed_user() -> None:
    """The shipped stage builds nothing, and is not root."""
    assert [word for word, _ in instructions()].count("FROM") == 2
    uid = last_stage()["USER"].split(":")[0]
    assert uid.isdigit()
    assert int(uid) >= 10_000


def test_the_image_starts_the_bot_as_pid_1_and_asks_after_its_health() -> None:
    """Exec forms throughout: no shell stands between the signal and the bot."""
    stage = last_stage()
    assert json.loads(stage["ENTRYPOINT"]) == ["reviewbot"]
    assert stage["STOPSIGNAL"] == "SIGTERM"
    probe = stage["HEALTHCHECK"].split("CMD", 1)[1]
    assert json.loads(probe) == ["reviewbot", "status", "--probe"]


def test_the_image_is_built_from_the_lock() -> None:
    """Nothing unpinned becomes part of the running bot."""
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert installs
    assert all("--require-hashes" in install or "--no-deps" in install for install in installs)


def test_what_the_image_copies_is_not_ignored() -> None:
    """.dockerignore lets through exactly what the Dockerfile copies."""
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        name
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


# The developer's door ------------------------------------------------------------------------


def test_make_and_dev_py_know_the_same_tasks() -> None:
    """Every task of dev.py is a make target, and the other way round."""
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony
    targets = set(phony.group(1).split()) - {"help"}
    assert targets == set(dev_tasks())


def dev_tasks() -> list[str]:
    """The tasks that dev.py prints when asked for none."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "dev.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    return done.stderr.split()[-1].split("|")


def test_an_old_python_could_read_dev_py() -> None:
    """The file that complains about an old Python must itself be readable by one."""
    import ast

    ast.parse((ROOT / "dev.py").read_text(), feature_version=(3, 6))


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    """The message names the missing part and the package that brings it."""
    (tmp_path / "ensurepip.py").write_text("raise ImportError\n")
    (tmp_path / "dev.py").write_text((ROOT / "dev.py").read_text())
    for name in ("requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).write_text("")
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, str(tmp_path / "dev.py"), "demo"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert done.returncode == 1
    assert "python3-venv" in done.stderr


def test_ci_runs_check_and_the_readme_s_test_command() -> None:
    """`.ci/run` is executable bash and names both."""
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text()
    assert "make check" in text
    assert "make test" in text
