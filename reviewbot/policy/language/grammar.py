"""The grammar: every key that a policy or a file of tests may hold, one row each.

The reader takes its keys from this table, the JSON schema its shape, the formatter the parts whose
items stand apart, and docs/policy-reference.md its text.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import Action
from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.model import WHY_NOT as WHY

FactsBelow = Literal["", "review", "fleet", "attempt", "given"]
"""Facts with tests: of the review, those on all tasks, an attempt's own; or `given` ones with values."""


class Kind(msgspec.Struct, frozen=True):
    """What may stand behind a key, in words, with examples.

    `choices` are the words of which one must stand there. `named` are the forms in which a declared
    name stands there (`when {} opens`), each with what is declared (`calendar`); `facts` says which
    facts may be keys below it.
    """

    words: str
    examples: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    facts: FactsBelow = ""


class Key(msgspec.Struct, frozen=True):
    """One row.

    `many` says that a list of such values may stand there too, `actions` to which actions the key
    belongs where that is not all.
    """

    name: str
    kind: Kind
    sentence: str
    examples: tuple[str, ...] = ()
    required: bool = False
    many: bool = False
    actions: tuple[Action, ...] = ()


class GrammarSection(msgspec.Struct, frozen=True):
    """A mapping with its keys in order: what messages call it, and how it is written."""

    what: str
    example: str
    keys: dict[str, Key]


def _section(what: str, example: str, *keys: Key) -> GrammarSection:
    return GrammarSection(what, example, {key.name: key for key in keys})


def _kind(
    words: str,
    *examples: str,
    choices: tuple[str, ...] = (),
    named: tuple[tuple[str, str], ...] = (),
    facts: FactsBelow = "",
) -> Kind:
    return Kind(words, examples, choices, named, facts)


TEXT = _kind("a text")
TEMPLATE = _kind("a text, perhaps with `{facts}`")
NAME = _kind("small letters, digits and `-`", "starter")
VERSION = _kind("a number", "1", choices=("1",))
LOCALE = _kind("a language, and perhaps a country", "de", "pt-BR")
ZONE = _kind("a time zone", "Europe/Paris", "UTC")
YES_NO = _kind("`yes` or `no`", "yes", choices=("yes", "no"))
YES = _kind("`yes`", "yes", choices=("yes",))
REVIEW = _kind("`comments` or `accounts`", "accounts", choices=("comments", "accounts"))
PLATFORM = _kind(
    " or ".join(f"`{platform}`" for platform in PLATFORMS), PLATFORMS[0], choices=PLATFORMS
)
OPEN = _kind("days and times", "mon-fri 09:00-18:00")
OPEN_HOURS = _kind("the name of hours", "desk", named=(("{}", "calendar"),))
CLOSED = _kind(
    "a date, or `in list NAME`",
    *("in list holidays", "2026-12-25"),
    named=(("in list {}", "list"),),
)
DATE = _kind("a date", "2026-12-31")
COLUMNS = _kind("columns and their values", "{country: DE}")
ACTION = _kind("an action", "approve")
LAST_ACTION = _kind("an action other than `wait`", "dispute")
DEED = _kind("an action that pays or sends back, or `leave`", "approve")
EXCEPTION = _kind("`deadline` or `people`", "deadline", choices=("deadline", "people"))
MOMENT = _kind("a moment", "24h after confirmed", named=(("when {} opens", "calendar"),))
SHARE = _kind("a share", "25%")
STEP = _kind("`shadow`, a share, or `live`", "shadow")
LADDER = _kind("a step, or a mapping: see below", "shadow")
PROMOTION = _kind("`N decisions agreeing`, or a length of time", "200 decisions agreeing", "7d")
DEMOTION = _kind("`more than N%`", "more than 5%")
ENDS_OF_LADDER = _kind("`shadow` or `live`", "live", choices=("shadow", "live"))
SPAN = _kind("a length of time", "10m")
CONDITION_NAME = _kind("the name of conditions", "clear_miss", named=(("{}", "condition"),))
CONDITIONS = _kind("conditions", "{task.platform: tiktok}", facts="review")
ALTERNATIVES = _kind(
    "a list of conditions", "[{last.verified: no}, {task.platform: tiktok}]", facts="review"
)
ATTEMPT = _kind("conditions on an attempt", "{outcome_kind: scrape_failed}", facts="attempt")
PAUSE = _kind("conditions on `fleet.*` facts", "{fleet.open_tasks: more than 500}", facts="fleet")
REASON = _kind("the name of a reason, or the text", "not_found", named=(("{}", "reason"),))
LAST_WORDS = _kind("nothing, or a mapping with `text`")
CORRECTIONS = _kind("a text for each field", "{username: Please drop the digits.}")
FALLBACK = _kind("an action, or a list of cases", "approve")
CASE_ACTION = _kind("an action, or a mapping with its keys", "escalate")
REMINDERS = _kind("moments, and whom to tell", "{6h before deadline: lead}")
COUNT_CAP = _kind("`at most N per hour` or `per day`")
RULE_CAP = _kind("`at most N` or `N USD`, `per hour`, `per day` or `per calendar day`")
MONEY_CAP = _kind("`at most N USD per hour` or `per day`")
SHARE_CAP = _kind("`at most N%`, with `after N decisions`")
WHEN_OVER = _kind("`escalate` or `hold`", "hold", choices=("escalate", "hold"))
RULE_OVER = _kind("`escalate`, `hold` or `skip`", "skip", choices=("escalate", "hold", "skip"))
DECIDER = _kind("the name of a rule, `no rule` or `deadline`", named=(("{}", "rule"),))
PAUSED = ("disputes", "approvals")
HELD = _kind("`disputes` or `approvals`", "disputes", choices=PAUSED)
FULL = _kind("`full`", "full", choices=("full",))
FULL_LIMITS = _kind("names of rules, each `full`", "{pay small ones: full}")
"""What a policy may pause by itself."""
WHY_NOT = _kind("`limit`, `hours`, `pause` or `statement`", "limit", choices=WHY)
GIVEN = _kind("facts and their values", "{last.comments_scraped: 87}", facts="given")
EXPECTATIONS = _kind("moments and actions", "{1h after confirmed: escalate}")
PART = _kind("a mapping: see below")
PARTS = _kind("a list of mappings: see below")
NAMED = _kind("a mapping of names: see below")


