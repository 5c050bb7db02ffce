"""The nine sentences of policies/house-rules.yaml, kept by the whole bot on the simulator, hour by hour."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.quality import judge_of
from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.questions import Round, open_questions
from reviewbot.domain.decision import Action, Mode
from reviewbot.domain.errors import Halted
from reviewbot.domain.text import Secret
from reviewbot.ledger.open import open_ledger
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.model import Actor, Effect, SavedAccount, Task, VerifierRun
from reviewbot.simulator.seed_data import add_account, order
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

HOUSE_RULES = Path(__file__).resolve().parents[2] / "policies" / "house-rules.yaml"
TUESDAY = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
SATURDAY = datetime(2026, 6, 6, 10, 0, tzinfo=UTC)


class House:
    """A world in which nobody does anything unasked, and a bot that keeps the house rules."""

    def __init__(self, begin: datetime) -> None:
        clock = VirtualClock(begin)
        self.world = World(begin, seed=3, clock=clock)
        self.ledger = open_ledger("memory:")
        self.reminders: list[str] = []
        """The round and the moment of each reminder, and who hears of it."""
        self.app: BotContext = build(
            Settings(api_key=Secret("sk_" + "0" * 64), mode=Mode.LIVE),
            judges=[judge_of(HOUSE_RULES)],
            transport=SimulatorTransport(self.world),
            clock=clock,
            ledger=self.ledger,
            events=self._hear,
            chance=lambda: 0.5,
        )

    def account(self, id_: str = "acc-known", *, finished: int = 10) -> SavedAccount:
        """An account of that id, of which so many tasks are finalized."""
        account = add_account(self.world, username=id_, habit=None)
        del self.world.accounts[account.id]
        account.id = id_
        self.world.accounts[id_] = account
        for _ in range(finished):
            tasks_module.approve(self.world, self.waiting(account), Actor(by="stranger"))
        return account

    def waiting(
        self,
        account: SavedAccount,
        outcome: str = "couldnt_verify",
        read: int | None = 60,
        score: float = 0.31,
        pay: float = 0.24,
    ) -> Task:
        """A task whose manager insists now, and what the checker made of it a minute ago."""
        world = self.world
        task = order(world, account, led=True)
        tasks_module.submit(world, task)
        task.attempts = [
            VerifierRun(
                attempt_n=1,
                scraped_at=float(int(world.now - 60)),
                outcome_kind=outcome,
                match_score=score,
                found_comment_id=None,
                reason=outcome,
                comments_scraped=read,
                platform=account.platform,
            )
        ]
        self.insist(task, pay)
        return task

    def insist(self, task: Task, pay: float = 0.24) -> None:
        """The manager says that it is posted: a round begins."""
        tasks_module.confirm(self.world, task)
        task.payout = pay

    def until(self, hours: float) -> None:
        """Poll every half hour until so many hours have passed."""
        for _ in range(round(2 * hours)):
            poll_once(self.app)
            self.app.clock.sleep(HOUR / 2)
        poll_once(self.app)

    def sent(self, task: Task) -> list[Effect]:
        """What the bot has done to a task."""
        return [each for each in self.world.effects if each.task_id == task.id]

    def acts(self, *tasks: Task) -> list[str]:
        """What was done to each, in order; `asked` where a person is asked."""
        asked = {question.sighting.task_id for question in self.questions()}
        return [
            "asked" if task.id in asked else ", ".join(each.action for each in self.sent(task))
            for task in tasks
        ]

    def questions(self) -> list[Round]:
        """The questions that are open."""
        return open_questions(self.ledger, self.app.clock.now())

    def _hear(self, event: str, /, **about: Any) -> None:
        if event == "alarm" and about["kind"] == "reminder":
            self.reminders.append(str(about["subject"]))


def test_could_not_look_is_paid_up_to_thirty_dollars_a_day() -> None:
    """(1) Failed or nothing read: paid; what would go over 30 USD in 24 hours is asked, and paid at the end."""
    house = House(TUESDAY)
    account = house.account()
    tasks = [house.waiting(account, "scrape_failed", None, pay=9.0) for _ in range(2)]
    tasks += [house.waiting(account, read=0, pay=9.0) for _ in range(2)]
    house.until(1)
    assert sorted(house.acts(*tasks)) == ["approve", "approve", "approve", "asked"]
    house.until(72)
    assert house.acts(*tasks) == ["approve"] * 4


def test_not_there_is_sent_back_in_the_language_of_the_account() -> None:
    """(2) Under 100 read: German for the accounts of the list, English for the rest; 100 is no proof."""
    house = House(TUESDAY)
    known, german = house.account(), house.account("acc-berlin")
    english, deutsch, cut = (
        house.waiting(known),
        house.waiting(german),
        house.waiting(known, read=100),
    )
    house.until(1)
    assert house.acts(english, deutsch, cut) == ["dispute", "dispute", "asked"]
    (effect,) = house.sent(english)
    assert "Our check of Jun 2, 2026 read all 60 comments" in (effect.reason or "")
    (effect,) = house.sent(deutsch)
    assert "Unsere Prüfung vom 02.06.2026 hat alle 60 Kommentare" in (effect.reason or "")


def test_second_rounds_go_to_the_lead_who_is_reminded() -> None:
    """(3) What was sent back and came again is only asked, also unread; 6 hours before the end it is recalled."""
    house = House(TUESDAY)
    task = house.waiting(house.account())
    house.until(1)
    assert house.acts(task) == ["dispute"]
    task.attempts[0].comments_scraped = 0
    house.insist(task)
    house.until(1)
    (question,) = house.questions()
    assert (question.decision.rule, question.decision.to) == ("second round", ("lead",))
    house.until(64)
    assert house.reminders == []
    house.until(2)
    (reminder,) = house.reminders
    assert reminder.startswith(task.id)
    assert reminder.endswith("6h before deadline lead")


def test_a_text_a_bit_different_is_asked_about_unless_it_is_cheap() -> None:
    """(4) 0.80 to 0.95: a person, under 0.20 USD paid."""
    house = House(TUESDAY)
    account = house.account()
    scores = {0.79: "dispute", 0.80: "asked", 0.95: "asked", 0.96: "asked"}
    tasks = [house.waiting(account, "wrong_text", score=score) for score in scores]
    cheap = house.waiting(account, "wrong_text", score=0.85, pay=0.19)
    house.until(1)
    assert house.acts(*tasks) == list(scores.values())
    assert house.acts(cheap) == ["approve"]


def test_of_one_account_five_a_day_are_sent_back_for_the_wrong_account() -> None:
    """(5) The sixth of an account is asked; another account has five of its own."""
    house = House(TUESDAY)
    one, other = house.account(), house.account("acc-other")
    tasks = [house.waiting(one, "wrong_account", score=0.97) for _ in range(6)]
    tasks.append(house.waiting(other, "wrong_account", score=0.97))
    house.until(1)
    assert sorted(house.acts(*tasks)) == ["asked", *["dispute"] * 6]
    assert house.acts(tasks[-1]) == ["dispute"]


def test_at_weekends_nobody_sends_back_and_what_is_sure_is_paid() -> None:
    """(6) From Saturday to Monday no rule and no person sends back; then it goes. Paying goes on."""
    house = House(SATURDAY)
    account = house.account()
    missing, asked = house.waiting(account), house.waiting(account, read=100)
    unread = house.waiting(account, read=0)
    house.until(1)
    assert house.acts(missing, asked, unread) == ["", "asked", "approve"]
    (question,) = house.questions()
    reply = PersonAnswer(action=Action.DISPUTE, who="lead", text="I have looked, it is not there.")
    with pytest.raises(Halted, match="answer again from Mon 08 Jun 00:00 CEST"):
        answer(house.app, question, reply)
    house.until(34)
    assert house.acts(missing, asked) == ["", "asked"]
    house.until(3)
    assert house.acts(missing) == ["dispute"]
    (effect,) = house.sent(missing)
    assert datetime.fromtimestamp(effect.at, UTC) >= datetime(2026, 6, 7, 22, 0, tzinfo=UTC)


def test_what_nobody_decides_is_paid_two_hours_before_the_end() -> None:
    """(7) Not before, and by the deadline."""
    house = House(TUESDAY)
    task = house.waiting(house.account(), read=100)
    house.until(69)
    assert house.acts(task) == ["asked"]
    house.until(1.5)
    assert house.acts(task) == ["approve"]
    (effect,) = house.sent(task)
    left = (task.confirmed_at or 0) + 72 * HOUR - effect.at
    assert 1.4 * HOUR <= left <= 2 * HOUR


def test_watched_accounts_are_left_to_people_until_their_day() -> None:
    """(8) Whatever the checker saw, no rule pays them or sends them back; after their day it does."""
    house = House(datetime(2026, 12, 31, 10, 0, tzinfo=UTC))
    account = house.account("acc-moved", finished=0)
    tasks = [house.waiting(account, read=0), house.waiting(account)]
    tasks.append(house.waiting(account, "wrong_account", score=0.97))
    house.until(4)
    assert house.acts(*tasks) == ["asked"] * 3
    house.until(14)
    assert house.acts(*tasks) == ["approve", "dispute", "dispute"]


def test_new_accounts_are_asked_about_where_more_is_paid() -> None:
    """(9) Fewer than 10 finished and more than 0.25 USD: a person; either alone is not enough."""
    house = House(TUESDAY)
    new, known = house.account("acc-new", finished=8), house.account()
    dear, cheap = house.waiting(new, read=0, pay=0.26), house.waiting(new, read=0, pay=0.25)
    old = house.waiting(known, read=0, pay=0.26)
    house.until(1)
    assert house.acts(dear, cheap, old) == ["asked", "approve", "approve"]
