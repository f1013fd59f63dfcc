"""Which queries are counted event by event, which are asked for their ratio, and why."""

from __future__ import annotations

import pytest

from agent.errors import ParseError
from agent.model import Labels
from agent.slo import Events, Good, Plugin, Raw
from agent.slo.shapes import Counted, Sampled, Term, shape

W = "[{{.window}}]"
TOTAL = f"sum(rate(total{W}))"


def listed(terms) -> list[str]:
    return [f"{'+' if each.sign > 0 else '-'}{each.text}" for each in terms]


@pytest.mark.parametrize(
    ("error", "total", "bad", "everything"),
    [
        (f'sum(rate(total{{code=~"5.."}}{W}))', TOTAL, ['+total{code=~"5.."}'], ["+total"]),
        (f"sum(rate(bad{W}))", "sum(rate(total[{{ .window }}]))", ["+bad"], ["+total"]),
        (f"sum(increase(bad{W}))", f"sum(increase(total{W}))", ["+bad"], ["+total"]),
        (f"rate(bad{W})", f"rate(total{W})", ["+bad"], ["+total"]),
        (f"sum by (route) (rate(bad{W}))", f"sum by (route) (rate(total{W}))", ["+bad"], ["+total"]),
        (f"(sum(rate(a{W})) + sum(rate(b{W})))", TOTAL, ["+a", "+b"], ["+total"]),
        (f"sum(rate(a{W}) + rate(b{W}))", TOTAL, ["+a", "+b"], ["+total"]),
        (f"sum(rate(a{W})) - sum(rate(b{W})) + sum(rate(c{W}))", TOTAL, ["+a", "-b", "+c"], ["+total"]),
        (f"sum(rate(a{W})) - (sum(rate(b{W})) - sum(rate(c{W})))", TOTAL, ["+a", "-b", "+c"], ["+total"]),
        (f"sum(rate(bad{W})) or vector(0)", f"{TOTAL} > 0", ["+bad"], ["+total"]),
        (
            f'sum(rate(s_count{W})) - sum(rate(s_bucket{{le="2.5"}}{W}))',
            f"sum(rate(s_count{W}))",
            ["+s_count", '-s_bucket{le="2.5"}'],
            ["+s_count"],
        ),
    ],
)
def test_sums_and_differences_of_increases_are_counted(error, total, bad, everything):
    found = shape(Events(error, total))

    assert isinstance(found, Counted)
    assert (listed(found.bad), listed(found.total)) == (bad, everything)


def test_what_is_not_good_is_bad():
    found = shape(Good(f'sum(rate(s_bucket{{le="2.5"}}{W}))', f"sum(rate(s_count{W}))"))

    assert isinstance(found, Counted)
    assert listed(found.bad) == ["+s_count", '-s_bucket{le="2.5"}']


@pytest.mark.parametrize(
    ("query", "bad"),
    [
        (f"sum(rate(bad{W})) / sum(rate(total{W}))", ["+bad"]),
        (f"1 - sum(rate(good{W})) / sum(rate(total{W}))", ["+total", "-good"]),
        (f"1 - (sum(rate(good{W})) / sum(rate(total{W})))", ["+total", "-good"]),
        (f"(sum(rate(total{W})) - sum(rate(good{W}))) / sum(rate(total{W}))", ["+total", "-good"]),
    ],
)
def test_a_ratio_that_is_written_as_one_is_counted(query, bad):
    found = shape(Raw(query))

    assert isinstance(found, Counted)
    assert listed(found.bad) == bad


@pytest.mark.parametrize(
    ("error", "total", "why"),
    [
        (f"sum(rate(bad{W}))", f"sum(increase(total{W}))", "rate and increase are mixed"),
        (f"sum(irate(bad{W}))", TOTAL, "is not a sum of increases"),
        (f"avg(rate(bad{W}))", TOTAL, "is not a sum of increases"),
        (f"sum(rate(bad{W})) * 2", TOTAL, "1:1: * is neither a sum nor a difference"),
        (f"sum(rate(bad{W} offset 5m))", TOTAL, "offset"),
        (f"sum(rate(bad{W} @ 0))", TOTAL, "@"),
        ("sum(rate(bad[5m]))", TOTAL, "1:10: the range is not {{.window}}"),
        (f"sum(rate(bad{W})) + on (job) sum(rate(worse{W}))", TOTAL, "neither a sum nor a difference"),
        (f"sum(rate(bad{W})) or sum(rate(worse{W}))", TOTAL, "neither a sum nor a difference"),
        (f"sum(rate(bad{W})) > bool 0", TOTAL, "neither a sum nor a difference"),
        (f"sum(rate(bad{W})) > 1", TOTAL, "neither a sum nor a difference"),
        (f"sum(bad_over{W})", TOTAL, None),
        (f"sum(sum_over_time(bad{W}))", TOTAL, "sum_over_time(bad[{{.window}}]) is not a sum of increases"),
        (f"sum(rate((bad * 1){W[:-1]}:1m]))", TOTAL, "of a subquery"),
        (f"histogram_count(sum(rate(h{W})))", TOTAL, "is not a sum of increases"),
        (f"topk(1, rate(bad{W}))", TOTAL, "is not a sum of increases"),
    ],
)
def test_anything_else_is_a_ratio_that_is_asked_for_and_says_why(error, total, why):
    if why is None:
        with pytest.raises(ParseError):
            shape(Events(error, total))
        return
    found = shape(Events(error, total))

    assert isinstance(found, Sampled)
    assert why in found.why
    assert found.query == f"({error})\n/\n({total})"


def test_a_ratio_of_other_kinds_is_asked_for():
    assert isinstance(shape(Raw(f"avg_over_time(probe_failed{W})")), Sampled)
    assert isinstance(shape(Raw(f"sum(rate(bad{W})) / on (job) sum(rate(total{W}))")), Sampled)


def test_a_plugin_has_no_shape():
    assert shape(Plugin("sloth.dev/whatever")) is None


def term(query: str) -> Term:
    found = shape(Events(query, query))
    assert isinstance(found, Counted)
    return found.total[0]


@pytest.mark.parametrize(
    ("query", "result"),
    [
        (f"rate(x{W})", {"a": "1", "b": "2"}),
        (f"sum(rate(x{W}))", {}),
        (f"sum by (a) (rate(x{W}))", {"a": "1"}),
        (f"sum without (a) (rate(x{W}))", {"b": "2"}),
        (f"sum by (a, c) (sum by (a, b) (rate(x{W})))", {"a": "1"}),
        (f"sum without (b) (sum by (a, b) (rate(x{W})))", {"a": "1"}),
        (f"sum by (a) (sum without (a) (rate(x{W})))", {}),
        (f"sum without (a) (sum without (b) (rate(x{W})))", {}),
    ],
)
def test_a_term_says_into_which_result_a_series_goes(query, result):
    assert term(query).result(Labels({"__name__": "x", "a": "1", "b": "2"})) == Labels(result)


@pytest.mark.parametrize(
    ("written", "there", "same"), [("1", "1.0", True), ("1.0", "1", True), ("1", "10", False), ("+Inf", "+Inf", True)]
)
def test_one_bucket_may_be_written_in_two_ways(written, there, same):
    found = term(f'sum(rate(x_bucket{{le="{written}"}}{W}))')

    assert found.matches(Labels({"__name__": "x_bucket", "le": there})) is same
