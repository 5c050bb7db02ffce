"""Every error reviewbot raises on purpose.

ReviewbotError
├── ConfigError                a setting is wrong or missing                       (exit 78)
├── UsageError                 a command was asked for something that cannot be    (exit 2)
├── PolicyInvalid              a policy has errors; carries its findings           (exit 3)
├── Halted                     a pause, a breaker, a cap or probation keeps a decision back
├── ApiError                   a call to the API did not succeed
│   ├── NotDone                certainly nothing was changed there
│   │   ├── CannotConnect      no connection was made                              (exit 69)
│   │   ├── RateLimited        429; says how long to wait
│   │   └── ApiRefusal         a definite no: a 4xx with a code
│   │       ├── KeyRefused     401, in the API's own words                         (exit 77)
│   │       ├── Forbidden      403, likewise: not ours, or a scope the key lacks   (exit 77)
│   │       ├── NotFound       404
│   │       ├── InvalidStatus  409: the thing is in another status now
│   │       ├── TaskBlocked    Coverage is inactive: approve and dispute are refused
│   │       └── OutOfCredits   402
│   └── Unclear                sent, but the answer does not say whether it was done
│       ├── NoAnswer           timeout, reset, or the time budget ran out
│       ├── ServerFault        5xx, with or without the documented envelope
│       └── BadAnswer          truncated, not JSON, redirected, or not the shape we use
│           ├── TooLarge       over the size budget; smaller pages may be read
│           └── Intercepted    a 4xx without the API's envelope: something in between spoke
├── LeaseLost                  another replica acts for this key now, or may soon
├── ChannelFailed              a message could not be delivered
└── LedgerError                the decision log cannot be used
    ├── LedgerUnwritable       nothing can be written now; may pass
    │   ├── LedgerMoved        its files are no longer those that were opened
    │   ├── LedgerWentBack     it lacks what this process wrote to it
    │   └── LedgerBroken       the disk failed under it; only a new start can tell what is there
    ├── LedgerBusy             another instance holds it                           (exit 75)
    ├── LedgerCorrupt          what was read back is damaged, or does not verify   (exit 5)
    ├── NotRecordable          a value of the thing itself is none that a log can hold
    ├── AlreadyIntended        this (task, epoch) has an intent that is not void
    ├── OutOfDate              somebody else wrote on a subject since it was read
    └── CapReached             a cap has no room for this intent now
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


class ReviewbotError(Exception):
    """The root: a message for a person, saying where, what was found and what would be right."""

    exit_code = 1


class ConfigError(ReviewbotError):
    """A setting is wrong, missing or unknown."""

    exit_code = 78


class UsageError(ReviewbotError):
    """The words of a command are well formed but ask for something that cannot be."""

    exit_code = 2


class PolicyInvalid(ReviewbotError):
    """A policy cannot be used. `findings` are `policy.findings.Finding` values."""

    exit_code = 3

    def __init__(self, message: str, findings: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings


class Halted(ReviewbotError):
    """A decision may not be sent now; the message says what keeps it back, and stays the same while it does.

    `by` is `pause`, `statement`, `breaker`, `cap`, `guardrail` or `probation`; `subject` names the one of
    them. `asks` says that a person is to be asked instead, `skips` that the rule is passed over and those
    below it are asked. `room_at` is when a cap has room again, where that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        by: str,
        subject: str = "",
        asks: bool = False,
        skips: bool = False,
        room_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.by = by
        self.subject = subject
        self.asks = asks
        self.skips = skips
        self.room_at = room_at


class ApiError(ReviewbotError):
    """A call to the API did not succeed.

    `request_id` is the API's own id of the call, for its support; `status` the HTTP status where
    there was one; `code` the documented error code in upper case; `details` the API's own object.
    """

    exit_code = 69

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.request_id = request_id


class NotDone(ApiError):
    """Certainly nothing was changed on the other side."""


class CannotConnect(NotDone):
    """No connection was made, so no request was sent."""


class RateLimited(NotDone):
    """429. `retry_after` is the larger of the header and the body, in seconds."""

    def __init__(self, message: str, *, retry_after: float, **about: Any) -> None:
        super().__init__(message, **about)
        self.retry_after = retry_after


