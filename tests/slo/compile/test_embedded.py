"""A query stands inside larger expressions, in rules and where the agent asks for a ratio: none of them may be broken by it."""

from __future__ import annotations

import pytest

from agent.query import ast, parse
from agent.slo import Alerting, Dialect, Events, Good, Raw, Setting, Slo, compile_slo
from agent.slo.shapes import Sampled, shape

COUNTED = 'sum(rate(x_total{path="#/a"}[{{.window}}]))'
COMMENTED = 'sum(rate(x_total{path="#/a"}[{{.window}}])) # all but "probes" (it\'s those that count)'
ASKED = "sum(irate(y_total[{{.window}}])) # as of now"
SHARE = "1 - avg_over_time(up[{{.window}}]) # down"
LONE = "scalar(sum(rate(x_total[{{.window}}])))"


def expressions(indicator, setting):
    compiled = compile_slo(Slo("rag", "answers", 99.9, indicator, alerting=Alerting("Burns")), setting)
    return [rule.expr for group in compiled.groups for rule in group.rules]


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "indicator",
    [
        pytest.param(Events(COMMENTED, COUNTED), id="errors"),
        pytest.param(Events(COUNTED, COMMENTED + "\n"), id="total, on a line of its own"),
        pytest.param(Good(COMMENTED, COMMENTED), id="good and all"),
        pytest.param(Events(ASKED, ASKED.replace("y", "z")), id="amounts"),
        pytest.param(Raw(SHARE), id="a ratio"),
        pytest.param(Raw(f"{COUNTED} / {COMMENTED}"), id="a quotient"),
    ],
)
def test_a_comment_at_the_end_of_a_query_ends_there(indicator, dialect):
    for each in expressions(indicator, Setting(dialect=dialect)):
        assert parse(each).type is ast.ValueType.VECTOR


@pytest.mark.parametrize(
    "indicator", [Events(ASKED, COMMENTED), Good(ASKED, COMMENTED), Raw(SHARE)], ids=["errors", "good", "a ratio"]
)
def test_a_comment_at_the_end_of_a_query_is_none_of_the_ratio_that_the_agent_asks_for(indicator):
    found = shape(indicator)

    assert isinstance(found, Sampled)
    assert parse(found.query.replace("{{.window}}", "1m")).type is ast.ValueType.VECTOR


@pytest.mark.parametrize(
    "indicator",
    [Events(LONE, COUNTED), Events(COUNTED, LONE), Good(LONE, LONE), Raw(LONE)],
    ids=["errors", "total", "good and all", "a ratio"],
)
def test_a_scalar_is_recorded_as_a_series(indicator):
    """Prometheus compares scalars with `bool` alone and joins none of them with `or`."""
    for each in expressions(indicator, Setting()):
        assert parse(each).type is ast.ValueType.VECTOR
