"""Fetch the samples that rules read from a Prometheus-compatible API: raw, by range selectors, a stretch of time after the other.

The API does not say where a series ended. It is inferred as it came about: a series that lacks where its target was scraped
ended there. Of series without a target (those that rules record) a gap is a gap. Native histograms are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.errors import BurnlineError, InvalidInput, TooMuch
from agent.model import (
    METRIC_NAME,
    STALE_NAN,
    Columns,
    Labels,
    Matcher,
    MatchOp,
    Row,
    absent_row,
    format_duration,
    format_rfc3339,
)
from agent.replay.choosing import LOOKBACK_MS
from agent.rules import RuleSet, reads

STRETCH_MS: Final = 6 * 3_600_000
_SHORTEST_MS: Final = 60_000
_UP: Final = Matcher(METRIC_NAME, MatchOp.EQUAL, "up")
_IDENTIFYING: Final = ("job", "instance")

Stamps = NDArray[np.int64]
Values = NDArray[np.float64]
Ask = Callable[[str, int], Sequence[Mapping[str, Any]]]
"""Answer an instant query at an instant (ms) with the `result` of the API's matrix; raises TooMuch, or another BurnlineError."""


class Taking(Protocol):
    """Where fetched samples go; a store is one."""

    def append(self, row: Row) -> int:
        """Keep a row."""
        ...


@dataclass(slots=True)
class Fetched:
    """What came: samples, and between which instants (ms; 0 where none came)."""

    samples: int = 0
    oldest_ms: int = 0
    newest_ms: int = 0
    histograms: int = 0
    """Native histograms that were left out."""

    def note(self, stamps: Stamps) -> None:
        """Count samples."""
        self.samples += len(stamps)
        first, last = int(stamps[0]), int(stamps[-1])
        self.oldest_ms = min(self.oldest_ms or first, first)
        self.newest_ms = max(self.newest_ms, last)


@dataclass(slots=True)
class _Table:
    """The series of one target so far: which were there at its last scrape."""

    columns: Columns = field(default_factory=Columns)
    live: set[int] = field(default_factory=set)


def wanted(rules: RuleSet) -> dict[tuple[Matcher, ...], int]:
    """Return what to fetch: selectors, and how far back of each instant (ms) they are read. The narrower of two is left out."""
    reach: dict[tuple[Matcher, ...], int] = {(_UP,): LOOKBACK_MS}
    for _, rule in rules.rules:
        for each in reads(rule.expr).selectors:
            back = each.window_ms + max(0, each.offset_ms) + LOOKBACK_MS
            reach[each.matchers] = max(back, reach.get(each.matchers, 0))
    return {
        matchers: back
        for matchers, back in reach.items()
        if not any(set(other) < set(matchers) and its >= back for other, its in reach.items())
    }


def requests(rules: RuleSet, start_ms: int, until_ms: int) -> int:
    """Return how many stretches of selectors `fetch` will ask for, for a progress bar."""
    selectors = wanted(rules)
    return sum(
        last_ms > start_ms - back
        for _, last_ms in _stretches(selectors, start_ms, until_ms)
        for back in selectors.values()
    )


def fetch(
    ask: Ask,
    rules: RuleSet,
    start_ms: int,
    until_ms: int,
    into: Taking,
    progress: Callable[[int], None] = lambda _: None,
) -> Fetched:
    """Fetch what `rules` read of evaluations between two instants. Raises BurnlineError, saying how far it came."""
    selectors, fetched = wanted(rules), Fetched()
    tables: dict[Labels | int, _Table] = {}
    for first_ms, last_ms in _stretches(selectors, start_ms, until_ms):
        found: dict[Labels, tuple[Stamps, Values]] = {}
        for matchers, back in selectors.items():
            if last_ms <= start_ms - back:
                continue
            text = f"{{{','.join(map(str, matchers))}}}"
            try:
                for series in asked(ask, text, first_ms, last_ms):
                    _take(series, first_ms, found, fetched)
            except BurnlineError as error:
                came = (
                    f"samples up to {format_rfc3339(first_ms)} had come" if fetched.samples else "nothing had come yet"
                )
                message = f"fetching {text}: {error} ({came})"
                raise type(error)(message) from error
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                message = (
                    f"fetching {text}: the answer has not the form of Prometheus' API; is that one of its servers?"
                )
                raise InvalidInput(message) from error
            progress(1)
        _append(found, tables, into)
    return fetched


