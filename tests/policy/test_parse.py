"""Reading a policy whole: its kind of review, the tests beside it, the end of too many mistakes."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.language.parser import Parsed, parse_policy, revision_of
from reviewbot.policy.model import AppliesTo, Fixed

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


GOOD = """policy: agency
language: 1
owner: ops@example.com
about: Pays on time.
timezone: Europe/Paris
applies to: {review: comments, platform: tiktok, saved_account_id: [a-1, b-2]}
lists:
  watched: {file: watched.csv}
rules:
  - name: pay
    when: {task.saved_account_id: in list watched, task.platform: tiktok}
    then: approve
deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}
"""
LIST = "id\nlumen\n"
Told = tuple[str, tuple[int, int, int, int], str, str | None, str | None, str | None]


def parse_good(text: str = GOOD, tests: str | None = None) -> Parsed:
    """Read a policy with a list file beside it, and perhaps tests."""
    beside = None if tests is None else ("agency.tests.yaml", tests.encode())
    return parse_policy(text, path="agency.yaml", read=lambda name: LIST.encode(), tests=beside)


def told(finding: Finding) -> Told:
    """What is said of a mistake, with its place and what `fmt` may put there."""
    span = finding.span
    place = (span.line, span.column, span.end_line, span.end_column)
    replacement = None if finding.fix is None else finding.fix.replacement
    return (
        finding.code,
        place,
        finding.message,
        finding.under,
        finding.cure,
        replacement,
    )


def test_the_head_of_a_policy_is_read_whole() -> None:
    """Every key, with the tests of its own and those beside it, its files and its place."""
    own = "tests: [{name: mine, given: {task.platform: tiktok}, expect: approve}]\n"
    text = GOOD.replace("Pays on time.", "'  Pays on time. '") + own
    beside = "- {name: yours, given: {task.platform: tiktok}, expect: approve}\n"
    parsed = parse_good(text, beside)

    policy = parsed.policy
    assert policy is not None
    assert (policy.name, policy.language, policy.path) == ("agency", 1, "agency.yaml")
    assert (policy.owner, policy.about) == ("ops@example.com", "Pays on time.")
    assert policy.timezone == "Europe/Paris"
    assert policy.applies_to == AppliesTo(
        review="comments",
        platform=("tiktok",),
        saved_account_id=("a-1", "b-2"),
        span=Span(6, 13, 6, 79),
    )
    assert [test.name for test in policy.tests] == ["mine", "yours"]
    assert (policy.source, policy.files) == (text, (("watched.csv", LIST),))
    assert policy.revision == revision_of(text, {"watched.csv": LIST})
    assert policy.span == Span(1, 1, 14, len(own))
    assert parsed.findings == ()
    assert parsed.sources == (
        ("agency.yaml", text),
        ("agency.tests.yaml", beside),
        ("watched.csv", LIST),
    )


def test_what_a_policy_does_not_say_has_its_usual_value() -> None:
    """UTC, all comments, and nothing more."""
    parsed = parse(POLICY.replace("applies to: {review: KIND}\n", ""))
    policy = parsed.policy
    assert policy is not None
    assert (policy.timezone, policy.applies_to) == ("UTC", AppliesTo())
    assert (policy.owner, policy.about) == (None, None)
    nothing = (policy.hours, policy.lists, policy.patterns, policy.reasons, policy.tests)
    assert nothing == ((), (), (), (), ())
    assert parsed.sources == (("agency.yaml", policy.source),)


def test_a_file_beside_a_policy_lies_in_its_folder() -> None:
    """Its text is found by the path under which its mistakes are said."""
    parsed = parse_policy(GOOD, path="some/folder/p.yaml", read=lambda name: LIST.encode())
    assert [path for path, _ in parsed.sources] == ["some/folder/p.yaml", "some/folder/watched.csv"]


def test_a_revision_is_the_same_for_ever() -> None:
    """It stands in logs, so the same texts must give it in every version of the program."""
    assert revision_of("a", {}) == sha256(b"a").hexdigest()
    listed = b"a\0x\0" + sha256(b"1").digest() + b"\0y\0" + sha256(b"2").digest()
    assert revision_of("a", {"y": "2", "x": "1"}) == sha256(listed).hexdigest()
    odd = b"\xed\xa0\x80"
    assert revision_of("\ud800", {"\ud800": "\ud800"}) == (
        sha256(odd + b"\0" + odd + b"\0" + sha256(odd).digest()).hexdigest()
    )


@pytest.mark.parametrize(
    ("out", "put", "said"),
    [
        (
            "policy: agency\n",
            "policy: Agency One!\n",
            (
                "P034",
                (1, 9, 1, 20),
                "the name of a policy is made of small letters, digits and -, 80 at most",
                "write  agency-one",
                None,
                "agency-one",
            ),
        ),
        (
            "policy: agency\n",
            "policy: Été\n",
            (
                "P034",
                (1, 9, 1, 12),
                "the name of a policy is made of small letters, digits and -, 80 at most",
                "write  t",
                None,
                "t",
            ),
        ),
        (
            "policy: agency\n",
            "policy: ÄÖ\n",
            (
                "P034",
                (1, 9, 1, 11),
                "the name of a policy is made of small letters, digits and -, 80 at most",
                None,
                None,
                None,
            ),
        ),
        (
            "policy: agency\n",
            "",
            (
                "P030",
                (1, 1, 1, 2),
                "a policy has no  policy:",
                None,
                "its first line is  policy: NAME",
                None,
            ),
        ),
        (
            "policy: agency\n",
            "policy:\n",
            ("P032", (1, 8, 1, 8), "policy: is empty", None, None, None),
        ),
        (
            "language: 1",
            "language: 2",
            ("P035", (2, 11, 2, 12), 'the language of policies is 1, not "2"', None, None, "1"),
        ),
        (
            "language: 1\n",
            "",
            ("P030", (1, 1, 1, 2), "a policy has no  language:", None, "write  language: 1", None),
        ),
        (
            "language: 1",
            "language: [1]",
            ("P031", (2, 11, 2, 14), "language: is one text, not a list", None, None, None),
        ),
        (
            "Europe/Paris",
            "Europe/Pariss",
            (
                "P028",
                (5, 11, 5, 24),
                'there is no time zone "Europe/Pariss"',
                "did you mean  Europe/Paris  or  Europe/Madrid  or  Europe/Warsaw  ?",
                "zones have names such as  Europe/Paris",
                "Europe/Paris",
            ),
        ),
        (
            "Europe/Paris",
            "Nowhere at all",
            (
                "P028",
                (5, 11, 5, 25),
                'there is no time zone "Nowhere at all"',
                None,
                "zones have names such as  Europe/Paris",
                None,
            ),
        ),
        (
            "Europe/Paris",
            "Europe",
            (
                "P028",
                (5, 11, 5, 17),
                'there is no time zone "Europe"',
                None,
                "zones have names such as  Europe/Paris",
                None,
            ),
        ),
        (
            "Europe/Paris",
            "../x",
            (
                "P028",
                (5, 11, 5, 15),
                'there is no time zone "../x"',
                None,
                "zones have names such as  Europe/Paris",
                None,
            ),
        ),
        (
            "timezone: Europe/Paris",
            "timezone:",
            ("P032", (5, 10, 5, 10), "timezone: is empty", None, None, None),
        ),
        (
            "{review: comments, platform: tiktok, saved_account_id: [a-1, b-2]}",
            "comments",
            (
                "P031",
                (6, 13, 6, 21),
                "applies to: must be a mapping, not a text",
                None,
                "write it as  {review: comments}",
                None,
            ),
        ),
        (
            "review: comments, platform",
            "reviews: comments, platform",
            (
                "P020",
                (6, 14, 6, 21),
                'applies to: has no key "reviews"',
                "did you mean  review  ?",
                None,
                "review",
            ),
        ),
        (
            "review: comments",
            "review: coments",
            (
                "P022",
                (6, 22, 6, 29),
                'review:  is comments or accounts, not "coments"',
                "did you mean  comments  ?",
                None,
                "comments",
            ),
        ),
        (
            "review: comments",
            "review: [comments]",
            ("P031", (6, 22, 6, 32), "review: is one text, not a list", None, None, None),
        ),
        (
            "platform: tiktok,",
            "platform: [tiktok, tik tok],",
            (
                "P022",
                (6, 51, 6, 58),
                'there is no platform "tik tok"',
                "did you mean  tiktok  ?",
                "it is one of tiktok or instagram",
                "tiktok",
            ),
        ),
        (
            "platform: tiktok,",
            "platform: {a: b},",
            ("P031", (6, 42, 6, 48), "platform: is one text, not a mapping", None, None, None),
        ),
        (
            "saved_account_id: [a-1, b-2]",
            "saved_account_id: [a-1, [b]]",
            ("P031", (6, 74, 6, 77), "saved_account_id: is one text, not a list", None, None, None),
        ),
        (
            "owner: ops",
            "ownr: ops",
            (
                "P020",
                (3, 1, 3, 5),
                'a policy has no key "ownr"',
                "did you mean  owner  ?",
                None,
                "owner",
            ),
        ),
        (
            "owner: ops@example.com",
            "owner: [a]",
            ("P031", (3, 8, 3, 11), "owner: is one text, not a list", None, None, None),
        ),
        (
            "about: Pays on time.",
            "about: {a: b}",
            ("P031", (4, 8, 4, 14), "about: is one text, not a mapping", None, None, None),
        ),
        (
            GOOD,
            "- a\n- b",
            (
                "P031",
                (1, 1, 1, 2),
                "a policy must be a mapping, not a list",
                None,
                "write it as  policy: NAME",
                None,
            ),
        ),
    ],
)
def test_a_mistake_in_the_head_is_told_to_the_letter(out: str, put: str, said: Told) -> None:
    """Once, at its place, with its cure; and there is no policy."""
    parsed = parse_good(GOOD.replace(out, put))
    assert [told(finding) for finding in parsed.findings] == [said]
    assert parsed.findings[0].severity is Severity.ERROR
    assert parsed.policy is None


@pytest.mark.parametrize(
    ("out", "said"),
    [
        (
            GOOD[GOOD.index("rules:") : GOOD.index("deadline:")],
            ("a policy has no  rules:", "rules:  is a list, each rule begins with  - name:"),
        ),
        (
            GOOD[GOOD.index("deadline:") :],
            (
                "a policy has no  deadline:",
                "write  decide by:,  if undecided:  and  because:  under it",
            ),
        ),
    ],
)
def test_a_policy_without_rules_or_deadline_is_none(out: str, said: tuple[str, str]) -> None:
    """What is missing is named with its form."""
    parsed = parse_good(GOOD.replace(out, ""))
    assert [(f.code, f.message, f.cure) for f in parsed.findings] == [("P030", *said)]
    assert parsed.policy is None


@pytest.mark.parametrize(("length", "fits"), [(80, True), (81, False)])
def test_the_name_of_a_policy_has_eighty_characters_at_most(length: int, fits: bool) -> None:
    """It stands in every decision; the name that is offered instead is short enough."""
    name = "a" * (length - 2) + "-1"
    parsed = parse_good(GOOD.replace("agency", name))
    assert (parsed.policy is not None) is fits
    if not fits:
        (finding,) = parsed.findings
        assert finding.fix is not None
        assert finding.fix.replacement == name[:80]


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (
            "some words",
            [
                (
                    "P031",
                    (1, 1, 1, 11),
                    "a file of tests must be a mapping, not a text",
                    None,
                    "write it as  tests: [...]",
                    None,
                )
            ],
        ),
        (
            "tests: yes",
            [
                (
                    "P031",
                    (1, 8, 1, 11),
                    "tests: must be a list, not a text",
                    None,
                    "write it as  - name: …",
                    None,
                )
            ],
        ),
        (
            "test: []",
            [
                (
                    "P020",
                    (1, 1, 1, 5),
                    'a file of tests has no key "test"',
                    "did you mean  tests  ?",
                    None,
                    "tests",
                ),
                ("P108", (1, 7, 1, 9), "tests: is empty", None, None, None),
            ],
        ),
        (
            "policy: agency\ntests: []",
            [("P108", (2, 8, 2, 10), "tests: is empty", None, None, None)],
        ),
        (
            "- {name: a, expect: approve, by: nobody}",
            [
                (
                    "P027",
                    (1, 34, 1, 40),
                    'no rule is called "nobody"',
                    None,
                    "it is a rule's name,  no rule  or  deadline",
                    None,
                )
            ],
        ),
        (
            "tests:\n  - {name: a, given: {task.platform: tik tok}, expect: approve}",
            [
                (
                    "P022",
                    (2, 38, 2, 45),
                    'there is no value "tik tok"',
                    "did you mean  tiktok  ?",
                    None,
                    "tiktok",
                )
            ],
        ),
        ("", [("P003", (1, 1, 1, 1), "the file is empty", None, None, None)]),
    ],
)
def test_a_mistake_in_a_file_of_tests_is_told_to_the_letter(tests: str, said: list[Told]) -> None:
    """In that file, by the zone and the names of the policy."""
    parsed = parse_good(tests=tests)
    assert [told(finding) for finding in parsed.findings] == said
    assert {finding.path for finding in parsed.findings} == {"agency.tests.yaml"}
    assert parsed.policy is None


def test_the_tests_beside_an_account_policy_are_of_accounts_and_in_its_zone() -> None:
    """They name its facts, its rules and its lists."""
    text = (
        ACCOUNTS.replace("KIND", "accounts")
        .replace("language: 1", "language: 1\ntimezone: Asia/Tokyo")
        .replace("bundle.account_status: live", "profile.username: lumen")
    )
    tests = """- name: new
  given: {profile.username: lumen}
  expect: finalize
  by: done
  at: 2026-06-02 09:00
