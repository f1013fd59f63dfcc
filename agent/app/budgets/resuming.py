"""What counters stood at when they were last counted: read from the store after a restart, so that nothing counts twice or never.

Only a page that is still in the store counts as one: after a power cut that took it along, its target begins anew, and the time
is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import METRIC_NAME, Block, Columns, Labels, Matcher, MatchOp, Row, absent_row
from agent.rules import Selector
from agent.slo.budget import START_TIME
from agent.store import Store

_AWAY_MS: Final = 3_600_000
"""How far before a page the last value of a series is looked for that was not on it."""
_UP: Final = "up"
_ALWAYS: Final = (_UP, START_TIME)

Page = Mapping[Labels, float]


def pages_at(store: Store, selectors: Iterable[Selector], instants: Iterable[int]) -> dict[int, Page]:
    """Return of each instant at which somebody was scraped what the series of `selectors` were.

    A series of a page of that instant has its value, or the last before that it had.
    """
    named: set[tuple[Matcher, ...]] = {(Matcher(METRIC_NAME, MatchOp.EQUAL, name),) for name in _ALWAYS}
    named |= {_of_name(each) for each in selectors}
    instants = sorted(set(instants))
    found: dict[int, dict[Labels, float]] = {at_ms: {} for at_ms in instants}
    for together in _close(instants):
        for block in _blocks(store, named, together):
            for at_ms in set(together) & set(block.timestamps.tolist()):
                upto = int(np.searchsorted(block.timestamps, at_ms, side="right"))
                since = int(np.searchsorted(block.timestamps, at_ms - _AWAY_MS))
                found[at_ms].update(zip(block.labels, _last(block.values[since:upto]).tolist(), strict=True))
    return {at_ms: {labels: value for labels, value in page.items() if value == value} for at_ms, page in found.items()}


def _close(instants: Sequence[int]) -> list[list[int]]:
    """Return instants (rising) in groups that lie close: a target that failed for days must not make days be read of all."""
    found: list[list[int]] = []
    for at_ms in instants:
        if found and at_ms - found[-1][-1] <= _AWAY_MS:
            found[-1].append(at_ms)
        else:
            found.append([at_ms])
    return found


def _blocks(store: Store, named: Iterable[tuple[Matcher, ...]], instants: Sequence[int]) -> Iterator[Block]:
    for matchers in named:
        yield from store.select(matchers, instants[0] - _AWAY_MS, instants[-1])


def page_of(columns: Columns, at_ms: int, page: Page) -> Row | None:
    """Return a target's row of `at_ms` as the store has it, None where its scrape of that instant is not there."""
    values = absent_row(len(columns))
    scraped = False
    for column, labels in enumerate(columns.labels):
        value = page.get(labels)
        if value is not None:
            values[column] = value
            scraped = scraped or (labels.name == _UP and value == 1)
    return Row(columns, at_ms, values) if scraped else None


def _of_name(selector: Selector) -> tuple[Matcher, ...]:
    """Return what finds all series of the metric: few questions, however many SLOs ask of it."""
    return (Matcher(METRIC_NAME, MatchOp.EQUAL, selector.name),) if selector.name else selector.matchers


def _last(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the last number of each column, NaN where there is none."""
    there = ~np.isnan(values)
    rows = len(values) - 1 - np.argmax(there[::-1], axis=0)
    found = values[rows, np.arange(values.shape[1])]
    return np.where(there.any(axis=0), found, np.nan)
