"""A store in memory, as public as the real ones: for tests, rule unit tests and whoever wants to ask PromQL of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from agent.model import ABSENT_NAN, HISTOGRAM_NAN, Block, Histogram, Labels, Matcher, Sample, is_missing
from agent.query.frame import Ints
from agent.query.native.hints import hinted

_Member = tuple[Labels, Ints, list[float | Histogram]]


class MemoryQueryable:
    """Series by label set; samples of one series are kept in the order of time, a later one for an instant replaces.

    together: hand all series out as one block with gaps, instead of one block per set of equal timestamps; queries must
    not tell the difference.
    """

    def __init__(self, samples: Iterable[Sample] = (), *, together: bool = False) -> None:
        self._series: dict[Labels, dict[int, float | Histogram]] = {}
        self._tuples: dict[tuple[Labels, ...], tuple[Labels, ...]] = {}
        self._together = together
        for sample in samples:
            self.add(sample.labels, [sample.timestamp_ms], [sample.value])

    def add(self, labels: Labels, timestamps_ms: Sequence[int], values: Sequence[float | Histogram]) -> None:
        """Add samples to one series."""
        held = self._series.setdefault(labels, {})
        held.update(zip(timestamps_ms, values, strict=True))
        if any(isinstance(value, Histogram) for value in values):
            stamps = sorted(held)
            held.update(zip(stamps, hinted([held[stamp] for stamp in stamps]), strict=True))

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        """Return the matching series' samples in (start_ms, end_ms]."""
        groups: dict[bytes, list[_Member]] = {}
        for labels, held in self._series.items():
            if all(matcher.matches(labels.get(matcher.name)) for matcher in matchers):
                stamps = np.array(sorted(stamp for stamp in held if start_ms < stamp <= end_ms), np.int64)
                key = b"" if self._together else stamps.tobytes()
                groups.setdefault(key, []).append((labels, stamps, [held[stamp] for stamp in stamps.tolist()]))
        return [self._block(members) for members in groups.values()]

    def cells(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        pulse: Callable[[], None] | None = None,  # noqa: ARG002  # it holds few series
    ) -> int:
        """Return how many samples match; `select` makes more only where series with gaps are handed out together."""
        return sum(
            sum(start_ms < stamp <= end_ms for stamp in held)
            for labels, held in self._series.items()
            if all(matcher.matches(labels.get(matcher.name)) for matcher in matchers)
        )

    def _block(self, members: list[_Member]) -> Block:
        labels = tuple(member[0] for member in members)
        stamps = np.unique(np.concatenate([member[1] for member in members]))
        cells = np.full((len(stamps), len(members)), ABSENT_NAN)
        natives = np.full(cells.shape, None)
        for column, (_, own, values) in enumerate(members):
            rows = np.searchsorted(stamps, own)
            cells[rows, column] = [HISTOGRAM_NAN if isinstance(each, Histogram) else each for each in values]
            natives[rows, column] = [each if isinstance(each, Histogram) else None for each in values]
        kept = natives if natives.any() else None
        return Block(self._tuples.setdefault(labels, labels), stamps, cells, not is_missing(cells).any(), kept)
