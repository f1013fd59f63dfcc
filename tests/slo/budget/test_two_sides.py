"""Requests that one program counts and errors that another does: while one of them is silent, what the other counts waits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import ABSENT_NAN, Columns, Labels, Row
from agent.slo import Good
from agent.slo.budget.counters import Scrapes
from agent.slo.budget.engine import Engine
from agent.slo.budget.readings import State
from tests.slo.budget.service import EVENTS, SECOND, START, Memory, metric, objective, slo

STEP = 15 * SECOND
GOOD = Good("sum(rate(answers_total[{{.window}}]))", "sum(rate(requests_total[{{.window}}]))")


class Two:
    """Programs that each have counters of their own, and an engine that hears those of them that are up."""

    def __init__(self, engine: Engine | None = None, **counters: Mapping[str, float]) -> None:
        self.engine = engine or Engine([objective()])
        self.scrapes = Scrapes()
        self.at_ms = START
        self.values = {target: {metric(name): at for name, at in each.items()} for target, each in counters.items()}
        self.columns = {target: Columns() for target in counters}
        self.counted: dict[str, Row] = {}

    def page(self, target: str) -> Row:
        values, columns = self.values[target], self.columns[target]
        for labels in values:
            columns.column(labels)
        found = np.full(len(columns), ABSENT_NAN)
        for labels, value in values.items():
            found[columns.find(labels)] = value
        return Row(columns, self.at_ms, found)

    def step(self, *down: str, **rises: Mapping[str, float]):
        """Let counters of some targets rise, and hear of all but those that are down; return what opened and closed."""
        self.at_ms += STEP
        for target, each in rises.items():
            for name, by in each.items():
                self.values[target][metric(name)] += by
        for target in self.values:
            if target in down:
                self.scrapes.failed(target, f"{target}: connection refused")
            else:
                self.counted[target] = self.page(target)
                self.scrapes.landed(target, self.counted[target])
        return self.engine.row(self.at_ms, self.scrapes)

    def restarts(self, engine: Engine) -> None:
        """Let another agent take over, which knows each target's last page that was counted."""
        self.engine, self.scrapes = engine, Scrapes()
        for target, row in self.counted.items():
            self.scrapes.primed(target, row)

    def read(self):
        return self.engine.read(self.at_ms).of(0)

    def sums(self):
        return self.read().period.bad, self.read().period.total


def proxy_and_app(engine: Engine | None = None) -> Two:
    two = Two(engine, proxy={"requests_total": 0.0}, app={"errors_total": 0.0})
    two.step()
    two.step(proxy={"requests_total": 1000}, app={"errors_total": 10})
    return two


def test_while_the_errors_are_silent_requests_wait_and_nothing_is_clean():
    two = proxy_and_app()
    for _ in range(4):
        two.step("app", proxy={"requests_total": 100}, app={"errors_total": 20})

    assert (two.read().state, two.read().words) == (State.NO_DATA, "app: connection refused")
    assert two.sums() == (10, 1000)

    two.step(proxy={"requests_total": 100}, app={"errors_total": 20})

    assert two.read().state is State.VALUE
    assert two.sums() == (110, 1500)
    assert two.read().seen_ms == 2 * STEP + 1


def test_while_the_requests_are_silent_errors_wait():
    two = proxy_and_app()
    for _ in range(4):
        two.step("proxy", proxy={"requests_total": 100}, app={"errors_total": 20})

    assert (two.read().state, two.read().words) == (State.NO_DATA, "proxy: connection refused")
    assert two.sums() == (10, 1000)

    two.step(proxy={"requests_total": 100}, app={"errors_total": 20})
    assert two.sums() == (110, 1500)


def test_while_good_events_are_silent_nobody_is_paged_as_if_all_were_bad():
    two = Two(Engine([objective(slo(indicator=GOOD))]), proxy={"requests_total": 0.0}, app={"answers_total": 0.0})
    for _ in range(20):
        assert two.step(proxy={"requests_total": 100}, app={"answers_total": 100}) == ()
    for _ in range(20):
        assert two.step("app", proxy={"requests_total": 100}, app={"answers_total": 100}) == ()
    assert two.step(proxy={"requests_total": 100}, app={"answers_total": 100}) == ()

    assert two.sums() == (0, 4000)


def test_a_replica_that_never_had_requests_keeps_nothing_waiting_when_it_fails():
    """It exports its errors from the start, and its requests from the first one on."""
    two = Two(one={"requests_total": 0.0, "errors_total": 0.0}, new={"errors_total": 0.0})
    two.step()
    for _ in range(4):
        two.step("new", one={"requests_total": 100, "errors_total": 20})

    assert two.read().state is State.VALUE
    assert two.sums() == (80, 400)


@pytest.mark.parametrize(
    ("indicator", "name", "fine", "wrong"), [(EVENTS, "errors_total", 0, 60), (GOOD, "answers_total", 100, 40)]
)
def test_one_replica_of_many_that_is_gone_for_good_keeps_no_page_of_the_others_back(indicator, name, fine, wrong):
    apps = [f"app{number}" for number in range(10)]
    two = Two(
        Engine([objective(slo(indicator=indicator))]),
        proxy={"requests_total": 0.0},
        **{app: {name: 0.0} for app in apps},
    )
    for _ in range(20):
        assert two.step(proxy={"requests_total": 1000}, **{app: {name: fine} for app in apps}) == ()

    opened = [
        change.burn.name
        for _ in range(40)
        for change in two.step(apps[0], proxy={"requests_total": 1000}, **{app: {name: wrong} for app in apps[1:]})
        if change.opened
    ]

    assert two.read().state is State.VALUE
    assert "page.quick" in opened


