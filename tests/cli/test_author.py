"""The commands of those who write policies: new, read, fmt, schema, test, explain and check."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import DEADLINE, Action, Decision, Mode, State, decision_id
from reviewbot.insights.heartbeat import Beat, Running
from reviewbot.ledger.open import open_ledger
from reviewbot.policy import starters
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.facts import Facts
from reviewbot.policy.recorded_facts import facts_to_json
from reviewbot.runtime.policy_files import PolicyFile
from tests.builders import CONFIRMED, an_attempt
from tests.ledger.things import a_decision
from tests.policy.judging import facts_at
from tests.steady.texts import steady

TASK = "0d8b5a3e-0000-4000-8000-000000000001"


@pytest.fixture
def started(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `policy new` wrote a policy, and somebody rewrote it, as `mine.yaml`."""
    monkeypatch.chdir(tmp_path)
    assert call("policy", "new", "--template", "cautious", "--name", "mine").code == 0
    texts = steady("cautious")
    Path("mine.yaml").write_text(texts.policy.replace("policy: cautious", "policy: mine"))
    Path("mine.tests.yaml").write_text(texts.tests)
    return tmp_path


# new, schema, fmt, read ----------------------------------------------------------------------


@pytest.mark.parametrize("template", starters.names())
def test_a_started_policy_is_clean_tested_and_laid_out(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    """What each template gives has no finding, passes its tests and needs no layout."""
    monkeypatch.chdir(tmp_path)
    ran = call("policy", "new", "--template", template, "--name", "mine", "--timezone", "UTC")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["mine.tests.yaml", "mine.yaml", "policy.schema.json", *starters.read(template).beside]
    )
    checked = call("policy", "check", "--strict", ".")
    assert (checked.code, checked.out.splitlines()[1:]) == (0, []), checked.out
    assert call("policy", "test", ".").code == 0
    assert call("policy", "fmt", "--check", ".").code == 0


def test_the_templates_are_listed_with_what_they_are_for(call) -> None:
    """--list says a line for each, and writes nothing."""
    ran = call("policy", "new", "--list")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines] == list(starters.names())
    assert "rings         who is sent back again and again" in ran.out


