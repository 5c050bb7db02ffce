"""Reads a policy: text in, the policy tree out, with every mistake found in one run.

Theory of operation. `yaml.py` gives a tree of texts with places. The head of the policy is read
first, because it says which facts exist and which zone counts; then everything that is only a name
elsewhere (lists, patterns, hours, reasons) is declared, so that one pass over the rest can check
each use. A part with a mistake is reported and left out; reading always goes on to the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from functools import cache
from unicodedata import combining, normalize
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from reviewbot.domain.decision import ACTIONS_OF
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.language.conditions import read_conditions
from reviewbot.policy.language.deadline import read_deadline, read_guardrails
from reviewbot.policy.language.grammar import APPLIES_TO, DECLARED, PAUSED, POLICY, TESTS_FILE
from reviewbot.policy.language.lists import ListFiles, read_lists, read_patterns, warn_expired
from reviewbot.policy.language.lost_lines import warn_of_remarks
from reviewbot.policy.language.reader import MappingReader, Reading, TooManyFindings, first_line
from reviewbot.policy.language.reasons import read_reasons
from reviewbot.policy.language.rules import read_rules, rule_names
from reviewbot.policy.language.schedule import read_hours
from reviewbot.policy.language.statements import read_statements
from reviewbot.policy.language.synonyms import VALUES, ZONES, meaning
from reviewbot.policy.language.templates import read_locale
from reviewbot.policy.language.tests import read_tests
from reviewbot.policy.language.unused import warn_unused
from reviewbot.policy.language.yaml import (
    Mapping,
    Sequence,
    Tree,
    YamlDocument,
    load_yaml,
    reload_yaml,
    stands_well,
)
from reviewbot.policy.model import AppliesTo, Policy, PolicyTest
from reviewbot.policy.notations import plain
from reviewbot.policy.text_forms import asked, is_name, shape
from reviewbot.policy.values import read_choice

LANGUAGE = 1

_LONGEST_NAME = 80


class Parsed(msgspec.Struct, frozen=True):
    """What came of a text: the policy, unless there is an error among the findings.

    `sources` are the texts that were read, by path, for showing the findings in their places.
    """

    policy: Policy | None
    findings: tuple[Finding, ...]
    sources: tuple[tuple[str, str], ...] = ()


def parse_policy(
    source: bytes | str,
    *,
    path: str,
    read: Callable[[str], bytes],
    tests: tuple[str, bytes] | None = None,
    today: date | None = None,
) -> Parsed:
    """Read a policy with its list files and tests. Raises nothing for bad input.

    `read` gives the bytes of a file beside the policy (raises OSError), `tests` is the path and the
    bytes of `NAME.tests.yaml`, `today` lets expired lists be noticed.
    """
    document = load_yaml(source, path)
    files = ListFiles(read)
    parsed = _parsed(document, files, tests, today)
    if not _may_be_laid_out_wrong(parsed, document):
        return parsed
    if (whole := document.whole) is not None and (again := reload_yaml(document, whole)):
        meant = _parsed(again, files, tests, today)
        if not _may_be_laid_out_wrong(meant, document, before=whole.behind):
            return meant
    if (again := reload_yaml(document)) is not None:
        meant = _parsed(again, files, tests, today)
        if document.root is None or _errors(meant) <= _errors(parsed) or _is_all_cured(meant):
            return meant
    return parsed


def _parsed(
    document: YamlDocument, files: ListFiles, tests: tuple[str, bytes] | None, today: date | None
) -> Parsed:
    """Read the policy that a document holds."""
    path = document.path
    sources = [(path, document.text)]
    if document.root is None:
        return Parsed(None, document.findings, tuple(sources))
    reading = Reading(document)
    policy: Policy | None = None
    try:
        policy = _PolicyReading(reading, files, today).policy(tests, sources)
    except TooManyFindings:
        reading.findings.append(_and_more(reading.findings))
    findings = _in_order((*_not_better_said(document, reading), *reading.findings), path)
    folder, slash, _ = path.rpartition("/")
    sources.extend((f"{folder}{slash}{name}", text) for name, text in files.texts.items())
    if _has_error(findings):
        policy = None
    return Parsed(policy, findings, tuple(sources))


def _not_better_said(document: YamlDocument, reading: Reading) -> list[Finding]:
    """What is wrong with the YAML, without signs at which YAML stumbled in a value that is refused for what it says."""
    errors = (finding for finding in reading.findings if finding.severity is Severity.ERROR)
    lines = {finding.span.line for finding in errors if finding.path == document.path}
    return [
        finding
        for finding in document.findings
        if finding.code not in ("P012", "P013") or finding.span.line not in lines
    ]


_OF_VALUES = "P022 P023 P024 P025 P101 P102 P103 P104 P105 P109 P110 P111 P112 P114 P117"
"""Mistakes that lie in a value alone, however the lines of the file stand."""


def _may_be_laid_out_wrong(
    parsed: Parsed, document: YamlDocument, before: int | None = None
) -> bool:
    """Whether a mistake in the lines `before` one may come from how they stand, and not from what one of them says."""
    return parsed.policy is None and any(
        finding.severity is Severity.ERROR
        and finding.path == document.path
        and (before is None or finding.span.line <= before)
        and not (
            (finding.fix is not None or finding.code in _OF_VALUES)
            and stands_well(document, finding.span)
        )
        for finding in parsed.findings
    )


def _is_all_cured(parsed: Parsed) -> bool:
    """Whether every mistake has a line of its own and a sure cure: lines that were read as one text are told apart."""
    errors = [finding for finding in parsed.findings if finding.severity is Severity.ERROR]
    lines = {finding.span.line for finding in errors}
    return len(lines) == len(errors) and all(finding.fix for finding in errors)


def _errors(parsed: Parsed) -> int:
    return sum(finding.severity is Severity.ERROR for finding in parsed.findings)


def revision_of(source: str, files: dict[str, str]) -> str:
    """Digest all text that gives a policy its meaning."""
    digest = hashlib.sha256(source.encode(errors="surrogatepass"))
    for name, text in sorted(files.items()):
        digest.update(b"\0" + name.encode(errors="surrogatepass") + b"\0")
        digest.update(hashlib.sha256(text.encode(errors="surrogatepass")).digest())
    return digest.hexdigest()


class _PolicyReading:
    """The reading of one policy, part by part."""

    def __init__(self, reading: Reading, files: ListFiles, today: date | None) -> None:
        self.reading = reading
        self.files = files
        self.today = today

    def policy(
        self, tests: tuple[str, bytes] | None, sources: list[tuple[str, str]]
    ) -> Policy | None:
        reading = self.reading
        fields = reading.section(reading.document.root, POLICY)
        if fields is None:
            return None
        name = self._name(fields)
        self._language(fields)
        reading.zone = self._zone(fields)
        reading.locale = read_locale(reading, fields.text("locale")) or reading.locale
        applies_to = self._applies_to(fields)
        self._declare(fields)
        lists = read_lists(reading, fields.get("lists"), self.files)
        if self.today is not None:
            warn_expired(reading, lists, self.today)
        reading.lists = {named.name: named for named in lists}
        hours = read_hours(reading, fields.get("hours"))
        patterns = read_patterns(reading, fields.get("patterns"))
        read_conditions(reading, fields.get("conditions"))
        reasons = read_reasons(reading, fields.get("reasons"))
        reading.reasons = {reason.name: reason for reason in reasons if reason.name is not None}
        never = read_statements(reading, fields.get("never"))
        tree = fields.get("rules", "rules:  is a list, each rule begins with  - name:")
        rules = read_rules(reading, tree)
        tree = fields.get("deadline", "write  decide by:,  if undecided:  and  because:  under it")
        deadline = read_deadline(reading, tree)
        guardrails = read_guardrails(reading, fields.get("guardrails"))
        own_tests = read_tests(reading, fields.get("tests"))
        more_tests = self._tests_beside(tests, sources)
        owner, about = fields.words("owner"), fields.words("about")
        if name is None or deadline is None:
            return None
        policy = Policy(
            name=name,
            language=LANGUAGE,
            path=reading.document.path,
            source=reading.document.text,
            revision=revision_of(reading.document.text, self.files.texts),
            rules=rules,
            deadline=deadline,
            owner=owner,
            about=about,
            timezone=reading.zone.key,
            locale=reading.locale,
            applies_to=applies_to,
            never=never,
            hours=hours,
            lists=lists,
            patterns=patterns,
            reasons=reasons,
            guardrails=guardrails,
            tests=own_tests + more_tests,
            files=tuple(sorted(self.files.texts.items())),
            span=fields.span,
        )
        warn_of_remarks(reading)
        if not _has_error(reading.findings):
            warn_unused(reading, fields)
        return policy

    def _name(self, fields: MappingReader) -> str | None:
        scalar = fields.text("policy", "its first line is  policy: NAME")
        if scalar is None:
            return None
        name = scalar.value
        self.reading.look_at_word(scalar)
        if len(name) <= _LONGEST_NAME and all(
            char.isascii() and (char.isdigit() or char.islower() or char == "-") for char in name
        ):
            return name
        spelled = plain(name.lower()).translate(_SPELLED)
        letters = (char for char in normalize("NFKD", spelled) if not combining(char))
        kept = (char if char.isascii() and char.isalnum() else " " for char in letters)
        tidy = "-".join("".join(kept).split())[:_LONGEST_NAME]
        self.reading.add(
            "P034",
            scalar,
            f"the name of a policy is made of small letters, digits and -, {_LONGEST_NAME} at most",
            under=f"write  {tidy}" if tidy else None,
            replacement=tidy or None,
        )
        return None

    def _language(self, fields: MappingReader) -> None:
        scalar = fields.text("language", "write  language: 1")
        if scalar is not None and scalar.value != str(LANGUAGE):
            message = f'the language of policies is 1, not "{scalar.value}"'
            self.reading.add("P035", scalar, message, under="write  language: 1", replacement="1")

    def _zone(self, fields: MappingReader) -> ZoneInfo:
        scalar = fields.text("timezone")
        if scalar is None:
            return ZoneInfo("UTC")
        if turned := shape(r"Etc/GMT([+-])(\d+)").fullmatch(scalar.value):
            way = "behind" if turned.group(1) == "+" else "ahead of"
            message = f"{scalar.value} is {turned.group(2)}h {way} UTC: its sign is turned round"
            cure = "name a city, as  Europe/Berlin,  which also knows summer time"
            self.reading.warn("P312", scalar.span, message, cure=cure)
        try:
            return ZoneInfo(scalar.value)
        except (KeyError, ValueError, OSError):  # not found, not a name, a folder's name
            message = f'there is no time zone "{scalar.value}"'
            near = _zones_of(scalar.value)
            self.reading.add(
                "P028",
                scalar,
                message,
                among=all_zones(),
                under=f"did you mean  {'  or  '.join(near)}  ?" if near else None,
                cure="a zone is named after its region and a town, with / between them",
            )
            return ZoneInfo("UTC")

    def _applies_to(self, fields: MappingReader) -> AppliesTo:
        inner = self.reading.section(fields.get("applies to"), APPLIES_TO)
        if inner is None:
            return AppliesTo()
        self.reading.review = review = self._review(inner)
        platforms = [
            self.reading.read(scalar, lambda text, at: read_choice(text, at, PLATFORMS, "platform"))
            for scalar in inner.texts("platform")
        ]
        return AppliesTo(
            review=review,
            platform=tuple(platform for platform in platforms if platform is not None),
            saved_account_id=self._accounts(inner, fields.peek("lists")),
            span=inner.span,
        )

    def _accounts(self, fields: MappingReader, lists: Tree | None) -> tuple[str, ...]:
        """Ids of accounts, which hold no space; a test or a list would fit none of them."""
        named = [key.value for key, _ in lists.entries] if isinstance(lists, Mapping) else []
        accounts = fields.texts("saved_account_id")
        for scalar in accounts:
            self.reading.look_at_word(scalar)
            if (
                scalar.value in named
                or {*scalar.value} & {" ", ","}
                or scalar.value.endswith(".csv")
            ):
                message = f'an account\'s id stands here, and "{scalar.value}" is none'
                cure = "write the ids as  [a1, b2];  a list is asked in a rule:  in list NAME"
                self.reading.add("P112", scalar, message, cure=cure)
        return tuple(scalar.value for scalar in accounts)

    def _review(self, fields: MappingReader) -> ReviewKind:
        scalar = fields.text("review")
        for review in ACTIONS_OF:
            if scalar is None or scalar.value == review:
                return review
        assert scalar is not None
        message = f'review:  is comments or accounts, not "{scalar.value}"'
        meant = meaning(scalar.value, VALUES, ACTIONS_OF)
        under = asked(meant) if meant else None
        self.reading.add("P022", scalar, message, among=ACTIONS_OF, under=under)
        is_account = meant == "accounts" or (meant is None and scalar.value.startswith("a"))
        return "accounts" if is_account else "comments"

    def _declare(self, fields: MappingReader) -> None:
        """Note every name that other parts may use, whether or not what it names is in order."""
        for kind, key in DECLARED.items():
            tree = fields.peek(key)
            entries = tree.entries if isinstance(tree, Mapping) else ()
            self.reading.declared[kind] = tuple(
                dict.fromkeys(name.value for name, _ in entries if is_name(name.value))
            )
        rules, rails = fields.peek("rules"), fields.peek("guardrails")
        keys = [key.value for key, _ in rails.entries] if isinstance(rails, Mapping) else []
        self.reading.declared["rule"] = rule_names(rules)
        self.reading.declared["limit"] = rule_names(rules, "limit")
        self.reading.declared["pause"] = tuple(w for w in PAUSED if f"pause {w} when" in keys)

    def _tests_beside(
        self, tests: tuple[str, bytes] | None, sources: list[tuple[str, str]]
    ) -> tuple[PolicyTest, ...]:
        """Read `NAME.tests.yaml`: `tests:` with a list, or the bare list."""
        if tests is None:
            return ()
        document = load_yaml(tests[1], tests[0])
        if document.root is None and (again := reload_yaml(document)) is not None:
            document = again
        sources.append((tests[0], document.text))
        own = Reading(document, self.reading.review)
        own.zone, own.declared = self.reading.zone, self.reading.declared
        own.uses = self.reading.uses
        try:
            if isinstance(document.root, Sequence):
                return read_tests(own, document.root)
            fields = own.section(document.root, TESTS_FILE)
            return () if fields is None else read_tests(own, fields.get("tests"))
        finally:
            self.reading.findings.extend((*document.findings, *own.findings))


_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa"}
)


def _zones_of(word: str) -> tuple[str, ...]:
    """The zones that a town, a country or letters such as CET mean."""
    folded = plain(word).casefold()
    pieces = [
        folded,
        *(piece.strip(" ()") for piece in folded.replace("(", ",").split(",") if piece),
    ]
    named = next((ZONES[piece] for piece in pieces if piece in ZONES), ())
    turned = "/".join(reversed(folded.split("/")))
    if (
        zone := next((zone for zone in all_zones() if zone.casefold() == turned), None)
    ) is not None:
        return (zone,)
    town = folded.rpartition("/")[2].replace(" ", "_")
    towns = tuple(
        zone for zone in all_zones() if zone.casefold().rpartition("/")[2] == town and "/" in zone
    )
    return named or tuple(zone for zone in towns if not zone.startswith(("posix/", "right/")))[:3]


@cache
def all_zones() -> tuple[str, ...]:
    """Every zone there is; to find them the whole data base is walked."""
    return tuple(sorted(available_timezones()))


def _has_error(findings: tuple[Finding, ...] | list[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def _and_more(findings: list[Finding]) -> Finding:
    path = findings[-1].path
    spans = (finding.span for finding in findings if finding.path == path)
    return Finding(
        code="P036",
        severity=Severity.ERROR,
        span=first_line(max(spans, key=lambda span: (span.line, span.column))),
        message="there may be more mistakes below; mend these first",
        path=path,
    )


def _in_order(findings: tuple[Finding, ...], path: str) -> tuple[Finding, ...]:
    """Sort by file (the policy first) and place; the same finding is said once."""

    def place(finding: Finding) -> tuple[bool, str, int, int, str]:
        span = finding.span
        return (finding.path != path, finding.path, span.line, span.column, finding.code)

    unique = {(f.path, f.span, f.code, f.message): f for f in findings}
    return tuple(sorted(unique.values(), key=place))
