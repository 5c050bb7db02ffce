"""Policies on disk: what belongs together is read together, and nothing on a disk is a crash."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.runtime.policy_files import PolicyFile, Seen, load_judges, policy_paths, read_capped

POLICIES = Path(__file__).parents[2] / "policies"
TEXT = """policy: disk
language: 1
lists:
  watched: {file: watched.csv}
rules:
  - name: one
    when: {task.target_author_handle: in list watched}
    then: approve
deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a policy and its list."""
    (tmp_path / "disk.yaml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "watched.csv").write_text(
        "id,note,until\nlumen,long known,2026-06-30\n", encoding="utf-8"
    )
    return tmp_path


@pytest.mark.parametrize("path", policy_paths(POLICIES), ids=lambda path: path.stem)
def test_the_policies_that_come_with_it_are_clean(path: Path) -> None:
    """No finding of any severity, and tests beside each."""
    parsed = PolicyFile(path).load()

    assert parsed.findings == ()
    assert parsed.policy is not None
    assert parsed.policy.tests


@pytest.mark.parametrize("path", policy_paths(POLICIES), ids=lambda path: path.stem)
def test_the_policies_that_come_with_it_pass_their_tests(path: Path) -> None:
    """Every test beside a policy is run, and holds."""
    policy = PolicyFile(path).load().policy
    assert policy is not None

    results = run_cases(compile_policy(policy))

    assert len(results) == len(policy.tests)
    assert [result.test.name for result in results if not result.passed] == []


def test_a_list_file_is_part_of_the_policy(folder: Path) -> None:
    """Its entries are read, and its text is part of the revision."""
    file = PolicyFile(folder / "disk.yaml")
    before = file.load().policy
    (folder / "watched.csv").write_text("id\norbit\n", encoding="utf-8")
    after = file.load().policy

    assert before is not None
    assert after is not None
    assert [entry.id for entry in after.lists[0].entries] == ["orbit"]
    assert before.lists[0].entries[0].until == date(2026, 6, 30)
    assert before.revision != after.revision


def test_a_mistake_in_a_list_file_stands_in_that_file(folder: Path) -> None:
    """Path and line are the file's own."""
    (folder / "watched.csv").write_text("id,until\nlumen,soon\n", encoding="utf-8")

    parsed = PolicyFile(folder / "disk.yaml").load()

    assert parsed.policy is None
    assert (Path(parsed.findings[0].path).name, parsed.findings[0].span.line) == ("watched.csv", 2)


def test_an_expired_list_is_a_warning_on_the_day(folder: Path) -> None:
    """The day named under `until` is included."""
    file = PolicyFile(folder / "disk.yaml")

    assert file.load(today=date(2026, 6, 30)).findings == ()
    assert [finding.code for finding in file.load(today=date(2026, 7, 1)).findings] == ["P330"]


def test_tests_beside_are_read_and_their_mistakes_stand_there(folder: Path) -> None:
    """A misspelt rule in a test file is an error of the policy."""
    beside = folder / "disk.tests.yaml"
    beside.write_text("tests:\n  - name: a\n    expect: approve\n    by: onne\n", encoding="utf-8")

    parsed = PolicyFile(folder / "disk.yaml").load()

    assert parsed.policy is None
    assert [(f.code, Path(f.path).name, f.span.line, f.span.column) for f in parsed.findings] == [
        ("P027", "disk.tests.yaml", 4, 9)
    ]


def test_a_bare_list_of_tests_is_accepted(folder: Path) -> None:
    """The key `tests:` may be left out."""
    (folder / "disk.tests.yaml").write_text("- name: a\n  expect: approve\n", encoding="utf-8")

    policy = PolicyFile(folder / "disk.yaml").load().policy

    assert policy is not None
    assert [test.name for test in policy.tests] == ["a"]


@pytest.mark.parametrize(
    ("name", "message", "cure"),
    [
        ("none.yaml", "the policy cannot be read: no such file or directory", None),
        (".", "the policy cannot be read: is a directory", None),
        ("pipe.yaml", "the policy cannot be read: it is not a regular file", None),
        (
            "x.tests.yaml",
            "this file holds the tests of a policy, not a policy",
            "check  x.yaml:  its tests are read with it",
        ),
    ],
)
def test_what_is_no_readable_file_is_a_finding(
    folder: Path, name: str, message: str, cure: str | None
) -> None:
    """Missing, a folder, a pipe, a file of tests: said, not raised, and not waited for."""
    os.mkfifo(folder / "pipe.yaml")
    (folder / "x.tests.yaml").write_text("[]", encoding="utf-8")
    path = f"{folder}/{name}"

    parsed = PolicyFile(path).load()

    start = Span(1, 1, 1, 1)
    wrong = Finding(
        code="P001", severity=Severity.ERROR, span=start, message=message, cure=cure, path=path
    )
    assert parsed == Parsed(None, (wrong,))


