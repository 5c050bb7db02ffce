"""The file of checkpoints, read again at each poll for years."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.ledger.checkpointfile import CheckpointFile, signature
from reviewbot.ports import Checkpoint

KEY = b"a key of the place"


def line_of(count: int, *, signed: bool, accepted: bool = False) -> bytes:
    """One checkpoint as it stands in the file."""
    point = Checkpoint(
        count=count,
        head="ab" * 32,
        at=datetime(2026, 6, 8, tzinfo=UTC),
        accepted="ana: restored" if accepted else None,
    )
    if signed:
        point = msgspec.structs.replace(point, signature=signature(point, KEY))
    return msgspec.json.encode(point)


LINES = st.one_of(
    st.builds(line_of, st.integers(0, 9), signed=st.booleans(), accepted=st.booleans()),
    st.sampled_from((b"", b"{", b"no checkpoint")),
)
TEXTS = st.lists(LINES, max_size=6).map(b"\n".join)


@given(texts=st.lists(st.tuples(st.booleans(), TEXTS), max_size=5), data=st.data())
def test_a_file_that_grew_or_changed_is_read_as_if_for_the_first_time(
    texts: list[tuple[bool, bytes]], data: st.DataObject
) -> None:
    """Whatever was added, torn within a line or put in its place since the last reading."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoints.jsonl"
        reader, text = CheckpointFile(path, KEY), b""
        for adds, more in texts:
            text = text + more if adds else more
            for cut in sorted({data.draw(st.integers(0, len(text))), len(text)}):
                path.write_bytes(text[:cut])

                assert reader.read() == CheckpointFile(path, KEY).read()


def test_what_was_read_is_not_decoded_again(tmp_path: Path) -> None:
    """A daemon reads a year of checkpoints at each poll, and signs none of them again."""
    path = tmp_path / "checkpoints.jsonl"
    path.write_bytes(b"".join(line_of(n, signed=True) + b"\n" for n in range(3)))
    file = CheckpointFile(path, KEY)

    first, second = file.read(), file.read()

    assert first == second
    assert all(
        one is other for one, other in zip(first.checkpoints, second.checkpoints, strict=True)
    )
