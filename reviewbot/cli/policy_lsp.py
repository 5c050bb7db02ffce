"""`reviewbot policy lsp`: the language server, for editors that start it themselves."""

from __future__ import annotations

from reviewbot.cli.command import command
from reviewbot.cli.opening import Opening, opens_log
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError


@command
@opens_log
def lsp(screen: Screen, opening: Opening) -> None:
    """Help while typing a policy, in any editor that speaks the language server protocol.

    Speaks on stdin and stdout; an editor starts it. It underlines mistakes as `policy check` finds
    them and mends them, completes and explains what stands there, runs the tests beside their names,
    and lays the text out as `policy fmt` does. Where there is a decision log, it says how often each
    rule decided. It needs the extra: pip install 'reviewbot[lsp]'

    $ reviewbot policy lsp  # what an editor runs; see "In your editor" in docs/operations.md
    """
    try:
        from reviewbot.cli.language_features import make_server
    except ModuleNotFoundError as problem:
        raise UsageError(
            f"the language server needs the package {problem.name}: pip install 'reviewbot[lsp]'"
        ) from problem
    screen.say("speaking the language server protocol on stdin and stdout; an editor starts this")
    make_server(opening).start_io()
