"""What the emitted rules compute, evaluated by the engine: ratios of sums, three kinds of nothing, detection in time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Labels
from agent.slo import Alerting, Events, Good, RatioTimeslices, Raw, Slo, Timeslices
from agent.slo.compile import Dialect, Setting
from tests.slo.compile.history import DAY, HOUR, MINUTE, History, groups_of

BAD = 'sum(rate(requests_total{code="500"}[{{.window}}]))'
GOOD = 'sum(rate(requests_total{code="200"}[{{.window}}]))'
ALL = "sum(rate(requests_total[{{.window}}]))"
EVENTS = Events(BAD, ALL)
REMAINING = "slo:period_error_budget_remaining:ratio"


def slo(indicator=EVENTS, objective=99.9, **more):
    return Slo("rag", "answers", objective, indicator, **more)


def daily(day, night, minutes):
    """Return a rate per minute: `day` for 16 hours, `night` for 8, and again."""
    return [day if minute % (24 * 60) < 16 * 60 else night for minute in range(minutes)]


# By hand: of 16 h at 100/s and 8 h at 1/s, 5 % of the night's are 1,440 of 5,788,800 a day: 24.9 % of the budget. The mean of
# the ratios is 5 % / 3. The other way round 0.2 % of the day's are 11,520: 199 % of the budget, and the mean 0.2 % * 2 / 3.
@pytest.mark.parametrize(
    ("errors", "dialect", "left"),
    [
        ((0, 0.05), Dialect.BURNLINE, 0.7512),
        ((0, 0.05), Dialect.SLOTH, -15.67),
        ((0.002, 0), Dialect.BURNLINE, -0.990),
        ((0.002, 0), Dialect.SLOTH, -1 / 3),
    ],
)
def test_a_quiet_night_weighs_what_it_has(errors, dialect, left):
    """30 days of day and night: the budget counts events, where a mean of ratios says that it is gone 16 times over."""
    history, minutes = History(), 31 * 24 * 60
    history.counter("requests_total", daily(100 * (1 - errors[0]), 1 - errors[1], minutes), code="200")
    history.counter("requests_total", daily(100 * errors[0], errors[1], minutes), code="500")

    history.live(groups_of(slo(alerting=Alerting("Burns")), Setting(dialect)), 31 * DAY)

    assert history.ask(REMAINING, 31 * DAY) == pytest.approx([left], rel=0.01)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), min_size=72, max_size=72))
def test_a_window_is_the_ratio_of_its_sums(rates):
    """Six hours of random traffic, five minutes each: bad over all, each event once."""
    history = History()
    steady = [(10, 0)] * 12 + rates
    for code, column in (("200", 0), ("500", 1)):
        history.counter("requests_total", np.repeat([each[column] for each in steady], 5), code=code)

    history.live(groups_of(slo(objective=99)), 7 * HOUR)

    good, bad = (sum(each[column] for each in rates) * 300 for column in (0, 1))
    assert history.ask("slo:bad_events:increase6h", 7 * HOUR) == pytest.approx([bad])
    assert history.ask("slo:total_events:increase6h", 7 * HOUR) == pytest.approx([good + bad])
    ratio = [bad / (good + bad)] if good + bad else []
    assert history.ask("slo:sli_error:ratio_rate6h", 7 * HOUR) == pytest.approx(ratio)


def rate_of(selector):
    return f"sum(rate({selector}[{{{{.window}}}}]))"


@pytest.mark.parametrize(
    ("error", "total", "bad", "every"),
    [
        (rate_of("failed") + " + " + rate_of("unborn"), rate_of("asked"), 1, 10),
        (rate_of("unborn") + " + " + rate_of("failed"), rate_of("asked"), 1, 10),
        (rate_of("failed") + " - " + rate_of("unborn"), rate_of("asked"), 1, 10),
        (rate_of("failed"), rate_of("asked") + " + " + rate_of("unborn"), 1, 10),
        (rate_of("failed"), rate_of("unborn") + " + " + rate_of("asked"), 1, 10),
        (rate_of("asked") + " - " + rate_of("unborn"), rate_of("asked"), 10, 10),
        (rate_of("asked") + " - " + rate_of("fine"), rate_of("asked"), 2, 10),
        (f"({rate_of('asked')}) - ({rate_of('fine')} + {rate_of('unborn')})", rate_of("asked"), 2, 10),
        (rate_of("asked") + " - " + rate_of("fine") + " - " + rate_of("failed"), rate_of("asked"), 1, 10),
    ],
)
@pytest.mark.parametrize("raw", [False, True])
def test_a_part_of_a_sum_that_is_missing_takes_none_of_the_other_parts_with_it(error, total, bad, every, raw):
    """A counter of timeouts that nobody saw yet hides no failure, and misses that never came no hit: as the engine counts."""
    history = History()
    for name, per_second in (("asked", 10), ("failed", 1), ("fine", 8)):
        history.counter(name, [per_second] * 120)

    history.live(groups_of(slo(Raw(f"({error}) / ({total})") if raw else Events(error, total))), 2 * HOUR)

    for window in ("5m", "6h"):
        seconds = {"5m": 300, "6h": 2 * 3600}[window]
        assert history.ask(f"slo:bad_events:increase{window}", 2 * HOUR) == pytest.approx([bad * seconds])
        assert history.ask(f"slo:total_events:increase{window}", 2 * HOUR) == pytest.approx([every * seconds])


def test_a_part_that_is_missing_in_one_group_is_none_there():
    by_tenant = rate_of("x").replace("sum(", "sum by (tenant) (")
    error = " + ".join(by_tenant.replace("x[", f"{name}[") for name in ("failed", "late"))
    history = History()
    for tenant in ("acme", "globex"):
        history.counter("asked", [10] * 120, tenant=tenant)
        history.counter("failed", [1] * 120, tenant=tenant)
    history.counter("late", [2] * 120, tenant="globex")

    history.live(groups_of(slo(Events(error, by_tenant.replace("x[", "asked[")), group_by=("tenant",))), 2 * HOUR)

    for tenant, ratio in (("acme", 0.1), ("globex", 0.3)):
        assert history.ask(f'slo:sli_error:ratio_rate1h{{tenant="{tenant}"}}', 2 * HOUR) == pytest.approx([ratio])


@pytest.mark.parametrize(
    ("exposed", "bound"),
    [("0.5", "0.5"), ("0.5", "0.50"), ("0.5", "5e-1"), ("1", "1.0"), ("1.0", "1"), ("1.0", "1.00"), ("1e+06", "1e+06")],
)
def test_a_bucket_is_found_however_its_bound_is_written(exposed, bound):
    """Go writes 1, Python and Prometheus 3 write 1.0; a selector compares text."""
    fast, every = rate_of(f't_bucket{{le="{bound}", path="/le=\\"1\\""}}'), rate_of('t_bucket{le="+Inf"}')
    history = History()
    history.counter("t_bucket", [9] * 120, le=exposed, path='/le="1"')
    history.counter("t_bucket", [10] * 120, le="+Inf", path='/le="1"')

    history.live(groups_of(slo(Events(f"{every} - {fast}", every))), 2 * HOUR)

    assert history.ask("slo:sli_error:ratio_rate1h", 2 * HOUR) == pytest.approx([0.1])


@pytest.mark.parametrize("indicator", [EVENTS, Good(GOOD, ALL), Raw(f"{BAD} / {ALL}"), Raw(f"1 - ({GOOD} / {ALL})")])
def test_a_series_that_is_missing_while_there_is_traffic_is_none_of_its_kind(indicator):
    """No 500 was ever counted: no errors. (A rule of sloth has no sample then.) Without any 200, all were bad."""
    for code, ratio in (("200", 0.0), ("500", 1.0)):
        history = History()
        history.counter("requests_total", [10] * 120, code=code)

        history.live(groups_of(slo(indicator)), 2 * HOUR)

        assert history.ask("slo:sli_error:ratio_rate1h", 2 * HOUR) == pytest.approx([ratio])
        assert history.ask(REMAINING, 2 * HOUR) == pytest.approx([1 - ratio * 1000])


def test_no_traffic_is_no_sample_and_poisons_no_sum():
    """An hour of traffic, two of silence: no ratio, never NaN, and the budget of the period is what it was."""
    history = History()
    history.counter("requests_total", [99.95] * 60 + [0] * 120, code="200")
    history.counter("requests_total", [0.05] * 60 + [0] * 120, code="500")

    history.live(groups_of(slo()), 3 * HOUR)

    assert history.ask("slo:sli_error:ratio_rate1h", 3 * HOUR) == []
    assert history.ask("slo:sli_error:ratio_rate6h", 3 * HOUR) == pytest.approx([0.0005])
    assert history.ask(REMAINING, 3 * HOUR) == pytest.approx([0.5])
    for at_ms in range(0, 3 * HOUR, 5 * MINUTE):
        assert not any(map(math.isnan, history.ask('{__name__=~"slo:.*"}', at_ms)))


def test_no_data_at_all_is_no_sample():
    history = History()

    history.live(groups_of(slo()), 3 * HOUR)

    assert history.ask('{__name__=~"slo:sli.*|slo:.*_events.*"}', 3 * HOUR) == []


def test_a_counter_that_is_no_number_makes_no_sample():
    history = History()
    history.counter("requests_total", [10] * 100, code="200")
    history.counter("requests_total", [math.nan] * 100, code="500")

    history.live(groups_of(slo()), 100 * MINUTE)

    assert history.ask("slo:bad_events:increase1h", 100 * MINUTE) == []
    assert history.ask("slo:sli_error:ratio_rate1h", 100 * MINUTE) == []


@pytest.mark.parametrize(("good", "bad"), [(10.05, [0.0]), (12, [])])
def test_more_good_events_than_events_are_no_sample(good, bad):
    """A little more is how counts are taken, and means none bad. A fifth more is a mistake, and not a perfect service."""
    history = History()
    history.counter("good_total", [good] * 100)
    history.counter("all_total", [10] * 100)

    history.live(groups_of(slo(Good("sum(rate(good_total[{{.window}}]))", "sum(rate(all_total[{{.window}}]))"))), HOUR)

    assert history.ask("slo:sli_error:ratio_rate30m", HOUR) == bad


def test_a_ratio_that_is_no_division_is_weighed_by_time():
    """Of a ratio alone nobody knows the events: half of the time at 1 % is 0.5 %."""
    history = History()
    history.memory.add(
        Labels.of(name_="broken_share"),
        [history.start_ms + each * MINUTE for each in range(24 * 60 + 1)],
        [0.01 if each <= 12 * 60 else 0.0 for each in range(24 * 60 + 1)],
    )
    alone = Raw("avg_over_time(broken_share[{{.window}}])")

    history.live(groups_of(slo(alone, 99)), DAY)

    assert history.ask(REMAINING, DAY) == pytest.approx([0.5], abs=0.01)


# Of 12 slices of five minutes 3 have 50 % errors, and 3 have 1 %. With a target of 98 % good three are bad: a quarter. The
# mean of the slices' ratios is (3 * 0.5 + 3 * 0.01) / 12.
@pytest.mark.parametrize(
    ("budgeting", "ratio"),
    [(Timeslices(5 * MINUTE, 0.98), 0.25), (RatioTimeslices(5 * MINUTE), 0.1275)],
)
def test_slices_count_however_many_events_they_had(budgeting, ratio):
    history = History()
    slices = [(100, 0), (100, 0)] * 3 + [(5, 5), (99, 1)] * 3
    for code, column in (("200", 0), ("500", 1)):
        history.counter("requests_total", np.repeat([(100, 0), *slices], 5, axis=0)[:, column], code=code)

    history.live(groups_of(slo(objective=95, budgeting=budgeting)), 65 * MINUTE)

    assert history.ask("slo:sli_error:ratio_rate1h", 65 * MINUTE) == pytest.approx([ratio])


def test_a_grouped_objective_has_a_budget_per_group():
    grouped = Events(BAD.replace("sum(", "sum by (route) ("), ALL.replace("sum(", "sum by (route) ("))
    history = History()
    for route, bad in (("/ask", 1), ("/list", 0)):
        history.counter("requests_total", [99] * 120, code="200", route=route)
        history.counter("requests_total", [bad] * 120, code="500", route=route)

    history.live(groups_of(slo(grouped, 99, group_by=("route",))), 2 * HOUR)

    assert history.ask(f'{REMAINING}{{route="/ask"}}', 2 * HOUR) == pytest.approx([0.0], abs=1e-9)
    assert history.ask(f'{REMAINING}{{route="/list"}}', 2 * HOUR) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("bad", "total", "certain"),
    [(3, 7, [0.186]), (2, 7, []), (3, 400, [0.0032]), (9, 2_000, [0.0045])],
)
def test_few_events_prove_what_their_lower_bound_says_and_many_their_ratio(bad, total, certain):
    """Below 1,000 events in the hour the bound of Wilson, of fewer than three bad ones nothing; above, the ratio itself."""
    history = History()
    for code, count in (("200", total - bad), ("500", bad)):
        per_second = [0] * 60 + [count / 1200] * 20 + [0] * 40
        history.counter("requests_total", per_second, code=code)

    history.live(groups_of(slo()), 2 * HOUR)

    assert history.ask("slo:sli_error:ratio_atleast1h", 2 * HOUR) == pytest.approx(certain, abs=0.001, rel=0.02)


# The closed form: the burn rate times the window times the budget over the share of errors. What is sampled comes later by up
# to a scrape and an evaluation, and earlier by less than a scrape, as rate() extrapolates.
@pytest.mark.parametrize(("share", "seconds"), [(1.0, 51.8), (0.5, 103.7), (0.15, 345.6)])
def test_a_page_comes_when_the_closed_form_says(share, seconds):
    """100 requests a second, scraped and evaluated every 15 seconds, a clean hour before; counters exist from the start."""
    history, step, clean = History(), 15_000, 4 * 70
    steps = clean + 4 * 8
    errors = [0.0] * clean + [100 * share] * (steps - clean)
    history.counter("requests_total", [100 - each for each in errors], step_ms=step, code="200")
    history.counter("requests_total", errors, step_ms=step, code="500")
    groups = groups_of(slo())
    records = [rule for group in groups[:1] for rule in group.rules if rule.name.endswith(("5m", "1h"))]
    page = next(rule for rule in groups[0].rules if rule.labels.get("sloth_severity") == "page")

    history.record(records, (clean - 20) * step, steps * step, step)
    onset = clean * step
    fired = [at for at in range(onset, steps * step + 1, step) if history.ask(page.expr, at)]

    assert seconds - 15 <= (fired[0] - onset) / 1000 <= seconds + 30
    assert not history.ask(page.expr, onset - step)
