"""The desk: a person lists, reads, claims and answers questions, beside a bot, over HTTP."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reviewbot.ledger.open import open_ledger
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.model import Choices

POLICY = """\
policy: desk
language: 1
rules:
  - name: a person looks
    always: yes
    then: escalate
    question: Is "{task.comment_text, first 40}" there?
reasons:
  not_there: |
    We looked under the video and did not find your comment of {task.comment_length} characters.
  other_text: The text is not the one that was ordered.
  late: It was paid on {task.finalized_at, date}.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""


@pytest.fixture(scope="module")
def simulated() -> Iterator[Served]:
    """A world in which ten tasks wait and nothing else happens."""
    now = datetime.now(UTC)
    # One world for all: nobody is to wait for what another test has asked.
    free = Choices(rate_limit=100_000)
    world = scenarios.build(
        "backlog", now=now, clock=PacedClock(now), tasks=10, seed=4, choices=free
    )
    with Served(world) as served:
        yield served


@pytest.fixture
def desk(
    call, simulated: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, object]]:
    """A live bot has made one pass and asked about everything; gives the questions."""
    policy = tmp_path / "desk.yaml"
    policy.write_text(POLICY)
    monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_test_desk")
    monkeypatch.setenv("TOKPORTAL_BASE_URL", simulated.url)
    monkeypatch.setenv("REVIEWBOT_POLICY", str(policy))
    monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setenv("REVIEWBOT_PERSON", "ana")
    assert call("run", "--once", "--live").code == 0
    return lines(call("queue", "list", "--format", "json").out)


def lines(text: str) -> list[dict[str, object]]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def writes(simulated: Served, task_id: object) -> list[str]:
    """What we changed of one task."""
    effects = simulated.world.effects
    return [
        effect.action for effect in effects if effect.by == "client" and effect.task_id == task_id
    ]


def test_the_list_is_by_deadline_and_says_what_silence_does(call, desk) -> None:
    """Each question says how it ends if nobody answers, and when."""
    deadlines = [question["deadline_at"] for question in desk]
    assert deadlines == sorted(deadlines) and len(desk) >= 5
    assert {question["otherwise"] for question in desk} == {"fallback"}
    assert all(question["otherwise_at"] <= question["deadline_at"] for question in desk)

    ran = call("queue", "list")
    assert ran.code == 0
    assert ran.out.count("if you do nothing: PAID on ") == len(desk)
    assert "by the policy's deadline" in ran.out


def test_the_list_is_narrowed(call, desk, simulated: Served) -> None:
    """By whom is asked, by the rule that asked, and by the account, of which the id's beginning will do."""
    task = desk[0]["task_id"]
    account = simulated.world.tasks[task].account.id

    def listed(*options: str) -> list[object]:
        ran = call("queue", "list", "--format", "json", *options)
        assert ran.code == 0
        return [line["task_id"] for line in lines(ran.out)]

    everything = [line["task_id"] for line in desk]
    assert listed("--rule", "a person looks", "--key", "default") == everything
    assert listed("--rule", "another") == listed("--to", "lead") == []
    of_one = listed("--account", account[:8])
    assert task in of_one and len(of_one) < len(everything)
    assert f"None of {len(everything)} questions." in call("queue", "list", "--to", "lead").err


def test_show_offers_both_answers_as_lines_to_copy(call, desk) -> None:
    """Every offered line is a command that works; what they would read stands under it."""
    task = str(desk[0]["task_id"])
    ran = call("queue", "show", task[:8])
    shown = json.loads(call("queue", "show", task, "--format", "json").out)

    assert "if you do nothing: PAID on " in ran.out
    assert "We looked under the video" in ran.out
    assert [answer["action"] for answer in shown["answers"]] == ["approve", "dispute", "dispute"]
    for answer in shown["answers"]:
        assert answer["command"] in ran.out
        words = shlex.split(answer["command"])
        assert words[0] == "reviewbot" and words[-1] == "--live"
        rehearsed = call(*words[1:-1])
        assert rehearsed.code == 0, rehearsed.err
        assert "Dry run: nothing was sent" in rehearsed.err


