"""`reviewbot accounts …` against a simulated TokPortal over HTTP, and both kinds of review in one pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reviewbot.simulator import accounts, scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.model import Actor, Bundle
from tests.cli.conftest import Call
from tests.cli.schemas import assert_fits

ROOT = Path(__file__).resolve().parents[2]
STARTER, PROFILES = ROOT / "policies/starter.yaml", ROOT / "policies/profiles.yaml"


@pytest.fixture
def simulated() -> Iterator[Served]:
    """A world with three waiting tasks and three accounts in review, and nothing else to come."""
    now = datetime.now(UTC)
    world = scenarios.build("backlog", now=now, clock=PacedClock(now), tasks=3, seed=3)
    for differing in ({}, {"biography": "."}, {"username": "lumen_2"}):
        bundle = accounts.random_bundle(world, "tiktok")
        accounts.deliver(world, bundle, accounts.make_account(world, bundle, **differing))
    with Served(world) as served:
        yield served


@pytest.fixture(autouse=True)
def _settings(
    call: Call, simulated: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_0123456789abcdef")
    monkeypatch.setenv("TOKPORTAL_BASE_URL", simulated.url)
    monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setenv("REVIEWBOT_PERSON", "ana")


def bundles(simulated: Served) -> list[Bundle]:
    """The three accounts, in the order of their making."""
    return sorted(simulated.world.bundles.values(), key=lambda bundle: bundle.seq)


def lines(text: str) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_waiting_accounts_are_listed_with_an_estimate(call: Call, simulated: Served) -> None:
    """Each with its id and round; the time left is called an estimate; nothing is written."""
    told = call("accounts", "list")
    assert told.code == 0, told.err
    assert "about" in told.out
    assert "The API states no deadline" in told.err
    found = lines(call("accounts", "list", "--format", "json").out)
    assert {row["id"] for row in found} == {bundle.id for bundle in bundles(simulated)}
    assert all(row["deadline_is_estimate"] and row["round"] == 1 for row in found)


def test_delivered_accounts_are_listed_with_the_ids_to_post_from(
    call: Call, simulated: Served
) -> None:
    """What a new comment task names as its saved account."""
    found = lines(call("accounts", "list", "--delivered", "--format", "json").out)
    owned = {account.id for account in simulated.world.accounts.values() if account.owned}
    assert {row["id"] for row in found} == owned
    assert all(row["username"] for row in found)
    assert "can post" in call("accounts", "list", "--delivered").err


@pytest.mark.parametrize("status", ["corrections_requested", "pending_corrections"])
def test_both_names_of_the_detour_list_the_same_accounts(
    call: Call, simulated: Served, status: str
) -> None:
    """Two generations of the API call one status by two names."""
    bundle = bundles(simulated)[1]
    accounts.send_back(simulated.world, bundle, "The biography.", {"biography": "Please."}, Actor())
    (found,) = lines(call("accounts", "list", "--status", status, "--format", "json").out)
    assert found["id"] == bundle.id


def test_an_account_is_shown_side_by_side_with_its_story(call: Call, simulated: Served) -> None:
    """Requested and delivered, what differs, who asked for what, and what was changed."""
    world, bundle = simulated.world, bundles(simulated)[2]
    bundle.diligence = 1.0
    wish = {"username": "As requested.", "biography": "Longer."}
    accounts.send_back(world, bundle, "Two things.", wish, Actor(by="stranger"))
    world.run_until(world.now + 21 * 3600)
    shown = call("accounts", "show", bundle.id)
    assert shown.code == 0, shown.err
    assert "round 2" in shown.out
    assert "somebody (by dashboard) asked for corrections: “Two things.”" in shown.out
    assert f"username: from “lumen_2” to “{bundle.username}”" in shown.out
    assert "asked for, and not changed: biography" in shown.out
    assert "an estimate: the API states no deadline" in shown.out
    other = call("accounts", "show", bundles(simulated)[1].id).out
    assert "DIFFERS" in other
    assert '--field biography="…" --live' in other


def test_what_show_writes_is_a_record_that_decide_reads(
    call: Call, simulated: Served, tmp_path: Path
) -> None:
    """One record for both, so that an odd account can be kept as an example."""
    shown = call("accounts", "show", bundles(simulated)[1].id, "--format", "json").out
    file = tmp_path / "r.jsonl"
    file.write_text(json.dumps(json.loads(shown)))
    (said,) = lines(call("policy", "decide", PROFILES, "--records", file).out)
    assert (said["id"], said["rule"]) == (bundles(simulated)[1].id, "the rest goes to a person")
    explained = call(
        *("policy", "explain", bundles(simulated)[1].id, "--records", file, "--policy", PROFILES)
    )
    assert explained.code == 0, explained.err
    assert "deadline (an estimate)" in explained.out


def test_an_act_is_rehearsed_then_sent_and_logged_under_a_name(
    call: Call, simulated: Served
) -> None:
    """The same journal as the bot's own decisions; a second act is told who was first."""
    bundle = bundles(simulated)[0]
    rehearsed = call("accounts", "finalize", bundle.id)
    assert rehearsed.code == 0, rehearsed.err
    assert "would finalize" in rehearsed.out
    assert bundle.account_status == "in_review"

    sent = call("accounts", "finalize", bundle.id, "--live")
    assert sent.code == 0, sent.err
    assert bundle.account_status == "finalized"
    (effect,) = simulated.world.effects
    (logged,) = lines(call("log", "show", "--format", "json").out)
    assert (logged["id"], logged["outcome"]) == (effect.idempotency_key, "performed")
    assert (logged["epoch"], logged["deadline_is_estimate"]) == ("1", True)
    again = call("accounts", "finalize", bundle.id, "--live")
    assert again.code == 2
    assert "ana answered finalize" in again.err
    assert call("log", "verify").code == 0


