"""Ratios of the SLOs that cannot be counted: asked of the rules' own engine, at the instant of the row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import structlog

from agent.errors import BurnlineError
from agent.model import METRIC_NAME, Labels, format_duration
from agent.query import Scalar, Vector
from agent.slo import with_window
from agent.slo.budget import Increases, Objective, sampling_window_ms

Ask = Callable[[str, int], Vector | Scalar | float]
"""Answers an expression at an instant, as the rules ask."""

_log = structlog.get_logger()


class RowDeltas:
    """Fulfils the engine's `Deltas` for one row: increases that were taken, and ratios that are asked for."""

    def __init__(
        self, at_ms: int, increases: Iterable[Increases], objectives: Iterable[Objective], ask: Ask, interval_ms: int
    ) -> None:
        self._at_ms, self._increases, self._ask = at_ms, increases, ask
        self._window = format_duration(sampling_window_ms(interval_ms))
        self._queries = {each.slo.id: each.sampled.query for each in objectives if each.sampled is not None}

    def increases(self) -> Iterable[Increases]:
        """Return what each target's counters rose by."""
        return self._increases

    def ratios(self, slo: str) -> Sequence[tuple[Labels, float]] | None:
        """Return the ratio of a sampled SLO, one per series of its query; None (and a line in the log) without an answer."""
        query = self._queries.get(slo)
        if query is None:
            return None
        try:
            answer = self._ask(with_window(query, self._window), self._at_ms)
        except BurnlineError as error:
            _log.warning("the query of an SLO could not be answered", slo=slo, error=str(error))
            return None
        if isinstance(answer, Vector):
            pairs = zip(answer.labels, answer.values, strict=True)
            return [(each.without(METRIC_NAME), float(value)) for each, value in pairs]
        return [(Labels(), answer.value if isinstance(answer, Scalar) else answer)]
