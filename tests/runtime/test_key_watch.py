"""A key is rotated without a restart: its file is read when it changes, and on request."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import PassSummary
from reviewbot.domain.errors import KeyRefused
from reviewbot.review.poll import poll_once
from reviewbot.runtime.daemon import Daemon
from reviewbot.runtime.key_watch import FolderWatch, KeyWatch
from tests.fakes import APPROVE, World, always, an_app, said

OLD, NEW = "sk_live_old_0123456789", "sk_live_new_0123456789"


class Bot:
    """A bot whose key is in a file, and what it was told to send since."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "key"
        self.write(OLD)
        self.app = an_app(World(), always(APPROVE))
        self.sent = OLD
        self.app.renew_key = self.renew
        self.watch = KeyWatch(str(self.file))
        self.watch.attach(self.app.renew_key, self.app.notifier, self.app.events)

    def renew(self, key: str) -> bool:
        """Send another one."""
        before, self.sent = self.sent, key
        return key != before

    def write(self, key: str) -> None:
        """Put another key there, as whole as a platform does."""
        new = self.file.with_name("new")
        new.write_text(f"{key}\n")
        new.chmod(0o600)
        new.replace(self.file)

    def told(self) -> list[object]:
        """What people were told."""
        return [about["kind"] for about in said(self.app).named("alarm")]


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    """A bot whose key is in a file."""
    return Bot(tmp_path)


def test_a_changed_file_is_taken_over_before_the_next_pass(bot: Bot) -> None:
    """Nothing is read while it stays as it is."""
    bot.watch.refresh()
    assert (bot.watch.changed(), bot.sent) == (False, OLD)

    bot.write(NEW)
    assert bot.watch.changed()
    bot.watch.refresh()

    assert (bot.watch.changed(), bot.sent) == (False, NEW)


def test_it_is_read_again_on_request(bot: Bot) -> None:
    """A file changed so that nobody can see it from outside: the same size, place and time."""
    before = bot.file.stat()
    with bot.file.open("r+") as file:
        file.write(NEW)
    os.utime(bot.file, ns=(before.st_atime_ns, before.st_mtime_ns))

    bot.watch.refresh(asked=True)

    assert bot.sent == NEW


def test_a_file_that_cannot_be_used_is_told_and_the_key_before_is_sent_on(bot: Bot) -> None:
    """Others can read it; once that is mended it is taken."""
    bot.write(NEW)
    bot.file.chmod(0o644)
    bot.watch.refresh()
    assert (bot.sent, bot.told()) == (OLD, ["key-refused"])

    bot.file.chmod(0o600)
    bot.watch.refresh()
    assert bot.sent == NEW


def test_a_key_in_no_file_stays(tmp_path: Path) -> None:
    """One from the environment cannot change."""
    watch = KeyWatch(None)

    watch.refresh(asked=True)

    assert not watch.changed()


def test_a_changed_file_ends_the_parking_at_once(bot: Bot) -> None:
    """A key that is refused is asked for every two minutes; a new one need not wait for that."""
    stop, passes = threading.Event(), []

    def poll(app: BotContext) -> PassSummary:
        passes.append(bot.sent)
        if len(passes) == 1:
            app.contact.key_refused_since = app.clock.monotonic()
            bot.write(NEW)
            raise KeyRefused("revoked")
        stop.set()
        return poll_once(app)

    Daemon(
        bot.app,
        every=0.02,
        stop=stop,
        refresh=lambda asked: bot.watch.refresh(asked=asked),
        key_changed=bot.watch.changed,
        poll=poll,
    ).run()

    assert passes == [OLD, NEW]


def test_a_folder_is_read_once_it_rests(tmp_path: Path) -> None:
    """Whoever puts keys there may not be done with the first of them."""
    now = [0.0]
    watch = FolderWatch(lambda: now[0])
    assert not watch.changed(str(tmp_path))

    found = []
    for second in range(1, 6):
        now[0] = float(second)
        if second < 3:
            (tmp_path / f"key{second}").write_text("x")
            os.utime(tmp_path, ns=(second, second))
        found.append(watch.changed(str(tmp_path)))

    assert found == [False, False, False, True, False]
    assert not watch.changed(None)
