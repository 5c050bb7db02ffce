"""Limits: how much may be sent within which time, in a rule and under `guardrails:`."""

from __future__ import annotations

from typing import Literal, TypeVar

from reviewbot.policy.language.grammar import GUARDRAILS, RULE
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.spoken import CAP_WORDS, MONEY, as_cap, as_share_of_all
from reviewbot.policy.language.synonyms import ACTIONS, meaning, meaning_inside
from reviewbot.policy.language.yaml import Mapping, Scalar
from reviewbot.policy.model import Cap
from reviewbot.policy.notations import as_money, plain
from reviewbot.policy.text_forms import asked, fold, listed, shape, spelt
from reviewbot.policy.values import Misread, read_count, read_money, read_share

Over = TypeVar("Over", bound=str)
Window = Literal["hour", "day", "calendar day"]
OVER: tuple[Literal["escalate", "hold"], ...] = ("escalate", "hold")
RULE_OVER: tuple[Literal["escalate", "hold", "skip"], ...] = (*OVER, "skip")
WINDOWS: tuple[Window, ...] = ("hour", "day", "calendar day")
OWN = "limit"
"""The key of a rule, which counts decisions or money; the others stand under `guardrails:`."""
_ACCOUNT = "account per "


def read_caps(reading: Reading, fields: MappingReader, key: str) -> tuple[Cap, ...]:
    """Read one limit or a list of them."""
    found = []
    tree = fields.peek(key)
    if isinstance(tree, Mapping) and tree.entries:
        _refuse_lines(fields.reading, key, tree)
        return ()
    for scalar in fields.texts(key):
        try:
            cap = _cap(key, scalar)
        except Misread as misread:
            _misread_cap(reading, key, scalar, misread)
            continue
        if cap.amount == 0:
            message = f"a cap of zero means that nothing is ever {_DONE.get(key, 'sent')}"
            cure = "raise it, or write the rules so that they never do it"
            reading.warn("P323", scalar.span, message, cure=cure)
        if key == "dispute share" and cap.after is None:
            message = "a share of few decisions says little: the very first dispute is 100%"
            cure = "write it as  at most 40% after 20 decisions"
            reading.warn("P324", scalar.span, message, cure=cure)
        found.append(cap)
    return tuple(found)


def _refuse_lines(reading: Reading, key: str, tree: Mapping) -> None:
    """Report a limit whose parts stand on lines of their own, written as one text."""
    texts = [(name.value, value.value) for name, value in tree.entries if isinstance(value, Scalar)]
    said = " ".join(text if text[:1].isdigit() else f"{name} {text}" for name, text in texts)
    meant = as_cap(said, _KINDS.get(key, "count"))
    under = None if meant is None else f"write  {key}: {meant[0]}"
    reading.add("P031", first_line(tree.span), f"{key}:  is one text, not lines", under=under)


_KINDS = {"money approved": "money", "dispute share": "share", OWN: "any"}
_DONE = dict.fromkeys(("approvals", "money approved"), "approved") | dict.fromkeys(
    ("disputes", "disputes per account", "dispute share"), "sent back"
)


def read_over(reading: Reading, fields: MappingReader, words: tuple[Over, ...]) -> Over:
    """Read `when over:`; the first of its words where it is not there."""
    scalar = fields.text("when over")
    for word in words:
        if scalar is None or scalar.value == word:
            return word
    assert scalar is not None
    message = f'when over:  is {listed(words)}, not "{scalar.value}"'
    cure = "; ".join(_MEANS[word] for word in words)
    meant = meaning(scalar.value, ACTIONS, words) or meaning_inside(scalar.value, ACTIONS, words)
    under = None if meant is None else asked(meant)
    reading.add("P022", scalar, message, among=words, under=under, cure=cure)
    return words[0]


_MEANS = {
    "escalate": "escalate asks a person",
    "hold": "hold asks nobody and tries again at each poll",
    "skip": "skip asks the rules below",
}