POLICY = _section(
    "a policy",
    "policy: NAME",
    Key("policy", NAME, "The policy's name; it stands in every decision.", required=True),
    Key("language", VERSION, "Always 1.", required=True),
    Key("owner", TEXT, "Who to ask about this policy."),
    Key("about", TEXT, "What the policy is for, in a sentence."),
    Key("timezone", ZONE, "For hours, dates in tests and dates in texts; UTC if absent."),
    Key("locale", LOCALE, "How texts write dates, numbers and money; `en` if absent."),
    Key("applies to", PART, "Which reviews this policy judges; without it every comment task."),
    Key("hours", NAMED, "Named calendars in the policy's zone; the end of a range is outside it."),
    Key("lists", NAMED, "Named lists, to be asked by `in list NAME`."),
    Key("conditions", NAMED, "Named conditions, to be asked by `condition: NAME`."),
    Key("patterns", NAMED, "Named regular expressions, each with examples that prove it."),
    Key("never", PARTS, "What must never be done; the checker proves it over all rules."),
    Key("rules", PARTS, "Top to bottom: the first rule that matches decides.", required=True),
    Key("reasons", NAMED, "Named texts for the other side, 3 to 500 characters."),
    Key("deadline", PART, "The last moment to act, and what then happens.", required=True),
    Key("guardrails", PART, "Caps on what is sent, and pauses."),
    Key("tests", PARTS, "Given these facts, this is expected."),
)

APPLIES_TO = _section(
    "applies to:",
    "{review: comments}",
    Key("review", REVIEW, "The kind of review; `comments` if absent."),
    Key("platform", PLATFORM, "Only tasks on these platforms.", many=True),
    Key("saved_account_id", TEXT, "Only tasks of these accounts.", many=True),
)

HOURS = _section(
    "hours",
    "{open: mon-fri 09:00-18:00}",
    Key("open", OPEN, "When they are open; without days, on every day.", required=True, many=True),
    Key("closed", CLOSED, "Days on which they stay closed all the same.", many=True),
)

LIST_ENTRY = _section(
    "an entry of a list",
    "{id: lumen, until: 2026-12-31}",
    Key("id", TEXT, "The value.", required=True),
    Key("note", TEXT, "For readers."),
    Key("until", DATE, "The last day on which the entry counts."),
)

