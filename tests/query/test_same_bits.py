"""A range evaluation says to the bit what an evaluation at each of its instants says, whatever stands around the windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Labels
from agent.query import Engine, MemoryQueryable

MINUTE = 60_000
CELLS = st.one_of(st.none(), st.integers(0, 4), st.sampled_from([0.1, 7.3, 2.7e-9, 1e17, float("nan"), float("inf")]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=12, max_size=24), min_size=1, max_size=3), st.booleans())
@pytest.mark.parametrize(
    "expression", ["rate(c[4m])", "increase(c[9m])", "sum_over_time(c[5m])", "avg_over_time(c[5m])"]
)
def test_a_range_is_its_instants(expression, series, together):
    """Counters that fall, by whole numbers and by others, far and by little, with gaps and without."""
    memory = MemoryQueryable(together=together)
    for number, cells in enumerate(series):
        known = [(place * MINUTE, cell) for place, cell in enumerate(cells) if cell is not None]
        memory.add(Labels.of(__name__="c", n=str(number)), [at for at, _ in known], [cell for _, cell in known])
    engine = Engine(memory)
    matrix = engine.range(expression, 0, 25 * MINUTE, MINUTE).value
    for row, at_ms in enumerate(matrix.timestamps.tolist()):
        present = np.ones(len(matrix.labels), bool) if matrix.present is None else matrix.present[row]
        ranged = {str(matrix.labels[c]): matrix.values[row, c] for c in np.flatnonzero(present)}
        instant = engine.instant(expression, at_ms).value
        expected = dict(zip(map(str, instant.labels), instant.values, strict=True))
        assert ranged.keys() == expected.keys()
        assert all(np.array_equal(ranged[key], expected[key], equal_nan=True) for key in expected)