def test_a_list_that_is_there_stays(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template comes with its lists; one that somebody has filled is not written over."""
    monkeypatch.chdir(tmp_path)
    Path("german.csv").write_text("id,note\nacc-berlin,ours\n")
    ran = call("policy", "new", "--template", "languages", "--name", "mine")
    assert ran.code == 0
    assert "its list german.csv" in ran.err
    assert "acc-berlin" in Path("german.csv").read_text()


def test_nothing_is_asked_where_nobody_can_answer(call, tmp_path: Path) -> None:
    """Without a terminal the missing words are named, with the templates there are."""
    ran = call("policy", "new")
    assert ran.code == 2
    assert all(name in ran.err for name in starters.names())


def test_on_a_terminal_the_questions_have_good_answers(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number chooses the template, an empty answer takes what is offered."""
    monkeypatch.chdir(tmp_path)
    answers = io.StringIO("3\nnight-desk\n\nEurope/Paris\n\n")
    monkeypatch.setattr(answers, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", answers)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert call("policy", "new").code == 0
    text = Path("night-desk.yaml").read_text()
    assert "policy: night-desk" in text
    assert "timezone: Europe/Paris" in text


def test_a_file_that_is_there_is_not_written_over(call, started: Path) -> None:
    """A second start under the same name changes nothing."""
    before = Path("mine.yaml").read_text()
    ran = call("policy", "new", "--template", "desk", "--name", "mine")
    assert ran.code == 2
    assert Path("mine.yaml").read_text() == before


def test_a_name_that_cannot_be_is_refused_before_anything_is_written(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message of the checker comes with its cure."""
    monkeypatch.chdir(tmp_path)
    ran = call("policy", "new", "--template", "desk", "--name", "My Desk")
    assert ran.code == 2
    assert "my-desk" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_the_schema_is_printed_and_takes_the_templates(call, started: Path) -> None:
    """What `policy schema` prints is what `policy new` put beside the policy."""
    ran = call("policy", "schema")
    assert ran.out == Path("policy.schema.json").read_text()
    jsonschema.Draft7Validator.check_schema(json.loads(ran.out))


def test_fmt_writes_one_layout_and_checks_it(call, started: Path) -> None:
    """--check names what would change and exits 4; without it the file is laid out."""
    path = Path("mine.yaml")
    good = path.read_text()
    path.write_text(good.replace("\n\n  - name:", "\n  - name:"))
    ran = call("policy", "fmt", "--check", ".")
    assert (ran.code, ran.out) == (4, "would change  mine.yaml\n")
    assert call("policy", "fmt", "mine.yaml").code == 0
    assert path.read_text() == good
    path.write_text("a: [\n")
    assert call("policy", "fmt", "mine.yaml").code == 3
    assert call("policy", "fmt", "none.yaml").code == 2


def test_read_says_a_policy_and_a_change(call, started: Path) -> None:
    """One policy in full; of two only what differs; the same twice is said to mean the same."""
    assert 'Rule "the checker found it"' in call("policy", "read", "mine.yaml").out
    assert call("policy", "read", "mine.yaml", "mine.yaml").out == "Both mean the same.\n"
    other = Path("other.yaml")
    other.write_text(
        Path("mine.yaml").read_text().replace("between 20 and 99", "between 30 and 99")
    )
    ran = call("policy", "read", "mine.yaml", "other.yaml")
    assert 'Changed: Rule "looked at everything, not there"' in ran.out
    assert "between 30 and 99" in ran.out
    assert json.loads(call("policy", "read", "mine.yaml", "--format", "json").out)[0]["sentences"]


def test_read_tells_how_often_each_rule_decided(call, started: Path, tmp_path: Path) -> None:
    """In the last 30 days, by the log, people's answers apart; without a log nothing is said."""
    assert "last 30 days" not in call("policy", "read", "mine.yaml").out
    url, now = f"sqlite:///{tmp_path / 'log.db'}", datetime.now(UTC)
    ledger, name = open_ledger(url), "the checker found it"
    for n, about in enumerate(
        ({"rule": name}, {"rule": name, "cannot_tell": ("ask",)}, {"rule": name, "decided_by": "ana"},
         {"rule": name, "decided_at": now - timedelta(days=31)}, {"rule": DEADLINE})
    ):  # fmt: skip
        facts = {"policy": "mine", "task_id": f"t{n}", "decided_at": now, **about}
        ledger.record(a_decision(Action.ESCALATE, **facts), State.HELD)
    ledger.close()

    told = call("policy", "read", "mine.yaml", "--ledger", url).out
    parts = {part.partition("\n")[0]: part for part in told.split("\n\n")}
    assert parts[f'Rule "{name}"'].endswith("In the last 30 days it decided 2 times.")
    assert "it decided 1 time." in parts["When nobody has decided"]
    plain = json.loads(call("policy", "read", "mine.yaml", "--ledger", url, "--format", "json").out)
    numbers = {passage["title"]: passage.get("last_30_days") for passage in plain}
    assert numbers[f'Rule "{name}"'] == {"decided": 2, "could_not_tell": 0}
    assert numbers["Policy mine"] is None


# test ----------------------------------------------------------------------------------------


def test_coverage_and_mutants_are_named_also_when_a_test_fails(call, started: Path) -> None:
    """A failing test hides neither the percent nor the sentences, and the exit code stays 4."""
    tests = Path("mine.tests.yaml")
    few = tests.read_text().partition("\n\n  - name: twenty")[0] + "\n"
    tests.write_text(few.replace("expect: dispute", "expect: approve", 1))
    ran = call("policy", "test", "mine.yaml", "--coverage", "--mutate")
    assert ran.code == 4
    assert "expected approve" in ran.out
    assert "coverage  " in ran.out
    assert "%: " in ran.out
    assert "nothing fails if" in ran.out
    told = json.loads(call("policy", "test", ".", "--coverage", "--mutate", "--format", "json").out)
    assert told[0]["coverage"]["percent"] < 100
    assert told[0]["mutation"]["survivors"][0]["line"] > 0


def test_too_little_coverage_is_a_failure_on_request(call, started: Path) -> None:
    """--at-least turns a percent into an exit code."""
    assert call("policy", "test", ".", "--coverage", "--at-least", "100").code == 0
    tests = Path("mine.tests.yaml")
    tests.write_text(tests.read_text().partition("\n\n  - name: twenty")[0] + "\n")
    assert call("policy", "test", ".", "--coverage", "--at-least", "1").code == 0
    assert call("policy", "test", ".", "--coverage", "--at-least", "100").code == 4


def test_junit_tells_failures_and_missing_tests(call, started: Path) -> None:
    """A suite a policy, a failure with its sentence, and one where no test is."""
    tests = Path("mine.tests.yaml")
    tests.write_text(tests.read_text().replace("expect: dispute", "expect: approve", 1))
    Path("bare.yaml").write_text(Path("mine.yaml").read_text())
    assert call("policy", "test", ".", "--junit", "j.xml").code == 4
    suites = ElementTree.parse("j.xml").getroot()
    assert [(suite.get("name"), suite.get("failures")) for suite in suites] == [("mine", "1")] * 2
    messages = [failure.get("message", "") for failure in suites.iter("failure")]
    assert "a policy without tests" in messages[0]
    assert "expected approve" in messages[1]


def test_every_mismatch_of_a_test_is_named_in_every_form(call, started: Path) -> None:
    """The action, the words and the moment stand in the text, in JSON and in JUnit alike."""
    tests = Path("mine.tests.yaml")
    text = tests.read_text().replace("expect: dispute", "expect: approve", 1)
    tests.write_text(
        text.replace("reason says:", "until: 9h after confirmed\n    reason says: not", 1)
    )
    words = ("expected approve", "expected the reason to say", "expected it until")

    shown = call("policy", "test", "mine.yaml", "--junit", "j.xml")
    assert shown.code == 4
    (told,) = json.loads(call("policy", "test", "mine.yaml", "--format", "json").out)
    problems = next(test["problems"] for test in told["tests"] if not test["passed"])
    (failure,) = ElementTree.parse("j.xml").getroot().iter("failure")

    for word in words:
        assert word in shown.out
        assert sum(word in problem for problem in problems) == 1
        assert word in failure.get("message", "") and word in (failure.text or "")


def test_impossible_tests_are_errors(call, started: Path) -> None:
    """Facts that never come together: the check refuses them, and running them is no pass."""
    tests = Path("mine.tests.yaml")
    odd = "  - name: odd\n    given: {checks.count: 0, last.comments_scraped: 5}\n    expect: approve\n"
    tests.write_text(tests.read_text() + odd)
    checked = call("policy", "check", "mine.yaml")
    assert checked.code == 3
    assert "cannot occur together" in checked.out
    ran = call("policy", "test", "mine.yaml")
    assert ran.code == 4
    assert "last.comments_scraped cannot be as given" in ran.out


# from the log --------------------------------------------------------------------------------


@pytest.fixture
def logged(started: Path) -> tuple[str, Decision]:
    """A decision log that holds one decision of `mine.yaml`: its URL and the decision."""
    policy = PolicyFile("mine.yaml").load().policy
    assert policy is not None
    facts = dispute_facts()
    made = compile_policy(policy).judge(facts)
    decision = Decision(
        id=decision_id("comments", TASK, "e", made.action),
        review="comments",
        task_id=TASK,
        round=1,
        epoch="e",
        action=made.action,
        rule=made.rule,
        reason=made.reason,
        policy=policy.name,
        revision=policy.revision,
        mode=Mode.DRY_RUN,
        decided_at=facts.now,
        facts=facts_to_json(facts),
    )
    url = f"sqlite:///{started / 'log.db'}"
    ledger = open_ledger(url)
    try:
        ledger.remember_policy(policy, facts.now)
        ledger.record(decision, State.DRY_RUN)
    finally:
        ledger.close()
    return url, decision


def dispute_facts() -> Facts:
    """A task that the cautious policy sends back."""
    attempt = an_attempt(
        outcome_kind="couldnt_verify", comments_scraped=87, match_score=0.1, scraped_at=CONFIRMED
    )
    facts = facts_at(5, attempts=(attempt,))
    return replace(facts, task=replace(facts.task, id=TASK))


def test_a_test_is_written_from_a_logged_decision(call, logged: tuple[str, Decision]) -> None:
    """It goes behind the others with what the rule saw, is shown, passes, and comes but once."""
    url, decision = logged
    before = Path("mine.tests.yaml").read_text()
    ran = call("policy", "test", "mine.yaml", "--add-from", decision.id[:10], "--ledger", url)
    assert ran.code == 0, ran.err
    after = Path("mine.tests.yaml").read_text()
    assert after.startswith(before.rstrip("\n"))
    assert "last.comments_scraped: 87" in ran.out
    assert "by: looked at everything, not there" in ran.out
    assert "task." not in ran.out
    assert call("policy", "test", "mine.yaml").code == 0
    again = call("policy", "test", "mine.yaml", "--add-from", TASK[:8], "--ledger", url)
    assert again.code == 2
    assert "is there already" in again.err
    assert Path("mine.tests.yaml").read_text() == after


def test_a_decision_that_is_not_in_the_log_is_wrong_usage(
    call, logged: tuple[str, Decision]
) -> None:
    """Nothing is written for an id that nobody knows."""
    before = Path("mine.tests.yaml").read_text()
    ran = call("policy", "test", "mine.yaml", "--add-from", "ffff", "--ledger", logged[0])
    assert ran.code == 2
    assert Path("mine.tests.yaml").read_text() == before


def test_a_logged_decision_is_explained_by_its_own_policy(
    call, logged: tuple[str, Decision]
) -> None:
    """By task or by decision; by the text that decided, also when the file is gone."""
    url, decision = logged
    Path("mine.yaml").unlink()
    for name in (TASK[:8], decision.id[:10]):
        ran = call("policy", "explain", name, "--ledger", url)
        assert ran.code == 0, ran.err
        assert 'DISPUTE by rule 3 "looked at everything, not there"' in ran.out
        assert len(ran.out.splitlines()) <= 12
        assert "dry-run" in ran.err


def test_explain_shows_the_whole_tree_and_the_future(call, logged: tuple[str, Decision]) -> None:
    """--all has every rule with the values it compared, --over-time the moments of change."""
    ran = call("policy", "explain", TASK, "--ledger", logged[0], "--all", "--over-time")
    assert "task.times_disputed: at least 1   it is 0" in ran.out
    assert "if the facts stay as they are:" in ran.out
    told = json.loads(
        call("policy", "explain", TASK, "--ledger", logged[0], "--format", "json").out
    )
    assert told["tree"][0]["parts"][0]["value"] == "0"


def test_explain_takes_a_line_of_a_file(call, started: Path) -> None:
    """--line names a record where ids do not; --line alone is wrong usage."""
    Path("r.jsonl").write_text('{"task": {"id": "a"}}\n{"task": {"id": "b"}}\n')
    words = ("policy", "explain", "--policy", "mine.yaml")
    ran = call(*words, "--record", "r.jsonl", "--line", "2")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("task b")
    assert call(*words, "--record", "r.jsonl", "--line", "3").code == 2
    assert call(*words, "--line", "2").code == 2
    assert call(*words).code == 2


def test_check_says_where_a_policy_differs_from_the_running_one(
    call, logged: tuple[str, Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said and is no error; the same revision says nothing."""
    url, decision = logged
    monkeypatch.setenv("REVIEWBOT_LEDGER", url)
    for revision, differs in (("7c1e" * 16, True), (decision.revision, False)):
        running = Running(name="mine", revision=revision, path="mine.yaml")
        beat = Beat(at=CONFIRMED, pid=1, mode="dry-run", every=60.0, policies=(running,))
        Path("log.db.status.json").write_bytes(json_of(beat))
        ran = call("policy", "check", "--strict", "mine.yaml")
        assert ran.code == 0
        assert ("differs from what runs: mine revision 7c1e7c1e" in ran.out) is differs


def json_of(beat: Beat) -> bytes:
    """A heartbeat as the bot writes it."""
    import msgspec

    return msgspec.json.encode(beat)


@pytest.mark.parametrize(("age", "said"), [(timedelta(hours=2), True), (timedelta(days=2), False)])
def test_on_the_first_day_of_a_log_every_account_is_new(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: timedelta, said: bool
) -> None:
    """A rule on our own counts is warned of while the log at hand knows nobody yet."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(
        """policy: mine
language: 1
rules:
  - name: new accounts go to a person
    when: {account.decisions_ever: less than 5}
    then: escalate
deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}
"""
    )
    url = f"sqlite:///{tmp_path / 'log.db'}"
    monkeypatch.setenv("REVIEWBOT_LEDGER", url)
    ledger = open_ledger(url)
    policy = PolicyFile("mine.yaml").load().policy
    assert policy is not None
    ledger.remember_policy(policy, datetime.now(UTC) - age)
    ledger.close()

    ran = call("policy", "check", "mine.yaml")
    assert ("P350" in ran.out) == said, ran.out
    assert ran.code == 0