def _stretches(selectors: Mapping[Any, int], start_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
    """Give (after, until) of each stretch, those before the beginning first."""
    first_ms = start_ms - max(selectors.values())
    while first_ms < until_ms:
        last_ms = min(until_ms, first_ms + STRETCH_MS)
        yield first_ms, last_ms
        first_ms = last_ms


def asked(ask: Ask, selector: str, first_ms: int, last_ms: int) -> Iterator[Mapping[str, Any]]:
    """Give the series of a selector in (first, last]; what is refused as too much is asked in halves."""
    try:
        yield from ask(f"{selector}[{format_duration(last_ms - first_ms)}]", last_ms)
    except TooMuch:
        if last_ms - first_ms <= _SHORTEST_MS:
            raise
        middle_ms = (first_ms + last_ms) // 2
        yield from asked(ask, selector, first_ms, middle_ms)
        yield from asked(ask, selector, middle_ms, last_ms)


def _take(
    series: Mapping[str, Any], after_ms: int, found: dict[Labels, tuple[Stamps, Values]], fetched: Fetched
) -> None:
    points = series.get("values") or ()
    fetched.histograms += len(series.get("histograms") or ())
    stamps = np.array([round(float(at) * 1000) for at, _ in points], np.int64)
    values = np.array([float(value) for _, value in points])
    kept = stamps > after_ms  # before Prometheus 3 a range has both its ends
    stamps, values = stamps[kept], values[kept]
    if not len(stamps):
        return
    labels = Labels(series["metric"])
    before = found.get(labels)
    if before is not None:
        stamps, values = np.concatenate((before[0], stamps)), np.concatenate((before[1], values))
        stamps, places = np.unique(stamps, return_index=True)
        values = values[places]
        found[labels] = stamps, values
        return
    found[labels] = stamps, values
    fetched.note(stamps)


def _append(found: Mapping[Labels, tuple[Stamps, Values]], tables: dict[Labels | int, _Table], into: Taking) -> None:
    """Append what came of a stretch, target by target; a series of none has a table to itself."""
    targets = {
        _identity(labels): (labels.without(METRIC_NAME), stamps)
        for labels, (stamps, _) in found.items()
        if labels.get(METRIC_NAME) == "up"
    }
    members: dict[Labels, list[Labels]] = {}
    for labels, (stamps, values) in found.items():
        target = targets.get(_identity(labels))
        if target is not None and _belongs(labels, target[0]) and np.isin(stamps, target[1]).all():
            members.setdefault(target[0], []).append(labels)
        else:
            columns = tables.setdefault(labels, _Table(Columns([labels]))).columns
            for at_ms, value in zip(stamps.tolist(), values, strict=True):
                into.append(Row(columns, at_ms, np.array([value])))
    for target_labels, own in members.items():
        scrapes = targets[_identity(target_labels)][1]
        table = tables.setdefault(target_labels, _Table())
        for row in _rows(table, own, found, scrapes):
            into.append(row)


def _rows(
    table: _Table, own: Iterable[Labels], found: Mapping[Labels, tuple[Stamps, Values]], scrapes: Stamps
) -> Iterator[Row]:
    places = {table.columns.column(labels): found[labels] for labels in own}
    width = len(table.columns)
    cells = np.tile(absent_row(width), (len(scrapes), 1))
    there = np.zeros((len(scrapes), width), np.bool_)
    for column, (stamps, values) in places.items():
        rows = np.searchsorted(scrapes, stamps)
        cells[rows, column] = values
        there[rows, column] = True
    before = np.zeros(width, np.bool_)
    before[list(table.live)] = True
    ended = np.vstack((before, there[:-1])) & ~there
    cells[ended] = STALE_NAN
    table.live = set(np.flatnonzero(there[-1]).tolist())
    for at_ms, row in zip(scrapes.tolist(), cells, strict=True):
        yield Row(table.columns, at_ms, row)


def _identity(labels: Labels) -> tuple[str, ...]:
    return tuple(labels.get(name) for name in _IDENTIFYING)


def _belongs(labels: Labels, target: Labels) -> bool:
    return all(labels.get(name) == value for name, value in target.pairs)
