"""The JSON Schema (draft-07) of the language, for editors: completion, hovers, and typos underlined.

It is made from the grammar, the catalogue of facts and the table of operators. It is a help while
typing; the checker has the last word.
"""

from __future__ import annotations

from typing import Any

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType
from reviewbot.policy.language import grammar
from reviewbot.policy.language.grammar import PAUSED, GrammarSection, Key, Kind
from reviewbot.policy.language.spoken import STARTS
from reviewbot.policy.language.statements import is_deed
from reviewbot.policy.operators import OPERATORS

Schema = dict[str, Any]
Values = dict[Kind, Schema]

DRAFT = "http://json-schema.org/draft-07/schema#"

_DURATION = r"(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?"
_DAY = r"\d{4}-\d{2}-\d{2}"
_TIME = r"[ T]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?"
_WORDS = r"\S.*"
_WINDOW = "(hour|day|calendar day)"

_ARGUMENTS: dict[FactType, str] = {
    FactType.COUNT: r"\d+(\.0*)?",
    FactType.SCORE: r"\d+(\.\d*)?",
    FactType.MONEY: r"\d+(\.\d*)? *USD",
    FactType.SHARE: r"\d+(\.\d*)?( *%)?",
    FactType.DURATION: _DURATION,
    FactType.MOMENT: f"{_DAY}({_TIME})?",
    FactType.YES_NO: "(yes|no|true|false)",
    FactType.TEXT: _WORDS,
}