def _misread_cap(reading: Reading, key: str, scalar: Scalar, misread: Misread) -> None:
    """Report what is no cap, with the one that was meant."""
    kind = _KINDS.get(key, "count")
    if (elsewhere := _of_another_key(key, scalar.value)) is not None:
        reading.add(misread.code, scalar, elsewhere[0], under=elsewhere[1])
        return
    if (several := _several(key, scalar.value)) is not None:
        reading.add(misread.code, scalar, "one limit stands in one text", under=several)
        return
    meant, sure = spelt(scalar.value, CAP_WORDS, lambda said: as_cap(said, kind))
    if fold(scalar.value) in _NO_CAP.split(","):
        cure = "delete the line: what no line names has no cap"
        reading.add(misread.code, scalar, misread.message, cure=cure)
        return
    if not meant or meant[0][0] == scalar.value:
        reading.misread(scalar, misread)
        return
    text, sure = meant[0][0], sure and meant[0][1]
    reading.add(
        misread.code,
        (scalar, max(0, misread.start), misread.end),
        misread.message,
        under=f"write  {text}" if sure else f"did you mean  {text}  ?",
        cure=misread.cure if (misread.cure or "").startswith("add") else None,
        whole=(scalar, text) if sure else None,
    )


_COUNTS = ("approvals", "disputes", "disputes per account")


def _of_another_key(key: str, text: str) -> tuple[str, str] | None:
    """What to say of a limit that another key counts: for each account, in money, or as a share."""
    if (amount := _per_task(text)) is not None:
        message = "what one task pays is asked under  when:"
        return message, f"write there  task.cm_payout_amount: at most {amount}"
    if key == OWN and (followed := _with_what_follows(text)) is not None:
        return followed
    if (part := as_share_of_all(text)) is not None:
        return _as_a_share(key, text, part)
    if key == "dispute share" and shape(r"[^.]*\d[^.]* (?:per|a|pro|je|am) .*").fullmatch(text):
        return _as_a_count(text)
    said = as_cap(text, "any")
    return None if said is None else _of_accounts_or_money(key, said[0], fold(text))


def _of_accounts_or_money(key: str, cap: str, text: str) -> tuple[str, str] | None:
    """What to say of a limit for each account, or of one in money, where that is not counted."""
    if " per account " in cap and key == "disputes":
        own = cap.replace(" per account", "")
        message = "what each account may be sent is counted by  disputes per account:"
        return message, f"write  disputes per account: {own}"
    if " per account " in cap and key in ("approvals", "money approved"):
        message = f"{key}:  counts all accounts together; for each of them a rule has its  limit:"
        return message, f"write in the rule that pays  limit: {cap}"
    if key in _COUNTS and " USD " in cap and shape(MONEY).fullmatch(text):
        return f"{key}:  counts decisions, not money", asked(f"money approved: {cap}")
    return None


_THEN = r"(.*?\d.*?),? (?:and )?(?:then|otherwise|else|sonst|dann|danach) (.+)"


def _with_what_follows(text: str) -> tuple[str, str] | None:
    """What to say of `at most 5 per day, then escalate`."""
    parts = shape(_THEN).fullmatch(plain(text))
    cap = as_cap(parts.group(1), "any") if parts else None
    if parts is None or cap is None:
        return None
    over = meaning(parts.group(2), ACTIONS, RULE_OVER) or parts.group(2)
    message = "what follows where a limit is full stands on a line of its own"
    if over not in RULE_OVER:
        return None
    return message, f"write  limit: {cap[0]}  and below it  when over: {over}"


def _as_a_share(key: str, text: str, part: str) -> tuple[str, str] | None:
    """What to say of a percentage where decisions or money are counted."""
    if key == OWN:
        message = "a limit counts decisions or money; a share of the tasks is a rollout"
        return message, f"write  rollout: {part}  in place of  limit:"
    share = as_cap(text, "share") if key == "disputes" else None
    if share is None:
        return None
    after = "" if " after " in share[0] else " after 20 decisions"
    meant = f"dispute share: {share[0].partition(' per ')[0]}{after}"
    return "disputes:  counts them", asked(meant)


def _as_a_count(text: str) -> tuple[str, str] | None:
    """What to say of `at most 5 per day` where a share is asked for."""
    count = as_cap(text, "count")
    if count is None:
        return None
    number = count[0].split(" ")[2]
    others = f"disputes: {count[0]}  or  dispute share: at most {number}% after 20 decisions"
    return "a share is a part of all decisions", asked(others)


