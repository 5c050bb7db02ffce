"""Texts by case and by locale: which one is sent, what is proved of each, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from reviewbot.domain.decision import Action
from reviewbot.policy import model as m
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.engine.templates import Text, formatter
from reviewbot.policy.explain.explain import explain
from reviewbot.policy.explain.summary import read_policy
from reviewbot.policy.facts import Facts
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.text_checks import texts_sent, unproven_texts
from reviewbot.policy.testing.check import analyse
from reviewbot.presentation.document import explanation_text
from tests.policy.chance import random_facts
from tests.policy.interpreter import Interpreter
from tests.policy.judging import facts_at
from tests.policy.texts import a_text_policy
from tests.tier import times

UTC_ZONE = ZoneInfo("UTC")
FACTS = CATALOGUE["comments"]
HEAD = """policy: texts
language: 1
timezone: Europe/Berlin
%s
lists:
  german: {file: accounts.csv, column: account, where: {country: DE}}
rules:
  - name: second time
    when: {task.sent_back_before: at least 1}
    then: escalate
  - name: not there
    when:
      last.outcome_kind: couldnt_verify
      last.comments_scraped: between 1 and 99
    then: dispute
    reason: not_found
  - name: rest
    always: yes
    then: escalate
reasons:
  not_found: %s
deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}
"""
SHEET = b"account;country\na-de;DE\na-us;US\n"
BOTH = """
    - when: {task.saved_account_id: in list german}
      locale: de
      text: |
        Unsere Prüfung hat am {last.scraped_at, date} alle {last.comments_scraped} Kommentare gelesen.
    - otherwise:
      text: |
        Our check read all {last.comments_scraped} comments on {last.scraped_at, date}.
"""


def parsed(reasons: str, head: str = "") -> Parsed:
    """A policy with these cases of its one reason."""
    return parse_policy(HEAD % (head, reasons), path="texts.yaml", read=lambda name: SHEET)


def policy_of(reasons: str, head: str = "") -> m.Policy:
    """The same where nothing is wrong."""
    found = parsed(reasons, head)
    assert found.policy is not None, found.findings
    return found.policy


def findings(reasons: str, head: str = "") -> list[Finding]:
    """All that is said of it, read or analysed."""
    found = parsed(reasons, head)
    return [*found.findings, *(analyse(found.policy) if found.policy is not None else ())]


def sent(policy: m.Policy, **changes: Any) -> tuple[str, str | None]:
    """What is done with the usual task, and the text."""
    made = compile_policy(policy).judge(facts_at(**changes))
    return made.action.value, made.reason


def test_the_first_case_that_is_met_has_the_text() -> None:
    """The accounts of a list read German as Germans write it, the others English."""
    policy = policy_of(BOTH)

    assert [finding for finding in findings(BOTH) if finding.severity is Severity.ERROR] == []
    assert sent(policy, saved_account_id="a-de") == (
        "dispute",
        "Unsere Prüfung hat am 02.06.2026 alle 60 Kommentare gelesen.",
    )
    assert sent(policy, saved_account_id="a-us") == (
        "dispute",
        "Our check read all 60 comments on Jun 2, 2026.",
    )


def test_an_explanation_names_the_case_that_chose_the_text() -> None:
    """The case with its line and what it asks, the rest as such, and none where nothing is sent."""
    judge = compile_policy(policy_of(BOTH))
    german, other = (
        explain(judge, facts_at(saved_account_id=account)) for account in ("a-de", "a-us")
    )
    nothing = explain(judge, facts_at(attempts=()))

    assert german.case == (
        "case 1 of not_found (line 22), for task.saved_account_id: in list german"
    )
    assert german.case in explanation_text(german)
    assert other.case == "otherwise of not_found, as none of its cases fits"
    assert nothing.action is not Action.DISPUTE
    assert nothing.case is None


def test_a_text_is_never_sent_under_a_case_that_cannot_be_told() -> None:
    """Unknown is not false: a person is asked, unless whatever may be due says the same."""
    policy = policy_of(BOTH)
    same = policy_of(
        """
    - when: {task.saved_account_id: in list german}
      text: Please open the video and post it.
    - when: {task.platform: tiktok}
      text: Please open the video and post it.
    - otherwise:
      text: Please look again at the video.