def test_good_events_of_a_replica_whose_scrapes_fail_for_a_while_are_waited_for():
    indicator = objective(slo(indicator=GOOD))
    two = Two(Engine([indicator]), proxy={"requests_total": 0.0}, a={"answers_total": 0.0}, b={"answers_total": 0.0})
    rises = {"proxy": {"requests_total": 200}, "a": {"answers_total": 100}, "b": {"answers_total": 100}}
    for down in ((), (), *[("a",)] * 15, ()):
        assert two.step(*down, **rises) == ()

    assert (two.read().state, two.sums()) == (State.VALUE, (0, 3400))


@pytest.mark.parametrize("slow", ["app", "proxy"])
def test_programs_that_are_scraped_at_other_intervals_fit_together(slow):
    """What the one counts between two scrapes of the other waits for it: it read as all bad, and then as too many good events."""
    indicator = objective(slo(indicator=GOOD))
    two = Two(Engine([indicator], interval_ms=4 * STEP), proxy={"requests_total": 0.0}, app={"answers_total": 0.0})
    for row in range(-4, 101):
        two.at_ms += STEP
        for target, name in (("proxy", "requests_total"), ("app", "answers_total")):
            two.values[target][metric(name)] += 1000
            if (row >= 0 or row == -4) and (target != slow or row % 4 == 0):
                two.scrapes.landed(target, two.page(target))
        assert two.engine.row(two.at_ms, two.scrapes) == ()

    assert (two.read().state, two.sums()) == (State.VALUE, (0, 104_000))


def test_requests_wait_in_the_first_minutes_for_the_first_pages_of_a_program_that_is_scraped_less_often():
    kept = Memory()
    two = Two(
        Engine([objective(slo(indicator=GOOD))], kept=kept), proxy={"requests_total": 0.0}, app={"answers_total": 0.0}
    )
    for row in range(40):
        two.at_ms += STEP
        for target, name in (("proxy", "requests_total"), ("app", "answers_total")):
            two.values[target][metric(name)] += 1000
            if target == "proxy" or row % 4 == 3:
                two.counted[target] = two.page(target)
                two.scrapes.landed(target, two.counted[target])
        assert two.engine.row(two.at_ms, two.scrapes) == ()
        if row == 19:
            two.restarts(Engine([objective(slo(indicator=GOOD))], kept=kept))

    assert two.read().state is State.VALUE
    assert two.sums() == (
        3000,
        39_000,
    )  # answers before the first page of all are in no count; the requests beside them are


def test_good_events_that_never_were_on_a_page_are_all_bad_after_two_minutes():
    two = Two(Engine([objective(slo(indicator=GOOD))]), proxy={"requests_total": 0.0})
    opened = {}
    for row in range(60):
        for change in two.step(proxy={"requests_total": 1000}):
            opened[change.burn.name] = row

    assert opened["page.quick"] <= 10
    assert two.sums() == (59_000, 59_000)


def test_a_group_of_which_one_side_fails_waits_alone():
    indicator = Good(
        "sum by (tenant) (rate(answers_total[{{.window}}]))", "sum by (tenant) (rate(requests_total[{{.window}}]))"
    )
    two = Two(Engine([objective(slo(indicator=indicator, group_by=("tenant",)))]), proxy={}, a={}, b={})
    for tenant in "ab":
        two.values["proxy"][metric("requests_total", tenant=tenant)] = 0.0
        two.values[tenant][metric("answers_total", tenant=tenant)] = 0.0
    two.step()
    for labels in two.values["proxy"]:
        two.values["proxy"][labels] = 100.0
    two.values["b"][metric("answers_total", tenant="b")] = 90.0
    two.step("a")

    found = {each.key.group: (each.state, each.period.bad, each.period.total) for each in two.engine.read(two.at_ms)}
    assert found == {
        Labels({"tenant": "a"}): (State.NO_DATA, 0, 0),
        Labels({"tenant": "b"}): (State.VALUE, 10, 100),
    }


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=25),
    st.integers(0, 3),
)
def test_whoever_is_silent_when_and_whenever_the_agent_restarts_every_event_counts_once(rows, share):
    kept = Memory()
    two = proxy_and_app(Engine([objective()], kept=kept))
    bad, total = 10, 1000
    for requests, proxy, app, restart in rows:
        errors = requests * share // 3
        bad, total = bad + errors, total + requests
        down = [name for name, is_down in (("proxy", proxy), ("app", app)) if is_down]
        two.step(*down, proxy={"requests_total": requests}, app={"errors_total": errors})
        assert two.read().state in (State.VALUE, State.NO_TRAFFIC, State.NO_DATA)
        if not down:
            assert two.sums() == (bad, total)
        if restart:
            two.restarts(Engine([objective()], kept=kept))
    two.step()

    assert two.sums() == (bad, total)
    assert two.read().left == pytest.approx(1 - bad / total / 0.001)
