"""The ten rules of `benchmarks.evaluation` over a file, as one writes it by hand: one process, stdlib.

`python benchmarks/records_by_hand.py RECORDS > ANSWERS` does what `reviewbot policy decide` does, and with
`--count` after it what `reviewbot policy backtest` does: counts, money and accounts by rule.
"""

import json
import sys
from datetime import datetime, timedelta
from unicodedata import normalize

WATCHED = frozenset({"acc-1", "acc-2", "acc-3"})
PLATFORMS = frozenset({"tiktok", "instagram"})
OUTCOMES = frozenset({"verified", "wrong_text", "wrong_account", "couldnt_verify", "scrape_failed"})
FALLBACK = timedelta(hours=3)
LEAVE = "not worth a person's time"
PAY = "We pay when we cannot show what is wrong."


def judge(record):
    """Give (action, rule, reason, rules that could not tell) for one record."""
    task = record["task"]
    history = record.get("history") or {}
    attempts = attempts_of_round(record.get("attempts"), history.get("last_dispute_at"))
    last = max(attempts, key=lambda attempt: attempt["attempt_n"]) if attempts else {}
    unknown = []
    blocked = task.get("execution_blocked")
    if blocked is None:
        unknown.append("blocked")
    elif blocked:
        return undecided(record, "blocked", None, unknown)
    disputes = history.get("disputes", 0)
    if disputes is None:
        unknown.append("second visit")
    elif disputes >= 2:
        return undecided(record, "second visit", None, unknown)
    account = task.get("saved_account_id")
    if account is None:
        unknown.append("watched")
    elif fold(account) in WATCHED:
        return undecided(record, "watched", None, unknown)
    text = task.get("comment_text")
    if text is None:
        unknown.append("promo")
    elif "promo" in fold(text):
        return undecided(record, "promo", None, unknown)
    outcome = last.get("outcome_kind")
    if outcome not in OUTCOMES:
        outcome = None
        unknown.append("failed")
    elif outcome == "scrape_failed":
        return "approve", "failed", None, unknown
    read = last.get("comments_scraped")
    if read is None:
        unknown.append("nothing read")
    elif read == 0:
        return "approve", "nothing read", None, unknown
    verified, score = last.get("verified"), last.get("match_score")
    if verified is not False and (score is None or score >= 0.92):
        if verified is not None and score is not None:
            return "approve", "found", None, unknown
        unknown.append("found")
    place = task.get("platform")
    if (
        (place == "tiktok" or place not in PLATFORMS)
        and (outcome == "couldnt_verify" or outcome is None)
        and (read is None or 1 <= read <= 99)
        and (score is None or score < 0.5)
    ):
        if place == "tiktok" and outcome is not None and read is not None and score is not None:
            return "approve", "not there", None, unknown
        unknown.append("not there")
    if (outcome == "wrong_text" or outcome is None) and (score is None or 0.5 <= score <= 0.9):
        if outcome is not None and score is not None:
            return "approve", "other text", None, unknown
        unknown.append("other text")
    amount, count = task.get("cm_payout_amount"), None if attempts is None else len(attempts)
    if (amount is None or amount <= 0.25) and (count is None or count >= 2):
        if amount is not None and count is not None:
            return "leave", "cheap", LEAVE, unknown
        unknown.append("cheap")
    why = "no rule matches" + (f"; could not tell: {', '.join(unknown)}" if unknown else "")
    return undecided(record, "no rule", why, unknown)


def undecided(record, rule, reason, unknown):
    """Leave it to a person, or pay where it is late."""
    deadline = record["task"].get("client_dispute_deadline_at")
    if deadline is not None and moment(record["at"]) >= moment(deadline) - FALLBACK:
        return "approve", "deadline", PAY, unknown
    return "escalate", rule, reason, unknown


def attempts_of_round(attempts, since):
    """Keep the attempts made after our last dispute."""
    if not attempts or since is None:
        return attempts
    start = moment(since)
    return [attempt for attempt in attempts if moment(attempt["scraped_at"]) > start]


def moment(text):
    """Read a moment."""
    return datetime.fromisoformat(text)


def fold(text):
    """Make a text ready for comparing."""
    return normalize("NFC", normalize("NFC", text).casefold())


def answers(lines):
    """Judge every line, one answer each."""
    for line in lines:
        record = json.loads(line)
        action, rule, reason, unknown = judge(record)
        answer = {
            "id": record["task"]["id"],
            "action": action,
            "rule": rule,
            "reason": reason,
            "until": None,
            "cannot_tell": unknown,
        }
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")


def counts(lines):
    """Judge every line, and add up by rule."""
    found, could_not_tell = {}, {}
    for line in lines:
        record = json.loads(line)
        action, rule, _, unknown = judge(record)
        task = record["task"]
        cell = found.setdefault((action, rule), {"count": 0, "money": 0, "accounts": set()})
        cell["count"] += 1
        cell["money"] += round((task.get("cm_payout_amount") or 0) * 1_000_000)
        if task.get("saved_account_id") is not None:
            cell["accounts"].add(task["saved_account_id"])
        for name in unknown:
            could_not_tell[name] = could_not_tell.get(name, 0) + 1
    rules = [
        {
            "action": action,
            "rule": rule,
            "count": cell["count"],
            "money_usd": cell["money"] / 1_000_000,
            "accounts": len(cell["accounts"]),
        }
        for (action, rule), cell in found.items()
    ]
    json.dump({"rules": rules, "could_not_tell": could_not_tell}, sys.stdout)


def main():
    """Do what is asked with every line of the file."""
    with open(sys.argv[1], encoding="utf-8") as lines:  # noqa: PTH123 - as by hand
        (counts if "--count" in sys.argv else answers)(lines)


if __name__ == "__main__":
    main()
