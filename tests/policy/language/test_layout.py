"""How the lines of a policy stand: what is passed over quickly is what a slow look finds in order."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, so that it repeats

import pytest

from reviewbot.policy.language import layout
from reviewbot.policy.language.layout import lay_out
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.language.yaml import _Builder, load_yaml
from tests.policy.language.desk.measure import planted, read_cases
from tests.policy.language.test_mistakes import TABLE, plant
from tests.policy.many import policy_text
from tests.tier import times

TEXTS = {
    **{
        case.title: planted(case)[0].decode("utf-8", "replace")
        for name in ("mistakes.txt", "more.txt", "right.txt")
        for case in read_cases(name)
    },
    **{f"planted: {mistake.title}": plant(mistake)[0] for mistake in TABLE},
}


def test_no_line_is_passed_over_that_has_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mistake of a desk, laid out with each line looked at in full, gives the same."""
    some = dict(list(TEXTS.items())[:: times(15, 1)])
    quick = {title: lay_out(text, "p.yaml") for title, text in some.items()}
    monkeypatch.setattr(layout._Walk, "_goes_on", lambda *_: False)
    monkeypatch.setattr(layout, "is_tidy", lambda *_: False)

    assert any(quick.values())
    for title, text in some.items():
        assert lay_out(text, "p.yaml") == quick[title], title


def test_rules_read_before_a_broken_line_are_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a policy whose lines are broken at random the same is said as if all of it were read anew."""
    chance, kept = Random(5), 0
    for _ in range(times(10, 400)):
        text = _broken(policy_text("desk", 40), chance)
        with monkeypatch.context() as patch:
            kept += load_yaml(text).whole is not None
            quick = _read(text)
            patch.setattr(_Builder, "whole_entries", lambda _: None)
            assert quick == _read(text), text
    assert kept


def test_a_mistake_in_front_of_a_broken_line_is_told_with_it() -> None:
    """What was read before the line that breaks has one of its own, so all of it is read anew."""
    lines = policy_text("desk", 40).split("\n")
    rules = [number for number, line in enumerate(lines) if line.startswith("  - name:")]
    late = next(n for n in range(rules[-5], len(lines)) if lines[n].startswith("    then: "))
    lines[late] = lines[late].replace("then: ", "then ")
    lines.insert(rules[2] + 1, "    colour of it: blue")

    found = [(finding.code, finding.span.line) for finding in _read("\n".join(lines)).findings]

    assert found == [("P020", rules[2] + 2), ("P017", late + 2)]


def _read(text: str) -> Parsed:
    return parse_policy(text, path="p.yaml", read=lambda _: b"")


def _broken(text: str, chance: Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 2))):
        number = chance.randrange(len(lines) // 3, len(lines))
        line = lines[number]
        lines[number] = chance.choice(
            (
                line.replace(": ", " ", 1),
                line.replace(": ", ":", 1),
                f" {line}",
                line[1:],
                line.replace("- ", "", 1),
                f"{line}:",
                line.replace(": ", ": [", 1),
                line.replace(": ", ': "', 1),
            )
        )
    return "\n".join(lines)