def _matching(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


_CAPS: Values = {
    grammar.COUNT_CAP: _matching(rf"^at most \d+ per {_WINDOW}$"),
    grammar.MONEY_CAP: _matching(rf"^at most \d+(\.\d+)? USD per {_WINDOW}$"),
    grammar.RULE_CAP: _matching(rf"^at most \d+(\.\d+)?( USD)?( per account)? per {_WINDOW}$"),
    grammar.SHARE_CAP: _matching(r"^at most \d+(\.\d+)?%?( .+)?$"),
    grammar.WHEN_OVER: {"enum": ["escalate", "hold"]},
    grammar.RULE_OVER: {"enum": ["escalate", "hold", "skip"]},
    grammar.WHY_NOT: {"enum": list(grammar.WHY_NOT.choices)},
}

_YAML_TYPES: dict[FactType, list[str]] = {
    FactType.COUNT: ["string", "integer"],
    FactType.SCORE: ["string", "number"],
    FactType.SHARE: ["string", "number"],
    FactType.YES_NO: ["string", "boolean"],
    FactType.TEXT: ["string", "number", "boolean"],
}
"""What an editor's YAML makes of a plain value; the policy itself is read as text throughout."""

_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_NAME = r"^[^\W][\w-]*( [\w-]+)*$"
"""The name of hours, a list, a pattern, a reason or a condition."""

_FORMS: Values = {
    **dict.fromkeys((grammar.TEXT, grammar.TEMPLATE, grammar.DECIDER), _TEXT),
    **dict.fromkeys((grammar.OPEN_HOURS, grammar.CONDITION_NAME), _TEXT | {"pattern": _NAME}),
    grammar.OPEN: _TEXT | {"pattern": r"^(.+ )?\d{1,2}:\d{2}-\d{1,2}:\d{2}$"},
    grammar.CLOSED: _TEXT | {"pattern": r"^(in list .+|\d{4}-\d{2}-\d{2}|[a-z, -]+)$"},
    grammar.STEP: _TEXT | {"pattern": r"^(shadow|live|\d+(\.\d+)?%)$"},
    grammar.PROMOTION: {"type": "string", "pattern": rf"^(\d+ decisions agreeing|{_DURATION})$"},
    grammar.DEMOTION: {"type": "string", "pattern": r"^more than \d+(\.\d+)?%$"},
    grammar.SPAN: {"type": "string", "pattern": f"^{_DURATION}$"},
    grammar.DATE: {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    grammar.ZONE: {"type": "string", "pattern": r"^[A-Za-z][\w+-]*(/[\w+-]+)*$"},
    grammar.LOCALE: {"type": "string", "pattern": r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$"},
}
"""What may stand there where it is one text, whatever the review."""

_CLOSED: Schema = {"type": "object", "additionalProperties": False}
_YES_NO: Schema = {
    "anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["yes", "no", "true", "false"]}]
}

_TITLES = {"policy": "name", "language": "version of the language", "timezone": "time zone"}
"""What editors call a key where that is not its name."""

_ORDER = ("to", "question", "remind", "because", "until", "reason", "comment", "repeat", "fields")
"""How the keys of actions follow each other in the published schema."""

_WITH_EXAMPLES = (
    *(grammar.NAME, grammar.ZONE, grammar.OPEN, grammar.CLOSED),
    *(grammar.COUNT_CAP, grammar.MONEY_CAP, grammar.SHARE_CAP, grammar.RULE_CAP),
)
"""The kinds whose form an editor cannot guess."""

_SHARED = (
    *(grammar.TEXT, grammar.YES_NO, grammar.MOMENT, grammar.CONDITIONS),
    *(grammar.ALTERNATIVES, grammar.ATTEMPT),
)
"""The kinds whose own schema stands before the words about a key."""


def policy_schema() -> Schema:
    """The schema of a policy file."""
    fleet = {name: fact for name, fact in CATALOGUE["comments"].items() if fact.source == "fleet"}
    definitions: Schema = {
        "attempt": _conditions("attempt", ATTEMPT_FACTS, "accounts"),
        "fleet": _conditions("fleet", fleet, "accounts"),
    }
    for review in ACTIONS_OF:
        definitions |= _definitions(review)
    return {
        "$schema": DRAFT,
        "title": "reviewbot policy",
        "description": "An ordered list of named rules: the first one that matches decides.",
        "type": "object",
        "required": _required(grammar.POLICY),
        "additionalProperties": False,
        "properties": {key.name: _top(key) for key in grammar.POLICY.keys.values()},
        "if": {
            "properties": {
                "applies to": {
                    "properties": {"review": {"const": "accounts"}},
                    "required": ["review"],
                }
            },
            "required": ["applies to"],
        },
        "then": _parts("accounts"),
        "else": _parts("comments"),
        "definitions": definitions,
    }


def schema_of_tests() -> Schema:
    """The schema of a file of tests: a list, or `tests:` with one."""
    names = [f"{review} {part}" for review in ACTIONS_OF for part in ("test", "moment")]
    known = _definitions("comments") | _definitions("accounts")
    test = {"anyOf": [_ref(f"{review} test") for review in ACTIONS_OF]}
    tests = {"type": "array", "items": test}
    keys = grammar.TESTS_FILE.keys
    own = {"tests": tests | {"description": keys["tests"].sentence}}
    words = {name: _property(key, _values("comments")) for name, key in keys.items()}
    return {
        "$schema": DRAFT,
        "title": "tests of a reviewbot policy",
        "description": "NAME.tests.yaml beside NAME.yaml: given these facts, this is expected.",
        "anyOf": [tests, _closed_object(words | own, _required(grammar.TESTS_FILE))],
        "definitions": {name: known[name] for name in names},
    }


def _top(key: Key) -> Schema:
    """A key of the policy itself; what lies in rules, deadline and so on differs by review."""
    words = {"title": _TITLES.get(key.name, key.name), "description": key.sentence}
    match key.name:
        case "applies to":
            return words | _object(grammar.APPLIES_TO)
        case "hours":
            return words | _named(_CLOSED | _object(grammar.HOURS))
        case "lists":
            values = {"type": "array", "items": {"anyOf": [_TEXT, _object(grammar.LIST_ENTRY)]}}
            return words | _named({"anyOf": [values, _object(grammar.LIST_FILE)]})
        case "patterns":
            return words | _named(_CLOSED | _object(grammar.PATTERN))
        case "reasons":
            return words | _named(_reason("comments"))
    return _property(key, _values("comments"), words)


def _parts(review: ReviewKind) -> Schema:
    condition = _ref(f"{review} condition")
    parts = {
        "conditions": _named(_one_or_more(condition)),
        "never": {"type": "array", "items": _ref(f"{review} statement")},
        "rules": {"type": "array", "minItems": 1, "items": _ref(f"{review} rule")},
        "deadline": _ref(f"{review} deadline"),
        "guardrails": _ref(f"{review} guardrails"),
        "tests": {"type": "array", "items": _ref(f"{review} test")},
    }
    return {"properties": parts}


def _definitions(review: ReviewKind) -> Schema:
    start = STARTS[review].removeprefix("after ")
    condition = f"{review} condition"
    return {
        condition: _conditions(condition, CATALOGUE[review], review),
        f"{review} rule": _rule(review),
        f"{review} statement": _object(grammar.STATEMENT, review)
        | {"oneOf": [{"required": [key]} for key in ("when", "when any")]},
        f"{review} deadline": _object(grammar.DEADLINE, review),
        f"{review} guardrails": _object(grammar.GUARDRAILS, review),
        f"{review} test": _object(grammar.TEST, review),
        f"{review} moment": {
            "type": "string",
            "pattern": rf"^({start}|{_DURATION} after {start}|{_DURATION} before deadline"
            rf"|when .+ opens|{_DAY}{_TIME})$",
            "examples": [f"24h after {start}", "4h before deadline", "when desk opens"],
        },
    }


def _conditions(name: str, facts: dict[str, Fact], review: ReviewKind) -> Schema:
    values = _values(review, condition=name)
    keys = grammar.CONDITION.keys.values()
    words = [key for key in keys if key.kind != grammar.ATTEMPT or review == "comments"]
    if facts is ATTEMPT_FACTS:
        words = [key for key in words if key.name != "condition"]
    lines = {name: _fact(fact, name) for name, fact in facts.items()}
    return {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": lines | {key.name: _property(key, values) for key in words},
    }


def _rule(review: ReviewKind) -> Schema:
    rows = [key for key in grammar.ACTION_ROWS if {*key.actions} & {*ACTIONS_OF[review]}]
    return _object(grammar.RULE, review) | {
        "oneOf": [{"required": [key]} for key in ("when", "when any", "always")],
        "dependencies": {"when over": ["limit"]},
        "allOf": [
            {
                "if": {"properties": {"then": {"const": action.value}}, "required": ["then"]},
                "then": {
                    "required": [
                        key.name for key in rows if key.required and action in key.actions
                    ],
                    "properties": {key.name: False for key in rows if action not in key.actions},
                },
            }
            for action in ACTIONS_OF[review]
        ],
    }


def _object(section: GrammarSection, review: ReviewKind = "comments") -> Schema:
    """A mapping that takes the keys of a section and no others."""
    properties = _properties(section.keys, _values(review), review)
    return _closed_object(properties, _required(section))


def _closed_object(properties: Schema, required: list[str]) -> Schema:
    head = {"type": "object"} | ({"required": required} if required else {})
    return head | {"additionalProperties": False, "properties": properties}


def _required(section: GrammarSection) -> list[str]:
    return [name for name, key in section.keys.items() if key.required and not key.actions]


def _properties(keys: dict[str, Key], values: Values, review: ReviewKind) -> Schema:
    """What may stand under the keys that this review takes, those of actions in published order."""
    taken = [
        key for key in keys.values() if not key.actions or {*key.actions} & {*ACTIONS_OF[review]}
    ]
    of_actions = (keys[name] for name in _ORDER if keys.get(name) in taken and keys[name].actions)
    in_order = [next(of_actions) if key.actions else key for key in taken]
    return {key.name: _property(key, values) for key in in_order}


def _property(key: Key, values: Values, words: Schema | None = None) -> Schema:
    """What may stand under a key, and words about it."""
    value = values.get(key.kind, {})
    if key.many:
        value = _one_or_more(value, least=key.name not in grammar.MAY_BE_EMPTY)
    words = words or {"description": key.sentence}
    schema = {**value, **words} if key.kind in _SHARED else {**words, **value}
    return schema | (
        {"examples": list(key.examples or key.kind.examples)} if key.kind in _WITH_EXAMPLES else {}
    )


def _values(review: ReviewKind, condition: str | None = None) -> Values:
    """What may stand under a key, by kind."""
    every = [action.value for action in ACTIONS_OF[review]]
    conditions = _ref(condition or f"{review} condition")
    values: Values = {
        **_FORMS,
        grammar.NAME: {"type": "string", "pattern": "^[a-z0-9-]+$"},
        grammar.VERSION: {"anyOf": [{"const": 1}, {"const": "1"}]},
        grammar.COLUMNS: _named(_one_or_more(_TEXT)),
        grammar.YES_NO: _YES_NO,
        grammar.YES: {"anyOf": [{"const": True}, {"type": "string", "enum": ["yes", "true"]}]},
        grammar.REVIEW: {"enum": list(ACTIONS_OF)},
        grammar.PLATFORM: {"enum": list(PLATFORMS)},
        grammar.ACTION: {"enum": every},
        grammar.LAST_ACTION: {"enum": [action for action in every if action != Action.WAIT]},
        grammar.DEED: {"enum": [a.value for a in ACTIONS_OF[review] if is_deed(a)]},
        grammar.EXCEPTION: {"enum": ["deadline", "people"]},
        grammar.MOMENT: _ref(f"{review} moment"),
        grammar.SHARE: {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)?%?$"},
            ]
        },
        grammar.CONDITIONS: conditions,
        grammar.ALTERNATIVES: {"type": "array", "minItems": 1, "items": conditions},
        grammar.ATTEMPT: _ref("attempt"),
        grammar.PAUSE: _ref("fleet"),
        grammar.REASON: {"anyOf": [_TEXT, _reason(review)]},
        grammar.CORRECTIONS: {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "properties": _texts(grammar.CORRECTION_TEXTS),
        },
        grammar.REMINDERS: _at_moments(review, _one_or_more(_TEXT)),
        **_CAPS,
        grammar.GIVEN: {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: _given(name, fact) for name, fact in CATALOGUE[review].items()}
            | {key.name: _property(key, _GIVEN_STATE) for key in grammar.GIVEN_STATE.keys.values()},
        },
        grammar.EXPECTATIONS: _at_moments(review, {"enum": every}),
    }
    section = grammar.STAGE
    ladder = _closed_object(_properties(section.keys, values, review), _required(section))
    values[grammar.LADDER] = {"anyOf": [values[grammar.STEP], ladder]}
    section = grammar.FALLBACK_ACTION
    written = _closed_object(_properties(section.keys, values, review), _required(section))
    choices = [values[grammar.LAST_ACTION], written]
    values[grammar.CASE_ACTION] = {"anyOf": choices}
    keys = grammar.CASE.keys | grammar.LAST_CASE.keys
    keys |= {name: keys.pop(name) for name in ("then", "otherwise")}
    cases = _closed_object(_properties(keys, values, review), [])
    values[grammar.FALLBACK] = {
        "anyOf": [*choices, {"type": "array", "minItems": 1, "items": cases}]
    }
    return values