"""
    policy = parse(text, tests).policy
    assert policy is not None
    (test,) = policy.tests
    assert isinstance(test.at, Fixed)
    assert test.at.at == datetime(2026, 6, 2, tzinfo=UTC)


def test_findings_stand_in_the_order_of_their_places_the_policy_first() -> None:
    """Each once, then those of the files beside it."""
    text = GOOD.replace("tiktok}", "tik}").replace("approve\n", "pay\n").replace("agency\n", "A\n")
    parsed = parse_good(text, "- {name: a, expect: approve, by: nobody}\n- {name: b, expect: x}")
    places = [(f.path, f.span.line, f.span.column) for f in parsed.findings]
    policy = [place for place in places if place[0] == "agency.yaml"]
    assert places == [*sorted(policy), *sorted(place for place in places if place not in policy)]
    assert {place[1] for place in policy} == {1, 11, 12}
    assert len(places) == len(set(places)) == 5


def test_the_end_of_too_many_mistakes_stands_at_the_last_of_them() -> None:
    """With all that was said before it."""
    rules = "".join(f"  - {{name: r{n}, always: yes, then: pay}}\n" for n in range(400))
    parsed = parse(f"policy: agency\nlanguage: 1\nrules:\n{rules}")
    last = parsed.findings[-1]
    assert (last.code, last.severity, last.path) == ("P036", Severity.ERROR, "agency.yaml")
    before = max(f.span.line for f in parsed.findings[:-1])
    assert (last.span.line, last.span.end_line) == (before, before)
