"""The policies of a run: one pays in the end what nobody decided, one leaves it to people, for ever.

Their rules are written so that the truth of a task tells which of them may act: `allowed` is the
checker's own reading of them, and shares nothing with the engine.
"""

from __future__ import annotations

from functools import lru_cache

from reviewbot.policy.engine.judge import Judge
from tests.acceptance.house import judge_of
from tests.simulation.history import Truth

POLICY = """
policy: {platform}
language: 1
applies to:
  platform: {platform}
{hours}never:
  - name: no rule sends back a third time
    when:
      task.times_disputed: at least 2
    then: dispute
    but: people
rules:
  - name: sent back twice, a person looks
    when:
      task.times_disputed: at least 2
    then: escalate
    to: [desk, lead]
    remind:
      5h before deadline: lead
    question: Is "{{task.comment_text}}" there now?
  - name: an account that is mostly sent back, a person looks
    when:
      account.decisions_30d: at least 6
      account.dispute_share_30d: more than 80%
    then: escalate
    to: desk
  - name: nothing could be read
    when any:
      - last.outcome_kind: scrape_failed
      - last.comments_scraped: 0
    then: approve{few}
  - name: looked at everything, not there
    when:
      last.outcome_kind: couldnt_verify
      last.comments_scraped: between 1 and 99
    then: dispute
    reason: not_found
  - name: something else stands there
    when any:
      - last.outcome_kind: wrong_text
      - last.outcome_kind: wrong_account
    then: dispute
    reason: not_found{fewer}
  - name: the page was cut
    when:
      last.comments_scraped: at least 100
    then: wait
    until: {wait} after confirmed
reasons:
  not_found:
    - when:
        account.disputes_ever: at least 1
      text: |
        Once more a comment of your account is not there (round {{task.round}}).
        Please post it exactly as written in the task, then press re-check.
    - otherwise:
      text: |
        Our check could not find your comment (round {{task.round}}).
        Please post it exactly as written in the task, then press re-check.
deadline:
  decide by: {decide_by}h before deadline
  if undecided: {fallback}
  because: We pay when we cannot show what is wrong.
"""
RAILS = """guardrails:
  approvals: at most 2 per hour
  disputes: at most 3 per hour
  money approved: at most 4 USD per day
  disputes during: day
  when over: {over}
  fallback exempt: no
"""
HOURS = "hours: {day: {open: 05:00-23:00}}\n"
FEW = "\n    limit: at most 3 per day\n    when over: {over}\n    hold: 40m"
FEWER = "\n    limit: at most 1 per calendar day\n    when over: skip\n    stage: {now: 60%, promote after: 1 decisions agreeing, demote when overruled: more than 20%}"
CAPS = {
    "approve": 2, "dispute": 3, "micros": 4_000_000,
    "nothing could be read": 3, "something else stands there": 1,
}  # fmt: skip
"""The same caps as numbers, for each policy; those of rules, for each 24 hours or day, by their names."""
HOLDS = {"nothing could be read": 2400.0}
"""For how many seconds a rule's decisions lie sealed, where there are caps."""
OPEN_HOURS = (5, 23)
"""Between which hours of the day a rule sends something back, where there are caps."""
ACCOUNTS = "profiles"
PROFILES = """
policy: profiles
language: 1
applies to:
  review: accounts
rules:
  - name: sent back twice, a person looks
    when:
      feedback.corrections_requested: at least 2
    then: escalate
    question: Is the profile of "{{profile.visible_name}}" fine now?
  - name: another name
    when:
      profile.differs: contains username
    then: request corrections
    comment: The name is not the one that was ordered (round {{review.round}}).
    fields:
      username: Please use {{profile.username}}.
    repeat: yes
  - name: another biography
    when:
      profile.differs: contains biography
    then: request corrections
    comment: The biography is not the one that was ordered (round {{review.round}}).
    fields:
      biography: As ordered, please.
    repeat: yes
  - name: the picture may come
    when:
      profile.differs: contains profile_picture_url
    then: wait
    until: {wait} after first seen
  - name: as ordered
    when:
      profile.differs: known
      none of:
        - profile.differs: contains username
        - profile.differs: contains visible_name
        - profile.differs: contains biography
        - profile.differs: contains profile_picture_url
        - profile.differs: contains link_in_bio
    then: finalize
deadline:
  decide by: {decide_by}h before deadline
  if undecided: finalize
  because: We do not hold up an account nobody objected to.
"""
ACCOUNT_RAILS = """guardrails:
  approvals: at most 2 per hour
  disputes: at most 3 per hour
  when over: {over}
  fallback exempt: no
"""
"""As for comments, without the money: the API does not say what an account costs."""
WAITS = ("6h", "4h", "9h")
"""How long a cut page waits: what changes from one revision to the next."""
PAYS, ASKS = "tiktok", "instagram"


@lru_cache(maxsize=64)
def judges_of(
    revision: int, decide_by: int, capped: str | None, *, accounts: bool = False
) -> tuple[Judge, ...]:
    """The policies of a revision; compiled once for all runs of a process."""

    def judge(text: str, rails: str, **words: str) -> Judge:
        limited = {"hours": "", "few": "", "fewer": ""}
        if capped is not None:
            limited = {"hours": HOURS, "few": FEW.format(over=capped), "fewer": FEWER}
        text = text.format(wait=WAITS[revision], decide_by=decide_by, **limited, **words)
        return judge_of(text if capped is None else text + rails.format(over=capped))

    return (
        judge(POLICY, RAILS, platform=PAYS, fallback="approve"),
        judge(POLICY, RAILS, platform=ASKS, fallback="escalate"),
        *((judge(PROFILES, ACCOUNT_RAILS),) if accounts else ()),
    )


def allowed(
    rule: str, action: str, truth: Truth, *, sent_back: int, left: float, decide_by: float
) -> bool:
    """Whether a rule may do this to a task of which this is true.

    `sent_back`: how often we did that before; `left`: seconds to the deadline.
    """
    if rule == "deadline":
        return action in ("approve", "finalize") and left <= decide_by
    if truth.differs is not None:
        return truth.disputes < 2 and _allowed_of_account(rule, action, truth.differs)
    if sent_back >= 2 or truth.outcome is None:
        return False
    match rule, action:
        case "nothing could be read", "approve":
            return truth.outcome == "scrape_failed" or truth.scraped == 0
        case "looked at everything, not there", "dispute":
            read = truth.scraped is not None and 1 <= truth.scraped <= 99
            return truth.outcome == "couldnt_verify" and read
        case "something else stands there", "dispute":
            return truth.outcome in ("wrong_text", "wrong_account")
    return False


def _allowed_of_account(rule: str, action: str, differs: tuple[str, ...]) -> bool:
    match rule, action:
        case "another name", "corrections":
            return "username" in differs
        case "another biography", "corrections":
            return "biography" in differs
        case "as ordered", "finalize":
            return not differs
    return False
