"""History counts as live scrapes do: the same traffic goes into an engine as it lands, and into one from the store."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Labels
from agent.replay.slos.history import History
from agent.slo import Events, Raw
from agent.slo.budget import Engine
from tests.replay.slos.recorded import Both, Target
from tests.slo.budget.service import MINUTE, SECOND, START, Told, metric, objective, slo

STEP = 15 * SECOND
CODES = objective(
    slo(
        "codes",
        indicator=Events(
            'sum(rate(requests_total{code="500"}[{{.window}}]))', "sum(rate(requests_total[{{.window}}]))"
        ),
    )
)
BUCKETS = objective(
    slo(
        "fast",
        95,
        Events(
            'sum(rate(seconds_count[{{.window}}])) - sum(rate(seconds_bucket{le="1"}[{{.window}}]))',
            "sum(rate(seconds_count[{{.window}}]))",
        ),
    )
)
BY_ROUTE = objective(
    slo(
        "routes",
        99,
        Events(
            'sum by (route) (rate(requests_total{code="500"}[{{.window}}]))',
            "sum by (route) (rate(requests_total[{{.window}}]))",
        ),
        group_by=("route",),
    )
)
ALL = (CODES, BUCKETS, BY_ROUTE)


@dataclass(frozen=True)
class Happening:
    """What a target lives through before its next scrape."""

    good: int
    bad: int
    route: str
    restart: bool
    down: bool
    gone: bool
    no_number: float | None


def rarely(one_in: int):
    return st.sampled_from([False] * (one_in - 1) + [True])


HAPPENINGS = st.builds(
    Happening,
    good=st.integers(0, 40),
    bad=st.one_of(st.just(0), st.integers(0, 40)),
    route=st.sampled_from(["/a", "/b"]),
    restart=rarely(9),
    down=rarely(7),
    gone=rarely(12),
    no_number=st.sampled_from([None] * 29 + [float("nan"), float("inf")]),
)


class Service:
    """One target's counters, born with their first event."""

    def __init__(self, instance: str) -> None:
        self.target, self.started = Target(instance), 1.0
        self.values: dict[Labels, float] = {}

    def page(self, happening: Happening, at_ms: int):
        """Let it happen, and return the page; None where the scrape fails."""
        if happening.restart:
            self.values, self.started = {}, at_ms / 1000
        for code, count in (("200", happening.good), ("500", happening.bad)):
            if count:
                self._rise("requests_total", count, code=code, route=happening.route)
                self._rise("seconds_count", count)
                self._rise("seconds_bucket", count if code == "200" else 0, le="1.0")
        if happening.down:
            return None
        page = {metric("process_start_time_seconds"): self.started, **self.values}
        if happening.gone:
            page = {labels: value for labels, value in page.items() if labels.get("code") != "500"}
        if happening.no_number is not None:
            page = dict.fromkeys(page, happening.no_number)
        return page

    def _rise(self, name: str, by: float, **labels: str) -> None:
        key = metric(name, **labels)
        self.values[key] = self.values.get(key, 0.0) + by


def same(live: Engine, replayed: Engine, at_ms: int):
    """Compare everything that a person is shown of both."""
    ours, theirs = list(replayed.read(at_ms)), list(live.read(at_ms))
    assert [each.key for each in ours] == [each.key for each in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.windows, one.period) == (other.windows, other.period)
        assert (one.state, one.left, one.tiers) == (other.state, other.left, other.tiers)


@settings(max_examples=20, deadline=None)
@given(
    lives=st.lists(st.lists(HAPPENINGS, min_size=24, max_size=24), min_size=1, max_size=2),
    every=st.sampled_from([1, 3]),
    length=st.integers(2, 24),
)
def test_history_gives_the_rows_that_live_scrapes_gave(lives, every, length):
    both, services = Both(), [Service(f"h:{number}") for number in range(len(lives))]
    live, replayed = Engine(ALL), Engine(ALL)
    opened = []
    for number in range(length):
        at_ms = START + number * STEP
        for place, (service, life) in enumerate(zip(services, lives, strict=True)):
            # The second target is scraped less often.
            if place == 0 or number % every == 0:
                both.scraped(service.target, at_ms, service.page(life[number], at_ms))
        opened.append([(each.key, each.burn, each.opened) for each in live.row(at_ms, both)])
    again = []
    last_ms = at_ms
    for at_ms, step in History(both.kept, ALL, STEP).rows(START, last_ms, STEP):
        again.append([(each.key, each.burn, each.opened) for each in replayed.row(at_ms, step)])

    assert again == opened
    same(live, replayed, at_ms)


