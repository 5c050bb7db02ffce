"""A request as the server sees it, and its answer: what routes, faults and doors hand to each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from reviewbot.simulator.model import Actor
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.world import World


class Call(msgspec.Struct):
    """One HTTP request; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    params: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """It may change something."""
        return self.method not in ("GET", "HEAD")


class Answer(msgspec.Struct):
    """One HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    request_id: str = ""


class Reply(NamedTuple):
    """What an operation says: the status, and the body before it is written as JSON."""

    status: int
    body: dict[str, Any]


class Request(msgspec.Struct):
    """What an operation gets: the world, who asks, and what for. A dry one must change nothing."""

    world: World
    call: Call
    id: str
    actor: Actor
    dry: bool = False

    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object.

        Raises Refusal when it is not.
        """
        choices = self.world.choices
        try:
            value = msgspec.json.decode(self.call.body or b"{}")
        except msgspec.DecodeError as error:
            raise Refusal(400, choices.malformed_json_code, f"No JSON: {error}.") from None
        if not isinstance(value, dict):
            raise Refusal(400, choices.validation_code, "The body must be a JSON object.")
        return value

    def page(self) -> tuple[int, int]:
        """`page` and `per_page` of the query.

        Raises Refusal for what is no number, and for what is out of range where that is chosen.
        """
        page, per_page = self._number("page", 1), self._number("per_page", 25)
        inside = page >= 1 and 1 <= per_page <= 100
        if not inside and self.world.choices.per_page_out_of_range == "400":
            raise Refusal(
                400, self.world.choices.validation_code, "page is 1 or more, per_page 1 to 100."
            )
        return max(1, page), min(100, max(1, per_page))

    def _number(self, name: str, default: int) -> int:
        text = self.call.params.get(name)
        if text is None:
            return default
        if text.lstrip("-").isdigit() and len(text) < 10:
            return int(text)
        raise Refusal(400, self.world.choices.validation_code, f"{name} must be a whole number.")


def call_of(
    method: str, path: str, query: str, headers: Iterable[tuple[str, str]], body: bytes
) -> Call:
    """Make a call of the parts of an HTTP request."""
    lowered = {name.lower(): value for name, value in headers}
    return Call(method, unquote(path), query, lowered, body)
