"""What a desk writes into a policy for account reviews, and what it is told to write there instead."""

from __future__ import annotations

import pytest

from reviewbot.policy.diagnostics import Severity
from tests.policy.language.desk.measure import check

POLICY = """policy: profiles
language: 1
applies to:
  review: accounts
rules:
  - name: asked before, a person looks
    when:
      feedback.corrections_requested: at least 1
    then: escalate
  - name: names nothing
    when:
      profile.biography: unknown
    then: request corrections
    comment: One thing to fix before this account can go live.
    fields:
      username: Please drop the digits at the end of {profile.username}.
  - name: names its city
    when:
      profile.biography: contains lisbon
    then: finalize
deadline:
  decide by: 6h before deadline
  if undecided: finalize
  because: We do not hold up an account nobody objected to.
"""
_CITY = "      profile.biography: contains lisbon"
_TEXT = "      username: Please drop"
_ASKS = "    then: request corrections"


@pytest.mark.parametrize(
    ("written", "put", "said"),
    [
        ("    then: finalize", "    then: approve", "did you mean  finalize  ?"),
        (_ASKS, "    then: dispute", "did you mean  request corrections  ?"),
        (_ASKS, "    then: ask for corrections", "did you mean  request corrections  ?"),
        (_TEXT, "      benutzername: Please drop", "did you mean  username  ?"),
        (_CITY, "      profile.differs: not username", "write  not contains username"),
        (_CITY, "      profile.differs: is username", "write  contains username"),
        (
            _CITY,
            "      profile.differs: [username, biography]",
            "- profile.differs: contains username",
        ),
        (_CITY, "      profile.differs: nothing", "write  none of:"),
        (_CITY, "      username: lumen", "did you mean  profile.username  ?"),
        ("  review: accounts", "  review: account", "did you mean  accounts  ?"),
    ],
)
def test_the_cure_is_of_this_kind_of_review(written: str, put: str, said: str) -> None:
    """An action, a field and a test by the other kind's word, or denied, lead to what this kind has."""
    assert written in POLICY
    parsed = check(POLICY.replace(written, put, 1).encode(), b"")
    errors = [each for each in parsed.findings if each.severity is Severity.ERROR]
    told = " ".join(part for each in errors for part in (each.under, each.cure) if part)
    assert said in told


def test_the_policy_itself_is_in_order() -> None:
    """What the mistakes are planted into has none."""
    assert check(POLICY.encode(), b"").policy is not None