def test_rows_that_are_further_apart_count_the_same_events():
    both, service = Both(), Service("h:1")
    for number in range(241):
        happening = Happening(50, number % 7, "/a", number == 100, number % 50 == 49, False, None)
        both.scraped(service.target, START + number * STEP, service.page(happening, START + number * STEP))
    sums = []
    for step_ms in (STEP, MINUTE, 4 * MINUTE):
        engine = Engine([CODES], interval_ms=max(STEP, step_ms // 4))
        for at_ms, row in History(both.kept, [CODES], STEP).rows(START, START + 240 * STEP, step_ms):
            engine.row(at_ms, row)
        period = engine.read(at_ms).of(0).period
        sums.append((period.bad, period.total))

    assert sums[0] == sums[1] == sums[2]
    assert sums[0][0] > 0


def test_a_stretch_that_ends_between_two_pages_loses_nothing(monkeypatch):
    both, service = Both(), Service("h:1")
    for number in range(100):
        happening = Happening(5, number % 3, "/a", number == 50, number % 11 == 10, False, None)
        both.scraped(service.target, START + number * STEP, service.page(happening, START + number * STEP))
    read = []
    for stretch in (7 * STEP, 6 * 60 * MINUTE):
        monkeypatch.setattr("agent.replay.slos.history.STRETCH_MS", stretch)
        engine = Engine(ALL)
        for at_ms, row in History(both.kept, ALL, STEP).rows(START, START + 99 * STEP, STEP):
            engine.row(at_ms, row)
        read.append(list(engine.read(at_ms)))

    assert read[0] == read[1]


def test_what_is_no_target_has_pages_of_its_own():
    """A pushed series has no `up`: its samples are its pages, and its gaps are gaps."""
    both = Both()
    target = Target("h:1")
    for number in range(20):
        row = target.row(
            START + number * STEP, {metric("requests_total", code="500" if number % 2 else "200"): 10.0 * number}
        )
        row.values[0] = float("nan")
        values = row.values.copy()
        values.view("int64")[0] = 0x7FF0000000000003  # never written
        both.kept.store.append(type(row)(row.columns, row.timestamp_ms, values))
    engine = Engine([CODES])
    for at_ms, row in History(both.kept, [CODES], STEP).rows(START, START + 19 * STEP, STEP):
        engine.row(at_ms, row)

    period = engine.read(at_ms).of(0).period
    assert period.total > 0


def test_a_sampled_ratio_is_asked_at_each_row_as_it_would_have_been_live():
    of = objective(slo("raw", 99, Raw("1 - avg_over_time(share_good[{{.window}}])")))
    both, target = Both(), Target("h:1")
    both.ratios_of = {of.slo.id: (of.slo.indicator.error_ratio_query, "1m")}
    live, replayed = Engine([of]), Engine([of])
    for number in range(60):
        both.at_ms = START + number * STEP
        page = None if number % 20 == 19 else {metric("share_good"): 0.5 if 20 < number < 40 else 1.0}
        both.scraped(target, both.at_ms, page)
        if number:
            live.row(both.at_ms, both)
        else:
            live.row(both.at_ms, Told())
    for at_ms, step in History(both.kept, [of], STEP).rows(START, both.at_ms, STEP):
        replayed.row(at_ms, step)

    assert live.read(at_ms).of(0).period.bad > 0
    same(live, replayed, at_ms)


@pytest.mark.parametrize("bound", ["1", "1.0", "1.00"])
def test_a_bucket_is_found_however_its_bound_is_written(bound):
    both, target = Both(), Target("h:1")
    for number in range(10):
        page = {metric("seconds_count"): 10.0 * number, metric("seconds_bucket", le=bound): 9.0 * number}
        both.scraped(target, START + number * STEP, page)
    engine = Engine([BUCKETS])
    for at_ms, row in History(both.kept, [BUCKETS], STEP).rows(START, START + 9 * STEP, STEP):
        engine.row(at_ms, row)

    period = engine.read(at_ms).of(0).period
    assert (period.bad, period.total) == (9.0, 90.0)