LIST_FILE = _section(
    "a list",
    "[lumen, orbit]",
    Key("file", TEXT, "A file beside the policy, as a spreadsheet writes it (CSV).", required=True),
    Key("column", TEXT, "The column that holds the values; `id` if absent.", ("handle",)),
    Key("where", COLUMNS, "Only rows that hold these values in these columns."),
)

PATTERN = _section(
    "a pattern",
    '{regex: "[0-9]{4,}$", matches: [lumen2024], does not match: [lumen]}',
    Key("regex", TEXT, "In RE2's syntax; it matches anywhere, in any letter case.", required=True),
    Key("matches", TEXT, "Texts that it must match.", many=True),
    Key("does not match", TEXT, "Texts that it must not match.", many=True),
)

_WHEN = (
    Key("when", CONDITIONS, "Every line must hold."),
    Key("when any", ALTERNATIVES, "In place of `when`: one of these mappings is enough."),
)
_ESCALATE, _WAIT, _LEAVE = (Action.ESCALATE,), (Action.WAIT,), (Action.LEAVE,)
_DISPUTE, _CORRECT = (Action.DISPUTE,), (Action.REQUEST_CORRECTIONS,)
ACTION_ROWS = (
    Key("reason", REASON, "What the manager reads.", required=True, actions=_DISPUTE),
    Key("repeat", YES_NO, "Whether the same words may go out again.", actions=_DISPUTE + _CORRECT),
    Key("comment", TEMPLATE, "What is said about the whole.", required=True, actions=_CORRECT),
    Key(
        "fields",
        CORRECTIONS,
        f"What to change in {', '.join(f'`{field}`' for field in CORRECTABLE_FIELDS)}.",
        required=True,
        actions=_CORRECT,
    ),
    Key("to", TEXT, "Who is asked.", many=True, actions=_ESCALATE),
    Key("remind", REMINDERS, "Whom to remind of this rule's questions.", actions=_ESCALATE),
    Key("question", TEMPLATE, "What that person is asked.", actions=_ESCALATE),
    Key("until", MOMENT, "When to look again.", required=True, actions=_WAIT),
    Key("because", TEXT, "Why it is left to be paid by silence.", required=True, actions=_LEAVE),
)
ACTION_KEYS = tuple(key.name for key in ACTION_ROWS)
"""The keys that belong to some actions only."""

RULE = _section(
    "a rule",
    "- name: …",
    Key("name", TEXT, "A name of its own for the rule.", required=True),
    *_WHEN,
    Key("always", YES, "In place of `when`: the rule matches every task."),
    Key(
        "unless",
        CONDITIONS,
        "The rule does not match where this, or one of a list, holds or cannot be told.",
        ("{task.platform: tiktok}",),
        many=True,
    ),
    Key("then", ACTION, "What the rule does.", required=True),
    *ACTION_ROWS,
    Key("act during", OPEN_HOURS, "Hold the action until these hours open."),
    Key(
        "limit",
        RULE_CAP,
        "What this rule may send, by its name; `per account` before the time counts each alone.",
        ("at most 30 USD per day", "at most 5 per account per day"),
        many=True,
    ),
    Key(
        "when over",
        RULE_OVER,
        "Ask a person (if absent), try again at each poll, or ask the rules below.",
    ),
    Key(
        "hold",
        SPAN,
        "Seal the decision so long before it is sent: any reviewer can cancel it meanwhile.",
    ),
    Key("rollout", SHARE, "A share of the tasks, always the same ones."),
    Key("stage", LADDER, "A ladder: it watches, then decides a share, then all."),
    Key("shadow", YES_NO, "Evaluated and recorded, never decides."),
    Key("note", TEXT, "For readers."),
)

STAGE = _section(
    "stage:",
    "{now: shadow, promote after: 200 decisions agreeing}",
    Key("now", STEP, "The step on which it begins; from there on the log knows.", required=True),
    Key("promote after", PROMOTION, "What takes it a step up: shadow, 25%, live."),
    Key(
        "demote when overruled",
        DEMOTION,
        "What takes it a step down; a person lets it climb again.",
    ),
)

STATEMENT = _section(
    "a statement",
    "- name: …",
    Key("name", TEXT, "What must never be, in a few words.", required=True),
    *_WHEN,
    Key("then", DEED, "What is never done there.", required=True, many=True),
    Key("but", EXCEPTION, "Who may do it all the same.", many=True),
)

