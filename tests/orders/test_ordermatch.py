"""Which task is which order's, from an answer that says little and from a list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.order import Order
from reviewbot.domain.task import CommentTask
from reviewbot.orders.book import OrderNote, OrderState, Word, answered, found
from reviewbot.ports.orders import Placed, RecentTasks, Refused
from tests.builders import CONFIRMED

LATE = timedelta(minutes=15)
FULL = "https://www.tiktok.com/@a/video/{}"


def an_order(text: str = "Nice", url: str = FULL.format(1), account: str = "acc") -> Order:
    """An order for a TikTok video."""
    return Order(saved_account_id=account, comment_text=text, target_video_url=url)


def its_task(order: Order, task_id: str, **changes: Any) -> CommentTask:
    """The task that came of an order; short links come back as video 900 and up."""
    fields: dict[str, Any] = {
        "id": task_id,
        "platform": "tiktok",
        "saved_account_id": order.saved_account_id,
        "target_video_url": order.target_video_url,
        "comment_text": order.comment_text,
        "created_at": CONFIRMED,
    }
    return CommentTask(**(fields | changes))


def known(**orders: Order) -> list[OrderNote]:
    """Orders that were sent at noon, and of which nothing is known."""
    return [
        OrderNote(
            subject=subject,
            seq=1,
            at=CONFIRMED,
            word=Word(
                state=OrderState.INTENDED,
                order=order,
                attempt=1,
                batch="k",
                intended_at=CONFIRMED,
            ),
        )
        for subject, order in orders.items()
    ]


def in_list(orders: list[OrderNote], *tasks: CommentTask, complete: bool = True) -> dict[str, Any]:
    """What the list says: the task's id, or the state."""
    recent = RecentTasks(tasks=tasks, complete=complete)
    verdicts = found(orders, recent, (), LATE)
    return {name: verdict.task_id or verdict.state.value for name, verdict in verdicts.items()}


def test_an_echo_without_the_text_still_finds_its_row() -> None:
    """The created ones are taken away first; what is left is the refused one."""
    one, other = an_order("one"), an_order("other")
    echo = {"saved_account_id": "acc", "target_video_url": FULL.format(1)}
    placed = Placed(
        created=(its_task(one, "t1"),), refused=(Refused(reason="platform_mismatch", echo=echo),)
    )

    verdicts = answered({"a": one, "b": other}, placed)

    assert (verdicts["a"].task_id, verdicts["b"].reason) == ("t1", "platform_mismatch")


def test_refusals_without_any_echo_are_told_where_all_that_is_left_was_refused() -> None:
    """With one reason or with the choice of them."""
    one, two, three = an_order("one"), an_order("two"), an_order("three")
    refused = (Refused(reason="x", echo={"id": 7}), Refused(reason="x"))

    verdicts = answered(
        {"a": one, "b": two, "c": three}, Placed(created=(its_task(two, "t2"),), refused=refused)
    )

    assert [verdicts[name].reason for name in "abc"] == ["x", None, "x"]
    assert verdicts["b"].task_id == "t2"


def test_a_row_that_the_answer_leaves_out_is_unclear() -> None:
    """It may be there or not; reading will tell."""
    verdicts = answered(
        {"a": an_order("one"), "b": an_order("two")},
        Placed(created=(its_task(an_order("one"), "t"),)),
    )
    assert verdicts["b"].state is OrderState.UNCLEAR


def test_tasks_of_which_only_the_id_is_said_are_taken_in_order_where_none_was_refused() -> None:
    """All orders were taken, so all are there."""
    placed = Placed(created=(CommentTask(id="t1"), CommentTask(id="t2")))
    verdicts = answered({"a": an_order("one"), "b": an_order("two")}, placed)
    assert [verdicts[name].task_id for name in "ab"] == ["t1", "t2"]


def test_short_links_are_matched_by_account_and_text() -> None:
    """The answer has the address that the link led to."""
    short, full = an_order(url="vm.tiktok.com/ZM1"), an_order()
    tasks = (its_task(full, "t1"), its_task(short, "t2", target_video_url=FULL.format(900)))
    verdicts = answered({"s": short, "f": full}, Placed(created=tasks))
    assert (verdicts["s"].task_id, verdicts["f"].task_id) == ("t2", "t1")


def test_the_list_tells_what_is_there_and_what_is_not() -> None:
    """By account, text and video; one that is another order's already does not count."""
    here, gone = an_order("here"), an_order("gone")
    orders = known(h=here, g=gone)
    assert in_list(orders, its_task(here, "t1")) == {"h": "t1", "g": "void"}
    taken = found(orders, RecentTasks(tasks=(its_task(here, "t1"),)), {"t1"}, LATE)
    assert taken["h"].state is OrderState.VOID


def test_a_task_from_before_the_order_is_not_it() -> None:
    """Ten minutes are allowed for, because clocks differ."""
    order = an_order()
    early = its_task(order, "t", created_at=CONFIRMED - timedelta(minutes=11))
    assert in_list(known(o=order), early) == {"o": "void"}
    near = its_task(order, "t", created_at=CONFIRMED - timedelta(minutes=9))
    assert in_list(known(o=order), near) == {"o": "t"}


def test_one_short_link_and_one_task_are_a_pair_only_in_time() -> None:
    """A task that came long after the order could take effect is somebody else's."""
    order = an_order(url="vm.tiktok.com/ZM1")
    led = {"target_video_url": FULL.format(900)}
    assert in_list(known(o=order), its_task(order, "t", **led)) == {"o": "t"}
    late = its_task(order, "t", created_at=CONFIRMED + timedelta(hours=2), **led)
    assert in_list(known(o=order), late) == {"o": "void"}
    elsewhere = its_task(order, "t", platform="instagram", **led)
    assert in_list(known(o=order), elsewhere) == {"o": "void"}


def test_nothing_is_missing_from_a_list_that_could_not_be_read_in_full() -> None:
    """Neither when a page broke off nor when a row says nothing of its account."""
    order = an_order()
    assert in_list(known(o=order), complete=False) == {"o": "unclear"}
    assert in_list(known(o=order), CommentTask(id="t", comment_text="x")) == {"o": "unclear"}
    nowhere = its_task(order, "t", target_video_url="https://new.example/9")
    assert in_list(known(o=order), nowhere) == {"o": "t"}


SOME = st.lists(
    st.builds(
        an_order,
        text=st.sampled_from(["a", "b"]),
        url=st.sampled_from(
            [FULL.format(1), FULL.format(2), "vm.tiktok.com/Z1", "vm.tiktok.com/Z2"]
        ),
        account=st.sampled_from(["x", "y"]),
    ),
    unique=True,
    max_size=8,
)


@given(SOME, st.data())
def test_an_order_that_is_there_is_never_taken_for_absent(orders: list[Order], data: Any) -> None:
    """Whichever of them took effect: those may be unclear, but are never sent again."""
    there = data.draw(st.sets(st.sampled_from(range(len(orders))))) if orders else set()
    tasks = [
        its_task(
            order,
            f"t{number}",
            **(
                {}
                if "video" in (order.target_video_url or "")
                else {"target_video_url": FULL.format(900 + number)}
            ),
        )
        for number, order in enumerate(orders)
        if number in there
    ]

    verdicts = in_list(known(**{f"o{n}": order for n, order in enumerate(orders)}), *tasks)

    assert all(verdicts[f"o{number}"] != "void" for number in there)
    pairs = [task for task in verdicts.values() if task.startswith("t")]
    assert len(pairs) == len(set(pairs))
