"""Short runs become long ones: fewer, and better compressed. Page by page, so that a wide table takes little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import ABSENT_BITS
from agent.store.pages import PAGE_COLUMNS, encode, pack
from agent.store.sealed import MemoryPages, SealedChunk

MERGED_CELLS: Final = 2**20
MERGED_ROWS: Final = (240, 4096)
"""A merged run has about MERGED_CELLS cells, but not fewer rows than the first number, and not more than the second.

More rows compress a little better, and make the reading of a short range dearer: a page is unpacked whole.
"""


def merged(runs: Iterable[SealedChunk]) -> Iterator[SealedChunk]:
    """Yield a table's runs, consecutive ones joined up to the size above; runs without timestamps are left out."""
    waiting: list[SealedChunk] = []
    for run in runs:
        if not len(run.timestamps):
            continue
        together = sum(each.rows for each in waiting) + run.rows
        if waiting and together > most_rows(max(run.width, *(each.width for each in waiting))):
            yield _join(waiting)
            waiting = []
        waiting.append(run)
    if waiting:
        yield _join(waiting)


def most_rows(width: int) -> int:
    """Return the rows of a merged run of this width."""
    least, most = MERGED_ROWS
    return min(most, max(least, MERGED_CELLS // max(1, width)))


def _join(runs: Sequence[SealedChunk]) -> SealedChunk:
    if len(runs) == 1:
        return runs[0]
    width = max(run.width for run in runs)
    starts = np.cumsum([0, *(run.rows for run in runs)]).tolist()
    pages = []
    for first in range(0, width, PAGE_COLUMNS):
        cells = np.empty((starts[-1], min(PAGE_COLUMNS, width - first)), dtype=np.float64)
        for run, start in zip(runs, starts, strict=False):
            _copy(run, first, cells[start : start + run.rows])
        pages.append(encode(cells))
    return SealedChunk(
        MemoryPages(pack(np.concatenate([run.timestamps for run in runs])), pages),
        first_ms=runs[0].first_ms,
        last_ms=runs[-1].last_ms,
        rows=starts[-1],
        samples=sum(run.samples for run in runs),
        missing=_any([run.missing for run in runs], width, beyond=True),
        present=_any([run.present for run in runs], width, beyond=False),
    )


def _copy(run: SealedChunk, first: int, out: NDArray[np.float64]) -> None:
    """Copy the columns of one page, absent beyond the run's width."""
    known = max(0, min(out.shape[1], run.width - first))
    if known:
        run.read(0, run.rows, slice(first, first + known), out[:, :known])
    out.view(np.int64)[:, known:] = ABSENT_BITS


def _any(marks: Sequence[NDArray[np.bool_]], width: int, *, beyond: bool) -> NDArray[np.bool_]:
    found = np.zeros(width, dtype=np.bool_)
    for each in marks:
        found[: len(each)] |= each
        found[len(each) :] |= beyond
    return found
