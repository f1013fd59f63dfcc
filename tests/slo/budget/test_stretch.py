"""Any stretch of the last 400 days: exact sums from checkpoints that thin out, whatever was kept by which version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import InvalidInput
from agent.model import Labels
from agent.slo import Exclusion, Rolling, Timeslices
from agent.slo.budget.chunks import BAD, TOTAL
from agent.slo.budget.engine import KEPT_MS, Engine
from agent.slo.budget.keeping import Keeper
from agent.slo.budget.objective import Key, Unit
from agent.slo.budget.past import Slot
from agent.slo.budget.ring import HOUR_MS, ROWS, Ring
from agent.slo.budget.tracks import Track, Tracks
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, START, Memory, Service, Told, objective, slo

KEY = Key("rag-answers")
WEEK = slo(window=Rolling(7 * DAY))


def weekly(**other) -> Engine:
    return Engine([objective(slo(window=Rolling(7 * DAY), **other))], default_period_ms=7 * DAY, interval_ms=DAY)


def played(engine: Engine, rows):
    """Play rows of (milliseconds after the one before, bad, good); return them as (instant, bad, all)."""
    service = Service(engine, requests_total=0.0, errors_total=0.0)
    service.scraped()
    found = []
    for after, bad, good in rows:
        service.rise("errors_total", bad)
        service.rise("requests_total", bad + good)
        service.scraped(after)
        found.append((service.at_ms, bad, bad + good))
    return service, found


ROW = st.tuples(
    st.sampled_from([15 * SECOND, 15 * SECOND, MINUTE, 20 * MINUTE, 5 * HOUR, 2 * DAY + 7 * SECOND]),
    st.integers(0, 30),
    st.integers(0, 1000),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(ROW, min_size=2, max_size=3 * ROWS), st.data())
def test_a_stretch_is_the_exact_sum_of_its_rows_and_begins_less_than_an_hour_early(rows, data):
    service, known = played(weekly(), rows)
    pick = st.integers(START - DAY, service.at_ms + DAY)
    start, end = sorted((data.draw(pick), data.draw(pick)))

    found = service.engine.between(start, end)
    reading = found.find(KEY)

    inside = [each for each in known if found.start_ms < each[0] <= found.end_ms]
    assert (reading.bad, reading.total) == (sum(each[1] for each in inside), sum(each[2] for each in inside))
    for asked, used in ((start, found.start_ms), (end, found.end_ms)):
        newest = max((each[0] for each in known if each[0] <= asked), default=None)
        assert newest is None or newest - HOUR_MS < used <= newest


def test_an_hour_of_last_summer_is_still_exact_and_the_years_before_are_gone():
    service, known = played(weekly(), [(HOUR, number % 3, 10) for number in range(425 * 24)])
    for hours in (1, 24 * 20, 24 * 398):
        start = service.at_ms - hours * HOUR
        found = service.engine.between(start, start + HOUR)
        inside = [each for each in known if found.start_ms < each[0] <= found.end_ms]
        assert len(inside) == 1
        assert found.find(KEY).bad == sum(each[1] for each in inside)
        assert found.find(KEY).coverage == 1.0
    assert service.engine.between(START, START + DAY).find(KEY).coverage == 0.0
    assert service.engine.between(0, service.at_ms).start_ms >= service.at_ms - KEPT_MS - 2 * ROWS * HOUR


def test_what_is_excluded_ends_where_it_does_even_where_only_hours_are_kept():
    nightly = Exclusion("backup", cron="7 3 * * *", duration_ms=10 * MINUTE)
    service = Service(weekly(exclusions=(nightly,)), at_ms=START - MINUTE, requests_total=0.0, errors_total=0.0)
    service.scraped(MINUTE)
    minutes = [day * 1440 + each for day in range(40) for each in (*range(60, 1440, 60), *range(181, 200), 1440)]
    before = 0
    for minute in sorted(minutes):
        service.rise("requests_total", 10 * (minute - before))
        # The backup breaks everything, from its first minute to its last and not a minute more.
        service.rise("errors_total", 10 if 187 < minute % 1440 <= 197 else 0)
        service.scraped((minute - before) * MINUTE)
        before = minute

    for day in (1, 20, 38):
        start = START + day * DAY
        counted, whole = (
            service.engine.between(start, start + DAY, excluding=each).find(KEY) for each in (True, False)
        )
        assert (counted.bad, counted.total, counted.window_ms) == (0, 10 * (1440 - 10), DAY - 10 * MINUTE)
        assert (whole.bad, whole.total, whole.window_ms) == (100, 14_400, DAY)


def test_a_stretch_counts_what_the_windows_count_at_the_newest_row():
    service, _ = played(weekly(), [(15 * SECOND, 1, 9)] * 400)
    reading, stretch = service.read(), service.engine.between(service.at_ms - HOUR, service.at_ms).find(KEY)

    assert stretch == reading.window(HOUR)
    assert service.engine.between(service.at_ms - 7 * DAY, service.at_ms).find(KEY) == reading.period


def test_slices_are_told_in_slices():
    service = Service(Engine([objective(slo(budgeting=Timeslices(5 * MINUTE, 0.95)))]), requests_total=0.0)
    for _ in range(2 * HOUR // (15 * SECOND)):
        service.rise("requests_total", 10)
        service.scraped()

    assert service.engine.between(START, START + HOUR).find(KEY).total == pytest.approx(12, abs=1)


def test_time_that_was_not_seen_is_part_of_a_stretch():
    service, _ = played(weekly(), [(HOUR, 0, 10)] * 48)
    for _ in range(24):
        service.down(HOUR)
    whole = service.engine.between(START - DAY, service.at_ms + DAY).find(KEY)

    assert whole.coverage == pytest.approx(2 / 5, abs=0.01)
    assert whole.window_ms == service.at_ms + 2 * DAY - START


def test_a_stretch_that_ends_before_it_begins_is_refused():
    with pytest.raises(InvalidInput, match="it ends before it begins"):
        weekly().between(START, START - 1)


def test_nothing_is_known_of_a_new_engine():
    found = weekly().between(START, START + DAY).find(KEY)

    assert (found.bad, found.total, found.ratio, found.coverage) == (0, 0, None, 0.0)


def test_what_is_kept_gives_the_same_stretches_after_a_restart():
    kept = Memory()
    engine = Engine([objective(WEEK)], default_period_ms=7 * DAY, interval_ms=HOUR, kept=kept)
    played(engine, [(20 * MINUTE, number % 5, 10) for number in range(30 * 72)])
    again = Engine([objective(WEEK)], default_period_ms=7 * DAY, interval_ms=HOUR, kept=Memory(kept.kept))

    for day in range(30):
        span = (START + day * DAY, START + (day + 1) * DAY)
        assert again.between(*span).find(KEY) == engine.between(*span).find(KEY)


def test_what_was_kept_before_reports_were_is_read_and_goes_on():
    """The ring of that time kept every five minutes of the longest period, and nothing beyond."""
    kept, tracks = Memory(), Tracks([objective(WEEK)])
    tracks.add(Track(KEY, Unit.EVENTS, START))
    ring, keeper = Ring(7 * DAY + HOUR, 1), Keeper(kept)
    keeper.restored()
    for number in range(10 * 288):
        row = np.zeros((3, 1))
        row[BAD], row[TOTAL] = 1, 10
        ring.add(START + number * 5 * MINUTE, row)
        keeper.keep(ring, tracks, [(START + number * 5 * MINUTE, row)])
    last = ring.last_ms

    engine = Engine([objective(WEEK)], default_period_ms=7 * DAY, interval_ms=HOUR, kept=kept)
    assert engine.between(last - DAY, last).find(KEY).total == 2880
    for number in range(30 * 24):
        engine.row(last + (number + 1) * HOUR, Told(x=[(Labels(), 0.0)]))
    assert engine.between(last - DAY, last).find(KEY).bad == 288


def test_a_year_of_hours_costs_an_objective_less_than_its_month():
    tracks, random = 20, np.random.default_rng(1)
    sizes = []
    for retention in (30 * DAY + HOUR, KEPT_MS):
        ring = Ring(retention, tracks, fine_ms=30 * DAY + HOUR)
        for number in range(405 * 288):
            row = np.zeros((3, tracks))
            row[BAD], row[TOTAL] = random.poisson(3, tracks), random.poisson(30_000, tracks)
            ring.add(START + number * 5 * MINUTE, row)
        sizes.append(sum(each.nbytes for each in ring.chunks) / tracks)
    month, year = sizes

    assert 40_000 < year - month < 62_000
    assert year - month < 1.1 * month


def test_history_from_elsewhere_can_be_reported_on_however_short_the_period_is():
    engine = weekly()
    days = 120
    slots = [
        Slot(at, at + 5 * MINUTE, at // (5 * MINUTE) % 3, 100)
        for at in range(START - days * DAY, START - MINUTE, 5 * MINUTE)
    ]
    taken = engine.backfill(KEY, slots)
    assert taken == days * 288

    for day in (1, 40, 119):
        start = START - day * DAY
        found = engine.between(start, start + DAY)
        assert (found.start_ms, found.end_ms) == (start, start + DAY)
        assert found.find(KEY).bad == sum(each.bad for each in slots if start < each.end_ms <= start + DAY)
        assert found.find(KEY).total == 28_800
        assert found.find(KEY).coverage == 1.0
