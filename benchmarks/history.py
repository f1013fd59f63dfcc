"""Hours of samples in a moment: the same pages written as blocks for Prometheus and as rows for our store."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.model import Columns, Labels, Row
from agent.store import Store
from benchmarks.pages import Page, line_of
from benchmarks.programs import peer

OFFSET_MS = 7_300
"""Samples stand off the minutes, for Prometheus 2 closes a window at its start and Prometheus 3 does not."""


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

    def page(self, number: int) -> Page:
        """Return the page of a job, before its first turn."""
        return Page(self.sizes[number][1], seed=number + 1, seconds=self.step_ms / 1000)


def rows(history: History) -> Iterator[Row]:
    """Return one row per job and scrape, in time order."""
    pages = [history.page(number) for number in range(len(history.sizes))]
    columns = [
        Columns(Labels({"__name__": name, **dict(labels), "job": job}) for name, labels in page.series)
        for page, (job, _) in zip(pages, history.sizes, strict=True)
    ]
    for at_ms in history.times():
        for page, its in zip(pages, columns, strict=True):
            yield Row(its, at_ms, np.array(list(map(float, page.words()))))


def into_store(history: History, store: Store) -> None:
    """Append everything, keeping house every simulated minute as a running agent does every few seconds."""
    for number, row in enumerate(rows(history)):
        store.append(row)
        if number % 20 == 0:
            store.enforce(row.timestamp_ms)
    store.enforce(history.end_ms)


def into_blocks(history: History, folder: Path, *, block: str = "") -> None:
    """Write everything as OpenMetrics text and let promtool make Prometheus' blocks of it in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder.with_suffix(".om")
    pages = [history.page(number) for number in range(len(history.sizes))]
    lines = [
        [line_of(series, ("job", job)) + " " for series in page.series]
        for page, (job, _) in zip(pages, history.sizes, strict=True)
    ]
    with text.open("w") as file:
        for at_ms in history.times():
            end = f" {at_ms / 1000:.3f}\n"
            for page, heads in zip(pages, lines, strict=True):
                file.write("".join([head + word + end for head, word in zip(heads, page.words(), strict=True)]))
        file.write("# EOF\n")
    create_blocks(text, folder, block=block)
    text.unlink()


def create_blocks(text: Path, folder: Path, *, block: str = "") -> None:
    """Run promtool over an OpenMetrics file; `block` is how long a block may be, two hours where empty."""
    command = [peer("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
    command += [f"--max-block-duration={block}"] if block else []
    subprocess.run([*command, str(text), str(folder)], check=True, capture_output=True)
