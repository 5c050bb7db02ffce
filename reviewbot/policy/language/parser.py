"""Reads a policy: text in, the policy tree out, with every mistake found in one run.

Theory of operation. `yamltree.py` gives a tree of texts with places. The head of the policy is read
first, because it says which facts exist and which zone counts; then everything that is only a name
elsewhere (lists, patterns, hours, reasons) is declared, so that one pass over the rest can check
each use. A part with a mistake is reported and left out; reading always goes on to the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.language.conditions import read_patterns
from reviewbot.policy.language.deadline import read_deadline, read_guardrails
from reviewbot.policy.language.lists import ListFiles, read_lists, warn_expired
from reviewbot.policy.language.reader import (
    MappingReader,
    Reading,
    TooManyFindings,
    first_line,
    mapping_of,
    one_or_more,
)
from reviewbot.policy.language.rules import read_rules, rule_names
from reviewbot.policy.language.schedule import read_hours
from reviewbot.policy.language.templates import read_reasons
from reviewbot.policy.language.tests import read_tests
from reviewbot.policy.language.unused import warn_unused
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, YamlDocument, load_yaml
from reviewbot.policy.model import AppliesTo, Policy, PolicyTest
from reviewbot.policy.text_forms import did_you_mean, only_cure
from reviewbot.policy.values import read_choice

KEYS = (
    "policy",
    "language",
    "owner",
    "about",
    "timezone",
    "applies to",
    "hours",
    "lists",
    "patterns",
    "rules",
    "reasons",
    "deadline",
    "guardrails",
    "tests",
)


LANGUAGE = 1


_LONGEST_NAME = 80


_UTC = ZoneInfo("UTC")


_REVIEWS: tuple[ReviewKind, ...] = ("comments", "accounts")


_DECLARED = {"list": "lists", "pattern": "patterns", "calendar": "hours", "reason": "reasons"}


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
    sources = [(path, document.text)]
    if document.root is None:
        return Parsed(None, document.findings, tuple(sources))
    context = Reading(document)
    policy: Policy | None = None
    try:
        policy = _PolicyReading(context, files, today).policy(tests, sources)
    except TooManyFindings:
        context.findings.append(_and_more(context.findings))
    findings = _in_order((*document.findings, *context.findings), path)
    folder, slash, _ = path.rpartition("/")
    sources.extend((f"{folder}{slash}{name}", text) for name, text in files.texts.items())
    if any(finding.severity is Severity.ERROR for finding in findings):
        policy = None
    return Parsed(policy, findings, tuple(sources))


def revision_of(source: str, files: dict[str, str]) -> str:
    """Digest all text that gives a policy its meaning."""
    digest = hashlib.sha256(source.encode(errors="surrogatepass"))
    for name, text in sorted(files.items()):
        digest.update(b"\0" + name.encode(errors="surrogatepass") + b"\0")
        digest.update(hashlib.sha256(text.encode(errors="surrogatepass")).digest())
    return digest.hexdigest()


class _PolicyReading:
    """The reading of one policy, part by part."""

    def __init__(self, context: Reading, files: ListFiles, today: date | None) -> None:
        self.context = context
        self.files = files
        self.today = today

    def policy(
        self, tests: tuple[str, bytes] | None, sources: list[tuple[str, str]]
    ) -> Policy | None:
        context = self.context
        root = mapping_of(context, context.document.root, "a policy", "policy: NAME")
        if root is None:
            return None
        fields = MappingReader(context, root, "a policy", KEYS)
        name = self._name(fields)
        self._language(fields)
        context.zone = self._zone(fields)
        applies_to = self._applies_to(fields)
        self._declare(fields)
        lists = read_lists(context, fields.get("lists"), self.files)
        if self.today is not None:
            warn_expired(context, lists, self.today)
        hours = read_hours(context, fields.get("hours"), {one.name: one for one in lists})
        patterns = read_patterns(context, fields.get("patterns"))
        reasons = read_reasons(context, fields.get("reasons"))
        by_name = {reason.name: reason for reason in reasons if reason.name is not None}
        rules = read_rules(
            context,
            fields.need("rules", "rules:  is a list, each rule begins with  - name:"),
            by_name,
        )
        deadline = read_deadline(
            context,
            fields.need("deadline", "write  decide by:,  if undecided:  and  because:  under it"),
            by_name,
        )
        guardrails = read_guardrails(context, fields.get("guardrails"))
        own_tests = read_tests(context, fields.get("tests"))
        more_tests = self._tests_beside(tests, sources)
        owner = context.free_text(fields.get("owner"), "owner:")
        about = context.free_text(fields.get("about"), "about:")
        if name is None or deadline is None:
            return None
        policy = Policy(
            name=name,
            language=LANGUAGE,
            path=context.document.path,
            source=context.document.text,
            revision=revision_of(context.document.text, self.files.texts),
            rules=rules,
            deadline=deadline,
            owner=owner.value.strip() if owner is not None else None,
            about=about.value.strip() if about is not None else None,
            timezone=context.zone.key,
            applies_to=applies_to,
            hours=hours,
            lists=lists,
            patterns=patterns,
            reasons=reasons,
            guardrails=guardrails,
            tests=own_tests + more_tests,
            files=tuple(sorted(self.files.texts.items())),
            span=root.span,
        )
        if not any(finding.severity is Severity.ERROR for finding in context.findings):
            warn_unused(context, policy, root)
        return policy

    def _name(self, fields: MappingReader) -> str | None:
        scalar = self.context.text(
            fields.need("policy", "its first line is  policy: NAME"), "policy:"
        )
        if scalar is None:
            return None
        name = scalar.value
        if len(name) <= _LONGEST_NAME and all(
            char.isascii() and (char.isdigit() or char.islower() or char == "-") for char in name
        ):
            return name
        tidy = "-".join(
            "".join(
                char if char.isascii() and char.isalnum() else " " for char in name.lower()
            ).split()
        )[:_LONGEST_NAME]
        self.context.add_at(
            "P034",
            scalar,
            0,
            len(name),
            f"the name of a policy is made of small letters, digits and -, {_LONGEST_NAME} at most",
            under=f"write  {tidy}" if tidy else None,
            replacement=tidy or None,
        )
        return None

    def _language(self, fields: MappingReader) -> None:
        scalar = self.context.text(fields.need("language", "write  language: 1"), "language:")
        if scalar is not None and scalar.value != str(LANGUAGE):
            self.context.add_at(
                "P035",
                scalar,
                0,
                len(scalar.value),
                f'the language of policies is 1, not "{scalar.value}"',
                replacement="1",
            )

    def _zone(self, fields: MappingReader) -> ZoneInfo:
        scalar = self.context.text(fields.get("timezone"), "timezone:")
        if scalar is None:
            return _UTC
        try:
            return ZoneInfo(scalar.value)
        except (KeyError, ValueError, OSError):  # not found, not a name, a folder's name
            zones = _all_zones()
        self.context.add_at(
            "P028",
            scalar,
            0,
            len(scalar.value),
            f'there is no time zone "{scalar.value}"',
            under=did_you_mean(scalar.value, zones),
            cure="zones have names such as  Europe/Paris",
            replacement=only_cure(scalar.value, zones),
        )
        return _UTC

    def _applies_to(self, fields: MappingReader) -> AppliesTo:
        tree = fields.get("applies to")
        if tree is None:
            return AppliesTo()
        mapping = mapping_of(self.context, tree, "applies to:", "{review: comments}")
        if mapping is None:
            return AppliesTo()
        inner = MappingReader(
            self.context, mapping, "applies to:", ("review", "platform", "saved_account_id")
        )
        review = self._review(inner)
        self.context.review = review
        platforms = [
            self.context.read(scalar, lambda text, at: read_choice(text, at, PLATFORMS, "platform"))
            for scalar in self._texts(inner, "platform")
        ]
        return AppliesTo(
            review=review,
            platform=tuple(platform for platform in platforms if platform is not None),
            saved_account_id=tuple(
                scalar.value for scalar in self._texts(inner, "saved_account_id")
            ),
            span=mapping.span,
        )

    def _review(self, fields: MappingReader) -> ReviewKind:
        scalar = self.context.text(fields.get("review"), "review:")
        for review in _REVIEWS:
            if scalar is None or scalar.value == review:
                return review
        assert scalar is not None
        self.context.add_at(
            "P022",
            scalar,
            0,
            len(scalar.value),
            f'review:  is comments or accounts, not "{scalar.value}"',
            under=did_you_mean(scalar.value, _REVIEWS),
            replacement=only_cure(scalar.value, _REVIEWS),
        )
        return "accounts" if scalar.value.startswith("a") else "comments"

    def _texts(self, fields: MappingReader, key: str) -> list[Scalar]:
        found = [self.context.text(item, f"{key}:") for item in one_or_more(fields.get(key))]
        return [scalar for scalar in found if scalar is not None]

    def _declare(self, fields: MappingReader) -> None:
        """Note every name that other parts may use, whether or not what it names is in order."""
        for kind, key in _DECLARED.items():
            tree = fields.get(key)
            entries = tree.entries if isinstance(tree, Mapping) else ()
            self.context.declared[kind] = tuple(dict.fromkeys(name.value for name, _ in entries))
        self.context.declared["rule"] = rule_names(fields.get("rules"))

    def _tests_beside(
        self, tests: tuple[str, bytes] | None, sources: list[tuple[str, str]]
    ) -> tuple[PolicyTest, ...]:
        """Read `NAME.tests.yaml`: `tests:` with a list, or the bare list."""
        if tests is None:
            return ()
        document = load_yaml(tests[1], tests[0])
        sources.append((tests[0], document.text))
        own = Reading(document, self.context.review)
        own.zone, own.declared = self.context.zone, self.context.declared
        try:
            found = read_tests(own, _tests_tree(own, document))
        finally:
            self.context.findings.extend((*document.findings, *own.findings))
        return found


@cache
def _all_zones() -> tuple[str, ...]:
    """Every zone there is; to find them the whole data base is walked."""
    return tuple(sorted(available_timezones()))


def _and_more(findings: list[Finding]) -> Finding:
    path = findings[-1].path
    span = max(
        (one.span for one in findings if one.path == path),
        key=lambda span: (span.line, span.column),
    )
    return Finding(
        code="P036",
        severity=Severity.ERROR,
        span=first_line(span),
        message="there may be more mistakes below; mend these first",
        path=path,
    )


def _tests_tree(context: Reading, document: YamlDocument) -> Tree | None:
    if isinstance(document.root, Sequence):
        return document.root
    mapping = mapping_of(context, document.root, "a file of tests", "tests: [...]")
    if mapping is None:
        return None
    return MappingReader(context, mapping, "a file of tests", ("tests", "policy")).need("tests")


def _in_order(findings: tuple[Finding, ...], path: str) -> tuple[Finding, ...]:
    """Sort by file (the policy first) and place; the same finding is said once."""

    def place(finding: Finding) -> tuple[bool, str, int, int, str]:
        span = finding.span
        return (finding.path != path, finding.path, span.line, span.column, finding.code)

    unique = {(f.path, f.span, f.code, f.message): f for f in findings}
    return tuple(sorted(unique.values(), key=place))
