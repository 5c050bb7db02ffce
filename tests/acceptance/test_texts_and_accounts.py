"""Texts by the accounts of a spreadsheet, and what the API says of accounts, by the real loop."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.decision import State
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.simulator import tasks
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.model import Actor, Task
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.videos import Target, add_video
from reviewbot.simulator.world import World
from tests.acceptance.house import House, house
from tests.simulator.worlds import a_waiting_task, a_world

TEXTS = """policy: two-languages
language: 1
timezone: Europe/Berlin
lists:
  german: {file: accounts.csv, column: konto, where: {land: DE}}
rules:
  - name: came back
    when: {task.sent_back_before: at least 1}
    then: escalate
  - name: not there
    when:
      last.outcome_kind: couldnt_verify
      last.comments_scraped: known
    then: dispute
    reason:
      - when: {task.saved_account_id: in list german}
        locale: de
        text: "Gelesen am {last.scraped_at, date}: „{task.comment_text, first 60}“ war nicht dabei."
      - otherwise:
        text: "Read on {last.scraped_at, date}: “{task.comment_text, first 60}” was not there."
deadline: {decide by: 3h before deadline, if undecided: escalate, because: Nobody could tell.}
"""
ASKING = """policy: asking
language: 1
rules:
  - name: cheap
    when: {task.cm_payout_amount: less than 0.01 USD}
    then: escalate
  - name: well known, far away
    when:
      account.finalized_total: at least 2
      account.country: not in list near
      account.handle: known
    then: approve
  - name: the rest
    always: yes
    then: escalate
    question: Look at {account.handle} ({account.country}), paid {account.finalized_total} times.
lists:
  near: [XX]
deadline: {decide by: 3h before deadline, if undecided: escalate, because: Nobody could tell.}
"""


def compiled(text: str, sheet: str = "") -> Judge:
    """A policy with its list file."""
    parsed = parse_policy(text, path="p.yaml", read=lambda name: sheet.encode())
    assert parsed.policy is not None, parsed.findings
    return compile_policy(parsed.policy)


def opened(
    world: World, judge: Judge, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> AbstractContextManager[House]:
    """A bot over the world by this policy."""
    monkeypatch.setattr("tests.acceptance.house.judge_of", lambda text: judge)
    return house(world=world, **more)


def asked(world: World, word: str) -> list[str]:
    """The requests whose path and query hold a word."""
    targets = [f"{line.path}?{line.query}" for line in world.requests]
    return [target for target in targets if word in target]


def test_each_account_reads_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """A German text and an English one, by a list with semicolons; a quotation stays one."""
    world = a_world()
    german, english = (a_waiting_task(world, text=f'Light "{n}" there') for n in (1, 2))
    sheet = f'Konto;Land;Name\n{german.account.id};DE;"Müller; Ute"\n{english.account.id};US;Ann\n'

    with opened(world, compiled(TEXTS, sheet), monkeypatch) as bot:
        bot.poll()
        logged = {entry.decision.task_id: entry for entry in bot.app.ledger.decisions()}

    said = {task_id: entry.decision.reason for task_id, entry in logged.items()}
    assert {entry.state for entry in logged.values()} == {State.PERFORMED}
    assert said[german.id] == 'Gelesen am 08.06.2026: „Light "1" there“ war nicht dabei.'
    assert said[english.id] == 'Read on Jun 8, 2026: “Light "2" there” was not there.'
    for task in (german, english):
        assert said[task.id] is not None and said[task.id] in (task.correction or "")


def accounts_world() -> tuple[World, list[Task]]:
    """Two waiting tasks of one account with two finalized ones, and one of an account without any."""
    world = a_world()
    known = [a_waiting_task(world)]
    known += [another_task(world, known[0]) for _ in range(3)]
    for task in known[:2]:
        tasks.approve(world, task, Actor())
    return world, [*known[2:], a_waiting_task(world)]


def another_task(world: World, of: Task) -> Task:
    """A task of the same account that waits as well."""
    video = add_video(world, Target("tiktok", f"{of.video.url}{world.number()}", "lumen"))
    task = tasks.create(world, of.account, video, of.text)
    tasks.submit(world, task)
    world.advance(60)
    tasks.confirm(world, task)
    return task


def test_what_the_api_says_of_accounts_is_asked_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list once an hour, the count of each account once a day: over passes and restarts."""
    world, (first, second, new) = accounts_world()
    judge, ledger = compiled(ASKING), open_ledger(f"sqlite:///{tmp_path / 'l.db'}")

    for _ in range(3):
        with opened(world, judge, monkeypatch, ledger=ledger, live=False) as bot:
            bot.poll()
            bot.poll(5)
            states = {
                logged.decision.task_id: (logged.decision.action.value, logged.decision.reason)
                for logged in bot.app.ledger.decisions()
            }
            kept = [facts_from_json(logged.decision.facts) for logged in bot.app.ledger.decisions()]
            assert {facts.account.finalized_total for facts in kept} == {0, 2}

    assert states[first.id] == states[second.id] == ("approve", None)
    asked_of_new = states[new.id]
    assert asked_of_new[0] == "escalate"
    name, country = new.account.username, new.account.country
    assert asked_of_new[1] == f"Look at {name} ({country}), paid 0 times."
    assert len(asked(world, "/accounts")) == 1
    counts = asked(world, "status=finalized")
    assert len(counts) == len(set(counts)) == 2
    world.advance(3700)
    with opened(world, judge, monkeypatch, ledger=ledger, live=False) as bot:
        bot.poll()
    assert (len(asked(world, "/accounts")), len(asked(world, "status=finalized"))) == (2, 2)


def test_no_pass_waits_for_an_account_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is known of it, whoever needs it asks a person, and the rest goes on."""
    world, waiting = accounts_world()
    faults = Faults([Storm(fault="5xx json", operation="list_accounts")])
    transport = SimulatorTransport(world, faults=faults)

    with opened(world, compiled(ASKING), monkeypatch, transport=transport) as bot:
        bot.poll()
        bot.poll(1)
        said = {logged.decision.task_id: logged.decision for logged in bot.app.ledger.decisions()}
        events = [about for event, about in bot.events if event == "accounts cannot be read"]

    assert {said[task.id].action.value for task in waiting} == {"escalate"}
    assert "(unknown)" in (said[waiting[0].id].reason or "")
    assert len(events) == 1 and faults.seen["5xx json"] == 1


def test_a_policy_that_asks_for_nothing_of_accounts_costs_no_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does one whose rules are answered without it."""
    world, _ = accounts_world()
    cheap = ASKING.replace("less than 0.01 USD", "less than 5 USD")

    with opened(world, compiled(cheap), monkeypatch) as bot:
        bot.poll()

    assert asked(world, "status=finalized") == []
