"""A policy as a text that a lead signs: in whole sentences, on a screen or as one page to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reviewbot.domain.text import safe, safe_line
from reviewbot.policy.explain.summary import Passage, title_of
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import CaseResult
from reviewbot.presentation.document import DetailLine, Document, KeyFigure, Section
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled

Decided = Mapping[str, tuple[int, int]]
"""By the title of a passage: how often it decided in the last 30 days, and could not tell."""
SIGNED = ("Name", "Date", "Signature")


def passage_of_tests(results: Sequence[CaseResult]) -> Passage:
    """Say how many of a policy's tests hold, and which do not."""
    failed = [result for result in results if not result.passed]
    if not results:
        return Passage(
            "Tests", ("It brings no test, so nothing shows that it does what is meant.",)
        )
    count = len(results)
    if not failed:
        passed = f"All of its {count} tests pass." if count > 1 else "Its one test passes."
        return Passage("Tests", (passed,))
    first = f"{len(failed)} of its {counted(count, 'test')} fail{'s' * (len(failed) == 1)}."
    named = (f"{safe_line(result.test.name)}: {safe_line(result.problems[0])}" for result in failed)
    return Passage("Tests", (first, *named))


def as_text(passages: Sequence[Passage], decided: Decided) -> str:
    """Every passage under its title, for a screen."""
    return "\n\n".join(
        "\n".join(
            [
                styled(safe(passage.title), "strong"),
                *(
                    f"  {safe(sentence)}"
                    for sentence in (*passage.sentences, *_past(passage, decided))
                ),
            ]
        )
        for passage in passages
    )


def _past(passage: Passage, decided: Decided) -> tuple[str, ...]:
    if passage.title not in decided:
        return ()
    count, unclear = decided[passage.title]
    passed_over = f"; could not tell {counted(unclear, 'time')}" if unclear else ""
    return (f"In the last 30 days it decided {counted(count, 'time')}{passed_over}.",)


def policy_document(
    policy: Policy, passages: Sequence[Passage], decided: Decided, results: Sequence[CaseResult]
) -> Document:
    """The policy as one page, with a place to sign; the revision says which text was signed."""
    titles = {
        title_of(rule): f"{number}. {rule.name}" for number, rule in enumerate(policy.rules, 1)
    }
    titles[f"Policy {policy.name}"] = "What it is for"
    failed = sum(not result.passed for result in results)
    tests = f"{len(results) - failed} of {len(results)} pass" if results else "none"
    return Document(
        title=f"Policy {policy.name}",
        lead=("A text to be read and signed.",),
        cards=(
            KeyFigure(label="Rules", value=str(len(policy.rules))),
            KeyFigure(
                label="Tests", value=tests, tone="bad" if failed else "good" if results else "care"
            ),
            KeyFigure(
                label="Decided by",
                value=policy.deadline.decide_by.text,
                note="the last moment to act by ourselves",
            ),
            KeyFigure(label="Revision", value=policy.revision[:8], note=safe_line(policy.path)),
        ),
        sections=tuple(
            _section(
                number,
                titles.get(passage.title, passage.title),
                (*passage.sentences, *_past(passage, decided)),
            )
            for number, passage in enumerate(passages, 1)
        ),
        foot=(
            f"What is signed here is revision {policy.revision}. Texts are shown with the values of"
            " a typical task that the rule decides."
        ),
        signed=SIGNED,
    )


def _section(number: int, title: str, sentences: Sequence[str]) -> Section:
    return Section(id=f"part-{number}", title=title, lines=tuple(map(_line, sentences)))


def _line(sentence: str) -> DetailLine:
    """A sentence; one that quotes a text to its end is that text under its label."""
    label, quote, text = sentence.partition(": “")
    if quote and text.endswith("”"):
        return DetailLine(label=label, text=text.removesuffix("”"))
    return DetailLine(label="", text=sentence)
