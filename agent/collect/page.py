"""What one scraped page comes to, whatever format it came in, and the seam for a format's reader."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.collect.scanning import Metadata, ParsedExemplar
from agent.model import Histogram, Labels, Sample


@dataclass(slots=True)
class Page:
    """What one page holds: `values[i]` for column `cells[i]`, each column once; samples with timestamps apart.

    scraped: sample lines; kept: those after relabeling; added: series never seen before; dropped: reason → samples.
    `cells` is the same array again while the page's lines are the same. exemplars: those that the page before did not have,
    by series; a time of None is the scrape's. long_exemplars: how many were too long to keep.
    The series of `histograms` have cells too, with HISTOGRAM_BITS in them.
    """

    cells: NDArray[np.intp]
    values: NDArray[np.float64]
    stamped: list[Sample] = field(default_factory=list)
    scraped: int = 0
    kept: int = 0
    added: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    histograms: list[tuple[Labels, Histogram]] = field(default_factory=list)
    exemplars: list[tuple[Labels, ParsedExemplar]] = field(default_factory=list)
    long_exemplars: int = 0


class Reader(Protocol):
    """Reads the pages of one target in one format, one after the other."""

    @property
    def metadata(self) -> dict[str, Metadata]:
        """What the last page said of each metric family."""
        ...

    def read(self, body: bytes) -> Page:
        """Read one page, decompressed; raise ScrapeError where it is not the format or passes a limit."""
        ...
