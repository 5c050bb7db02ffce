"""The review of delivered accounts: rounds, the 72-hour window, lower-case codes."""

from __future__ import annotations

from typing import Any

import pytest

from reviewbot.simulator import accounts
from reviewbot.simulator.model import Bundle, Choices
from reviewbot.simulator.world import World
from tests.simulator.worlds import HOUR, a_client, a_world


def an_account_in_review(world: World, **differing: str | None) -> Bundle:
    """A bundle whose account was just delivered by a diligent person."""
    bundle = accounts.random_bundle(world, "tiktok", diligence=1.0)
    accounts.deliver(world, bundle, accounts.make_account(world, bundle, **differing))
    return bundle


def test_silence_finalizes_an_account_after_72_hours_and_a_minute() -> None:
    """The window of the newer pages, irreversible."""
    world = a_world()
    bundle = an_account_in_review(world)
    world.advance(72 * HOUR + 59)
    assert bundle.account_status == "in_review"
    world.advance(1)
    assert (bundle.account_status, bundle.ended_by) == ("finalized", "silence")


def test_requested_and_delivered_profiles_are_read_in_two_places() -> None:
    """The bundle shows what was asked for, the account what is there."""
    world = a_world()
    bundle = an_account_in_review(world, biography="hi")
    client = a_client(world)
    asked = client.get(f"/bundles/{bundle.id}/account").json()["data"]
    there = client.get(f"/accounts/{bundle.saved_account_id}").json()["data"]
    assert asked["biography"] == bundle.biography
    assert there["biography"] == "hi"
    assert accounts.differences(world, bundle) == ("biography",)
    world.choices = Choices(bundle_account_profile="delivered")
    assert client.get(f"/bundles/{bundle.id}").json()["data"]["account"]["biography"] == "hi"


def test_corrections_are_applied_and_the_account_comes_back() -> None:
    """A new round with history, what was asked set right, and a fresh window."""
    world = a_world()
    bundle = an_account_in_review(world, visible_name="user 1", profile_picture_url=None)
    client = a_client(world)
    wish = {"comment": "Please fix.", "fields": {"profile_picture": "The one we sent."}}
    answer = client.post(f"/bundles/{bundle.id}/account/corrections", json=wish).json()["data"]
    assert answer["account"]["status"] == "corrections_requested"
    assert world.effects[-1].epoch == "1"
    world.advance(21 * HOUR)
    assert bundle.account_status == "in_review"
    history = client.get(f"/bundles/{bundle.id}").json()["data"]["account"]["feedback_history"]
    assert [entry["type"] for entry in history] == ["corrections_requested", "corrections_applied"]
    assert set(history[1]["changes"]) == {"profile_picture"}
    assert accounts.differences(world, bundle) == ("visible_name",)
    assert accounts.epoch(bundle) == "2"
    world.advance(53 * HOUR)
    assert bundle.account_status == "in_review"


def test_finalize_answers_and_refuses_in_lower_case() -> None:
    """200 once, then 409 `invalid_status`; an unknown bundle is 404 `bundle_not_found`."""
    world = a_world()
    bundle = an_account_in_review(world)
    client = a_client(world)
    path = f"/bundles/{bundle.id}/account/finalize"
    done = client.post(path).json()["data"]
    assert (done["id"], done["account"]["status"]) == (bundle.id, "finalized")
    assert done["account"]["finalized_at"] == "2026-06-08T09:00:00Z"
    again = client.post(path)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "invalid_status")
    lost = client.post("/bundles/nobody/account/finalize")
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "bundle_not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"fields": {"username": "x"}}, "missing_comment"),
        ({"comment": "x"}, "missing_fields"),
        ({"comment": "x", "fields": {}}, "missing_fields"),
        ({"comment": "x", "fields": {"profile_picture_url": "x"}}, "invalid_field"),
        ({"comment": "x", "fields": {"username": 1}}, "invalid_field"),
    ],
)
def test_incomplete_corrections_are_refused(body: dict[str, Any], code: str) -> None:
    """400 with the seed's code; the account stays in review."""
    world = a_world()
    bundle = an_account_in_review(world)
    answer = a_client(world).post(f"/bundles/{bundle.id}/account/corrections", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert bundle.account_status == "in_review"


def test_bundles_are_listed_newest_first_by_exact_filters() -> None:
    """The queue query finds those in review, and only them."""
    world = a_world()
    first = an_account_in_review(world)
    world.advance(1)
    second = an_account_in_review(world)
    accounts.random_bundle(world, "instagram")
    client = a_client(world)
    found = client.get("/bundles", params={"account_status": "in_review", "per_page": 100}).json()
    assert [row["id"] for row in found["data"]] == [second.id, first.id]
    assert found["pagination"]["total"] == 2
    assert client.get("/bundles?platform=instagram").json()["pagination"]["total"] == 1


def test_a_foreign_bundle_is_forbidden() -> None:
    """403, as the error page says."""
    world = a_world()
    bundle = an_account_in_review(world)
    bundle.owned = False
    assert a_client(world).get(f"/bundles/{bundle.id}").status_code == 403
