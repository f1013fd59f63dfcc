"""How an indicator is counted: which queries give numbers of events, and which ratios can be taken apart."""

from __future__ import annotations

import pytest

from agent.errors import InvalidInput
from agent.slo import Composite, Events, Plugin, Raw, Slo
from agent.slo.compile.counting import Unit, counts_of

E, T = 'sum(rate(x_total{code="500"}[{{.window}}]))', "sum(rate(x_total[{{ .window }}]))"


def counts(indicator):
    return counts_of(Slo("rag", "answers", 99.9, indicator))


@pytest.mark.parametrize(
    ("query", "unit"),
    [
        ("sum(rate(x_total[{{.window}}]))", Unit.PER_SECOND),
        ("sum by (route) (rate(x_total[{{.window}}])) or vector(0)", Unit.PER_SECOND),
        ("sum(rate(a_count[{{.window}}])) - sum(rate(a_bucket{le='1'}[{{.window}}]))", Unit.PER_SECOND),
        ("(sum(increase(x_total[{{.window}}])))", Unit.EVENTS),
        ("sum(rate(x_total[{{.window}}])) > 0", Unit.PER_SECOND),
        ("(sum(increase(x_total[{{.window}}])) or vector(0)) > (0)", Unit.EVENTS),
        ("sum(rate(x_total[{{.window}}])) > bool 0", Unit.AMOUNT),
        ("sum(rate(x_total[{{.window}}])) >= 1", Unit.AMOUNT),
        ("histogram_count(sum(rate(h[{{.window}}])))", Unit.PER_SECOND),
        ("sum(rate(x_total[{{.window}}])) * 60", Unit.AMOUNT),
        ("avg(rate(x_total[{{.window}}]))", Unit.AMOUNT),
        ("sum(irate(x_total[{{.window}}]))", Unit.AMOUNT),
        ("sum(rate(x_total[{{.window}}])) + sum(increase(y_total[{{.window}}]))", Unit.AMOUNT),
        ("sum(avg_over_time(broken[{{.window}}]))", Unit.AMOUNT),
    ],
)
def test_only_sums_of_rates_or_of_increases_are_events(query, unit):
    assert counts(Events(query, query)).unit is unit


def test_rates_over_increases_are_no_events():
    """Their ratio is off by the window's length; it is the author's, and no count is made of it."""
    assert counts(Events(E, "sum(increase(x_total[{{.window}}]))")).unit is Unit.AMOUNT


def test_a_rate_is_counted_over_its_window():
    assert counts(Events(E, T)).total_in(3_600_000) == "3600 * (sum(rate(x_total[1h]))) >= 0"
    increase = Events("sum(increase(x_total[{{.window}}]))", "sum(increase(x_total[{{.window}}]))")
    assert counts(increase).total_in(3_600_000) == "(sum(increase(x_total[1h]))) >= 0"


@pytest.mark.parametrize(
    ("ratio", "good"),
    [
        (f"{E} / {T}", False),
        (f"(\n  {E}\n  /\n  {T}\n)", False),
        (f"1 - {E} / {T}", True),
        (f"1 - (({E}) / ({T}))", True),
    ],
)
def test_a_division_is_taken_apart(ratio, good):
    found = counts(Raw(ratio))

    assert (found.bad, found.total, found.good) == (E, T.replace(" .window ", ".window"), good)


@pytest.mark.parametrize(
    "ratio",
    [
        "avg_over_time(broken[{{.window}}])",
        f"{E} / on() {T}",
        f"{E} / 100",
        f"2 - {E} / {T}",
        f"{E} * {T}",
        f"clamp_max({E} / {T}, 1)",
    ],
)
def test_what_is_no_plain_division_stays_a_ratio(ratio):
    assert counts(Raw(ratio)) is None


@pytest.mark.parametrize("indicator", [Plugin("sloth/x"), Composite()])
def test_what_has_no_query_cannot_be_compiled(indicator):
    with pytest.raises(InvalidInput, match="rules need queries"):
        counts(indicator)
