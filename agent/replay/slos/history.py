"""The past as rows for the budget engine: at each instant of a grid exactly what live scrapes would have counted meanwhile.

Samples are read a stretch of hours after the other, so months take no more memory than a stretch does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.errors import QueryError
from agent.model import METRIC_NAME, Labels, format_duration
from agent.replay.slos.counting import Heard
from agent.replay.slos.records import Records, selectors
from agent.replay.slos.stretches import BEFORE_MS, Targets
from agent.slo import with_window
from agent.slo.budget import Increases, Objective, sampling_window_ms

STRETCH_MS: Final = 6 * 3_600_000

Ratios = Sequence[tuple[Labels, float]]


@dataclass(frozen=True, slots=True)
class Step:
    """One row, as the engine asks for it (`Deltas`): increases by target, and by SLO the ratios of those that are sampled."""

    targets: Sequence[Increases] = ()
    asked: Mapping[str, Ratios | None] = field(default_factory=dict)

    def increases(self) -> Sequence[Increases]:
        """Return what each target's counters rose by, of those that were heard."""
        return self.targets

    def ratios(self, slo: str) -> Ratios | None:
        """Return a sampled SLO's ratios at the instant, None where its query could not be answered."""
        return self.asked.get(slo)


class History:
    """The rows that `objectives` need of `records`. interval_ms: how often targets are scraped."""

    def __init__(self, records: Records, objectives: Sequence[Objective], interval_ms: int) -> None:
        self._records = records
        self._targets = Targets(selectors(objectives))
        window = format_duration(sampling_window_ms(interval_ms))
        self._queries: dict[str, list[str]] = defaultdict(list)
        for each in objectives:
            if each.sampled is not None:
                self._queries[with_window(each.sampled.query, window)].append(each.slo.id)
        self._read_ms: int | None = None
        self.failures: dict[str, str] = {}
        """Why a query could not be answered, by query; the last reason."""

    @property
    def oldest_ms(self) -> int | None:
        """The oldest sample that was read so far, None without any; `newest_ms` likewise."""
        return self._targets.oldest_ms

    @property
    def newest_ms(self) -> int | None:
        """The newest sample that was read so far."""
        return self._targets.newest_ms

    def rows(self, from_ms: int, until_ms: int, step_ms: int) -> Iterator[tuple[int, Step]]:
        """Give (instant, row) at from, from + step, … up to until; the first says nothing, but that from there on is looked.

        What the counters were before is read up to BEFORE_MS back. Call it again with the `until` of the last as `from`, and
        it goes on where it was, with another step perhaps. Of stretches before anything is known only the last row is given:
        a young agent's weeks of nothing say no more row by row.
        """
        if self._read_ms is None:
            self._primed(from_ms)
            yield from_ms, Step()
        for edges in _stretches(from_ms, until_ms, step_ms):
            heard = self._heard(edges)
            asked = self._asked(edges, step_ms)
            known = self.oldest_ms is not None or any(map(any, asked.values()))
            for place, at_ms in enumerate(edges.tolist()):
                if not known and place < len(edges) - 1:
                    continue
                ratios = {slo: answers[place] for slo, answers in asked.items()} if asked else {}
                yield at_ms, Step([each.reveal() for each in heard.get(place, ())], ratios)

    def _primed(self, from_ms: int) -> None:
        edge = np.asarray([from_ms], dtype=np.int64)
        for counting, pages in self._targets.read(self._records, from_ms - BEFORE_MS, from_ms):
            for _ in counting.heard(pages, edge):
                pass
        self._read_ms = from_ms

    def _heard(self, edges: NDArray[np.int64]) -> dict[int, list[Heard]]:
        assert self._read_ms is not None
        found: dict[int, list[Heard]] = {}
        until_ms = int(edges[-1])
        for counting, pages in self._targets.read(self._records, self._read_ms, until_ms):
            for heard in counting.heard(pages, edges):
                found.setdefault(heard.place, []).append(heard)
        self._read_ms = until_ms
        return found

    def _asked(self, edges: NDArray[np.int64], step_ms: int) -> dict[str, list[Ratios | None]]:
        """Return the ratios of each sampled SLO at each edge."""
        found: dict[str, list[Ratios | None]] = {}
        for query, slos in self._queries.items():
            answers: list[list[tuple[Labels, float]]] = [[] for _ in edges]
            try:
                for labels, stamps, values in self._records.ratios(query, int(edges[0]), int(edges[-1]), step_ms):
                    own = labels.without(METRIC_NAME)
                    for place, value in zip(np.searchsorted(edges, stamps).tolist(), values.tolist(), strict=True):
                        answers[place].append((own, value))
            except QueryError as error:
                self.failures[query] = str(error)
                found |= {slo: [None] * len(edges) for slo in slos}
                continue
            found |= {slo: [*answers] for slo in slos}
        return found


def _stretches(from_ms: int, until_ms: int, step_ms: int) -> Iterator[NDArray[np.int64]]:
    """Give the instants after `from_ms`, those of a stretch together."""
    edges = np.arange(from_ms + step_ms, until_ms + 1, step_ms, dtype=np.int64)
    size = max(STRETCH_MS // step_ms, 1)
    for start in range(0, len(edges), size):
        yield edges[start : start + size]