"""
    )

    action, reason = sent(policy, saved_account_id=None)
    assert (action, reason) == (
        "escalate",
        "its text could not be chosen: it cannot be told which of its cases it is",
    )
    assert sent(same, saved_account_id=None) == ("dispute", "Please open the video and post it.")
    assert sent(same, saved_account_id=None, platform="instagram")[0] == "escalate"


def test_evidence_is_fetched_where_a_case_asks_for_it() -> None:
    """And not where a case above it is met without."""
    reasons = """
    - when: {task.platform: tiktok}
      text: Please open the video and post it.
    - when: {checks.count: at least 2}
      text: We looked at least twice and did not find it.
    - otherwise: {text: We looked once and did not find it.}
"""
    plain = policy_of(reasons)
    rules = tuple(
        msgspec.structs.replace(rule, when=None) if rule.name == "not there" else rule
        for rule in plain.rules
    )
    judge = compile_policy(msgspec.structs.replace(plain, rules=rules))

    assert judge.ever_needs_evidence
    blind = {"attempts": None}
    told = judge.triage(facts_at(**blind))
    assert told is not None and told.reason == "Please open the video and post it."
    assert judge.triage(facts_at(platform="instagram", **blind)) is None
    assert (
        judge.judge(facts_at(platform="instagram")).reason == "We looked once and did not find it."
    )


@pytest.mark.parametrize("seed", range(times(30, 600)))
def test_a_text_is_chosen_as_the_plain_interpreter_chooses_it(seed: int) -> None:
    """Random cases, some the same, over random facts; and with no more evidence than is needed."""
    chance = Random(f"cases {seed}")
    policy = a_text_policy(chance)
    judge = compile_policy(policy)
    for _ in range(20):
        facts = random_facts(chance)
        made = judge.judge(facts)
        if made.rule != "sends":
            continue
        text = Interpreter(policy, facts).text(policy.rules[0].then.reason)
        if text is None:
            assert made.action is Action.ESCALATE
            assert made.reason is not None and "which of its cases" in made.reason
        else:
            words = Text(text, FACTS, UTC_ZONE).fill(facts)
            assert (made.reason == words.text) or made.action is Action.ESCALATE
        early = judge.triage(msgspec.structs.replace(facts, attempts=None))
        if early is not None and facts.attempts is None:
            assert early == made


@pytest.mark.parametrize("seed", range(times(20, 400)))
def test_what_is_proved_of_texts_is_so(seed: int) -> None:
    """Lengths and known places, against every text that random tasks are really sent."""
    chance = Random(f"proofs {seed}")
    policy = a_text_policy(chance, lengths=True)
    world = PolicyModel(policy)
    found = list(unproven_texts(world, frozenset()))
    codes = {finding.code for finding in found}
    judge = compile_policy(policy)
    unsent = {text.template for text in texts_sent(world, frozenset())}
    assert unsent
    for _ in range(150):
        facts = _documented(chance)
        made = judge.judge(facts)
        if made.rule != "sends":
            continue
        problem = made.note or ""
        if "is unknown" in problem:
            assert "P220" in codes or world.doubts, problem
        if "characters, 3 to 500 fit" in problem:
            assert codes & {"P221", "P222"} or world.doubts, problem


def _documented(chance: Random) -> Facts:
    """Facts as the API documents them, of any account and moment."""
    facts = facts_at(
        comment_text=chance.choice(("x", "y" * 150, "😀" * 75, "z" * 80)),
        saved_account_id=chance.choice(("Promo", "b12")),
        platform=chance.choice(("tiktok", "instagram")),
        cm_payout_amount=chance.choice((0.0, 0.24, 12345.678)),
        submitted_at=datetime(2026, 1, 1, tzinfo=UTC)
        + timedelta(hours=chance.randint(0, 364 * 24), minutes=chance.randint(0, 59)),
    )
    assert facts.task.id
    return facts


@pytest.mark.parametrize(
    ("reasons", "code", "word"),
    [
        ("\n    - when: {task.platform: tiktok}\n      text: Please look again.", "P141", "end in"),
        (
            "\n    - otherwise:\n      text: Please look again.\n"
            "    - when: {task.platform: tiktok}\n      text: Please look here.",
            "P141",
            "last",
        ),
        ("\n    - otherwise: Please look again.", "P141", "under"),
        ("\n    - otherwise:", "P030", "text"),
        (
            "\n    - when: {task.platform: tik tok}\n      text: A b c\n    - otherwise: {text: A b d}",
            "P022",
            "tik",
        ),
        ("\n    - text: A b c\n    - otherwise: {text: A b d}", "P030", "when"),
        ("[]", "P108", "empty"),
        ("{text: One two three., otherwise: Four five six.}", "P119", "variants"),
        ("\n    locale: german\n    text: Bitte noch einmal.", "P037", "german"),
        ("\n    locale: de", "P030", "no text"),
        (
            "\n    - otherwise:\n      locale: de-XX\n      text: Bitte noch einmal.",
            "P037",
            "de-XX",
        ),
        (
            "\n    - when: {task.platform: tiktok}\n      text: ab\n    - otherwise: {text: A b d}",
            "P130",
            "2",
        ),
        ("Yours was not in [last.comments_scraped] comments.", "P025", "outside"),
        ("Yours was not in <<last.comments_scraped>> comments.", "P025", "outside"),
        ("Yours was not in {{last.comments_scraped}} comments.", "P025", "outside"),
        ("Yours was not in <last.comments_scraped> comments.", "P025", "outside"),
        ("We read last.comments_scraped comments of it.", "P025", "outside"),
        ("Yours was not in [last.comment_scraped] comments.", "P025", "no fact"),
    ],
)
def test_a_mistake_is_met(reasons: str, code: str, word: str) -> None:
    """One finding, with the words at fault and a cure."""
    (finding,) = parsed(reasons).findings

    assert (finding.code, word in finding.message) == (code, True), finding
    assert finding.severity is Severity.ERROR
    assert finding.cure or finding.under


def test_a_name_outside_of_braces_has_one_cure() -> None:
    """Her own name, in braces, in place of what stands there with its brackets."""
    (finding,) = parsed("Yours was not in <<last.comments_scraped>> comments.").findings

    assert finding.under == "write  {last.comments_scraped}"
    assert finding.fix is not None and finding.fix.replacement == "{last.comments_scraped}"


@pytest.mark.parametrize(
    "text",
    [
        "See https://example.com/task.id for it.",
        "Ask a@task.id about {{braces}}.",
        "Done. Next one.",
    ],
)
def test_what_only_looks_like_a_name_is_a_text(text: str) -> None:
    """An address, a sentence that ends."""
    assert [f.code for f in parsed(f'"{text}"').findings] == ["P340"]


def test_a_mistyped_name_of_a_reason_is_no_text() -> None:
    """Fewer than three words in place of a name: the nearest name is shown."""
    text = (HEAD % ("", BOTH)).replace("reason: not_found", "reason: not found")
    (finding,) = parse_policy(text, path="t.yaml", read=lambda name: SHEET).findings[:1]

    assert (finding.code, finding.under) == ("P023", "did you mean  not_found  ?")


def test_what_only_we_understand_is_questioned() -> None:
    """An id, a score, a tag in a text for a manager is a warning."""
    found = parsed('"{last.outcome_kind} at {last.match_score} for {task.id}"').findings

    questioned = [f for f in found if f.code != "P340"]
    assert [(f.code, f.severity) for f in questioned] == [("P314", Severity.WARNING)] * 3


def test_a_case_that_may_not_be_told_is_warned_of() -> None:
    """With what is unknown then, and the case that would say what is sent."""
    unsure = """
    - when: {last.reason: starts with scrape}
      text: Please open the video and post it.
    - otherwise:
      text: Please look again at the video.