def test_an_answer_is_rehearsed_until_it_is_live(call, desk, simulated: Served) -> None:
    """Without --live nothing is sent or logged; with it, it is sent once and carries the name."""
    task = desk[0]["task_id"]
    dry = call("queue", "approve", task)
    assert (dry.code, writes(simulated, task)) == (0, [])
    assert "would approve" in dry.out

    live = call("queue", "approve", task, "--live")
    assert live.code == 0, live.err
    assert writes(simulated, task) == ["approve"]
    again = call("queue", "dispute", task, "--reason", "It is not there.", "--live", "--as", "ben")
    assert again.code == 2
    assert "too late: ana answered approve at " in again.err
    assert writes(simulated, task) == ["approve"]
    assert task not in {
        line["task_id"] for line in lines(call("queue", "list", "--format", "json").out)
    }


def test_an_answer_works_beside_a_bot_that_holds_the_log(
    call, desk, simulated: Served, tmp_path: Path
) -> None:
    """The bot's lock keeps other bots out, not people."""
    held = open_ledger(f"sqlite:///{tmp_path / 'log.db'}", lock=True)
    try:
        assert call("run", "--once").code == 75
        task = desk[1]["task_id"]
        ran = call("queue", "dispute", task, "--reason-name", "other_text", "--live")
        assert ran.code == 0, ran.err
        assert writes(simulated, task) == ["dispute"]
        assert held.memories("comments", [str(task)])[str(task)].history.disputes == 1
    finally:
        held.close()
    assert call("log", "verify").code == 0


def test_a_claim_is_shown_kept_and_taken_over(call, desk, simulated: Served) -> None:
    """Who looks at a question is in the list; another person is refused until taking over."""
    task = desk[2]["task_id"]
    assert call("queue", "claim", task).code == 0
    assert "claimed by ana" in call("queue", "list").out
    refused = call("queue", "claim", task, "--as", "ben")
    assert refused.code == 2 and "ana is looking at it" in refused.err
    assert call("queue", "approve", task, "--as", "ben", "--live").code == 2
    assert call("queue", "claim", task, "--as", "ben", "--take-over").code == 0
    assert call("queue", "release", task).code == 2
    assert call("queue", "release", task, "--as", "ben").code == 0
    assert writes(simulated, task) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["dispute"], "the rule that asked names none. Choose with --reason-name NAME: "),
        (["dispute"], "Or write your own with --reason TEXT"),
        (["dispute", "--reason-name", "nonsense"], "no such text: 'nonsense'. Choose with"),
        (
            ["dispute", "--reason-name", "late"],
            "the facts are missing, not the text: task.finalized_at is unknown",
        ),
        (["dispute", "--reason", "no"], "3 to 500 fit"),
        (["finalize"], "approve or dispute"),
        (["approve", "--as", "a\x1b[2Jna"], "is no name"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_with_a_way_out(
    call, desk, words: list[str], says: str
) -> None:
    """Before anything is sent, also with --live."""
    ran = call("queue", words[0], desk[3]["task_id"], *words[1:], "--live")
    assert ran.code == 2
    assert says in ran.err


def test_an_unknown_task_is_no_question(call, desk) -> None:
    """A mistyped id says where the ids are."""
    ran = call("queue", "approve", "zzzz", "--live")
    assert ran.code == 2
    assert "see: reviewbot queue list" in ran.err


def test_forecast_and_status_tell_what_waits_for_people(call, desk) -> None:
    """Nobody answers fast enough: exit 4; the status shows questions and the four ledgers."""
    ran = call("forecast", "--format", "json")
    found = json.loads(ran.out)
    assert ran.code == 4
    assert found["will_be_paid_unread"] == len(found["unread"]) > 0
    assert found["first_at"] == found["unread"][0]["at"]
    told = call("forecast")
    assert told.code == 4
    assert "open tasks will be paid unread, first at" in told.out

    status = json.loads(call("status", "--format", "json").out)
    assert status["healthy"] is True
    assert status["situation"]["questions"] == len(desk)
    assert set(status["situation"]["books"]["paid"]) == {"rule", "person", "fallback", "silence"}
    shown = call("status").out
    assert "by the fallback" in " ".join(shown.split())
