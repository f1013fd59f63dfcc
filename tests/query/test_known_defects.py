"""What is known to be wrong and not yet mended, kept in sight: mending it turns the strict xfail into a failure."""

from __future__ import annotations

import math

import pytest

from agent.model import Labels
from agent.query import Engine, MemoryQueryable


@pytest.mark.xfail(strict=True, reason="an infinity before the window spoils the mended resets of the whole column")
def test_increase_forgets_what_came_before_its_window():
    """Between 1 and 0 lies a reset: the increase is 0, whatever the counter held earlier."""
    memory = MemoryQueryable()
    memory.add(Labels.of(name_="x"), [5000, 6000, 7000, 8000], [-1e300, -math.inf, 1.0, 0.0])

    result = Engine(memory).range("increase(x[2s])", 1000, 8000, 1000)

    (series,) = list(result.value)
    assert dict(zip(series.timestamps.tolist(), series.values.tolist(), strict=True))[8000] == 0.0
