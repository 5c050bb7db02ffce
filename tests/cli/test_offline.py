"""The doors that need no network: policy check and decide, config, completion, an empty log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

POLICY = str(Path(__file__).resolve().parents[2] / "reviewbot/cli/demo.yaml")
RECORD = {
    "task": {
        "id": "t1",
        "status": "manually_confirmed",
        "manually_confirmed_at": "2026-06-02T12:00:00Z",
        "client_dispute_deadline_at": "2026-06-05T12:00:00Z",
    },
    "attempts": [
        {
            "attempt_n": 1,
            "scraped_at": "2026-06-02T11:00:00Z",
            "outcome_kind": "couldnt_verify",
            "comments_scraped": 40,
        }
    ],
    "at": "2026-06-02T13:00:00Z",
}


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A file of two records: one that is disputed, and one about which nothing is known."""
    path = tmp_path / "records.jsonl"
    empty = {"task": {"id": "t2"}}
    path.write_text(json.dumps(RECORD) + "\n" + json.dumps(empty) + "\n")
    return path


def test_decide_answers_line_by_line_in_order(call, records: Path) -> None:
    """One JSON object a record, with the documented fields in the documented order."""
    ran = call("policy", "decide", POLICY, "--records", records)
    assert ran.code == 0, ran.err
    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert [list(answer) for answer in answers] == 2 * [
        ["id", "action", "rule", "reason", "until", "cannot_tell"]
    ]
    assert [answer["id"] for answer in answers] == ["t1", "t2"]
    assert answers[0]["action"] == "dispute"
    assert answers[1]["action"] == "escalate"
    assert answers[1]["cannot_tell"]


def test_decide_answers_a_line_that_is_no_record_in_its_place(call, records: Path) -> None:
    """A broken line costs the others nothing: it is answered with why, named and counted; code 4."""
    good, other = records.read_text().splitlines()
    records.write_text(f"{good}\n[]\n\n{other}\n")
    ran = call("policy", "decide", POLICY, "--records", records)
    assert ran.code == 4
    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert [answer["id"] for answer in answers] == ["t1", None, "t2"]
    assert (answers[1]["action"], answers[1]["rule"]) == ("escalate", "no rule")
    assert "JSON object" in answers[1]["error"]
    assert f"{records}:2: " in ran.err
    assert "3 records read, 2 judged, 1 unreadable" in ran.err


@pytest.mark.parametrize(("bad", "code"), [(1, 0), (2, 4)])
def test_one_record_in_a_thousand_may_be_unreadable(
    call, records: Path, bad: int, code: int
) -> None:
    """Up to 0.1 % is counted and tolerated, in every command that reads records; more is not."""
    good = records.read_text().splitlines()[0]
    records.write_text("nonsense\n" * bad + f"{good}\n" * (1000 - bad))
    for words in (("decide", POLICY), ("backtest", POLICY), ("diff", POLICY, POLICY)):
        ran = call("policy", *words, "--records", records)
        assert ran.code == code, words
        assert f"1,000 records read, {1000 - bad} judged, {bad} unreadable" in ran.err


def test_the_first_few_unreadable_records_are_named(call, records: Path) -> None:
    """A file of nonsense is not a page of complaints."""
    records.write_text("nonsense\n" * 50)
    ran = call("policy", "backtest", POLICY, "--records", records, "--format", "json")
    assert ran.code == 4
    told = json.loads(ran.out)
    assert (told["read"], told["reviews"], told["unread"]) == (50, 0, 50)
    places = [record["place"] for record in told["run"]["unreadable"]]
    assert places == [f"{records}:{n}" for n in range(1, 6)]
    assert [record["record"] for record in told["unreadable"]] == ["nonsense"]
    assert len(ran.err.splitlines()) == 7


def test_check_of_a_good_policy_is_quiet(call) -> None:
    """The demo's own policy has nothing to complain about."""
    ran = call("policy", "check", "--strict", POLICY)
    assert ran.code == 0, ran.out
    assert ran.out.startswith("usable")


@pytest.mark.parametrize("form", ["json", "github", "sarif"])
def test_check_has_forms_for_machines(call, tmp_path: Path, form: str) -> None:
    """Each form names the place, and the exit code is that of the text."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("policy: bad\nlanguage: 1\nrule: []\n")
    ran = call("policy", "check", "--format", form, bad)
    assert ran.code == 3
    assert "bad.yaml" in ran.out
    if form != "github":
        assert json.loads(ran.out)


def test_check_mends_what_has_one_cure(call, tmp_path: Path) -> None:
    """`--fix` writes the cure into the file, and the mistake is gone."""
    path = tmp_path / "p.yaml"
    text = (
        Path(POLICY)
        .read_text()
        .replace("last.outcome_kind: wrong_text", "last.outcome_knd: wrong_text")
    )
    path.write_text(text)
    assert call("policy", "check", path).code == 3
    assert call("policy", "check", "--fix", path).code == 0
    assert path.read_text() == Path(POLICY).read_text()


def test_one_run_mends_all_that_is_certain_and_nothing_else(call, tmp_path: Path) -> None:
    """Also what only shows once a line above it is mended; what moves money is left to a person."""
    path = tmp_path / "p.yaml"
    path.write_text(SLIPS, encoding="utf-8")

    ran = call("policy", "check", "--fix", str(path))

    assert ran.code == 3
    assert ran.out.count("did you mean  approve  ?") == ran.out.count("error") - 1 == 1
    assert path.read_text(encoding="utf-8") == MENDED


SLIPS = """```yaml
policy: Mein Regelwerk
language: 1
rules
  • name: cheap
     when:
\ttask.cm_payout_amount < 20 cents
      last.outcome_kind: wrong_text or wrong_account
    then = genehmigen
deadline:
  decide by: 2 hours before the end
  if undecided: escalate
  because: A person looks: always.
```
"""
MENDED = """
policy: mein-regelwerk
language: 1
rules:
  - name: cheap
    when:
      task.cm_payout_amount: less than 0.20 USD
      last.outcome_kind: [wrong_text, wrong_account]
    then: genehmigen