def _per_task(text: str) -> str | None:
    """The amount of `at most 0.30 USD per task`; None where it is not for each task."""
    form = r"(?:.*?\D)?(\d.*?) (?:per|a|an|each|pro|je) (?:task|comment|aufgabe|kommentar)"
    found = shape(form).fullmatch(fold(text))
    return as_money(found.group(1)) if found else None


def _several(key: str, text: str) -> str | None:
    """How several limits in one text are written: in brackets, and for each account in the rule."""
    in_rule = key in ("approvals", "money approved") and shape(_EACH).search(text) is not None
    texts = _several_caps(text, "any" if in_rule else _KINDS.get(key, "count"))
    there = [cap for cap in texts if in_rule and " account " in cap]
    here = ", ".join(cap for cap in texts if cap not in there)
    if not texts:
        return None
    if not there:
        return f"write  [{here}]"
    return f"write here  {here},  and in the rule that pays  limit: {', '.join(there)}"


_EACH = r"\b(?:account|konto|manager|user)"


def _several_caps(text: str, kind: str) -> list[str]:
    """The caps of a text that holds more than one; none where it does not."""
    pieces = shape(r",? (?:and|und|or|oder) (?:also )?|[;&] ?|, | / ").split(plain(text))
    caps = [as_cap(piece, kind) for piece in pieces if any(map(str.isdigit, piece))]
    found = [cap[0] for cap in caps if cap is not None]
    return found if len(pieces) > 1 and len(found) == len(pieces) else []


_NO_CAP = "unlimited,none,no limit,no cap,infinite,∞,unbegrenzt,ohne,off,no,keine,any"


def _cap(key: str, scalar: Scalar) -> Cap:
    """Read `at most N per hour`, and for a share `at most N% after N decisions`."""
    text = scalar.value
    if not text.startswith("at most "):
        examples = (RULE if key == OWN else GUARDRAILS).keys[key].examples
        cure = f"write it as  {next(iter(examples), 'at most 10 per hour')}"
        raise Misread("P134", "a cap begins with  at most", 0, len(text), cure=cure)
    rest, at = text[8:], 8
    after: int | None = None
    if " after " in f" {rest}":
        rest, after = _after(key, rest, at)
    amount_text, per_word, period = rest.partition(" per ")
    account = key == OWN and period.startswith(_ACCOUNT)
    per: Window | None = None
    if per_word and period != "account":
        skipped = len(_ACCOUNT) * account
        per = _per(period[skipped:].strip(), at + len(amount_text) + 5 + skipped)
    elif key != "dispute share":
        cure = "add  per hour  or  per day"
        raise Misread("P134", "a cap says per which time", 0, len(text), cure=cure)
    amount_text = amount_text.strip()
    money = key == "money approved" or (key == OWN and amount_text[-1:].isalpha())
    return Cap(
        amount=_amount(key, amount_text, at, money=money),
        per=per,
        after=after,
        money=money,
        account=account or key == "disputes per account",
        span=scalar.span,
    )


def _after(key: str, rest: str, at: int) -> tuple[str, int]:
    head, _, tail = f" {rest}".rpartition(" after ")
    end = at + len(rest)
    begin = end - len(tail)
    number, _, word = tail.strip().partition(" ")
    message, cure = "after  needs a number of decisions here", "write it as  after 20 decisions"
    if key != "dispute share":
        message = "only  dispute share:  takes  after N decisions"
        cure = f"leave  after {tail.strip()}  out"
    if key != "dispute share" or word not in ("decisions", "decision"):
        raise Misread("P134", message, begin - 6, end, cure=cure)
    return head.strip(), read_count(number, begin)


def _per(period: str, at: int) -> Window:
    for name in WINDOWS:
        if period == name:
            return name
    message = f'a cap counts per hour, per day or per calendar day, not per "{period}"'
    raise Misread("P134", message, at, at + max(1, len(period)))


def _amount(key: str, text: str, at: int, *, money: bool) -> int | float:
    if money:
        return read_money(text, at)
    if key == "dispute share":
        share = read_share(text, at)
        if share > 1:
            raise Misread("P101", "a share is at most 100%", at, at + len(text))
        return share
    count = read_count(text, at)
    if count < 0:
        raise Misread("P101", f'"{text}" is below zero', at, at + len(text))
    return count