def _reason(review: ReviewKind) -> Schema:
    condition = _ref(f"{review} condition")
    values: Values = {
        grammar.CONDITIONS: condition,
        grammar.ALTERNATIVES: {"type": "array", "minItems": 1, "items": condition},
        **dict.fromkeys((grammar.TEMPLATE, grammar.LOCALE), _TEXT),
    }
    text = _properties(
        {name: grammar.TEXT_CASE.keys[name] for name in ("text", "locale")}, values, review
    )
    values[grammar.LAST_WORDS] = {
        "anyOf": [{"type": "null"}, {"const": ""}, _closed_object(text, ["text"])]
    }
    cases = _closed_object(
        _properties(grammar.TEXT_CASE.keys | grammar.LAST_TEXT.keys, values, review), []
    )
    variants = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": _texts(grammar.REASON_TEXT),
        "patternProperties": {r"^round [1-9]\d*$": _TEXT},
    }
    return {"anyOf": [_TEXT, variants, {"type": "array", "minItems": 1, "items": cases}]}


def _texts(section: GrammarSection) -> Schema:
    """A text under each key of a section."""
    return {name: _TEXT | {"description": key.sentence} for name, key in section.keys.items()}


def _at_moments(review: ReviewKind, value: Schema) -> Schema:
    return _named(value) | {"propertyNames": _ref(f"{review} moment")}


