"""Reading a policy whole: its kind of review, the tests beside it, the end of too many mistakes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.language.parser import Parsed, parse_policy, revision_of
from reviewbot.policy.model import AppliesTo, Fixed

MISTAKES = Path(__file__).parent / "mistakes"
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


@pytest.mark.parametrize(
    ("tests", "code", "line"),
    [
        ("- name: pays\n  given:\n    task.platform: tiktok\n  expect approve\n", "P017", 4),
        ("- name: pays\n   given: {task.platform: tiktok}\n  expect: approve\n", "P016", 2),
    ],
)
def test_a_line_that_breaks_a_file_of_tests_is_named_in_that_file(
    tests: str, code: str, line: int
) -> None:
    """As one of the policy would be, and there is no policy to be used untested."""
    parsed = parse(POLICY.replace("KIND", "comments"), tests)

    assert [(f.code, f.path, f.span.line) for f in parsed.findings] == [
        (code, "agency.tests.yaml", line)
    ]
    assert parsed.policy is None


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


def parse_good(text: str = GOOD, tests: str | None = None) -> Parsed:
    """Read a policy with a list file beside it, and perhaps tests."""
    beside = None if tests is None else ("agency.tests.yaml", tests.encode())
    return parse_policy(text, path="agency.yaml", read=lambda name: LIST.encode(), tests=beside)


class Told(NamedTuple):
    """One paragraph of a table: lines taken out (`-`), lines put in (`+`), and what is said."""

    out: str
    put: str
    said: list[str]


def table(name: str) -> list[pytest.param]:  # type: ignore[valid-type]
    """Read a table of mistakes, each told to the letter."""
    rows = []
    for paragraph in (MISTAKES / name).read_text(encoding="utf-8").strip("\n").split("\n\n"):
        lines = paragraph.split("\n")
        out, put = ("".join(line[2:] + "\n" for line in lines if line[:1] == sign) for sign in "-+")
        said = [line for line in lines if line[:1] not in ("-", "+")]
        rows.append(pytest.param(Told(out, put, said), id=(put or f"no {out}").strip()))
    return rows


def told(findings: Iterable[Finding]) -> list[str]:
    """What is said of mistakes: code, place, message, then hint, cure and what `--fix` puts there."""
    lines = []
    for finding in findings:
        span = finding.span
        place = f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"
        lines.append(f"{finding.code} {place} {finding.message}")
        lines += [f"under {finding.under}"] if finding.under else []
        lines += [f"cure {finding.cure}"] if finding.cure else []
        lines += [f"fix {finding.fix.replacement}"] if finding.fix else []
    return lines


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


@pytest.mark.parametrize("account", ["in list watched", "watched", "watched.csv", "'a-1, b-2'"])
def test_a_policy_applies_to_ids_and_to_no_list(account: str) -> None:
    """No account has such an id, so the policy would judge nothing, and say nothing of it."""
    (told,) = parse_good(GOOD.replace("[a-1, b-2]", account)).findings
    assert (told.code, told.severity, told.span.line) == ("P112", Severity.ERROR, 6)
    assert told.cure == "write the ids as  [a1, b2];  a list is asked in a rule:  in list NAME"


@pytest.mark.parametrize(
    ("right", "empty"),
    [
        ("platform: tiktok", "platform: []"),
        ("saved_account_id: [a-1, b-2]", "saved_account_id: []"),
        ("{file: watched.csv}", "{file: watched.csv, where: {note: []}}"),
        ("    then: approve", "    then: approve\n    limit: []"),
        ("rules:", "never: [{name: n, when: {task.platform: tiktok}, then: []}]\nrules:"),
        ("rules:", "guardrails: {approvals: []}\nrules:"),
        ("rules:", "tests: [{name: t, over time: {}}]\nrules:"),
    ],
)
def test_what_is_empty_is_neither_none_nor_all(right: str, empty: str) -> None:
    """A limit of nothing would limit nothing, a statement about no action hold whatever is done."""
    (told,) = parse_good(GOOD.replace(right, empty, 1)).findings
    assert (told.code, told.severity) == ("P108", Severity.ERROR)
    assert told.cure == "write what is meant, or delete the line"


@pytest.mark.parametrize(
    "part",
    [
        "never: [{name: n, when: {task.platform: instagram}, then: approve, but: []}]",
        "hours: {desk: {open: mon-fri 09:00-18:00, closed: []}}",
        "patterns: {code: {regex: b1, matches: [b1], does not match: []}}",
    ],
)
def test_an_empty_list_that_can_only_say_none_is_taken(part: str) -> None:
    """Nobody is excepted, no day is closed, no example is given."""
    findings = parse_good(GOOD.replace("rules:", f"{part}\nrules:", 1)).findings
    assert {finding.code for finding in findings} <= {"P340"}


def test_of_accounts_no_money_is_counted() -> None:
    """A cap on money would never be full, and would say that it guards something."""
    text = ACCOUNTS.replace("KIND", "accounts").replace("account_status: live", "platform: tiktok")
    assert parse(text).findings == ()
    (told,) = parse(text + "guardrails: {money approved: at most 5 USD per day}\n").findings
    assert (told.code, told.severity) == ("P134", Severity.ERROR)
    assert told.cure == "count what is sent:  approvals: at most 10 per day"


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


@pytest.mark.parametrize("row", table("head.txt"))
def test_a_mistake_in_the_head_is_told_to_the_letter(row: Told) -> None:
    """Once, at its place, with its cure; and there is no policy."""
    assert GOOD.count(row.out) == 1
    parsed = parse_good(GOOD.replace(row.out, row.put))
    assert told(parsed.findings) == row.said
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


@pytest.mark.parametrize("row", table("beside.txt"))
def test_a_mistake_in_a_file_of_tests_is_told_to_the_letter(row: Told) -> None:
    """In that file, by the zone and the names of the policy."""
    parsed = parse_good(tests=row.put.rstrip("\n"))
    assert told(parsed.findings) == row.said
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


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("last.match_score: between 0.80 and 95", "between 0.80 and 0.95"),
        ("last.match_score: at least 1.2", "at least 1"),
        ("account.dispute_share_30d: at least 101%", "at least 100%"),
        ("account.dispute_share_30d: more than 350%", "more than 100%"),
        ("task.time_left: less than 80h", "less than 72h"),
        ("last.comments_scraped: at least -1", "at least 0"),
    ],
)
def test_a_bound_beyond_what_can_be_is_an_error_that_offers_one_within(
    line: str, meant: str
) -> None:
    """A score or a share is 0 to 1, a count not below 0, and at most 72 hours are left."""
    text = POLICY.replace("KIND", "comments").replace("task.platform: tiktok", line)
    found = [f for f in parse(text).findings if f.code == "P101"]
    assert [f.under for f in found] == [f"did you mean  {meant}  ?"]


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        (
            "task.round >= 2 and last.outcome_kind == 'verified'",
            "write below it  task.round: at least 2  and  last.outcome_kind: verified",
        ),
        ("last.outcome_kind is verified", "write below it  last.outcome_kind: verified"),
    ],
)
def test_a_condition_in_one_line_keeps_its_cure_beside_a_mistake_of_the_file(
    said: str, cure: str
) -> None:
    """Where the lines may stand wrong, they are read again: one that YAML can read is no slip of the hand."""
    rules = f"rules:\n  - name: seen\n    when: {said}\n    then: approve\n"
    found = parse(f"policy: desk\nlanguage: 1\n{rules}").findings
    assert [(finding.code, finding.cure) for finding in found if finding.span.line > 1] == [
        ("P031", cure)
    ]


@pytest.mark.parametrize("rule", ["a", "pay", "approve", "the cheap"])
@pytest.mark.parametrize(
    "said", ["pay later", "approve later", "approve if cheap", "approve never"]
)
def test_no_name_of_a_rule_lets_a_denied_or_later_action_be_heard_as_done(
    rule: str, said: str
) -> None:
    """Following `did you mean approve` would pay at once."""
    text = POLICY.replace("KIND", "comments").replace("name: pay", f"name: {rule}")
    (found,) = parse(text.replace("then: approve", f"then: {said}")).findings
    assert found.code == "P024"
    assert "did you mean  approve " not in (found.under or "")


def test_a_name_may_hold_any_word_behind_its_action() -> None:
    """A rule called `not there` denies nothing where a test names it."""
    tests = "tests:\n  - {name: t, given: {task.platform: tiktok}, expect: approve by not there}\n"
    text = POLICY.replace("KIND", "comments").replace("name: pay", "name: not there")
    (found,) = parse(text, tests).findings
    assert found.under == "write  expect: approve  and below it  by: not there"


def test_two_comparisons_of_which_one_compares_with_no_number_are_no_range() -> None:
    """`less known 10` was reckoned with as a number."""
    text = "policy: x\nrules:\n  - name: r\n    when:\n      last.comments_scraped: less known 10\n    then: approve\n"

    assert parse_policy(text, path="x.yaml", read=None).policy is None


def test_a_fact_of_any_try_is_not_mended_into_the_last_one() -> None:
    """A line lost its `any check:`; that the last try was meant is asked, never written."""
    text = "policy: x\nrules:\n  - name: r\n    when:\n        outcome_kind: scrape_failed\n    then: approve\n"

    (asks,) = [f for f in parse_policy(text, path="x.yaml", read=None).findings if f.code == "P021"]

    assert asks.fix is None and "last.outcome_kind" in str(asks.under)
