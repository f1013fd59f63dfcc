"""What was counted while nobody looked lies evenly in that time: no short window takes it for its own, and nothing is lost."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.slo.budget.gaps import spread
from tests.slo.budget.service import HOUR, MINUTE, SECOND, Service


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(1, 400 * HOUR),
    st.sampled_from([SECOND, 15 * SECOND, MINUTE]),
)
def test_parts_are_whole_right_and_add_up(bad, good, length_ms, step_ms):
    amounts = np.asarray([[float(bad)], [float(bad + good)], [float(length_ms)]])
    rows = spread(1_000, 1_000 + length_ms, amounts, step_ms)
    times = [at for at, _ in rows]
    parts = np.concatenate([part for _, part in rows], axis=1)

    assert times == sorted(set(times))
    assert times[0] > 1_000
    assert times[-1] == 1_000 + length_ms
    assert parts.sum(axis=1).tolist() == amounts[:, 0].tolist()
    assert (parts == np.floor(parts)).all()
    assert (parts[0] <= parts[1]).all()
    assert (parts >= 0).all()


def test_after_a_day_away_the_last_hour_holds_an_hour_of_what_happened():
    service = Service(requests_total=0.0, errors_total=0.0)
    service.scraped()
    service.scraped()
    service.rise("requests_total", 24_000)
    service.rise("errors_total", 240)
    opened = service.scraped(24 * HOUR)
    found = service.read()

    assert (found.period.bad, found.period.total) == (240, 24_000)
    assert abs(found.window(HOUR).total - 1_000) <= 200
    assert found.window(HOUR).coverage == 0
    assert not [each for each in opened if each.burn.severity == "page"]
