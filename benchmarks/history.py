"""Hours of samples in a moment: the same pages written as blocks for Prometheus and as rows for our store."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from agent.model import Columns, Labels, Row
from agent.store import Store
from benchmarks.pages import Page, Series, line_of
from benchmarks.programs import peer

OFFSET_MS = 7_300
"""Samples stand off the minutes, for Prometheus 2 closes a window at its start and Prometheus 3 does not."""


class Turning(Protocol):
    """A page that goes on."""

    series: list[Series]

    def words(self) -> list[str]:
        """Return the next values as written, in the order of `series`."""


Pages = Sequence[tuple[str, Turning]]
"""A page by job."""


@dataclass(frozen=True, slots=True)
class History:
    """What was scraped: pages of `sizes` series by job, `steps` times, each `step_ms` after the last, up to `end_ms`."""

    sizes: tuple[tuple[str, int], ...]
    steps: int
    end_ms: int
    step_ms: int = 15_000

    @property
    def start_ms(self) -> int:
        """The first sample's time."""
        return self.end_ms - self.steps * self.step_ms + OFFSET_MS

    @property
    def samples(self) -> int:
        """How many there are."""
        return self.steps * sum(size for _, size in self.sizes)

    def times(self) -> Iterator[int]:
        """Return the times of the scrapes, ms."""
        return iter(range(self.start_ms, self.start_ms + self.steps * self.step_ms, self.step_ms))

    def pages(self) -> Pages:
        """Return each job's page, before its first turn."""
        step = self.step_ms / 1000
        return [(job, Page(size, seed=at + 1, seconds=step)) for at, (job, size) in enumerate(self.sizes)]


def rows(pages: Pages, times: Iterable[int]) -> Iterator[Row]:
    """Return one row per job and time, in time order."""
    columns = [
        Columns(Labels({"__name__": name, **dict(labels), "job": job}) for name, labels in page.series)
        for job, page in pages
    ]
    for at_ms in times:
        for (_, page), its in zip(pages, columns, strict=True):
            yield Row(its, at_ms, np.array(list(map(float, page.words()))))


def into_store(pages: Pages, times: Iterable[int], store: Store) -> None:
    """Append everything, keeping house every so many rows as a running agent does every few seconds."""
    at_ms = 0
    for number, row in enumerate(rows(pages, times)):
        store.append(row)
        at_ms = row.timestamp_ms
        if number % 20 == 0:
            store.enforce(at_ms)
    store.enforce(at_ms)


def into_folder(pages: Pages, times: Iterable[int], folder: Path) -> Store:
    """Write everything into a store on disk, as an agent's is; close it."""
    store = Store.open(folder, retention_ms=15 * 86_400_000, max_memory_bytes=2**33)
    into_store(pages, times, store)
    store.close()
    return store


def into_blocks(pages: Pages, times: Iterable[int], folder: Path, *, block: str = "") -> None:
    """Write everything as OpenMetrics text and let promtool make Prometheus' blocks of it in `folder`.

    block: how long a block may be, two hours where empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = folder.with_suffix(".om")
    lines = [[line_of(series, ("job", job)) + " " for series in page.series] for job, page in pages]
    with text.open("w") as file:
        for at_ms in times:
            end = f" {at_ms / 1000:.3f}\n"
            for (_, page), heads in zip(pages, lines, strict=True):
                file.write("".join([head + word + end for head, word in zip(heads, page.words(), strict=True)]))
        file.write("# EOF\n")
    command = [peer("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
    command += [f"--max-block-duration={block}"] if block else []
    subprocess.run([*command, str(text), str(folder)], check=True, capture_output=True)
    text.unlink()
