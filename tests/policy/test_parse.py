"""Reading a policy whole: its kind of review, the tests beside it, the end of too many mistakes."""

from __future__ import annotations

import pytest

from reviewbot.policy.parse import Parsed, parse_policy, revision_of

POLICY = """policy: agency
language: 1
applies to: {review: KIND}
rules:
  - name: pay
    when: {task.platform: tiktok}
    then: approve
deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}
"""
ACCOUNTS = """policy: agency
language: 1
applies to: {review: KIND}
rules:
  - name: done
    when: {bundle.account_status: live}
    then: finalize
deadline: {decide by: 3h before deadline, if undecided: escalate, because: People look.}
"""


def parse(text: str, tests: str | None = None) -> Parsed:
    """Read a policy without list files, with or without tests beside it."""
    beside = None if tests is None else ("agency.tests.yaml", tests.encode())
    return parse_policy(text, path="agency.yaml", read=lambda name: b"", tests=beside)


@pytest.mark.parametrize(
    ("text", "word", "meant"), [(POLICY, "coments", "comments"), (ACCOUNTS, "acounts", "accounts")]
)
def test_a_misspelt_kind_of_review_is_the_only_mistake(text: str, word: str, meant: str) -> None:
    """What was meant is clear, so its facts and actions are not called unknown."""
    parsed = parse(text.replace("KIND", word))

    assert [(f.code, f.message) for f in parsed.findings if f.code == "P022"] == [
        ("P022", f'review:  is comments or accounts, not "{word}"')
    ]
    assert {f.code for f in parsed.findings} == {
        "P022",
        *(f.code for f in parse(text.replace("KIND", meant)).findings),
    }
    assert parsed.policy is None


@pytest.mark.parametrize("tests", ["some words", "tests: yes", "test: []"])
def test_a_file_of_tests_holds_tests(tests: str) -> None:
    """Anything else is a mistake in that file, and leaves no policy."""
    parsed = parse(POLICY.replace("KIND", "comments"), tests)

    assert parsed.policy is None
    assert {finding.path for finding in parsed.findings} == {"agency.tests.yaml"}


@pytest.mark.parametrize("form", ["tests:\n{}", "{}"])
def test_a_file_of_tests_may_leave_out_its_only_key(form: str) -> None:
    """A list of tests is enough."""
    one = "- {name: pays, given: {task.platform: tiktok}, expect: approve}"
    parsed = parse(POLICY.replace("KIND", "comments"), form.format(one))

    assert parsed.policy is not None
    assert [test.name for test in parsed.policy.tests] == ["pays"]


def test_a_revision_changes_with_every_text_of_a_policy() -> None:
    """The policy's own, a list's name and a list's words; the order of the files says nothing."""
    first = revision_of("a", {"x": "1", "y": "2"})

    assert first == revision_of("a", {"y": "2", "x": "1"})
    assert len({first, revision_of("b", {"x": "1", "y": "2"}), revision_of("a", {"x": "1"})}) == 3
    assert revision_of("a", {"x": "1"}) != revision_of("a", {"z": "1"})
    assert revision_of("a", {"x": "1"}) != revision_of("a", {"x": "2"})


@pytest.mark.parametrize("text", ["- policy: agency", "just words", "12"])
def test_what_is_no_mapping_is_no_policy(text: str) -> None:
    """It is said once."""
    parsed = parse(text)
    assert parsed.policy is None
    assert len(parsed.findings) == 1


def test_after_a_hundred_mistakes_the_rest_is_left_for_the_next_run() -> None:
    """The last finding says so; nobody is shown a thousand."""
    rules = "".join(
        f"  - {{name: r{n}, when: {{task.platfrom: x}}, then: pay}}\n" for n in range(400)
    )
    parsed = parse(f"policy: agency\nlanguage: 1\nrules:\n{rules}")
    (last,) = (finding for finding in parsed.findings if finding.code == "P036")
    assert last.message == "there may be more mistakes below; mend these first"
    assert len(parsed.findings) < 400
    assert parsed.policy is None
