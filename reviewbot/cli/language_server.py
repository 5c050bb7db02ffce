"""The language server: what an editor asks, handed to the service, and its values as the protocol has them.

Theory of operation. Each change is put into the text at once, and nothing else happens on the way of
the keys. After a short pause the text is read and its mistakes are shown; after a longer one a thread
finds what it means, runs its tests and reads the log. Newer text drops what is still under way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.uris import from_fs_path, to_fs_path

from reviewbot import __version__
from reviewbot.cli.client_text import UTF16, ClientText
from reviewbot.cli.opening import Opening
from reviewbot.domain.errors import ReviewbotError
from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import Parsed
from reviewbot.policy.language.yaml import MAX_BYTES
from reviewbot.policy.model import Policy
from reviewbot.policy.service import findings
from reviewbot.policy.service.draft import Draft, is_tests
from reviewbot.policy.testing.cases import CaseResult, run_cases
from reviewbot.policy.testing.check import POLL
from reviewbot.presentation.findings import whole_message
from reviewbot.runtime.policy_files import MAX_LIST_BYTES, PolicyFile, read_capped

READ_AFTER, CHECK_AFTER = 0.03, 0.3
"""Seconds without a change before a text is read, and before it is checked."""
SOURCE = "reviewbot"

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}


class _TextsOfOurOwn(LanguageServerProtocol):
    """The protocol without pygls' copy of the texts.

    It takes U+2028 and others for line ends, and moves the places of an edit by that, in place.
    """

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(
        self, params: types.DidChangeTextDocumentParams
    ) -> Iterator[Any]:
        """Hand an edit on as it came."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None