def test_a_list_file_whose_name_no_disk_can_hold_is_a_finding(folder: Path) -> None:
    """Neither reading it nor looking for changes raises."""
    (folder / "disk.yaml").write_text(TEXT.replace("watched.csv", '"a\\0b.csv"'), encoding="utf-8")
    file = PolicyFile(folder / "disk.yaml")

    (finding,) = file.load().findings

    assert finding.message.endswith("cannot be read: no file has such a name")
    assert not file.changed()


def test_before_it_was_read_a_file_counts_as_changed(folder: Path) -> None:
    """Nothing was loaded, whatever the disk holds; afterwards only what is touched."""
    file = PolicyFile(folder / "disk.yaml")
    assert file.changed()
    file.load()
    assert not file.changed()


def test_a_file_is_read_as_far_as_it_may_go_and_one_byte_more(tmp_path: Path) -> None:
    """By the byte more, who reads it can tell that it is too large."""
    (tmp_path / "five").write_bytes(b"12345")

    assert [read_capped(tmp_path / "five", most) for most in (3, 4, 5)] == [
        b"1234",
        b"12345",
        b"12345",
    ]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is not a regular file") as refused:
        read_capped(tmp_path / "pipe", 5)
    assert refused.value.errno == 22


def test_unreadable_tests_beside_are_a_finding(folder: Path) -> None:
    """A policy is not used without the tests that it came with."""
    (folder / "disk.tests.yaml").mkdir()

    parsed = PolicyFile(folder / "disk.yaml").load()

    assert parsed.policy is None
    assert [(finding.code, finding.message) for finding in parsed.findings] == [
        ("P001", "disk.tests.yaml cannot be read: is a directory")
    ]


def test_a_file_that_changes_at_each_reading_counts_as_changed(folder: Path) -> None:
    """What was read last may be half of two versions, so it is looked at again at once."""

    class Restless(PolicyFile):
        def stamps(self) -> Any:
            (folder / "watched.csv").write_text(f"id\n{'x' * next(lengths)}\n", encoding="utf-8")
            return super().stamps()

    lengths = iter(range(1, 100))
    file = Restless(folder / "disk.yaml")
    file.load()

    assert file.changed()
    assert next(lengths) == 8  # three tries, a look before and after each, and one now


def test_policy_paths_are_a_folder_s_policies_or_the_file_itself(folder: Path) -> None:
    """In order, without tests and lists."""
    (folder / "a.yml").touch()
    (folder / "disk.tests.yaml").touch()

    assert policy_paths(folder) == (folder / "a.yml", folder / "disk.yaml")
    assert policy_paths(folder / "gone.yaml") == (folder / "gone.yaml",)


def test_a_swapped_symlink_is_a_new_policy(folder: Path) -> None:
    """As a mounted configuration is replaced."""
    for version in ("1", "2"):
        (folder / version).mkdir()
        (folder / version / "disk.yaml").write_text(
            TEXT.replace("one", f"rule {version}"), encoding="utf-8"
        )
        (folder / version / "watched.csv").write_text("id\nx\n", encoding="utf-8")
    (folder / "now").symlink_to("1")
    file = PolicyFile(folder / "now" / "disk.yaml")
    first = file.load().policy

    (folder / "next").symlink_to("2")
    (folder / "next").rename(folder / "now")

    assert file.changed()
    second = file.load().policy
    assert first is not None
    assert second is not None
    assert (first.rules[0].name, second.rules[0].name) == ("rule 1", "rule 2")
    assert not file.changed()


class Kept:
    """A policy that lies on no disk."""

    def load(self, *, today: date | None = None) -> Parsed:
        """Read its text."""
        return parse_policy(TEXT, path="kept", read=lambda name: b"id\nlumen\n", today=today)

    def changed(self) -> bool:
        """It never is another one."""
        return False

    def stamps(self) -> Seen:
        """It has one state."""
        return ()


def test_a_policy_is_read_from_its_path_or_from_where_else_it_is_kept(folder: Path) -> None:
    """Both judge by the same text."""
    (kept,) = load_judges([Kept()])
    (file,) = load_judges([str(folder / "disk.yaml")])
    assert (kept.policy.path, kept.policy.name) == ("kept", "disk")
    assert kept.policy.source == file.policy.source
