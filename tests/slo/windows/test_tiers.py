"""Burn rates follow from shares of the budget: the tables of common periods, and a formula that keeps the shares of all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SchemaError
from agent.model import format_duration, parse_duration
from agent.slo import Alert, Alerting, Calendar, Events, Rolling, Severity, Slo, compile_slo
from agent.slo.windows import Catalog, Limits, by_formula, problems_of, reachable, remarks_on

DAY = 86_400_000
NAMES = ["page.quick", "page.slow", "ticket.quick", "ticket.slow"]


def slo(objective, **alerting):
    return Slo("rag", "answers", objective, Events("a", "b"), alerting=Alerting(**alerting))


# The burn rates of the workbook for 30 days; for other periods by hand: share of the budget * period / window.
@pytest.mark.parametrize(
    ("period", "factors", "shares"),
    [
        ("30d", [14.4, 6, 3, 1], [2, 5, 10, 10]),
        ("28d", [13.44, 5.6, 2.8, 0.9333333333], [2, 5, 10, 10]),
        ("7d", [13.44, 4.2, 1.75, 1.1666666667], [8, 15, 25, 50]),
    ],
)
def test_the_catalogue_has_the_burn_rates_of_common_periods(period, factors, shares):
    windows = Catalog().windows(parse_duration(period))

    assert [tier.name for tier in windows.tiers] == NAMES
    assert [windows.factor(tier) for tier in windows.tiers] == pytest.approx(factors)
    assert [tier.budget_percent for tier in windows.tiers] == shares
    looked_at = [(format_duration(tier.short_ms), format_duration(tier.long_ms)) for tier in windows.tiers]
    assert looked_at == [("5m", "1h"), ("30m", "6h"), ("2h", "1d"), ("6h", "3d")]


def test_the_formula_gives_the_windows_of_the_workbook_for_its_own_period():
    assert by_formula(30 * DAY) == Catalog().windows(30 * DAY)


def test_a_quarter_has_windows_three_times_as_long():
    windows = by_formula(90 * DAY)

    assert [format_duration(each) for each in windows.durations_ms] == ["15m", "1h30m", "3h", "6h", "18h", "3d", "9d"]


@given(st.integers(1, 800))
def test_every_period_keeps_the_shares_and_the_order_of_30_days(days):
    windows = by_formula(days * DAY)

    burned = [windows.factor(tier) * tier.long_ms / windows.period_ms * 100 for tier in windows.tiers]
    factors = [windows.factor(tier) for tier in windows.tiers]
    assert burned == pytest.approx([2, 5, 10, 10])
    assert factors == sorted(factors, reverse=True)
    assert factors == pytest.approx([14.4, 6, 3, 1], rel=0.05) or days < 7
    for tier in windows.tiers:
        assert 120_000 <= tier.short_ms < tier.long_ms <= windows.period_ms
        assert tier.long_ms % (300_000 if tier.long_ms > 3_600_000 else 60_000) == 0


def test_a_period_of_hours_is_refused():
    with pytest.raises(ValueError, match="at least one day"):
        Catalog().windows(DAY - 1)


def test_a_period_that_nobody_will_see_the_end_of_is_refused():
    """Its windows would be longer than PromQL can say, and its beginning in no calendar."""
    with pytest.raises(ValueError, match="at most ten years"):
        Catalog().windows(11 * 366 * DAY)
    for window in (Calendar("year", 1_000_000, start="2026-01-01"), Rolling(11 * 366 * DAY)):
        with pytest.raises(SchemaError, match="at most ten years"):
            compile_slo(replace(slo(99.9), window=window))


def test_a_tier_that_can_never_fire_is_refused_with_tiers_that_can():
    """At 90 % everything bad is a burn rate of 10; sloth would ask for 14.4 and keep silent for ever."""
    (problem,) = problems_of(slo(90), Catalog().windows(30 * DAY))

    assert "burns at most 10 times" in problem
    assert "page.quick (waits for 14.4 times) can never fire" in problem
    assert "page.quick 0.69, page.slow 2.5, ticket.quick 6.5, ticket.slow 10" in problem


def test_below_half_no_burn_rate_tells_anything():
    (problem,) = problems_of(slo(50), Catalog().windows(30 * DAY))

    assert problem.endswith("disable these alerts, or raise it")


def test_an_alert_that_is_disabled_may_have_tiers_that_never_fire():
    assert problems_of(slo(90, page=Alert(disabled=True)), Catalog().windows(30 * DAY)) == []


@given(st.floats(51, 99.9999), st.integers(1, 400))
def test_the_tiers_that_are_suggested_can_fire_and_keep_their_order(objective, days):
    windows = by_formula(days * DAY)
    better = reachable(windows, slo(objective).budget)

    assert problems_of(slo(objective), better) == []
    factors = [better.factor(tier) for tier in better.tiers]
    assert factors == sorted(factors, reverse=True)
    assert all(new.budget_percent <= old.budget_percent for new, old in zip(better.tiers, windows.tiers, strict=True))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(scrape_interval_ms=60_000), None),
        (Limits(scrape_interval_ms=90_000), "the short window of page.quick (5m) holds fewer than 4 scrapes of 1m30s"),
        (Limits(retention_ms=2 * DAY), "the long window of ticket.slow (3d) is longer than samples are kept (2d)"),
        (Limits(retention_ms=15 * DAY), "its period of 30d is longer than samples are kept (15d)"),
        (Limits(retention_ms=30 * DAY), None),
    ],
)
def test_windows_that_hold_too_few_samples_are_refused(limits, said):
    problems = problems_of(slo(99.9), Catalog().windows(30 * DAY), limits)

    assert any(said in each for each in problems) if said else problems == []


def test_a_tier_that_tells_of_kept_promises_is_remarked():
    """The week of sloth's example fires at 0.98: near enough to 1. At 0.5 half of the budget would be left at the end."""
    windows = by_formula(30 * DAY)
    slow = windows.of(Severity.TICKET)[1]
    slower = replace(windows, tiers=(*windows.tiers[:3], replace(slow, budget_percent=5)))

    assert remarks_on(slo(99.9), windows) == []
    assert remarks_on(slo(99.9), slower)[0].startswith("ticket.slow fires at a burn rate of 0.5")