CONDITION = _section(
    "conditions",
    "last.comments_scraped: at least 20",
    Key(
        "condition",
        CONDITION_NAME,
        "The condition of that name, or all of several, must hold.",
        many=True,
    ),
    Key("any of", ALTERNATIVES, "One of these mappings is enough."),
    Key("none of", ALTERNATIVES, "None of these mappings may hold."),
    Key("any check", ATTEMPT, "Any check of this round."),
    Key("every check", ATTEMPT, "Every check of this round."),
    Key("no check", ATTEMPT, "No check of this round."),
)

REASON_TEXT = _section(
    "a reason",
    "not_found: Please open the video.",
    *(Key(platform, TEMPLATE, f"For tasks on {platform}.") for platform in PLATFORMS),
    Key("otherwise", TEMPLATE, "For all that no other variant is for."),
    Key("text", TEMPLATE, "The one text, where `locale` stands beside it."),
    Key("locale", LOCALE, "How this text writes dates, numbers and money."),
)

TEXT_CASE = _section(
    "a case of a text",
    "- {when: {task.platform: tiktok}, text: Please open the video.}",
    *_WHEN,
    Key("text", TEMPLATE, "What is said where they hold.", required=True),
    Key("locale", LOCALE, "How this text writes dates, numbers and money."),
)

LAST_TEXT = _section(
    "the last case of a text",
    "- {otherwise: {text: Please open the video.}}",
    Key("otherwise", LAST_WORDS, "For all that no case above it is for; it ends the list."),
    Key("text", TEMPLATE, "What is said then."),
    Key("locale", LOCALE, "How this text writes dates, numbers and money."),
)

DEADLINE = _section(
    "the deadline",
    "decide by: 3h before deadline",
    Key(
        "decide by",
        MOMENT,
        "The last moment to act by ourselves.",
        ("3h before deadline",),
        required=True,
    ),
    Key("if undecided", FALLBACK, "What then happens if nobody decided.", required=True),
    Key("because", TEXT, "Why; it goes into the log."),
    Key("remind", REMINDERS, "Whom to remind of a task that is still undecided."),
)

FALLBACK_ACTION = _section(
    "if undecided",
    "{then: dispute, reason: NAME}",
    Key("then", LAST_ACTION, "What is done.", required=True),
    *ACTION_ROWS,
)

CASE = _section(
    "a case",
    "- {when: {task.platform: tiktok}, then: approve}",
    *_WHEN,
    Key("then", CASE_ACTION, "What is done where they hold.", required=True),
    *ACTION_ROWS,
)

LAST_CASE = _section(
    "the last case",
    "- otherwise: escalate",
    Key("otherwise", CASE_ACTION, "What is done where no case above it holds."),
    *ACTION_ROWS,
)

GUARDRAILS = _section(
    "guardrails:",
    "disputes: at most 10 per hour",
    Key("approvals", COUNT_CAP, "How many are sent.", ("at most 20 per hour",), many=True),
    Key("disputes", COUNT_CAP, "How many are sent.", ("at most 10 per hour",), many=True),
    Key("disputes per account", COUNT_CAP, "To one of them.", ("at most 3 per day",), many=True),
    Key("money approved", MONEY_CAP, "What they may pay.", ("at most 25 USD per day",), many=True),
    Key(
        "dispute share",
        SHARE_CAP,
        "How many of all decisions are disputes.",
        ("at most 40% after 20 decisions",),
        many=True,
    ),
    Key("when over", WHEN_OVER, "Ask a person (if absent), or try again at each poll."),
    Key("pause disputes when", PAUSE, "No dispute is sent while this holds."),
    Key("pause approvals when", PAUSE, "No approval is sent while this holds."),
    Key("disputes during", OPEN_HOURS, "No rule sends back outside these hours."),
    Key("approvals during", OPEN_HOURS, "No rule pays outside these hours."),
    Key("people too", YES_NO, "Whether these hours hold people's answers as well."),
    Key(
        "fallback exempt", YES_NO, "Whether `if undecided` acts in spite of them; `yes` if absent."
    ),
)

