"""The pages and the program agree: commands, examples, exit codes, the policy they show."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from reviewbot.channels.config import read_notices
from reviewbot.config import DEFAULT_BASE_URL, TABLE, TABLES, Settings
from reviewbot.console_settings import read_console
from reviewbot.domain import errors
from reviewbot.domain.alarm import AlarmKind
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.setting_values import read_seconds
from tests.cli.walk import assert_parses, every_command
from tests.proof import KEEPING, with_table

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
PROOF = (ROOT / "docs/proof.md").read_text(encoding="utf-8")
PAGES = tuple(
    path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
    if path.name != "CHANGELOG.md"
)


def blocks(language: str, *pages: str) -> list[str]:
    """The code blocks of some pages in one language."""
    return [
        block
        for page in pages
        for block in re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)
    ]


def table(heading: str) -> dict[str, str]:
    """The first two columns of the table under a heading, code marks taken off."""
    section = OPERATIONS.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", section, re.M)
    return {name.strip("`"): meaning for name, meaning in rows[1:]}


SHELL_LINES = [line for block in blocks("sh", *PAGES) for line in block.splitlines()]
OURS = [line for line in SHELL_LINES if line.startswith("reviewbot ")]


@pytest.mark.parametrize("line", OURS, ids=lambda line: line.split("  ")[0])
def test_every_command_line_parses(line: str) -> None:
    """What a reader copies from a page is a command with options that exist."""
    assert_parses(line)


def test_every_make_line_is_a_target() -> None:
    """No page names a target that the Makefile lacks, and `make test` stands on its own line."""
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets
    named = {line.split()[1] for line in SHELL_LINES if line.startswith("make ")}
    assert named <= set(targets.group(1).split())
    assert "make test" in "".join(blocks("sh", README)).splitlines()


@pytest.mark.skipif(KEEPING, reason="new figures are being kept; python -m tests.proof comes after")
def test_the_promises_are_the_figures_that_were_kept() -> None:
    """Nobody types a figure in: the table is the one that `python -m tests.proof` writes."""
    assert with_table(PROOF) == PROOF


def test_the_table_of_commands_is_the_tree_of_commands() -> None:
    """No command is missing from the table, and none is only there."""
    real = {
        " ".join(("reviewbot", *path))
        for path, command in every_command()
        if not isinstance(command, click.Group) or command.invoke_without_command
    }
    assert set(table("Commands")) == real


def test_the_table_of_exit_codes_is_what_errors_say() -> None:
    """Every exit code that an error carries is explained."""
    listed = {int(code) for code in table("Exit codes")}
    kinds = [errors.ReviewbotError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert {kind.exit_code for kind in kinds} <= listed
    assert {0, 4, 130} <= listed


NOT_IN_TABLE = {"TOKPORTAL_API_KEY_FILE", "REVIEWBOT_LEDGER_FILE", "REVIEWBOT_CONFIG"}
"""Variables that name files and are no settings themselves."""


def test_the_table_of_settings_is_the_settings() -> None:
    """Every variable is explained, none is invented, and plain defaults are the real ones."""
    section = OPERATIONS.split("\n## Settings\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(.+?)` \| .+ \| (.+?) \|$", section, re.M)
    defaults = {name: default.strip("`") for name, default in rows}
    assert set(defaults) == {row.env for row in TABLE} | NOT_IN_TABLE
    default = Settings()
    assert defaults["TOKPORTAL_BASE_URL"] == DEFAULT_BASE_URL
    assert defaults["REVIEWBOT_MODE"] == default.mode
    assert defaults["REVIEWBOT_EVIDENCE"] == default.evidence
    for name, seconds in (
        ("REVIEWBOT_EVERY", default.every),
        ("REVIEWBOT_QUARANTINE", default.quarantine),
        ("REVIEWBOT_FRESHNESS", default.freshness),
    ):
        amount, unit = int(defaults[name][:-1]), {"s": 1, "m": 60}[defaults[name][-1]]
        assert amount * unit == seconds


def test_the_channels_it_shows_are_read() -> None:
    """Every key in the example is one, and nothing is wrong but that its files are not here."""
    examples = blocks("toml", OPERATIONS)
    (console,) = (example for example in examples if "[console]" in example)
    problems: list[str] = []
    read_console(tomllib.loads(console), "operations.md", problems, seconds=read_seconds)
    assert problems == []
    shown = [example for example in examples if "[channels." in example]
    for text in shown:
        table = tomllib.loads(text)
        notices = read_notices(table, "operations.md", problems, seconds=read_seconds)
        assert notices.ping is not None
        assert set(table) <= {*(row.name for row in TABLE), *TABLES}
    assert all("cannot be read" in problem for problem in problems), problems
    assert len(problems) == sum(text.count("_file = ") for text in shown)


def test_the_kinds_of_alarm_are_all_named() -> None:
    """In the order of the program, none invented."""
    (sentence,) = re.findall(r"The kinds of alarm are (.*?)\.\n", OPERATIONS, re.S)
    assert re.findall(r"`(.+?)`", sentence) == [kind.value for kind in AlarmKind]


def test_every_link_of_a_page_leads_somewhere() -> None:
    """From the page's own folder; addresses elsewhere are not ours to hold."""
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_file_that_a_page_names_is_there() -> None:
    """Paths of the code, written as such; a page that names an old place leads a reader astray."""
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"`((?:reviewbot|tests|policies|packaging|docs)/[\w./-]*)`", text):
            assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_the_readme_stays_a_door() -> None:
    """What it is, two commands, a first run, a first policy, and where to read on."""
    assert len(README.encode()) <= 9_000


def test_the_policy_it_shows_is_sound_and_passes_its_tests() -> None:
    """A reader can copy the policy as it stands."""
    (text,) = blocks("yaml", README)
    parsed = parse_policy(text, path="README.md", read=_no_files)
    assert parsed.policy is not None, parsed.findings
    assert not parsed.findings
    results = run_cases(compile_policy(parsed.policy))
    assert results
    assert [result.problems for result in results] == [()] * len(results)


def _no_files(name: str) -> bytes:
    raise FileNotFoundError(name)
