"""Virtual services whose every page goes both ways: live into an engine, and into a store that history is read from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agent.model import STALE_NAN, Columns, Labels, Row, absent_row
from agent.query import Engine as Promql
from agent.query import Limits, Matrix
from agent.slo import with_window
from agent.slo.budget import Scrapes
from agent.store import Store

FOREVER_MS = 2**61


class Kept:
    """A store as records."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store(retention_ms=FOREVER_MS, max_memory_bytes=2**28)

    def select(self, matchers, start_ms, end_ms):
        return self.store.select(matchers, start_ms, end_ms)

    def ratios(self, query, start_ms, end_ms, step_ms):
        found = Promql(self.store, Limits()).range(query, start_ms, end_ms, step_ms).value
        assert isinstance(found, Matrix)
        for column, labels in enumerate(found.labels):
            there = slice(None) if found.present is None else found.present[:, column]
            yield labels, found.timestamps[there], found.values[there, column]


class Target:
    """A target as the agent has it: one row per scrape, `up` first; what was on the last page and is gone is marked as stale."""

    def __init__(self, instance: str = "h:1") -> None:
        self.name, self.own = f"target rag/{instance}", {"job": "rag", "instance": instance}
        self.columns = Columns([Labels({"__name__": "up", **self.own})])
        self._live: set[int] = set()

    def row(self, at_ms: int, page: Mapping[Labels, float] | None) -> Row:
        """Return the row of a scrape: `page` by series without the target's labels, None where it failed."""
        found = {self.columns.column(Labels({**labels, **self.own})): value for labels, value in (page or {}).items()}
        values = absent_row(len(self.columns))
        values[list(self._live)] = STALE_NAN
        for column, value in found.items():
            values[column] = value
        values[0] = 0.0 if page is None else 1.0
        self._live = set(found)
        return Row(self.columns, at_ms, np.asarray(values))


class Both:
    """Scrapes that are counted as they land and kept as well."""

    def __init__(self) -> None:
        self.scrapes, self.kept = Scrapes(), Kept()
        self.ratios_of: dict[str, tuple[str, str]] = {}
        self.at_ms = 0

    def scraped(self, target: Target, at_ms: int, page: Mapping[Labels, float] | None) -> None:
        """Land or fail a scrape."""
        row = target.row(at_ms, page)
        self.kept.store.append(row)
        if page is None:
            self.scrapes.failed(target.name, "connection refused")
        else:
            self.scrapes.landed(target.name, row)

    def increases(self):
        return self.scrapes.increases()

    def ratios(self, slo):
        query, window = self.ratios_of[slo]
        found = Promql(self.kept.store, Limits()).instant(with_window(query, window), self.at_ms).value
        return [(each.labels, each.value) for each in found]