"""
    sure = unsure.replace(
        "\n    - when",
        "\n    - when: {last.reason: unknown}\n      text: Please look.\n    - when",
        1,
    )

    (finding,) = (f for f in findings(unsure) if f.code == "P223")
    assert finding.cure is not None and "last.reason: unknown" in finding.cure
    assert not [f for f in findings(sure) if f.code == "P223"]


def test_a_case_that_no_task_is_left_for_is_warned_of() -> None:
    """Its condition cannot be, or the cases above take all; what is sent is not called so."""
    never = """
    - when: {task.platform: [tiktok, instagram]}
      text: Please open the video and post it.
    - when: {task.platform: tiktok}
      text: Please look again at the video.
    - otherwise:
      text: "Your comment was not under the video"
"""
    assert [f.span.line for f in findings(never) if f.code == "P313"] == [25, 27]
    assert not [f for f in findings(BOTH) if f.code == "P313"]


def test_the_policy_has_a_locale_and_a_text_its_own() -> None:
    """Named as CLDR does, in any letter case, and read aloud."""
    policy = policy_of("{locale: pt-br, text: 'Em {last.scraped_at, date}.'}", "locale: de")
    aloud = " ".join(s for passage in read_policy(policy) for s in passage.sentences)

    assert sent(policy)[1] == "Em 2 de jun. de 2026."
    assert (policy.locale, policy.reasons[0].templates()[0].locale) == ("de", "pt-BR")
    assert "as German does" in aloud and "in Portuguese (Brazil)" in aloud
    assert findings(BOTH, "locale: Deutsch")[0].under == "did you mean  de  ?"


@pytest.mark.parametrize(
    ("locale", "place", "value", "words"),
    [
        ("de", m.Placeholder(fact="task.cm_payout_amount"), 1234.5, "1.234,50 USD"),
        ("en", m.Placeholder(fact="task.cm_payout_amount", format="money"), 0.24, "0.24 USD"),
        ("de", m.Placeholder(fact="task.times_disputed", format="times"), 3, "3×"),
        ("en-GB", m.Placeholder(fact="task.times_disputed", format="times"), 2, "twice"),
        ("de", m.Placeholder(fact="fleet.open_tasks"), 12345, "12.345"),
        ("fr", m.Placeholder(fact="fleet.open_tasks"), 12345, "12 345"),
        ("de", m.Placeholder(fact="account.dispute_share_30d"), 0.125, "12,5 %"),
        ("de", m.Placeholder(fact="last.match_score"), 0.5, "0,50"),
        ("de", m.Placeholder(fact="last.scraped_at"), datetime(2026, 6, 2, 14, 5, tzinfo=UTC), "02.06.2026, 14:05"),
        ("ja", m.Placeholder(fact="last.scraped_at", format="date"), datetime(2026, 6, 2, tzinfo=UTC), "2026/06/02"),
    ],
)  # fmt: skip
def test_a_locale_writes_values_as_it_does(
    locale: str, place: m.Placeholder, value: Any, words: str
) -> None:
    """CLDR's forms, with plain spaces."""
    assert formatter(place, FACTS[place.fact], UTC_ZONE, locale)(value) == words


@pytest.mark.parametrize(
    ("before", "behind", "comment", "read"),
    [
        ('We read "', '" there.', 'nice" is true. "Really', "nice' is true. 'Really"),
        ("We read “", "” there.", "nice” is “true", "nice’ is ‘true"),
        ("Gelesen: „", "“ dort.", "nett“ ist „wahr", "nett‘ ist ‚wahr"),
        ("Lu «", "» ici.", "bien» dit", "bien› dit"),
        ("We read '", "' there.", "it's 'so'", "it’s ’so’"),
        ("The managers' text: ", " isn't it.", 'it\'s "so"', 'it\'s "so"'),
        ('"Hello": ', "", 'so "it" is', 'so "it" is'),
    ],
)
def test_data_cannot_end_a_quotation(before: str, behind: str, comment: str, read: str) -> None:
    """Marks of the kind that stands around a place become their other form; others stay."""
    place = m.Placeholder(fact="task.comment_text")
    template = m.Template(parts=tuple(filter(None, (before, place, behind))))

    words = Text(template, FACTS, UTC_ZONE).fill(facts_at(comment_text=comment)).text
    assert words == f"{before}{read}{behind}"
