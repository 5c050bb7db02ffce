"""The language server under a real client: what it shows, offers, explains and mends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from reviewbot.cli.client_text import ClientText
from reviewbot.domain.decision import Action, State
from reviewbot.ledger.open import open_ledger
from reviewbot.policy import starters
from reviewbot.policy.diagnostics import Finding
from reviewbot.presentation.findings import whole_message
from tests.ledger.things import a_decision
from tests.policy.language.test_mistakes import TABLE, check, plant
from tests.tier import times

pytestmark = pytest.mark.timeout(60)
COMMAND = [sys.executable, "-m", "reviewbot", "policy", "lsp"]
STARTER = starters.render(name="cautious", policy_name="desk-one", owner=None, timezone=None)


def an_editor() -> types.InitializeParams:
    """What an editor can do that asks for what stands beside lines by itself."""
    capabilities = client_capabilities("visual-studio-code")
    assert capabilities.workspace is not None
    capabilities.workspace.code_lens = capabilities.workspace.inlay_hint = None
    return types.InitializeParams(capabilities=capabilities)


@pytest_lsp.fixture(config=ClientServerConfig(server_command=COMMAND))
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    """An editor that has started the server."""
    await lsp_client.initialize_session(an_editor())
    yield
    await lsp_client.shutdown_session()


def opened(client: LanguageClient, path: Path, text: str) -> str:
    """Open a text in the editor; give its address."""
    uri = path.as_uri()
    document = types.TextDocumentItem(uri, "yaml", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    return uri


def changed(client: LanguageClient, uri: str, version: int, text: str) -> None:
    """Put another text in its place."""
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(version, uri),
            [types.TextDocumentContentChangeWholeDocument(text)],
        )
    )


async def shown(
    client: LanguageClient, uri: str, holds: Callable[[list[str]], bool]
) -> list[types.Diagnostic]:
    """Wait until the codes of what is shown of a text are as they should be."""
    while not (uri in client.diagnostics and holds([str(d.code) for d in client.diagnostics[uri]])):
        await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return list(client.diagnostics[uri])


def place(text: str, words: str, *, behind: bool = False) -> types.Position:
    """Where words stand in a text, or end."""
    before = text[: text.index(words) + (len(words) if behind else 0)]
    last = before.rpartition("\n")[2]
    return types.Position(before.count("\n"), len(last.encode("utf-16-le")) // 2)


@pytest.mark.asyncio
async def test_an_editor_is_helped_through_a_policy(client: LanguageClient, tmp_path: Path) -> None:
    """Mistakes and their cure, offers, explanations, places of names, parts, layout, tests."""
    text = STARTER.policy.replace("then: approve", "then: aprove", 1)
    text = text.replace("about: ", "about: 😀 ", 1)
    path = tmp_path / "desk-one.yaml"
    path.write_text(text)
    path.with_name("desk-one.tests.yaml").write_text(STARTER.tests)

    uri = opened(client, path, text)
    (mistake,) = await shown(client, uri, lambda codes: codes == ["P024"])
    document = types.TextDocumentIdentifier(uri)

    assert mistake.range == types.Range(place(text, "aprove"), place(text, "aprove", behind=True))
    assert "did you mean  approve" in mistake.message
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(document, mistake.range, types.CodeActionContext([mistake]))
    )
    cure = next(a for a in actions or [] if isinstance(a, types.CodeAction) and a.is_preferred)
    assert cure.edit is not None
    assert cure.edit.changes == {uri: (types.TextEdit(mistake.range, "approve"),)}

    good = text.replace("aprove", "approve")
    changed(client, uri, 2, good)
    await shown(client, uri, lambda codes: codes == [])

    offers = await client.text_document_completion_async(
        types.CompletionParams(document, place(good, "then: approve", behind=True))
    )
    assert isinstance(offers, types.CompletionList)
    assert [item.label for item in offers.items][:2] == ["approve", "dispute"]

    said = await client.text_document_hover_async(
        types.HoverParams(document, place(good, "last.outcome_kind"))
    )
    assert said is not None and isinstance(said.contents, types.MarkupContent)
    assert "What the checker concluded" in said.contents.value

    found = await client.text_document_definition_async(
        types.DefinitionParams(document, place(good, "reason: not_found", behind=True))
    )
    assert isinstance(found, types.Location)
    assert found.range.start == types.Position(place(good, "  not_found:").line, 2)

    parts = await client.text_document_document_symbol_async(types.DocumentSymbolParams(document))
    names = {part.name: part for part in parts or [] if isinstance(part, types.DocumentSymbol)}
    assert {"rules", "reasons", "deadline"} <= set(names)
    assert names["rules"].children

    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = await client.text_document_formatting_async(
        types.DocumentFormattingParams(document, options)
    )
    assert list(edits or []) == []


@pytest.mark.asyncio
async def test_tests_run_beside_their_names(client: LanguageClient, tmp_path: Path) -> None:
    """In the file of tests each shows what came of it; a click runs it as the texts stand."""
    path = tmp_path / "desk-one.yaml"
    path.write_text(STARTER.policy)
    tests = path.with_name("desk-one.tests.yaml")
    wrong = STARTER.tests.replace("expect: approve", "expect: escalate", 1)

    uri = opened(client, tests, wrong)
    await shown(client, uri, lambda codes: codes == [])
    document = types.TextDocumentIdentifier(uri)
    while not (
        lenses := await client.text_document_code_lens_async(types.CodeLensParams(document))
    ):
        await asyncio.sleep(0.02)  # until the thread has run them
    titles = [lens.command.title for lens in lenses if lens.command is not None]
    failed = [title for title in titles if title.startswith("failed: ")]
    assert len(failed) == 1
    assert all(title.startswith("passed") for title in titles if title not in failed)

    command = next(
        lens.command for lens in lenses if lens.command and lens.command.title == failed[0]
    )
    changed(client, uri, 2, STARTER.tests)
    result = await client.workspace_execute_command_async(
        types.ExecuteCommandParams(command.command, command.arguments)
    )
    assert result == "passed"


@pytest.mark.asyncio
async def test_every_mistake_stands_where_the_checker_finds_it(
    client: LanguageClient, tmp_path: Path
) -> None:
    """The editor shows each finding of planted mistakes at its place, with its words.

    The long tier tries every one of them.
    """
    opened_at: dict[str, tuple[str, tuple[Finding, ...]]] = {}
    for number, mistake in enumerate(TABLE[:: times(10, 1)]):
        text, _ = plant(mistake)
        uri = opened(client, tmp_path / f"agency-{number}.yaml", text)
        opened_at[uri] = text, check(text).findings

    for uri, (text, findings) in opened_at.items():
        there = await shown(client, uri, lambda codes: True)
        lines = [ClientText(text).range(finding.span) for finding in findings]
        wanted = [
            (finding.code, whole_message(finding), span)
            for finding, span in zip(findings, lines, strict=True)
        ]
        assert [(d.code, d.message, d.range) for d in there] == wanted


LOGGED = TemporaryDirectory()
LOG_URL = f"sqlite:///{LOGGED.name}/log.db"


@pytest_lsp.fixture(
    config=ClientServerConfig(server_command=COMMAND, server_env={"REVIEWBOT_LEDGER": LOG_URL})
)
async def client_with_log(lsp_client: LanguageClient) -> AsyncIterator[None]:
    """An editor whose server can read a decision log."""
    await lsp_client.initialize_session(an_editor())
    yield
    await lsp_client.shutdown_session()


@pytest.mark.asyncio
async def test_each_rule_shows_how_often_it_decided(
    client_with_log: LanguageClient, tmp_path: Path
) -> None:
    """Counted from the log of the last 30 days: of this policy, by its rules, not by people."""
    now, rule = datetime.now(UTC), "found on another try"
    ledger = open_ledger(LOG_URL)
    for number, changes in enumerate(
        (
            {},
            {},
            {"decided_at": now - timedelta(days=31)},
            {"decided_by": "ana"},
            {"policy": "another"},
            {"rule": "checker could not look"},
        )
    ):
        about = {"policy": "desk-one", "rule": rule, "decided_at": now, "task_id": f"t{number}"}
        ledger.record(a_decision(Action.ESCALATE, **(about | changes)), State.HELD)
    ledger.close()
    path = tmp_path / "desk-one.yaml"
    path.write_text(STARTER.policy)

    uri = opened(client_with_log, path, STARTER.policy)
    ask = types.InlayHintParams(
        types.TextDocumentIdentifier(uri),
        types.Range(types.Position(0, 0), types.Position(400, 0)),
    )
    while not (hints := await client_with_log.text_document_inlay_hint_async(ask)):
        await asyncio.sleep(0.02)  # until the thread has read the log
    said = {hint.position.line: str(hint.label) for hint in hints}

    lines = STARTER.policy.split("\n")
    rules = [n for n, line in enumerate(lines) if line.startswith("  - name: ")]
    assert sorted(said) == rules
    assert said[lines.index(f"  - name: {rule}")] == "decided 2 × in 30 days"
    assert said[lines.index("  - name: checker could not look")] == "decided 1 × in 30 days"
    assert sorted(said.values())[-1] == "decided 2 × in 30 days"
