"""Recorded samples for what-ifs and past budgets: a store with the query engine over it, or an API that is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.model import Block, Matcher
from agent.query import Engine, Limits, Matrix, Queryable, Scalar
from agent.replay.slos import Remote, Series


class StoreRecords:
    """A store as records; what queries may take is `limits`."""

    def __init__(self, store: Queryable, limits: Limits | None = None) -> None:
        self._store = store
        self._engine = Engine(store, limits or Limits())

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        """Return the samples with start ≤ timestamp ≤ end of the matching series."""
        return self._store.select(matchers, start_ms, end_ms)

    def ratios(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Iterator[Series]:
        """Answer a query at start, start + step, … up to end; raise QueryError where it cannot be."""
        found = self._engine.range(query, start_ms, end_ms, step_ms).value
        assert isinstance(found, Matrix | Scalar)
        if isinstance(found, Matrix):
            for column, labels in enumerate(found.labels):
                there = slice(None) if found.present is None else found.present[:, column]
                yield labels, found.timestamps[there], found.values[there, column]


class Posting(Protocol):
    """Sends a form to an API and returns its JSON `data`; raises BurnlineError."""

    def __call__(self, path: str, form: Mapping[str, Any], /) -> Any:
        """Send."""


@dataclass(frozen=True, slots=True)
class Api:
    """Prometheus' HTTP API for queries, over whatever sends."""

    post: Posting
    timeout_seconds: int = 60

    def records(self) -> Remote:
        """Return what is behind it as records."""
        return Remote(self._instant, self._over)

    def _instant(self, query: str, at_ms: int) -> Sequence[Mapping[str, Any]]:
        form = {"query": query, "time": f"{at_ms / 1000:.3f}", "timeout": f"{self.timeout_seconds}s"}
        return _result(self.post("/api/v1/query", form))

    def _over(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Sequence[Mapping[str, Any]]:
        form = {
            "query": query,
            "start": f"{start_ms / 1000:.3f}",
            "end": f"{end_ms / 1000:.3f}",
            "step": f"{step_ms / 1000:.3f}",
            "timeout": f"{self.timeout_seconds}s",
        }
        return _result(self.post("/api/v1/query_range", form))


def _result(data: Any) -> Sequence[Mapping[str, Any]]:
    """Return the series of an answer, none of one that has not its form: whoever reads them says so."""
    return data["result"] if isinstance(data, dict) and isinstance(data.get("result"), list) else [{}]
