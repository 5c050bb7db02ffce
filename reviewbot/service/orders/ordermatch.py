"""Which task is which order's: from the answer to a batch, and from the list where no answer came.

Theory of operation. A task shows its account, its text and the canonical address of its video. An
order with a full address can be told apart from all others by these. One with a short link cannot be
told from another with the same account and text, because only the platform knows where it leads. So
whatever is told by the address goes first; of the rest, what is left over on both sides is paired
only where one order faces one task. All else is unclear, and what is unclear is never sent again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from reviewbot.domain.addresses import comment_address, video_address
from reviewbot.domain.comments import CommentTask
from reviewbot.domain.orders import FIELDS, Order, address_of, folded, folded_id
from reviewbot.ports import Placed, RecentTasks, Refused
from reviewbot.service.orders.orderbook import Known, OrderState, Verdict

SLACK = timedelta(minutes=10)
"""How much earlier than its intent a task may seem to be created: the clocks of two machines."""

_Group = tuple[str, str]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_UNSAID = "no reason was given"
_NOT_IN_ANSWER = "the answer does not say what became of it"


def answered(orders: Mapping[str, Order], placed: Placed) -> dict[str, Verdict]:
    """Say of every order of a batch what a clear answer says of it."""
    left = dict(orders)
    verdicts: dict[str, Verdict] = {}

    def settle(subject: str, verdict: Verdict) -> None:
        verdicts[subject] = verdict
        del left[subject]

    vague = []
    for refused in placed.refused:
        alike = [subject for subject, order in left.items() if _is_echo(refused, order)]
        if len(alike) == 1:
            settle(alike[0], _rejected(refused))
        else:
            vague.append(refused)
    alike_to = _by_group(left)
    spare = []
    for task in placed.created:
        sure = [name for name in alike_to(task) if name in left and _is_same(task, left[name])]
        if sure:
            settle(sure[0], _created(task))
        else:
            spare.append(task)
    for task in list(spare):
        likely = [name for name in alike_to(task) if name in left and _may_be(task, left[name])]
        if likely:
            settle(likely[0], _created(task))
            spare.remove(task)
    if not vague and len(left) == len(spare):
        # Every order was taken; an answer that says little of the tasks still says that.
        for subject, task in zip(list(left), spare, strict=True):
            settle(subject, _created(task))
    for refused in list(vague):
        alike = [subject for subject, order in left.items() if _is_echo(refused, order)]
        if alike and len(left) <= len(vague):
            settle(alike[0], _rejected(refused))
            vague.remove(refused)
    reasons = " or ".join(sorted({refused.reason or _UNSAID for refused in vague}))
    all_told = len(left) == len(vague)
    for subject in list(left):
        rejected = Verdict(state=OrderState.REJECTED, reason=reasons)
        settle(subject, rejected if all_told else _unclear(_NOT_IN_ANSWER))
    return verdicts


def found(
    orders: Sequence[Known], recent: RecentTasks, taken: Iterable[str], within: timedelta
) -> dict[str, Verdict]:
    """Say of open orders what the list of tasks shows; VOID where it shows that one is not there.

    `taken` are tasks that are known to be other orders'; `within` is how late an order that was sent
    may still take effect.
    """
    known = frozenset(taken)
    tasks: dict[_Group, list[CommentTask]] = defaultdict(list)
    complete = recent.complete
    for task in sorted(recent.tasks, key=lambda task: task.created_at or _LONG_AGO):
        if task.saved_account_id is None or task.comment_text is None:
            complete = False
        elif task.id not in known:
            tasks[_group(task.saved_account_id, task.comment_text)].append(task)
    groups: dict[_Group, list[Known]] = defaultdict(list)
    for one in orders:
        order = one.word.order
        groups[_group(order.saved_account_id, order.comment_text)].append(one)
    look = _Look(complete, within)
    verdicts: dict[str, Verdict] = {}
    for group, members in groups.items():
        verdicts |= _of_group(members, tasks[group], look)
    return verdicts


def _by_group(orders: Mapping[str, Order]) -> Callable[[CommentTask], Sequence[str]]:
    """Give the way from a task to the orders with its account and text, whatever their place."""
    groups: dict[_Group, list[str]] = defaultdict(list)
    for subject, order in orders.items():
        groups[_group(order.saved_account_id, order.comment_text)].append(subject)
    return lambda task: groups.get(_group(task.saved_account_id or "", task.comment_text or ""), ())


def _group(account_id: str, text: str) -> _Group:
    return folded_id(account_id), folded(text)


def _of_group(
    orders: Sequence[Known], tasks: Sequence[CommentTask], look: _Look
) -> dict[str, Verdict]:
    """Judge orders of one account and text against the tasks of the same."""
    verdicts: dict[str, Verdict] = {}
    pool = list(tasks)
    for one in orders:
        sure = [task for task in pool if _is_same(task, one.word.order) and _came_after(task, one)]
        if sure:
            verdicts[one.subject] = _created(sure[0])
            pool.remove(sure[0])
    left = [one for one in orders if one.subject not in verdicts]
    likely = {one.subject: [task for task in pool if look.may_be_of(task, one)] for one in left}
    for one in left:
        mine = likely[one.subject]
        rivals = [other for other in left if any(task in likely[other.subject] for task in mine)]
        if not mine:
            verdicts[one.subject] = _NOWHERE if look.complete else _unclear(_UNREADABLE)
        elif len(mine) == len(rivals) == 1:
            verdicts[one.subject] = _created(mine[0])
        else:
            verdicts[one.subject] = _unclear(_ALIKE, tuple(task.id for task in mine))
    return verdicts


class _Look(msgspec.Struct, frozen=True):
    """One reading of the list: whether it missed nothing, and how late an order may take effect."""

    complete: bool
    within: timedelta

    def may_be_of(self, task: CommentTask, known: Known) -> bool:
        """Whether a task could be what was ordered, though its place does not say so."""
        latest = known.word.intended_at + self.within + SLACK
        in_time = task.created_at is None or task.created_at <= latest
        return in_time and _came_after(task, known) and _may_be(task, known.word.order)


_NOWHERE = Verdict(state=OrderState.VOID, reason="it is not in the list of tasks")
_UNREADABLE = "the list of tasks could not be read in full"
_ALIKE = "it cannot be told from others by the same account with the same text"


def _is_echo(refused: Refused, order: Order) -> bool:
    """Whether the API's echo of a refused order fits this one; it may leave fields out."""
    said = {name: refused.echo.get(name) for name in FIELDS}
    return all(text is None or text == getattr(order, name) for name, text in said.items())


