"""The developer's door: sets itself up, then runs one task.

`python3 dev.py demo` is `make demo` for those without make. Only the standard library is used, and
nothing newer than Python 3.6 on the way to the first message, so that an old Python can still say
what is wrong.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / ".reviewbot-set-up"
LOCK = ROOT / "requirements-dev.lock"
OLDEST = (3, 11)

COMPILE = [
    *["uv", "pip", "compile", "pyproject.toml", "--universal", "--generate-hashes"],
    *["--no-emit-index-url", "--no-header", "--quiet"],
    *["--extra", "postgres", "--extra", "console"],
]
PYTEST = ["-m", "pytest"]
# Compiled once here: each process of the tests would do it for itself.
COMPILED = ["-m", "compileall", "-q", "-j", "0", "reviewbot"]

TASKS = {
    "setup": [],
    "demo": [["-m", "reviewbot", "demo"]],
    "test": [COMPILED, [*PYTEST, "-n", "auto", "--dist", "worksteal", "-m", "not slow"]],
    "test-full": [[*PYTEST, "-n", "auto", "--maxschedchunk", "2", "--timeout", "1500"]],
    "test-mutants": [["-m", "tests.mutation"]],
    "soak": [["-m", "tests.simulation", "--minutes", os.environ.get("MINUTES", "10")]],
    "coverage": [
        ["-m", "coverage", "erase"],
        ["-m", "coverage", "run", *PYTEST, "-n", "2", "-m", "not slow", "--timeout", "180"],
        ["-m", "coverage", "combine", "--quiet"],
        ["-m", "tests.branches"],
    ],
    "check": [
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "ruff", "check", "."],
        ["-m", "mypy"],
        # By its name, so that every file of tests is read, and compiled for all who run them.
        [*PYTEST, "-q", "-k", "test_architecture"],
    ],
    "format": [
        ["-m", "ruff", "format", "."],
        ["-m", "ruff", "check", "--fix", "."],
    ],
    "benchmarks": [["-m", "benchmarks.all"]],
    "release": [["release.py"]],
    "lock": [],
}


def main(words):
    """Run the task that `words` names; give its exit code."""
    if len(words) != 1 or words[0] not in TASKS:
        say("usage: python3 dev.py " + "|".join(TASKS))
        return 2
    if sys.version_info < OLDEST:
        return with_a_newer_python(words)
    if words[0] == "lock":
        return lock()
    code = set_up()
    env = dict(os.environ, TEST_TIER="full" if words[0] == "test-full" else "quick")
    # Many short processes start here; compiled modules may be kept, whatever the shell says.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    for arguments in TASKS[words[0]]:
        code = code or subprocess.call([str(PYTHON), *arguments], cwd=str(ROOT), env=env)
    return code


def with_a_newer_python(words):
    """Start again under a newer Python from the PATH, or say that there is none."""
    for minor in range(OLDEST[1] + 9, OLDEST[1] - 1, -1):
        python = shutil.which(f"python3.{minor}")
        if python and works([python, "-c", "import venv"]):
            return subprocess.call([python, str(ROOT / "dev.py"), *words])
    return complain(
        f"reviewbot needs Python 3.{OLDEST[1]} or newer; this is {sys.version.split()[0]}",
        "Install a newer one (python.org, your package manager, pyenv or uv), then name it: "
        f"make {words[0]} PYTHON=/path/to/python3",
    )


def set_up():
    """Make `.venv` hold exactly what the lock says; once done, this costs one file read."""
    wanted = fingerprint()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return 0
    uv = shutil.which("uv")
    code = with_uv(uv) if uv and works([uv, "--version"]) else with_pip()
    if code == 0:
        STAMP.write_text(wanted)
    return code


def fingerprint():
    """Digest everything that the contents of `.venv` depend on."""
    digest = hashlib.sha256(sys.version.encode() + str(ROOT).encode())
    for name in (LOCK.name, "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def with_uv(uv):
    """Set up with uv, which is faster and brings its own installer."""
    say("Setting up .venv with uv (once; some seconds) ...")
    target = ["--python", str(PYTHON)]
    make_venv = [uv, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, str(VENV)]
    install = [uv, "pip", "install", "--quiet", *target]
    return run_all(
        *([] if usable() else [make_venv]),
        [*install, "--compile-bytecode", "--require-hashes", "-r", str(LOCK)],
        [*install, *no_build_tools(), "-e", str(ROOT)],
    )


def with_pip():
    """Set up with what a bare Python brings: venv and pip."""
    for module in ("venv", "ensurepip"):
        if not works([sys.executable, "-c", "import " + module]):
            return complain(
                f"this Python has no {module!r} module, so no private environment can be made",
                "On Debian or Ubuntu: apt install python3-venv. Elsewhere: install Python from "
                "python.org, or install uv, which needs neither",
            )
    say("Setting up .venv with pip (once; up to a minute) ...")
    pip = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    return run_all(
        *([] if usable() else [[sys.executable, "-m", "venv", "--clear", str(VENV)]]),
        [*pip, "--require-hashes", "-r", str(LOCK)],
        [*pip, *no_build_tools(), "-e", str(ROOT)],
    )


def usable():
    """Whether there is a `.venv` to build on; what runs in it is then not torn away."""
    return works([str(PYTHON), "-c", "import pip"]) if PYTHON.exists() else False


def no_build_tools():
    """Install the project with the build tool from the lock, and nothing from elsewhere."""
    return ["--no-deps", "--no-build-isolation"]


def works(command):
    """Whether a command runs and ends well; what it prints is dropped."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.call(command, **quiet) == 0


def run_all(*commands):
    """Run commands in order until one fails; say which."""
    for command in commands:
        code = subprocess.call(command, cwd=str(ROOT))
        if code:
            return complain(
                "setting up stopped at: " + " ".join(command),
                "The lines above say why. Without a network, point pip or uv at a mirror first; "
                "to start afresh, delete .venv",
            )
    return 0


def lock():
    """Write both lock files anew from pyproject.toml, keeping the versions that still fit."""
    if not shutil.which("uv"):
        return complain("locking needs uv", "Install it: pip install uv")
    groups = ["--group", "test", "--group", "dev", "--group", "build", "--group", "release"]
    return run_all(
        [*COMPILE, "-o", "requirements.lock"],
        [*COMPILE, *groups, "-o", LOCK.name],
    )


def complain(what, cure):
    """Say what is missing and what to do about it."""
    say(f"error: {what}.\n       {cure}.")
    return 1


def say(text):
    """Print a message for a person."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