class PolicyServer(LanguageServer):
    """The texts that an editor has open, and what is known of each."""

    def __init__(self, opening: Opening) -> None:
        super().__init__("reviewbot", __version__, protocol_cls=_TextsOfOurOwn)
        self.opening = opening
        self.texts: dict[str, ClientText] = {}
        """By address, as the editor has them."""
        self.usable: dict[str, Policy] = {}
        """By path, the policy as it was last without an error."""
        self.found: dict[str, tuple[Finding, ...]] = {}
        """By path, what is shown."""
        self.cases: dict[str, tuple[CaseResult, ...]] = {}
        self.decided: dict[str, Counter[str]] = {}
        """By path, how often each rule decided in the last 30 days."""
        self._shown: dict[str, set[str]] = {}
        """By path of a policy, the paths of which something is shown."""
        self._read: dict[str, tuple[Finding, ...]] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._worker = ThreadPoolExecutor(1)

    # Texts ---------------------------------------------------------------------------------

    def text(self, uri: str) -> ClientText:
        """A text, as the editor has it or else as it lies on disk."""
        if uri in self.texts:
            return self.texts[uri]
        try:
            data = read_capped(Path(path_of(uri)), MAX_BYTES)
        except OSError:
            data = b""
        return ClientText(
            data.decode("utf-8", "replace"), self.workspace.position_encoding or UTF16
        )

    def draft(self, uri: str) -> Draft:
        """A text as the service takes it; a file of tests with the policy beside it."""
        path = path_of(uri)
        if not is_tests(path):
            return Draft(self.text(uri).text, path)
        beside = _policy_of(path)
        policy = Draft(self.text(self.address(beside)).text, beside)
        return Draft(self.text(uri).text, path, policy)

    def address(self, path: str) -> str:
        """The address of a path: the one by which the editor opened it, if it did."""
        opened = next((uri for uri in self.texts if path_of(uri) == path), None)
        return opened or from_fs_path(path) or path

    def beside(self, policy: str) -> findings.Beside:
        """What lies beside a policy, open in the editor or on disk."""

        def read(name: str) -> bytes:
            if "\0" in name:
                raise OSError("no file has such a name")
            path = Path(policy).with_name(name)
            uri = self.address(str(path))
            if uri in self.texts:
                return self.texts[uri].text.encode("utf-8", "surrogatepass")
            return read_capped(path, MAX_LIST_BYTES)

        tests = str(PolicyFile(policy).tests_path)
        try:
            found = (tests, read(Path(tests).name))
        except (OSError, ValueError):
            found = None
        return findings.Beside(read=read, tests=found, today=datetime.now(UTC).date())

    def policy_of(self, uri: str) -> str:
        """The path of the policy that a text is, or is the tests of."""
        path = path_of(uri)
        return _policy_of(path) if is_tests(path) else path

    def stop(self) -> None:
        """The editor ends: what is under way is dropped."""
        for look in self._looks.values():
            look.cancel()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def forget(self, uri: str) -> None:
        """The editor closed a text: nothing more is said of it."""
        if uri in self._looks:
            self._looks.pop(uri).cancel()
        self.texts.pop(uri, None)
        self._read.pop(uri, None)
        nothing = types.PublishDiagnosticsParams(uri=uri, diagnostics=[])
        self.text_document_publish_diagnostics(nothing)

    # Findings ------------------------------------------------------------------------------

    def look(self, uri: str, *, saved: bool = False) -> None:
        """Read and check a text once its author pauses; what was under way for it is dropped."""
        if uri in self._looks:
            self._looks[uri].cancel()
        self._looks[uri] = asyncio.get_running_loop().create_task(self._look(uri, saved))

    async def _look(self, uri: str, saved: bool) -> None:
        await asyncio.sleep(READ_AFTER)
        draft = self.draft(uri)
        if not draft.is_policy:
            self._show(draft, ())
            return
        policy = draft.beside or draft
        parsed = findings.read(draft, self.beside(policy.path))
        if self._read.get(uri) != parsed.findings or parsed.policy is None:
            self._read[uri] = parsed.findings
            self._show(draft, parsed.findings)
        await asyncio.sleep(CHECK_AFTER)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._worker, self._check, policy.path, parsed, saved)
        self._show(draft, self.found[policy.path])
        if parsed.policy is not None:
            self.refresh()

    def _check(self, path: str, parsed: Parsed, saved: bool) -> None:
        """What takes longer, in the thread: the meaning of a text, its tests, the log."""
        checked = findings.check(parsed, datetime.now(UTC).date(), self._poll())
        self.found[path] = checked.findings
        if parsed.policy is None:
            return
        self.usable[path] = parsed.policy
        judge = compile_policy(parsed.policy)
        self.cases[path] = run_cases(judge)
        if saved or path not in self.decided:
            self.decided[path] = self._hits(parsed.policy.name)

    def _poll(self) -> float:
        try:
            return self.opening.all_settings().every
        except ReviewbotError:
            return POLL

    def _hits(self, policy: str) -> Counter[str]:
        from reviewbot.insights.scorecard import hits

        try:
            with self.opening.log() as ledger:
                return Counter(hits(ledger, policy, datetime.now(UTC)).decided)
        except ReviewbotError:
            return Counter()

    def _show(self, draft: Draft, found: Sequence[Finding]) -> None:
        """Publish the findings of a text and, of a policy, those of the files beside it."""
        paths = {draft.path}
        if draft.beside is None:
            there = {finding.path for finding in found}
            paths |= there | self._shown.get(draft.path, set())
            self._shown[draft.path] = there
        for path in paths:
            own = [finding for finding in found if finding.path == path]
            uri = self.address(path)
            self.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(
                    uri=uri,
                    diagnostics=[self.diagnostic(uri, finding) for finding in own],
                    version=self.texts[uri].version if uri in self.texts else None,
                )
            )

    def diagnostic(self, uri: str, finding: Finding) -> types.Diagnostic:
        """A finding as the editor shows it: all that it says, at its place."""
        related = [
            types.DiagnosticRelatedInformation(self.location(path, span), what)
            for path, span, what in finding.related
        ]
        return types.Diagnostic(
            range=self.text(uri).range(finding.span),
            message=whole_message(finding),
            severity=_SEVERITIES[finding.severity],
            code=finding.code,
            source=SOURCE,
            related_information=related or None,
        )

    def refresh(self) -> None:
        """Ask the editor to draw anew what stands beside the lines."""
        workspace = self.client_capabilities.workspace
        if workspace and workspace.code_lens and workspace.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)
        if workspace and workspace.inlay_hint and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)

    def location(self, path: str, span: Span) -> types.Location:
        """A place in a file."""
        uri = self.address(path)
        return types.Location(uri, self.text(uri).range(span))


def path_of(uri: str) -> str:
    """The path of an address; of one that is no file, the address itself."""
    return to_fs_path(uri) or uri


def _policy_of(tests: str) -> str:
    path = Path(tests)
    return str(path.with_name(path.stem.removesuffix(".tests") + path.suffix))