TEST = _section(
    "a test",
    "- name: …",
    Key("name", TEXT, "A name of its own for the test.", required=True),
    Key("given", GIVEN, "What differs from the typical task; a fact may be `unknown`."),
    Key("expect", ACTION, "The action that must come of it."),
    Key("expect never", ACTION, "An action that must not come of it."),
    Key("by", DECIDER, "Who must decide it."),
    Key("reason says", TEXT, "Words that the text must hold."),
    Key("until", MOMENT, "Until when it must wait, or its hours hold it."),
    Key("to", TEXT, "Who must be asked.", many=True),
    Key("because", WHY_NOT, "What must keep the action from being sent."),
    Key("at", MOMENT, "The moment of judging.", ("1h after confirmed",)),
    Key("over time", EXPECTATIONS, "What must come of it at each of several moments."),
    Key("reminded", REMINDERS, "Who must be reminded at each of several moments."),
    Key("note", TEXT, "For readers."),
)

TESTS_FILE = _section(
    "a file of tests",
    "tests: [...]",
    Key("tests", PARTS, "The tests; the bare list will do as well.", required=True),
    Key("policy", TEXT, "The policy's name, for readers."),
)

CORRECTION_TEXTS = _section(
    "fields:",
    "username: Please drop the digits.",
    *(Key(field, TEMPLATE, "What to change in it.") for field in CORRECTABLE_FIELDS),
)

GIVEN_STATE = _section(
    "given:",
    "paused: disputes",
    Key("limits", FULL_LIMITS, "The rules whose own limit is full."),
    Key(
        "paused",
        HELD,
        "What the policy's pauses hold, whatever `fleet.*` facts are given.",
        many=True,
    ),
    Key(
        "stage",
        ENDS_OF_LADDER,
        "Where every rule with a `stage:` stands; if absent, where it begins.",
    ),
)

_REASONS = (REASON_TEXT, TEXT_CASE, LAST_TEXT)
_INSIDE_KINDS: dict[Kind, tuple[GrammarSection, ...]] = {
    **dict.fromkeys((CONDITIONS, ALTERNATIVES, PAUSE, ATTEMPT), (CONDITION,)),
    REASON: _REASONS,
    LAST_WORDS: (LAST_TEXT,),
    GIVEN: (GIVEN_STATE,),
    LADDER: (STAGE,),
    CORRECTIONS: (CORRECTION_TEXTS,),
    FALLBACK: (FALLBACK_ACTION, CASE, LAST_CASE),
    CASE_ACTION: (FALLBACK_ACTION,),
}
_INSIDE_KEYS: dict[str, tuple[GrammarSection, ...]] = {
    "applies to": (APPLIES_TO,),
    "hours": (HOURS,),
    "lists": (LIST_ENTRY, LIST_FILE),
    "patterns": (PATTERN,),
    "conditions": (CONDITION,),
    "never": (STATEMENT,),
    "rules": (RULE,),
    "reasons": _REASONS,
    "deadline": (DEADLINE,),
    "guardrails": (GUARDRAILS,),
    "tests": (TEST,),
}
"""For the kinds that say `see below`: what lies there, by the key's name."""

UNDER_NAMES: dict[str, Kind] = {"reasons": TEMPLATE, "conditions": CONDITIONS}
"""What may stand behind a name of the author's own beside such a mapping, by the key above it."""

PAIRS: dict[Kind, tuple[Kind, Kind]] = {
    EXPECTATIONS: (MOMENT, ACTION),
    REMINDERS: (MOMENT, TEXT),
    FULL_LIMITS: (DECIDER, FULL),
}
"""The kinds that are mappings of values to values."""


def inside(key: Key) -> tuple[GrammarSection, ...]:
    """The mappings that may stand under a key: by itself, in a list, or each under a name."""
    return _INSIDE_KINDS.get(key.kind) or _INSIDE_KEYS.get(key.name, ())


def keys_of(action: Action) -> tuple[str, ...]:
    """The keys that an action takes."""
    return tuple(key.name for key in ACTION_ROWS if action in key.actions)


MAY_BE_EMPTY = ("but", "closed", "matches", "does not match")
"""The keys whose empty list says none, and nothing else."""

DECLARED = {
    "list": "lists",
    "pattern": "patterns",
    "calendar": "hours",
    "condition": "conditions",
    "reason": "reasons",
}
"""What a policy gives names of its own, each with the part where it does."""
