"""When a row of budgets is made: once all have landed whom the SLOs read; and right after it the rules that read its series."""

from __future__ import annotations

import pytest

from tests.app.budgets.landing_slos import SloWorld
from tests.app.landing_world import alert

SLO = """
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(errors_total{job=~"a|b"}[{{.window}}]))
        total_query: sum(rate(requests_total{job=~"a|b"}[{{.window}}]))
    alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}
"""
BURNS = {"burns": alert("slo:sli_error:ratio_rate5m > 0.01")}


@pytest.fixture
async def world():
    made = SloWorld(BURNS, SLO)
    yield made
    await made.stop()


async def rounds(world, upto, *targets, since=0, interval=15, **values):
    """Let targets land once in each of some rounds, at their offsets, in their order."""
    for number in range(since, upto):
        for name, offset in targets:
            await world.land(
                name, number * interval + offset, **{each: value * number for each, value in values.items()}
            )


async def test_the_alerts_are_evaluated_after_the_row_at_its_instant(world):
    world.target("a", offset=3)
    await world.start()
    await rounds(world, 4, ("a", 3), requests_total=100, errors_total=50)
    assert world.rows[-2:] == [33, 48]
    assert world.evaluated[-2:] == [("burns", 33), ("burns", 48)]
    assert world.alerts == [(18, ["A"])]
    assert world.clocked() == []


async def test_a_row_waits_for_all_targets_that_are_read_and_for_no_other(world):
    world.target("a", offset=3)
    world.target("b", offset=7)
    world.target("other", offset=1)
    await world.start()
    await rounds(world, 3, ("other", 1), ("a", 3), ("b", 7), requests_total=100)
    before = list(world.rows)
    await world.land("other", 46)
    await world.land("a", 48, requests_total=300)
    assert world.rows == before
    assert await world.land("b", 52, requests_total=300) == [("burns", 52)]
    assert world.rows == [*before, 52]


async def test_a_target_that_does_not_land_is_not_waited_for_beyond_its_interval(world):
    world.target("a", offset=3)
    world.target("b", offset=7)
    await world.start()
    await rounds(world, 3, ("a", 3), ("b", 7), requests_total=100)
    before = list(world.rows)
    await world.land("a", 48, requests_total=300)
    assert await world.pass_time(63) == []
    assert await world.pass_time(66) == []
    assert world.rows == [*before, 52]
    assert await world.pass_time(67) == [("burns", 52)]
    assert await world.land("a", 63, requests_total=400) == []
    assert await world.land("b", 67, requests_total=400) == [("burns", 67)]


async def test_a_target_that_fails_makes_a_row_as_well(world):
    world.target("a", offset=3)
    await world.start()
    await rounds(world, 3, ("a", 3), requests_total=100)
    assert await world.land("a", 48, error="connection refused") == [("burns", 48)]
    (reading,) = world.budgets.latest
    assert reading.state == "SLONoData"
    assert "connection refused" in reading.words


async def test_rows_come_as_often_as_the_quickest_target_and_the_slow_one_is_no_gap(world):
    world.target("a", interval=15, offset=3)
    world.target("b", interval=60, offset=9)
    await world.start()
    for number in range(9):
        await world.land("a", number * 15 + 3, requests_total=100 * number)
        if number % 4 == 0:
            await world.land("b", number * 15 + 9, requests_total=1_000 * number)
    assert world.rows[-5:] == [69, 78, 93, 108, 129]
    assert world.evaluated[-5:] == [("burns", each) for each in world.rows[-5:]]
    (reading,) = world.budgets.latest
    assert reading.period.total == 800 + 8_000
    assert reading.state == "value"


async def test_where_nobody_has_the_series_the_row_is_made_all_the_same_and_says_so(world):
    world.target("other", offset=1)
    await world.start()
    for number in range(8):
        await world.land("other", number * 15 + 1)
    (reading,) = world.budgets.latest
    assert reading.state == "SLONoData"
    assert world.rows[-1] == 106


async def test_rules_that_read_targets_themselves_are_not_held_up(world):
    world.target("a", offset=3)
    world.target("b", offset=7)
    await world.reload({**BURNS, "down": alert('up{job="a"} == 0')})
    await world.start()
    await rounds(world, 3, ("a", 3), ("b", 7), requests_total=100)
    assert await world.land("a", 48) == [("down", 48)]