deadline:
  decide by: 2h before deadline
  if undecided: escalate
  because: "A person looks: always."

"""


def test_check_without_a_file_takes_the_settings(call, monkeypatch: pytest.MonkeyPatch) -> None:
    """REVIEWBOT_POLICY serves where no file is named; without either it is bad configuration."""
    assert call("policy", "check").code == 78
    monkeypatch.setenv("REVIEWBOT_POLICY", POLICY)
    assert call("policy", "check").code == 0


def test_config_shows_origins_and_no_secret(call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value stands with where it came from; the key is only said to be there."""
    monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_c4n4ry_secret")
    monkeypatch.setenv("REVIEWBOT_EVERY", "5m")
    ran = call("config", "--format", "json")
    assert ran.code == 0
    assert "c4n4ry" not in ran.out
    rows = {row["name"]: row for row in json.loads(ran.out)}
    assert rows["REVIEWBOT_EVERY"]["origin"] == "REVIEWBOT_EVERY"
    assert rows["REVIEWBOT_MODE"] == {
        "name": "REVIEWBOT_MODE",
        "value": "dry-run",
        "origin": "default",
    }


def test_a_log_that_does_not_exist_is_empty_and_not_made(call, tmp_path: Path) -> None:
    """Reading commands leave no file behind."""
    url = f"sqlite:///{tmp_path / 'none.db'}"
    assert call("log", "show", "--ledger", url).code == 0
    assert call("log", "verify", "--ledger", url).code == 78
    assert call("queue", "list", "--ledger", url).code == 0
    assert call("status", "--ledger", url).code == 0
    assert call("status", "--probe", "--ledger", url).code == 1
    assert list(tmp_path.iterdir()) == []


def test_facts_has_a_form_for_machines(call) -> None:
    """The catalogue as JSON names each fact with its type."""
    rows = json.loads(call("policy", "facts", "last", "--format", "json").out)
    assert {"name", "type", "sentence"} <= set(rows[0])
    assert all(row["name"].startswith("last.") for row in rows)


def test_policy_test_passes_what_passes(call) -> None:
    """All tests of the demo's policy hold; -v names each."""
    ran = call("policy", "test", POLICY, "-v")
    assert ran.code == 0, ran.out
    assert "passed  40 comments read, ours missing" in ran.out


def test_policy_test_says_what_failed_and_where(call, tmp_path: Path) -> None:
    """A failing test is 4, and names what was expected and what came."""
    path = tmp_path / "p.yaml"
    path.write_text(Path(POLICY).read_text().replace("expect: dispute", "expect: approve"))
    ran = call("policy", "test", path)
    assert ran.code == 4
    assert "expected approve" in ran.out
    assert "got dispute" in ran.out
    results = json.loads(call("policy", "test", path, "--format", "json").out)
    assert [result["passed"] for result in results[0]["tests"]].count(False) == 1


def test_explain_names_the_rule_and_what_it_saw(call, records: Path) -> None:
    """The winner, its facts, and why the rules above did not match."""
    ran = call("policy", "explain", "t1", "--records", records, "--policy", POLICY)
    assert ran.code == 0, ran.err
    assert 'DISPUTE by rule 6 "looked at every comment, not there"' in ran.out
    assert "last.comments_scraped" in ran.out
    told = json.loads(
        call(
            *("policy", "explain", "t1", "--records", records, "--policy", POLICY),
            *("--format", "json"),
        ).out
    )
    assert told["action"] == "dispute"


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("config",), 78, "REVIEWBOT_EVERY"),
        (("run", "--once", "--policy", POLICY), 78, "TOKPORTAL_API_KEY_FILE"),
        (("run", "--live", "--dry-run"), 2, "contradict"),
        (("policy", "facts", "lst"), 2, "last"),
        (("policy", "decide", "bad.yaml", "--records", "records.jsonl"), 3, "bad.yaml:1:1"),
        (("policy", "test", "bad.yaml"), 3, "bad.yaml:1:1"),
        (("policy", "test", "untested.yaml"), 4, ""),
        (("policy", "explain", "nobody", "--policy", POLICY), 2, "--now"),
        (("policy", "explain", "x", "--policy", POLICY, "--records", "records.jsonl"), 2, "'x'"),
    ],
)
def test_what_cannot_be_is_refused_by_its_code_with_a_way_out(
    call,
    records: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: int,
    hint: str,
) -> None:
    """A mistyped setting, no key, contradictions, unknown names, a policy with errors or no test."""
    monkeypatch.chdir(records.parent)
    monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{records.parent / 'none.db'}")
    if words == ("config",):
        monkeypatch.setenv("REVIEWBOT_EVRY", "5m")
    Path("bad.yaml").write_text("rules: []\n")
    Path("untested.yaml").write_text(Path(POLICY).read_text().split("\ntests:")[0])
    ran = call(*words)
    assert (ran.code, hint in ran.err) == (code, True), ran.err
