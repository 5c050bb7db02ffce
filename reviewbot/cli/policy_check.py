"""`reviewbot policy check`: every mistake of a policy in one run, each with its place and cure."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from reviewbot import __version__
from reviewbot.cli.command import Command, Example, config_option, format_option, ledger_option
from reviewbot.cli.opening import ledger_for_reading, settings_with
from reviewbot.cli.policy import load_all, load_usable, show_findings
from reviewbot.cli.policy_running import running_policies, said_of_running
from reviewbot.cli.screen import Screen
from reviewbot.domain.decision import DEADLINE
from reviewbot.domain.errors import PolicyInvalid, ReviewbotError, UsageError
from reviewbot.domain.text import safe, safe_line
from reviewbot.policy import catalog, starters
from reviewbot.policy.catalog import Fact, described
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.explain.summary import UNDECIDED, Passage, read_change, read_policy, title_of
from reviewbot.policy.language.formatter import UnreadableError, format_policy
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.language.yaml import MAX_BYTES
from reviewbot.policy.lint import POLL, checked
from reviewbot.policy.starters import Starter
from reviewbot.policy.text_forms import listed, nearest
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled
from reviewbot.runtime.policy_files import read_capped

if TYPE_CHECKING:
    from reviewbot.insights.scorecard import RuleCounts
    from reviewbot.policy.model import Policy


INVALID = 3


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy check policies/starter.yaml", "check one policy"),
        Example("reviewbot policy check --strict policies", "a whole folder; warnings fail too"),
        Example("reviewbot policy check --fix policies/starter.yaml", "mend what has one cure"),
        Example("reviewbot policy check --format github policies", "for a CI job"),
    ],
)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[FILE]...")
@click.option("--strict", is_flag=True, help="Let warnings fail the check as errors do.")
@click.option("--fix", is_flag=True, help="Write the cure of every mistake that has only one.")
@format_option("text", "json", "github", "sarif")
@click.pass_obj
def check(screen: Screen, paths: tuple[str, ...], strict: bool, fix: bool, form: str) -> None:
    """Find every mistake of a policy, with its place, its cause and its cure.

    FILE may be a folder; without FILE the policies of the settings are checked. Exit code: 0 where
    all are usable, 3 where one is not.
    """
    found = _load(screen, paths, form)
    if fix and _mend(screen, found):
        found = _load(screen, paths, form)
    findings = [finding for parsed in found for finding in parsed.findings]
    if form == "text":
        _print_text(screen, found, findings)
    else:
        _print_form(screen, findings, form)
    if _fails(findings, strict):
        raise click.exceptions.Exit(INVALID)


def _load(screen: Screen, paths: Sequence[str], form: str) -> list[Parsed]:
    """Read policies, and find what is wrong with what they mean where they can be read."""
    today = datetime.now(UTC).date()
    notes = screen.verbosity > 0 or form != "text"
    poll = _poll()
    return [
        checked(parsed, today=today, notes=notes, every_overlap=screen.verbosity > 0, poll=poll)
        for parsed in load_all(paths)
    ]


def _poll() -> float:
    """How often the bot of these settings looks, in seconds; the default where they are wrong."""
    try:
        return settings_with().every
    except ReviewbotError:
        return POLL


def _fails(findings: Sequence[Finding], strict: bool) -> bool:
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in failing for finding in findings)


def _print_text(screen: Screen, found: Sequence[Parsed], findings: Sequence[Finding]) -> None:
    from reviewbot.presentation.findings import summary

    sources = {path: text for parsed in found for path, text in parsed.sources}
    if shown := show_findings(screen, findings, sources):
        screen.data(shown + "\n")
    running = running_policies()
    for parsed in found:
        if (policy := parsed.policy) is not None:
            about = f"{counted(len(policy.rules), 'rule')}, {counted(len(policy.tests), 'test')}"
            screen.data(
                f"{styled('usable', 'good')}  {safe_line(policy.path)}: {policy.name}, {about},"
                f" revision {policy.revision[:8]}"
            )
            if difference := said_of_running(policy, running):
                screen.data(styled(f"        {difference}", "care"))
    unusable = sum(parsed.policy is None for parsed in found)
    verdict = f" {'Policy' if unusable == 1 else f'{unusable} policies'} not usable." * bool(
        unusable
    )
    if verdict or shown:
        kept = " The running bot keeps what it has." if unusable and running else ""
        screen.data(f"{summary(findings)}.{verdict}{kept}")
    notes = sum(finding.severity is Severity.NOTE for finding in findings)
    if notes and screen.verbosity == 0:
        screen.say(f"{counted(notes, 'note')}; -v shows {'it' if notes == 1 else 'them'}")


def _print_form(screen: Screen, findings: Sequence[Finding], form: str) -> None:
    from reviewbot.presentation import findings as findings_module

    match form:
        case "json":
            text = findings_module.as_json(findings)
        case "github":
            text = findings_module.as_github(findings)
        case _:
            text = findings_module.as_sarif(findings, __version__)
    if text:
        screen.data(text.rstrip("\n"))


def _mend(screen: Screen, found: Sequence[Parsed]) -> int:
    """Write the certain cures into the files; say how many, and give that count."""
    from reviewbot.policy.diagnostics import apply_fixes

    mended = 0
    for parsed in found:
        for path in {finding.path for finding in parsed.findings if finding.fix}:
            file = Path(path)
            text, count = apply_fixes(file.read_bytes().decode("utf-8"), parsed.findings, path)
            if count:
                file.write_bytes(text.encode("utf-8"))
                screen.say(f"{safe_line(path)}: mended {counted(count, 'mistake')}")
            mended += count
    return mended


# ------------------------------------------------------------------------------------------------
# `reviewbot policy fmt`: one layout for every policy.


FOUND = 4


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy fmt policies", "lay out every policy of a folder"),
        Example("reviewbot policy fmt --check policies", "for a CI job; writes nothing"),
        Example("reviewbot policy fmt - < starter.yaml", "from stdin to stdout, for an editor"),
    ],
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("--check", is_flag=True, help="Write nothing; name what would change, and exit 4.")
@click.pass_obj
def fmt(screen: Screen, paths: tuple[str, ...], check: bool) -> None:
    """Lay out policies and their files of tests one way. Comments stay; no word is changed.

    FILE may be a folder, or - for stdin. Exit code: 0 where all is done, with --check 4 where a file
    would change, 3 where one cannot be laid out (the others are).
    """
    different = unreadable = 0
    for path in _files(paths):
        try:
            different += _lay_out(screen, path, check)
        except UnreadableError as problem:
            screen.complain(f"{safe_line(path)}: {problem}")
            unreadable += 1
    if unreadable:
        raise PolicyInvalid(f"{counted(unreadable, 'file')} could not be laid out")
    if check and different:
        raise click.exceptions.Exit(FOUND)


def _lay_out(screen: Screen, path: str, check: bool) -> bool:
    """Lay out one file; whether that changes it."""
    before = _read(path)
    after = format_policy(before).encode()
    changes = after != before
    if path == "-" and not check:
        screen.data(after.decode().removesuffix("\n"))
    elif changes and check:
        screen.data(f"would change  {safe_line(path)}")
    elif changes:
        Path(path).write_bytes(after)
        screen.say(f"laid out  {safe_line(path)}")
    return changes


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        return read_capped(Path(path), MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _files(paths: tuple[str, ...]) -> Iterator[str]:
    """The named files, and every YAML file of a named folder."""
    for path in paths:
        if path != "-" and Path(path).is_dir():
            inside = [one for one in Path(path).iterdir() if one.suffix in (".yaml", ".yml")]
            yield from sorted(map(str, inside))
        else:
            yield path


# ------------------------------------------------------------------------------------------------
# `reviewbot policy schema`: the JSON Schema by which an editor completes and underlines.


@click.command(
    cls=Command,
    examples=[
        Example(
            "reviewbot policy schema > policies/policy.schema.json",
            "beside the policies, whose first line names it for the editor",
        ),
    ],
)
@click.pass_obj
def schema(screen: Screen) -> None:
    """Print the JSON Schema (draft-07) of policies.

    An editor that knows YAML (VS Code with its YAML extension, Neovim, IntelliJ) reads it by this
    first line of a policy:

    # yaml-language-server: $schema=./policy.schema.json

    The schema helps while typing; `reviewbot policy check` is what counts.
    """
    screen.data(schema_text())


def schema_text() -> str:
    """The schema as it is written to a file."""
    from reviewbot.policy.language.schema import policy_schema

    return json.dumps(policy_schema(), indent=2, ensure_ascii=False)


# ------------------------------------------------------------------------------------------------
# `reviewbot policy facts`: the catalogue of what a rule may ask about.


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy facts", "every fact, one line each"),
        Example("reviewbot policy facts last", "all facts about the checker's last try"),
        Example("reviewbot policy facts task.platform", "one fact in full"),
        Example("reviewbot policy facts --review accounts", "the facts of account reviews"),
    ],
)
@click.argument("name", required=False)
@click.option(
    "--review",
    type=click.Choice(["comments", "accounts"]),
    default="comments",
    show_default=True,
    help="Which kind of review.",
)
@format_option("text", "json")
@click.pass_obj
def facts(screen: Screen, name: str | None, review: str, form: str) -> None:
    """Print what a rule may ask about: each fact with its type, its range and one sentence.

    NAME is a fact (last.verified) or the word before its point (last).
    """
    chosen = _choose(name, review)
    if form == "json":
        rows = [msgspec.to_builtins(fact) for fact in chosen]
        public = [{key: row[key] for key in row if key not in ("read", "source")} for row in rows]
        screen.data(json.dumps(public, indent=2, ensure_ascii=False))
    elif name and len(chosen) == 1:
        screen.data(_in_full(chosen[0]))
    else:
        screen.data(_table(chosen))


def _choose(name: str | None, review: str) -> list[Fact]:
    catalogue = catalog.CATALOGUE[review]  # type: ignore[index]  # click allows no other word
    chosen = [
        fact
        for fact in catalogue.values()
        if name is None or fact.name == name or fact.name.startswith(f"{name}.")
    ]
    if not chosen:
        families = sorted({known.split(".")[0] for known in catalogue})
        near = nearest(str(name), [*catalogue, *families], most=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {listed(families, 'and')}"
        raise UsageError(f"no fact is called {name!r}; {hint}")
    return chosen


def _table(chosen: list[Fact]) -> str:
    width = max(len(fact.name) for fact in chosen)
    lines = []
    family = ""
    for fact in chosen:
        if (head := fact.name.split(".")[0]) != family:
            lines += [""] if family else []
            family = head
        lines.append(f"{styled(fact.name.ljust(width), 'strong')}  {fact.sentence}")
        lines.append(f"{'':{width}}  {styled(described(fact), 'faint')}")
    return "\n".join(lines)


def _in_full(fact: Fact) -> str:
    where = {
        "row": "listed with the task",
        "evidence": "fetched only when a rule needs it (one request a task)",
        "history": "from our own log",
        "account": "from our own log, over 30 days",
        "fleet": "counted over all tasks",
        "clock": "worked out from the API's times",
    }[fact.source]
    lines = [
        styled(fact.name, "strong"),
        f"  {fact.sentence}",
        f"  type       {described(fact)}",
        f"  may be     {'unknown' if fact.nullable else 'always known'}",
        f"  comes      {where}",
    ]
    if fact.example:
        lines.append(f"  write      {fact.name}: {fact.example}")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------
# `reviewbot policy read`: a policy, or the change between two, in plain sentences.


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy read policies/starter.yaml", "the whole policy"),
        Example("reviewbot policy read policies/starter.yaml new.yaml", "what would change"),
    ],
)
@click.argument("file", type=click.Path())
@click.argument("new", type=click.Path(), required=False)
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def read(
    screen: Screen, file: str, new: str | None, ledger: str | None, config: str | None, form: str
) -> None:
    """Say the policy FILE in plain sentences; with NEW, only what changes from FILE to NEW.

    Where there is a decision log, each rule comes with how often it decided in the last 30 days, in
    whatever revision, and how often it was passed over because something was unknown.
    """
    policy = load_usable(file)
    if new is not None:
        changes = read_change(policy, load_usable(new))
        said = "\n".join(map(safe, changes)) or "Both mean the same."
        screen.data(_json(changes) if form == "json" else said)
        return
    passages, found = read_policy(policy), _hits(policy, ledger, config)
    numbers = {} if found is None else _numbers(policy, found)
    if form == "json":
        screen.data(_json([_object(one, numbers) for one in passages]))
    else:
        screen.data("\n\n".join(_passage(one, numbers) for one in passages))


def _hits(policy: Policy, ledger: str | None, config: str | None) -> RuleCounts | None:
    """What the log knows; None where there is none, or where nobody named one and it cannot be read."""
    from reviewbot.insights.scorecard import hits

    try:
        with ledger_for_reading(ledger=ledger, config=config) as opened:
            found = hits(opened, policy.name, datetime.now(UTC))
    except ReviewbotError:
        if ledger is not None or config is not None:
            raise
        return None
    return found if found.decisions else None


def _numbers(policy: Policy, found: RuleCounts) -> dict[str, tuple[int, int]]:
    """(decided, could not tell) by the title of the passage that says the rule."""
    names = {title_of(rule): rule.name for rule in policy.rules} | {UNDECIDED: DEADLINE}
    return {
        title: (found.decided.get(name, 0), found.could_not_tell.get(name, 0))
        for title, name in names.items()
    }


def _object(passage: Passage, numbers: dict[str, tuple[int, int]]) -> dict[str, Any]:
    plain: dict[str, Any] = {"title": passage.title, "sentences": passage.sentences}
    if passage.title in numbers:
        decided, unclear = numbers[passage.title]
        plain["last_30_days"] = {"decided": decided, "could_not_tell": unclear}
    return plain


def _passage(passage: Passage, numbers: dict[str, tuple[int, int]]) -> str:
    title = styled(safe(passage.title), "strong")
    lines = [title, *(f"  {safe(sentence)}" for sentence in passage.sentences)]
    if passage.title in numbers:
        decided, unclear = numbers[passage.title]
        passed_over = f"; could not tell {counted(unclear, 'time')}" if unclear else ""
        lines.append(f"  In the last 30 days it decided {counted(decided, 'time')}{passed_over}.")
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


# ------------------------------------------------------------------------------------------------
# `reviewbot policy new`: a guided start from a policy that is known to be sound.


SCHEMA = "policy.schema.json"


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy new", "answer a few questions"),
        Example("reviewbot policy new --template cautious --name my-policy", "ask nothing"),
        Example(
            "reviewbot policy new --template desk --name desk --timezone Europe/Paris"
            " --owner ops@example.com --output policies/desk.yaml",
            "say everything",
        ),
    ],
)
@click.option("--template", metavar="NAME", help=f"One of {', '.join(starters.names())}.")
@click.option("--name", metavar="NAME", help="What the policy is called: small letters, digits, -.")
@click.option("--owner", metavar="WHO", help="Who answers questions about it.")
@click.option("--timezone", metavar="ZONE", help="Zone of its hours and dates: Europe/Paris.")
@click.option("--output", type=click.Path(), metavar="FILE", help="Where to; NAME.yaml without it.")
@click.pass_obj
def new(
    screen: Screen,
    template: str | None,
    name: str | None,
    owner: str | None,
    timezone: str | None,
    output: str | None,
) -> None:
    """Start a policy from a template, with its tests beside it and completion for your editor.

    On a terminal what is not said by an option is asked; elsewhere --template and --name are needed.
    A file that is there is never written over.
    """
    if sys.stdin.isatty() and sys.stderr.isatty():
        template = template or _ask_template(screen)
        name = name or _ask("What shall it be called (small letters, digits, -)", template)
        owner = owner or _ask("Who answers questions about it", "ops@example.com")
        timezone = timezone or _ask("In which time zone do you work", "UTC")
        output = output or _ask("Where shall it be written", f"{name}.yaml")
    if template is None or name is None:
        raise UsageError(
            "say --template and --name; nothing is asked where no person can answer."
            f" Templates: {listed(starters.names(), 'and')}"
        )
    starter = _starter(template, name, owner, timezone)
    policy = Path(output or f"{name}.yaml")
    _write(policy, starter)
    tests = _tests_beside(policy)
    screen.say(
        f"{styled('written', 'good')}  {policy}, its tests {tests.name}, and {SCHEMA} for your editor"
    )
    screen.say(f"next     reviewbot policy check {policy}")
    screen.say(f"         reviewbot policy test {policy}")
    screen.say(f"         reviewbot policy read {policy}")


def _ask_template(screen: Screen) -> str:
    names = starters.names()
    for number, name in enumerate(names, 1):
        screen.say(f"  {number}  {styled(name, 'strong')}: {starters.read(name).about}")
    numbers = {str(number): name for number, name in enumerate(names, 1)}
    choice = click.Choice([*numbers, *names])
    chosen: str = click.prompt(
        "Which is nearest to what you want", default="1", type=choice, show_choices=False, err=True
    )
    return numbers.get(chosen, chosen)


def _ask(question: str, default: str) -> str:
    answer: str = click.prompt(question, default=default, err=True)
    return answer.strip()


def _starter(template: str, name: str, owner: str | None, timezone: str | None) -> Starter:
    """The policy with the answers put in. Raises UsageError where it could not be used."""
    if template not in starters.names():
        raise UsageError(
            f"no template is called {template!r}; there are {listed(starters.names(), 'and')}"
        )
    starter = starters.render(name=template, policy_name=name, owner=owner, timezone=timezone)
    parsed = parse_policy(
        starter.policy,
        path=name,
        read=_no_file,
        tests=("tests", starter.tests.encode()),
        today=datetime.now(UTC).date(),
    )
    for finding in parsed.findings:
        if finding.severity is Severity.ERROR:
            hint = finding.under or finding.cure
            raise UsageError(finding.message + (f"; {hint}" if hint else ""))
    return starter


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def _write(policy: Path, starter: Starter) -> None:
    """Write the policy and its tests, neither over a file that is there; the schema if it is not."""
    tests, schema = _tests_beside(policy), policy.with_name(SCHEMA)
    for path in (policy, tests):
        if path.exists():
            raise UsageError(f"{path} is there already and stays; name another with --output")
    try:
        policy.parent.mkdir(parents=True, exist_ok=True)
        with policy.open("x", encoding="utf-8") as file:
            file.write(starter.policy)
        with tests.open("x", encoding="utf-8") as file:
            file.write(starter.tests)
        if not schema.exists():
            schema.write_text(schema_text() + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from error


def _tests_beside(policy: Path) -> Path:
    return policy.with_name(f"{policy.stem}.tests{policy.suffix}")
