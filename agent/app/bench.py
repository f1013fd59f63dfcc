"""An empty store and the engine over it, for a test: in memory, thrown away afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from agent.model import Block, Matcher, Row
from agent.query import Engine, Scalar, Vector
from agent.store import Store

_FOREVER_MS: Final = 1 << 60
_MAX_BYTES: Final = 2 << 30


class Bench:
    """Makes empty stores, one after the other, with engines that remember the plans of the tests before."""

    def __init__(self) -> None:
        self._engines: dict[int, tuple[Engine, _Swapped]] = {}

    def __call__(self, subquery_step_ms: int) -> BenchSamples:
        """Return an empty store with its engine; the one of before is over."""
        if subquery_step_ms not in self._engines:
            swapped = _Swapped()
            self._engines[subquery_step_ms] = (Engine(swapped, subquery_step_ms=subquery_step_ms), swapped)
        engine, swapped = self._engines[subquery_step_ms]
        swapped.store = _empty()
        return BenchSamples(swapped.store, engine)


class BenchSamples:
    """A store and its engine, as a test uses them."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store, self._engine = store, engine

    def append(self, row: Row) -> object:
        """Keep a row."""
        return self._store.append(row)

    def instant(self, expression: str, at_ms: int) -> Vector | Scalar:
        """Return a vector or a scalar; what else an expression may give is the caller's to refuse. Raises QueryError."""
        return self._engine.instant(expression, at_ms).value  # type: ignore[return-value]


class _Swapped:
    """Fulfils Queryable by the store of the test that runs."""

    def __init__(self) -> None:
        self.store = _empty()

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        return self.store.select(matchers, start_ms, end_ms)

    def cells(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, pulse: Callable[[], None] | None = None
    ) -> int:
        return self.store.cells(matchers, start_ms, end_ms, pulse)


def _empty() -> Store:
    return Store(retention_ms=_FOREVER_MS, max_memory_bytes=_MAX_BYTES)