def _named(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


_GIVEN_STATE: Values = {
    grammar.FULL_LIMITS: _named({"const": "full"}),
    grammar.HELD: {"enum": list(PAUSED)},
}


def _one_or_more(value: Schema, *, least: bool = True) -> Schema:
    return {"anyOf": [value, {"type": "array", "minItems": int(least), "items": value}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}".replace(" ", "%20")}


# Facts -----------------------------------------------------------------------------------------


def _fact(fact: Fact, name: str) -> Schema:
    """What may stand behind a fact in a condition."""
    value: Schema = {"type": _YAML_TYPES.get(fact.type, "string"), "pattern": _line_pattern(fact)}
    choices: list[Schema] = [value]
    if fact.type is not FactType.NAMES:
        item = {"type": value["type"], "pattern": f"^{_argument(fact)}$"}
        choices.append({"type": "array", "items": item, "minItems": 1})
    takes = [operator.words for operator in OPERATORS if fact.type in operator.takes]
    examples = [fact.example, *(words for words in ("known", "unknown") if words in takes)]
    return {
        "title": name,
        "description": _sentence(fact),
        "anyOf": choices,
        "examples": list(dict.fromkeys(examples)),
    }


def _given(name: str, fact: Fact) -> Schema:
    """What a test may give a fact: one plain value, or for a list of names several."""
    value: Schema = {
        "type": _YAML_TYPES.get(fact.type, "string"),
        "pattern": f"^({_argument(fact)}|unknown)$",
    }
    own = {"title": name, "description": _sentence(fact)}
    if fact.type is FactType.NAMES:  # of which a review may hold none
        value = _one_or_more(value, least=False)
    return own | value


def _sentence(fact: Fact) -> str:
    """One sentence about a fact, with its type and its range."""
    extent = ""
    if fact.values:
        extent = f": {', '.join(fact.values)}"
    elif fact.low is not None and fact.high is not None:
        extent = f" from {fact.low:g} to {fact.high:g}"
    elif fact.low is not None:
        extent = f", at least {fact.low:g}"
    unknown = "; may be unknown" if fact.nullable else ""
    return f"{fact.sentence[0].upper()}{fact.sentence[1:]} ({fact.type}{extent}{unknown})."


def _any_case(word: str) -> str:
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word)


def _argument(fact: Fact) -> str:
    if fact.type in (FactType.CHOICE, FactType.NAMES):
        return f"(exactly )?({'|'.join(map(_any_case, fact.values))})"
    return _ARGUMENTS[fact.type]


def _line_pattern(fact: Fact) -> str:
    argument = _argument(fact)
    forms = [op.schema(fact, argument) for op in OPERATORS if fact.type in op.takes]
    if fact.type is not FactType.NAMES:
        forms.append(rf"(not )?({argument}|\[.+\])")
    return f"^({'|'.join(forms)})$"
