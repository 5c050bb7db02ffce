"""`stage:` of a rule: the step on which it begins, and what moves it up and down."""

from __future__ import annotations

from reviewbot.policy.ladder import LIVE, SHADOW, Stage
from reviewbot.policy.language.grammar import STAGE
from reviewbot.policy.language.reader import MappingReader, Reading
from reviewbot.policy.language.synonyms import VALUES, meaning
from reviewbot.policy.language.yaml import Mapping, Scalar, Tree
from reviewbot.policy.notations import as_count, as_duration, as_number, as_share
from reviewbot.policy.operators.phrases import COMPARISONS, begins
from reviewbot.policy.text_forms import asked, only_cure, shape
from reviewbot.policy.values import Misread, read_count, read_duration, read_share

_AGREEING = " decisions agreeing"
_MORE = "more than "
ENDS = {"shadow": SHADOW, "live": LIVE}


def read_stage(reading: Reading, fields: MappingReader) -> Stage | None:
    """Read `stage:`, a step alone or with what moves it."""
    tree = fields.get("stage")
    if tree is None:
        return None
    for other in fields.present(("rollout", "shadow")):
        message = f"{other}:  and  stage:  both say which tasks the rule decides"
        cure = "keep  stage:  alone; its step begins with  now:"
        reading.add("P120", fields.key_span(other), message, cure=cure)
    if isinstance(tree, Scalar):
        now = reading.read(reading.text(tree, "stage:"), read_step)
        return None if now is None else Stage(now=now)
    inside = reading.section(tree, STAGE)
    return None if inside is None else _ladder(reading, inside, tree)


def _ladder(reading: Reading, fields: MappingReader, tree: Tree) -> Stage | None:
    now = reading.read(fields.text("now", "add  now: shadow"), read_step)
    climbs = reading.read(fields.text("promote after"), _promotion)
    overruled = reading.read(fields.text("demote when overruled"), _demotion)
    if now is None or not isinstance(tree, Mapping):
        return None
    count, seconds = (None, None) if climbs is None else climbs
    return Stage(now=now, agreeing=count, after=seconds, overruled=overruled)


def read_step(text: str, at: int) -> float:
    """Read `shadow`, a share, or `live`."""
    if text in ENDS:
        return ENDS[text]
    if not text[:1].isdigit():
        message = f'"{text}" is no step of a ladder: it is  shadow,  a share, or  live'
        near = meaning(text, VALUES, ENDS) or only_cure(text, ENDS) or as_share(text)
        first = next((word for word in text.split() if word in ENDS), "shadow")
        under = asked(near) if near else f"write below it  now: {first}"
        raise Misread("P134", message, at, at + len(text), under=under)
    if later := shape(r"(\S+?%|\S+),? (?:after|nach|for|für|then|dann|bis|until) (.+)").fullmatch(
        text
    ):
        climbs = as_duration(later.group(2))
        more = f"  and  promote after: {climbs}" if climbs else ""
        under = f"write below it  now: {later.group(1)}{more}"
        raise Misread("P134", "a ladder has lines of its own", at, at + len(text), under=under)
    share = read_share(text, at)
    if share in (SHADOW, LIVE) or share > LIVE or not text.endswith("%"):
        message = "a share of a ladder lies between 0% and 100%"
        cure = "write  shadow  for none,  live  for all, or a share such as  25%"
        raise Misread("P101", message, at, at + len(text), cure=cure)
    return share


def _promotion(text: str, at: int) -> tuple[int | None, float | None]:
    if not text.endswith(_AGREEING):
        number = as_count(text)
        if number is None and "decision" in text:
            number = as_number(text.split(" ")[0]) or "200"
        if number is not None and as_duration(text) is None:
            message = "a number of decisions is written with  decisions agreeing"
            under = f"did you mean  {number}{_AGREEING}"
            under += f"  or  {number}d  ?" if text == number else "  ?"
            raise Misread("P134", message, at, at + len(text), under=under)
        try:
            return None, read_duration(text, at)
        except Misread as misread:
            if misread.under is None:
                misread.cure = f"write a length of time as  7d,  or  200{_AGREEING}"
            raise
    count = read_count(text.removesuffix(_AGREEING), at)
    if count < 1:
        raise Misread(
            "P101", "that would climb at once", at, at + len(text), cure="write  now: live"
        )
    return count, None


def _demotion(text: str, at: int) -> float:
    if not text.startswith(_MORE):
        bound = begins(text, COMPARISONS)
        meant = as_share(bound[2] if bound else text)
        message, cure = "it is written with  more than  and a share", "write it as  more than 5%"
        is_turned = bound is not None and bound[0] in ("at most", "less than")
        meant = None if is_turned else meant
        under = f"write  more than {meant}" if meant else None
        raise Misread(
            "P134", message, at, at + len(text), under=under, cure=None if meant else cure
        )
    share = read_share(text.removeprefix(_MORE), at + len(_MORE))
    if share >= 1:
        message = "more than all of them are never overruled"
        raise Misread("P101", message, at, at + len(text), cure="write a share below 100%")
    return share