def test_corrections_by_hand_carry_a_text_for_each_field(call: Call, simulated: Served) -> None:
    """The comment and the fields arrive as written."""
    bundle = bundles(simulated)[2]
    words = ("--comment", "One thing to mend.", "--field", "username=Please drop the _2.")
    sent = call("accounts", "corrections", bundle.id, *words, "--live")
    assert sent.code == 0, sent.err
    assert bundle.corrections is not None
    assert bundle.corrections["fields"] == {"username": "Please drop the _2."}
    assert "ana asked for corrections" in call("accounts", "show", bundle.id).out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "--comment"),
        (("--comment", "One thing."), "at least one field"),
        (("--comment", "One thing.", "--field", "avatar=x"), "username, visible_name"),
        (("--comment", "One thing.", "--field", "username="), "each with a text"),
        (("--comment", "One thing.", "--field", "username=" + "x" * 501), "501 characters"),
        (("--comment", "x" * 501, "--field", "username=Shorter."), "501 characters"),
    ],
)
def test_bad_corrections_are_refused_here_and_send_nothing(
    call: Call, simulated: Served, words: tuple[str, ...], why: str
) -> None:
    """Keys, texts and lengths are checked before anything leaves."""
    ran = call("accounts", "corrections", bundles(simulated)[0].id, *words, "--live")
    assert ran.code == 2
    assert why in ran.err
    assert not simulated.world.effects


def test_an_account_nobody_knows_is_a_plain_error(call: Call) -> None:
    """With the way to find the right one."""
    for command in (("show",), ("finalize", "--live")):
        ran = call("accounts", command[0], "bnd_nobody", *command[1:])
        assert ran.code == 2
        assert "reviewbot accounts list" in ran.err


def test_one_bot_runs_policies_of_both_kinds(call: Call, simulated: Served) -> None:
    """One report and one pass judge tasks and accounts, each by its own policy."""
    both = ("--policy", STARTER, "--policy", PROFILES)
    report = json.loads(call("report", *both, "--format", "json").out)
    assert_fits("report", report)
    kinds = [("task" in decision, "bundle" in decision) for decision in report["decisions"]]
    assert sorted(kinds) == [(False, True)] * 3 + [(True, False)] * 3
    for decision in report["decisions"]:
        assert decision.get("deadline_is_estimate", False) is ("bundle" in decision)

    ran = call("run", "--once", "--live", *both)
    assert ran.code == 0, ran.err
    logged = lines(call("log", "show", "--format", "json", "--all").out)
    policies = {(line["review"], line["policy"]) for line in logged}
    assert policies == {("comments", "starter"), ("accounts", "profiles")}
    assert {line["epoch"] for line in logged if line["review"] == "accounts"} == {"1"}
    assert "an estimate" in call("queue", "list").out
    assert call("log", "replay").code == 0


def test_policies_that_overlap_are_refused(call: Call, tmp_path: Path) -> None:
    """Two policies for the same accounts, whoever is named first; disjoint scopes may run."""
    other = tmp_path / "other.yaml"
    text = PROFILES.read_text().replace("policy: profiles", "policy: other")
    other.write_text(text)
    ran = call("report", "--policy", PROFILES, "--policy", other)
    assert ran.code == 78
    assert "cover the same reviews" in ran.err
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    for path, platform in ((one, "tiktok"), (two, "instagram")):
        scope = f"  review: accounts\n  platform: {platform}"
        path.write_text(
            text.replace("  review: accounts", scope).replace(
                "policy: other", f"policy: {platform}"
            )
        )
    assert call("report", "--policy", one, "--policy", two).code == 0


def test_what_no_policy_covers_is_escalated_by_no_rule(
    call: Call, simulated: Served, tmp_path: Path
) -> None:
    """An account outside every scope waits for a person."""
    narrow = tmp_path / "narrow.yaml"
    scope = "  review: accounts\n  platform: instagram"
    narrow.write_text(PROFILES.read_text().replace("  review: accounts", scope))
    found = json.loads(call("report", "--policy", narrow, "--format", "json").out)
    assert len(found["decisions"]) == 3
    assert {(decision["action"], decision["rule"]) for decision in found["decisions"]} == {
        ("escalate", "no rule")
    }
