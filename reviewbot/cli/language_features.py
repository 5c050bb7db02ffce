"""What an editor can ask of the language server, a function each, and the server that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lsprotocol import types

from reviewbot.cli.client_text import UTF16, ClientText
from reviewbot.cli.language_server import PolicyServer, path_of
from reviewbot.cli.opening import Opening
from reviewbot.policy.diagnostics import Fix
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.formatter import UnreadableError, format_policy
from reviewbot.policy.service.completion import Offer, complete
from reviewbot.policy.service.findings import Cure, cures, read
from reviewbot.policy.service.hover import hover
from reviewbot.policy.service.marks import Mark, definition, inlays, lenses, symbols
from reviewbot.policy.testing.cases import run_cases

RUN_TEST = "reviewbot.runTest"

_ITEMS: Mapping[str, types.CompletionItemKind] = {
    "key": types.CompletionItemKind.Property,
    "fact": types.CompletionItemKind.Field,
    "test": types.CompletionItemKind.Operator,
    "value": types.CompletionItemKind.EnumMember,
    "name": types.CompletionItemKind.Reference,
    "action": types.CompletionItemKind.Function,
    "placeholder": types.CompletionItemKind.Variable,
}
_SYMBOLS = {
    "section": types.SymbolKind.Namespace,
    "rule": types.SymbolKind.Function,
    "test": types.SymbolKind.Method,
}


def _opened(ls: PolicyServer, params: types.DidOpenTextDocumentParams) -> None:
    document = params.text_document
    encoding = ls.workspace.position_encoding or UTF16
    ls.texts[document.uri] = ClientText(document.text, encoding, document.version)
    ls.look(document.uri)


def _changed(ls: PolicyServer, params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    for change in params.content_changes:
        ls.texts[uri] = ls.text(uri).edited(change, params.text_document.version)
    ls.look(uri)


def _saved(ls: PolicyServer, _: types.DidSaveTextDocumentParams) -> None:
    for uri in ls.texts:  # what was saved may lie beside another text
        ls.look(uri, saved=True)


def _closed(ls: PolicyServer, params: types.DidCloseTextDocumentParams) -> None:
    ls.forget(params.text_document.uri)


def _ending(ls: PolicyServer, _: None) -> None:
    ls.stop()


def _completion(ls: PolicyServer, params: types.CompletionParams) -> types.CompletionList:
    uri = params.text_document.uri
    text = ls.text(uri)
    offers = complete(ls.draft(uri), *text.place(params.position))
    items = [_item(text, number, offer) for number, offer in enumerate(offers)]
    return types.CompletionList(is_incomplete=False, items=items)


def _item(text: ClientText, number: int, offer: Offer) -> types.CompletionItem:
    return types.CompletionItem(
        label=offer.label,
        kind=_ITEMS[offer.kind],
        detail=offer.detail or None,
        documentation=offer.sentence or None,
        sort_text=f"{number:04}",
        text_edit=types.TextEdit(text.range(offer.span), offer.insert),
    )


def _hover(ls: PolicyServer, params: types.HoverParams) -> types.Hover | None:
    uri = params.text_document.uri
    text, draft = ls.text(uri), ls.draft(uri)
    policy = ls.usable.get((draft.beside or draft).path)
    found = hover(draft, *text.place(params.position), policy)
    if found is None:
        return None
    parts = [f"**{_markdown(found.title)}**", *map(_markdown, found.sentences)]
    if found.source:
        fence = "`" * 3
        parts.append(f"{fence}yaml\n{found.source.replace(fence, '')}\n{fence}")
    content = types.MarkupContent(types.MarkupKind.Markdown, "\n\n".join(parts))
    return types.Hover(content, text.range(found.span))


def _markdown(sentence: str) -> str:
    """A sentence as Markdown that shows it as it is; what stands in backticks stays code."""
    code = sentence.count("`") % 2 == 0
    parts = sentence.split("`") if code else [sentence.replace("`", "'")]
    for number in range(0, len(parts), 2):
        parts[number] = "".join(f"\\{c}" if c in "\\*_[]<>#|!~&" else c for c in parts[number])
    return "`".join(parts)


def _definition(ls: PolicyServer, params: types.DefinitionParams) -> types.Location | None:
    uri = params.text_document.uri
    found = definition(ls.draft(uri), *ls.text(uri).place(params.position))
    return None if found is None else ls.location(*found)


def _symbols(ls: PolicyServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    uri = params.text_document.uri
    text = ls.text(uri)
    return [_symbol(text, mark) for mark in symbols(ls.draft(uri))]


def _symbol(text: ClientText, mark: Mark) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        name=mark.name,
        kind=_SYMBOLS.get(mark.kind, types.SymbolKind.Variable),
        range=text.range(mark.span),
        selection_range=text.range(mark.name_span),
        children=[_symbol(text, child) for child in mark.children],
    )


def _actions(ls: PolicyServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    """The cures of the findings in a range, and one that applies every sure cure of the text."""
    uri = params.text_document.uri
    draft = ls.draft(uri)
    policy = (draft.beside or draft).path
    beside = ls.beside(policy)
    known = {*read(draft, beside).findings, *ls.found.get(policy, ())}
    own = [finding for finding in known if finding.path == draft.path]
    first, last = params.range.start.line + 1, params.range.end.line + 1
    here = [f for f in own if f.span.line <= last and f.span.end_line >= first]
    actions = [_action(ls, uri, cure) for cure in cures(draft, beside, here)]
    sure = [finding.fix for finding in own if finding.fix is not None]
    if sure:
        kind = types.CodeActionKind.SourceFixAll
        edit = _edit(ls, uri, *sure)
        title = f"Mend the {len(sure)} that have one cure" if len(sure) > 1 else "Mend it"
        actions.append(types.CodeAction(title=title, kind=kind, edit=edit))
    return actions


def _action(ls: PolicyServer, uri: str, cure: Cure) -> types.CodeAction:
    return types.CodeAction(
        title=cure.title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[ls.diagnostic(uri, cure.finding)],
        is_preferred=cure.sure,
        edit=_edit(ls, uri, cure.fix),
    )


def _edit(ls: PolicyServer, uri: str, *fixes: Fix) -> types.WorkspaceEdit:
    text = ls.text(uri)
    edits = [types.TextEdit(text.range(fix.span), fix.replacement) for fix in dict.fromkeys(fixes)]
    return types.WorkspaceEdit(changes={uri: edits})


def _format(
    ls: PolicyServer, params: types.DocumentFormattingParams
) -> list[types.TextEdit] | None:
    """Lay the text out as `policy fmt` does; nothing where it cannot be read."""
    text = ls.text(params.text_document.uri)
    try:
        laid_out = format_policy(text.text)
    except UnreadableError as problem:
        ls.window_log_message(types.LogMessageParams(types.MessageType.Info, str(problem)))
        return None
    if "\r\n" in text.text:
        laid_out = laid_out.replace("\n", "\r\n")
    return [] if laid_out == text.text else [types.TextEdit(text.whole(), laid_out)]


def _lenses(ls: PolicyServer, params: types.CodeLensParams) -> list[types.CodeLens]:
    """Above each test what came of it, and a click to run it again."""
    uri = params.text_document.uri
    path = path_of(uri)
    text, policy = ls.text(uri), ls.policy_of(uri)
    return [
        types.CodeLens(
            range=text.range(lens.span),
            command=types.Command(
                title=f"{lens.result} · run this test", command=RUN_TEST, arguments=[uri, lens.name]
            ),
        )
        for lens in lenses(ls.cases.get(policy, ()), path)
    ]


def _run_test(ls: PolicyServer, uri: str, name: str) -> str:
    """Run one test of a text as it stands, say what came of it, and give that."""
    draft = ls.draft(uri)
    policy = (draft.beside or draft).path
    parsed = read(draft, ls.beside(policy))
    said = "the policy has errors, so no test can run"
    if parsed.policy is not None:
        ls.cases[policy] = run_cases(compile_policy(parsed.policy))
        found = [lens for lens in lenses(ls.cases[policy], draft.path) if lens.name == name]
        said = found[0].result if found else "there is no such test"
    passed = said == "passed"
    kind = types.MessageType.Info if passed else types.MessageType.Warning
    ls.window_show_message(types.ShowMessageParams(kind, f"{name}: {said}"))
    ls.refresh()
    return said


def _inlays(ls: PolicyServer, params: types.InlayHintParams) -> list[types.InlayHint]:
    """Behind each rule's name how often it decided, where the log could be read."""
    uri = params.text_document.uri
    decided = ls.decided.get(path_of(uri))
    if not decided:
        return []
    return [
        types.InlayHint(
            position=ls.text(uri).position(inlay.line, inlay.column),
            label=inlay.words,
            padding_left=True,
        )
        for inlay in inlays(ls.draft(uri), decided)
    ]


