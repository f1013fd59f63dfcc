"""Read a folder of samples that another process may be writing: no lock is taken, nothing is changed, mended or deleted.

The log is read before the block files: a flush in between leaves its rows in both, and then the second is refused as a
duplicate; the other way round they would be in neither. A file that goes while it is looked for makes the look begin again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent.model import Row
from agent.store.archive import Archive
from agent.store.catalogue import Catalogue
from agent.store.wal_replay import peek

_LOOKS: Final = 5
"""Files go at a flush or a merge, minutes apart; who meets that many in a row has another trouble."""


def onlook(path: Path, catalogue: Catalogue) -> tuple[list[Row], int]:
    """Put the tables of the block files into `catalogue`; return the rows of the log, which come after them, and the damage.

    The damage is the number of files of which a part cannot be read, as far as a first look tells.

    Raises OSError where `path` holds no samples, or where they cannot be read.
    """
    if not (path / "blocks").is_dir() and not (path / "log").is_dir():
        raise FileNotFoundError(2, "no samples are kept there", str(path))
    for look in range(_LOOKS):
        archive = Archive(path / "blocks")
        try:
            rows, faulty = peek(path / "log")
            stored = archive.peek() if archive.folder.is_dir() else []
        except FileNotFoundError:
            if look == _LOOKS - 1:
                raise
            continue
        with catalogue.lock:
            for each in stored:
                catalogue.restore(each.number, list(each.labels), each.runs, stamped=each.stamped)
        return rows, len(faulty) + sum(bool(file.damage) for file in archive.files)
    raise AssertionError("unreachable")