def _is_same(task: CommentTask, order: Order) -> bool:
    """Whether a task is certainly what was ordered, to go by its account, text and place."""
    place = address_of(order)
    return place.resolved and place.key in _keys(task) and _is_alike(task, order)


def _may_be(task: CommentTask, order: Order) -> bool:
    """Whether a task could be what was ordered: its place, or the order's, cannot be told."""
    if not _is_alike(task, order):
        return False
    place, keys = address_of(order), _keys(task)
    if task.platform is not None and task.platform != place.platform:
        return False
    return not (place.resolved and keys) or place.key in keys


def _is_alike(task: CommentTask, order: Order) -> bool:
    if task.target_type is not None and task.target_type != order.kind:
        return False
    return (
        task.saved_account_id is not None
        and task.comment_text is not None
        and folded_id(task.saved_account_id) == folded_id(order.saved_account_id)
        and folded(task.comment_text) == folded(order.comment_text)
    )


def _keys(task: CommentTask) -> frozenset[str]:
    """Every name of the place where a task's comment is to stand; none where it cannot be told."""
    keys = set()
    is_reply = task.target_type == "comment"
    address = task.target_comment_url if is_reply else task.target_video_url
    if address:
        try:
            place = (comment_address if is_reply else video_address)(address)
        except ValueError:
            return frozenset()
        if place.resolved:
            keys.add(place.key)
    return frozenset(keys)


def _came_after(task: CommentTask, known: Known) -> bool:
    return task.created_at is None or task.created_at >= known.word.intended_at - SLACK


def _created(task: CommentTask) -> Verdict:
    return Verdict(state=OrderState.CREATED, task_id=task.id)


def _rejected(refused: Refused) -> Verdict:
    return Verdict(state=OrderState.REJECTED, reason=refused.reason or _UNSAID)


def _unclear(why: str, tasks: tuple[str, ...] = ()) -> Verdict:
    return Verdict(state=OrderState.UNCLEAR, reason=why, tasks=tasks)