def _features() -> Iterator[tuple[str, Callable[..., Any], Any]]:
    yield types.TEXT_DOCUMENT_DID_OPEN, _opened, None
    yield types.TEXT_DOCUMENT_DID_CHANGE, _changed, None
    yield types.TEXT_DOCUMENT_DID_SAVE, _saved, None
    yield types.TEXT_DOCUMENT_DID_CLOSE, _closed, None
    yield types.SHUTDOWN, _ending, None
    triggers = types.CompletionOptions(trigger_characters=[" ", ".", "{", ":"])
    yield types.TEXT_DOCUMENT_COMPLETION, _completion, triggers
    yield types.TEXT_DOCUMENT_HOVER, _hover, None
    yield types.TEXT_DOCUMENT_DEFINITION, _definition, None
    yield types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _symbols, None
    kinds = [types.CodeActionKind.QuickFix, types.CodeActionKind.SourceFixAll]
    yield types.TEXT_DOCUMENT_CODE_ACTION, _actions, types.CodeActionOptions(kinds)
    yield types.TEXT_DOCUMENT_FORMATTING, _format, None
    yield types.TEXT_DOCUMENT_CODE_LENS, _lenses, None
    yield types.TEXT_DOCUMENT_INLAY_HINT, _inlays, None


def make_server(opening: Opening) -> PolicyServer:
    """A server that answers all of these; `opening` names the settings and the log."""
    server = PolicyServer(opening)
    for name, answer, options in _features():
        server.feature(name, options)(answer)
    server.command(RUN_TEST)(_run_test)
    return server
