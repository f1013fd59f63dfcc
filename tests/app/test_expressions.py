"""What the page asks about an expression itself."""

from __future__ import annotations

import pytest

from agent.app.expressions import condition_of, refuse_for_range, selector_matchers, selectors_of
from agent.errors import InvalidInput, ParseError
from agent.query import parse


@pytest.mark.parametrize(
    ("query", "kind"), [("up[5m]", "range vector"), ('"a"', "string"), ("(up[5m:1m])", "range vector")]
)
def test_a_range_query_cannot_ask_for_a_range_or_a_string(query, kind):
    with pytest.raises(
        InvalidInput, match=f'invalid parameter "query": invalid expression type "{kind}" for range query'
    ):
        refuse_for_range(parse(query).type)


@pytest.mark.parametrize("query", ["up", "1", "rate(up[5m])", "sum(up) > 1"])
def test_a_range_query_can_ask_for_vectors_and_scalars(query):
    refuse_for_range(parse(query).type)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("error_rate > 0.05", "> 0.05"), ("(up == 0)", "== 0"), ("up", ""), ("a > b", ""), ("uptime < 60", "< 60")],
)
def test_the_comparison_that_an_alert_is_about_is_its_last_one(expression, expected):
    assert expected == condition_of(expression)


def test_a_selector_gives_its_matchers_and_nothing_else_is_a_selector():
    assert {str(each) for each in selector_matchers('up{job="rag"}')} == {'__name__="up"', 'job="rag"'}
    with pytest.raises(ParseError, match="expected a series selector"):
        selector_matchers("rate(up[5m])")


def test_an_expression_gives_the_matchers_of_all_its_selectors():
    """In ranges, subqueries, arguments and on both sides of an operator."""
    query = 'sum by (a) (rate(x{job="rag"}[5m])) / on () max_over_time(y[1h:5m]) + quantile_over_time(scalar(z), w[1m])'
    found = [sorted(str(each) for each in matchers) for matchers in selectors_of(query)]
    assert found == [['__name__="x"', 'job="rag"'], ['__name__="y"'], ['__name__="z"'], ['__name__="w"']]
    assert selectors_of("1 + 1") == []
    with pytest.raises(ParseError):
        selectors_of("")