class ApiRefusal(NotDone):
    """A definite no from the API: a 4xx with a code."""


class KeyRefused(ApiRefusal):
    """The API says itself that the key is missing, wrong, revoked or expired."""

    exit_code = 77


class Forbidden(ApiRefusal):
    """403: someone else's task, or a scope that the key does not have."""

    exit_code = 77


class NotFound(ApiRefusal):
    """404: no such thing, or not ours."""


class InvalidStatus(ApiRefusal):
    """409: the action is not allowed in the thing's present status, `current_status`."""

    @property
    def current_status(self) -> str | None:
        """The status that the API says it has now, where it says one."""
        value = self.details.get("current_status")
        return value if isinstance(value, str) else None


class TaskBlocked(ApiRefusal):
    """Coverage of the account is inactive: reads work, approve and dispute are refused."""


class OutOfCredits(ApiRefusal):
    """402: not enough credits."""


class Unclear(ApiError):
    """The request was sent, and nothing that came back says whether it was carried out."""


class NoAnswer(Unclear):
    """A timeout, a reset, or the call's total time budget ran out."""


class ServerFault(Unclear):
    """5xx, in the documented envelope or not."""


class BadAnswer(Unclear):
    """An answer that cannot be trusted: truncated, oversized, not JSON, redirected, or misshapen."""


class TooLarge(BadAnswer):
    """An answer over the size budget. `beginning` is what came first, for finding out what it is about."""

    def __init__(self, message: str, *, beginning: bytes = b"", **about: Any) -> None:
        super().__init__(message, **about)
        self.beginning = beginning


class Intercepted(BadAnswer):
    """A 4xx without the API's own envelope: something in between turned the request away.

    It says nothing about the thing. A request that was turned away has not been carried out.
    """


class LeaseLost(ReviewbotError):
    """This process may not act for a key: another replica does, or may at any moment."""


class ChannelFailed(ReviewbotError):
    """A message could not be delivered; `passing` says whether another try may help.

    `retry_after` is how long the other side asks to be left alone, in seconds. The message never
    holds an address: those can be secrets.
    """

    def __init__(
        self, message: str, *, passing: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.passing = passing
        self.retry_after = retry_after


class LedgerError(ReviewbotError):
    """The decision log cannot be used as asked."""


class LedgerUnwritable(LedgerError):
    """Nothing can be written now: full, read-only, locked or failing disk. It may pass."""


class LedgerBroken(LedgerUnwritable):
    """The disk failed under the log: what was written may not be there. Never to be carried on with."""


class LedgerMoved(LedgerUnwritable):
    """A file of the log was removed or replaced while it was open: what is written now would be lost."""


class LedgerWentBack(LedgerUnwritable):
    """The log lacks what this process wrote to it, so no intent is taken until a person accepts it."""


class LedgerBusy(LedgerError):
    """Another instance holds this ledger."""

    exit_code = 75


class LedgerCorrupt(LedgerError):
    """What was read back from the log is damaged, or does not verify."""

    exit_code = 5


class NotRecordable(LedgerError):
    """A value of the thing that was to be written down is none that a log can hold; nothing was written.

    It is about that one thing, and says nothing of the log.
    """


class AlreadyIntended(LedgerError):
    """This (task, epoch) already has an intent that is not void."""


class OutOfDate(LedgerError):
    """Somebody else has written on a subject since it was read, so nothing was written."""


class CapReached(LedgerError):
    """A cap has no room for an intent, so nothing was written and nothing may be sent.

    `cap` is the cap's own name; `room_at` the moment at which there will be room if nothing else is
    sent until then, None where there never will be. `own` says that the limit is the rule's own,
    `account` that it is of one account, `money` that it counts what is paid.
    """

    def __init__(
        self,
        message: str,
        *,
        cap: str,
        room_at: datetime | None,
        own: bool = False,
        account: bool = False,
        money: bool = False,
    ) -> None:
        super().__init__(message)
        self.cap = cap
        self.room_at = room_at
        self.own = own
        self.account = account
        self.money = money
