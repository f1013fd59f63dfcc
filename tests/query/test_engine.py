"""The engine's door: what results look like, what is refused, and what is noticed on the way."""

from __future__ import annotations

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import agent.query
from agent.errors import ExecutionError, ParseError, QueryLimit
from agent.model import NO_BUCKETS, Block, Buckets, Histogram, Labels
from agent.query import Engine, Matrix, MemoryQueryable, Ragged, Scalar, String, Vector, parse
from agent.query.evaluate import implementation
from agent.query.functions import SIGNATURES
from agent.query.parser import MAX_DEPTH

NO_COUNTER = 'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x"'


def store(**series):
    """Make a store: each name maps to values at 0 s, 10 s, 20 s, …"""
    made = MemoryQueryable()
    for name, values in series.items():
        made.add(
            Labels.of(name_=name), [10_000 * index for index in range(len(values))], [float(value) for value in values]
        )
    return made


class Stable:
    """A queryable that hands out one block, cut to the range, and counts the times it was asked."""

    def __init__(self, labels, timestamps, values):
        self.block = Block(tuple(labels), np.array(timestamps, np.int64), np.array(values, np.float64), True)
        self.asked = 0

    def select(self, matchers, start_ms, end_ms):
        self.asked += 1
        return [self.block]

    def cells(self, matchers, start_ms, end_ms, pulse=None):
        return self.block.values.size


def test_the_door_is_exact():
    """Every name of the door exists, and no other is offered."""
    assert agent.query.__all__ == [
        "SIGNATURES",
        "Engine", "Explained", "Explanation", "Expr", "Kind", "Limits", "Matrix", "MemoryQueryable", "Queryable", "Ragged",
        "Result", "Scalar", "Series", "SeriesValues", "String", "Token", "Vector", "ast", "described", "evaluate_duration",
        "format_notation", "hinted", "parse", "parse_metric", "parse_values", "pretty", "tokens",
    ]  # fmt: skip
    assert all(getattr(agent.query, name) is not None for name in agent.query.__all__)
    with pytest.raises(AttributeError):
        agent.query.nothing  # noqa: B018 (the access is what is tested)


def test_parsing_needs_no_numpy():
    """Checking a rule file does not pay for the engine."""
    code = "import sys, agent.query; agent.query.parse('sum(rate(x[5m]))'); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_every_signature_has_its_computation(name):
    """A row in the table of signatures names a page that holds the function."""
    assert callable(implementation(name))


@pytest.mark.parametrize(
    ("expression", "kind"),
    [("1", Scalar), ('"a"', String), ("x", Vector), ("x[1m]", Ragged), ("rate(x[1m])[1m:10s]", Ragged)],
)
def test_an_instant_query_answers_with_the_expression_s_type(expression, kind):
    """Scalar, string, vector, and for range vectors the samples themselves."""
    assert isinstance(Engine(store(x=[1, 2])).instant(expression, 10_000).value, kind)


@pytest.mark.parametrize("expression", ["1", "x", "time()"])
def test_a_range_query_answers_with_a_matrix(expression):
    """Scalars become a series without labels."""
    assert isinstance(Engine(store(x=[1, 2])).range(expression, 0, 10_000, 10_000).value, Matrix)


def test_a_vector_iterates_over_samples_at_the_asked_instant():
    """Labels, the evaluation's time, the value."""
    (sample,) = Engine(store(x=[1, 2])).instant("x", 15_000).value
    assert (sample.labels, sample.timestamp_ms, sample.value) == (Labels.of(name_="x"), 15_000, 2.0)


def test_a_matrix_is_ordered_by_labels_and_leaves_out_gaps():
    """Series come in the order of their labels, points only where there are some, empty series not at all."""
    made = MemoryQueryable()
    made.add(Labels.of(name_="x", i="b"), [0, 20_000], [1.0, 3.0])
    made.add(Labels.of(name_="x", i="a"), [10_000], [2.0])
    made.add(Labels.of(name_="x", i="c"), [900_000], [2.0])
    matrix = Engine(made, lookback_ms=10_000).range("x", 0, 20_000, 10_000).value
    assert [(each.labels.get("i"), each.timestamps.tolist(), each.values.tolist()) for each in matrix] == [
        ("a", [10_000], [2.0]),
        ("b", [0, 20_000], [1.0, 3.0]),
    ]
    assert len(matrix) == 2


def test_a_range_selector_gives_raw_samples():
    """Left-open: the sample at the window's start is not in it."""
    (series,) = Engine(store(x=[1, 2, 3, 4])).instant("x[20s]", 30_000).value
    assert series.timestamps.tolist() == [20_000, 30_000]


@pytest.mark.parametrize("expression", ["x[1m]", '"text"'])
def test_a_range_query_refuses_what_is_no_vector(expression):
    """Range vectors and strings have no value per step."""
    with pytest.raises(ExecutionError, match="invalid expression type"):
        Engine(store(x=[1])).range(expression, 0, 1000, 1000)


@pytest.mark.parametrize(("start", "end", "step"), [(0, 1000, 0), (0, 1000, -5), (1000, 0, 10)])
def test_a_range_query_refuses_impossible_steps(start, end, step):
    """A step must be positive, an end not before its start."""
    with pytest.raises(ExecutionError):
        Engine(store(x=[1])).range("x", start, end, step)


def test_too_many_points_are_refused():
    """Prometheus' wording, with the limit as configured."""
    engine = Engine(store(x=[1]), max_points=11_000)
    engine.range("x", 0, 11_000_000, 1000)
    with pytest.raises(QueryLimit, match="exceeded maximum resolution of 11,000 points per timeseries"):
        engine.range("x", 0, 11_001_000, 1000)


@pytest.mark.parametrize("expression", ["x", "sum_over_time(x[10m])", "sum_over_time(x[10m:1s])", "vector(1)[10m:1s]"])
def test_too_many_samples_are_refused(expression):
    """Selectors, ranges and subqueries count; the refusal is no timeout."""
    engine = Engine(store(x=range(60)), max_samples=20)
    with pytest.raises(QueryLimit, match="would load too many samples") as caught:
        engine.range(expression, 0, 590_000, 10_000) if "vector(1)" not in expression else engine.instant(
            expression, 590_000
        )
    assert not caught.value.timeout


@pytest.mark.parametrize("expression", ["vector(1)[100y:1ms]", "sum_over_time(vector(1)[100y:1ms])", "x[200y:1ms]"])
def test_a_subquery_of_too_many_steps_is_refused_before_it_is_made(expression):
    """The steps are counted, not allocated."""
    with pytest.raises(QueryLimit, match="would load too many samples"):
        Engine(store(x=[1])).instant(expression, 0)


@pytest.mark.parametrize(
    "expression", ["x @ 9223372036854774", "x @ -9223372036854774 offset 292y", "rate(x[292y] @ 9e15)"]
)
def test_the_farthest_instants_are_empty_not_wrong(expression):
    """Sums of instants and spans stay within 64 bits."""
    assert len(Engine(store(x=[1])).instant(expression, 0).value) == 0


def test_threads_may_share_an_engine():
    """Worker threads that ask different queries of one engine disturb neither its caches nor each other."""
    engine = Engine(store(**{f"x{number}_total": [0, 10, 20] for number in range(20)}))

    def ask(number):
        (sample,) = engine.instant(f"sum by (job) (rate(x{number % 20}_total[20s])) + {number % 700}", 20_000).value
        return sample.value - number % 700

    with ThreadPoolExecutor(8) as pool:
        assert all(abs(value - 1) < 1e-9 for value in pool.map(ask, range(3000)))


def test_the_deadline_is_asked_between_nodes():
    """The query ends at the node after time is up."""
    answers = iter([False, False, True])
    with pytest.raises(QueryLimit, match="timed out") as caught:
        Engine(store(x=[1])).instant("x + x + x", 0, expired=lambda: next(answers))
    assert caught.value.timeout


def test_bad_promql_is_a_parse_error():
    """The engine parses; the place is kept."""
    with pytest.raises(ParseError, match="1:3"):
        Engine(store(x=[1])).instant("x $", 0)


def test_an_expression_may_be_given_parsed():
    """A node works like its text."""
    engine = Engine(store(x=[1]))
    assert list(engine.instant(parse("x + 1"), 0).value) == list(engine.instant("x + 1", 0).value)


def test_the_lookback_is_configurable():
    """A sample older than the lookback is gone, to the millisecond."""
    engine = Engine(store(x=[1]), lookback_ms=10_000)
    assert len(engine.instant("x", 9_999).value) == 1
    assert len(engine.instant("x", 10_000).value) == 0


def test_the_default_subquery_step_is_configurable():
    """A subquery without a step uses the engine's."""
    engine = Engine(store(x=range(20)), subquery_step_ms=10_000)
    (sample,) = engine.instant("count_over_time(x[1m:])", 100_000).value
    assert sample.value == 6


def test_names_go_at_once_or_at_the_end():
    """Delayed removal lets label_replace save a name; by default it is gone by then."""
    expression = 'label_replace(x * 0 + abs(x), "saved", "$1", "__name__", "(.*)")'
    for delayed, saved in ((False, ""), (True, "x")):
        engine = Engine(store(x=[1]), delayed_name_removal=delayed)
        (sample,) = engine.instant(expression.replace("x * 0 + ", ""), 0).value
        assert sample.labels.get("saved") == saved
        assert sample.labels.name == ""


@pytest.mark.parametrize("operand", ["rate", "abs"])
@pytest.mark.parametrize("delayed", [False, True])
def test_series_that_lose_what_tells_them_apart_are_an_error(operand, delayed):
    """Two names, one label set, one instant."""
    engine = Engine(store(a_total=[1, 2], b_total=[1, 2]), delayed_name_removal=delayed)
    argument = '{__name__=~"a_total|b_total"}' + ("[1m]" if operand == "rate" else "")
    with pytest.raises(ExecutionError, match="vector cannot contain metrics with the same labelset"):
        engine.instant(f"{operand}({argument})", 10_000)


def two_sided():
    made = MemoryQueryable()
    for name, job, label in (
        ("many", "a", "x"),
        ("many", "a", "y"),
        ("one", "a", ""),
        ("two", "a", "x"),
        ("two", "a", "y"),
    ):
        made.add(Labels({"__name__": name, "job": job, "l": label}), [0], [1.0])
    return Engine(made)


@pytest.mark.parametrize(
    ("expression", "wording"),
    [
        (
            "one * on(job) two",
            (
                'found duplicate series for the match group {job="a"} on the right hand-side of the operation: '
                '[two{job="a", l="x"}, two{job="a", l="y"}];'
                "many-to-many matching not allowed: matching labels must be unique on one side"
            ),
        ),
        (
            "two * on(job) group_right many",
            (
                'found duplicate series for the match group {job="a"} on the left hand-side of the operation: '
                '[two{job="a", l="x"}, two{job="a", l="y"}];'
                "many-to-many matching not allowed: matching labels must be unique on one side"
            ),
        ),
        (
            "many * on(job) one",
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
        ),
        (
            "many > on(job) one",
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
        ),
        ("many * on(job) group_left(l) one", "multiple matches for labels: grouping labels must ensure unique matches"),
    ],
)
def test_ambiguous_matching_is_said_in_prometheus_words(expression, wording):
    """Also where a comparison would have filtered the pair away."""
    with pytest.raises(ExecutionError) as caught:
        two_sided().instant(expression, 0)
    assert str(caught.value) == wording


def test_duplicates_that_never_meet_in_time_may_match():
    """A series that followed another under the same signature is no ambiguity."""
    made = MemoryQueryable()
    made.add(Labels.of(name_="one", pod="old"), [0], [2.0])
    made.add(Labels.of(name_="one", pod="new"), [600_000], [3.0])
    made.add(Labels.of(name_="x"), [0, 600_000], [1.0, 1.0])
    (series,) = Engine(made).range("x * on() one", 0, 600_000, 600_000).value
    assert series.values.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("expression", "warnings", "infos"),
    [
        ("rate(x[1m])", (), (f"{NO_COUNTER} (1:6)",)),
        ("1 + increase(x[1m])", (), (f"{NO_COUNTER} (1:14)",)),
        ("rate(y_total[1m])", (), ()),
        ("rate(nothing[1m])", (), ()),
        ("quantile(1.5, x)", ("PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)",), ()),
        ("quantile_over_time(-1, x[1m])", ("PromQL warning: quantile value should be between 0 and 1, got -1 (1:20)",), ()),
        ("histogram_quantile(NaN, x)", (
            "PromQL warning: quantile value should be between 0 and 1, got NaN (1:20)",
            'PromQL warning: bucket label "le" is missing or has a malformed value of "" for metric name "x" (1:25)',
        ), ()),
        ("limit_ratio(-2, x)", ("PromQL warning: ratio value should be between -1 and 1, got -2, capping to -1 (1:13)",), ()),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_noted_with_its_place(expression, warnings, infos):
    """Annotations carry Prometheus' words and the place of what they speak of."""
    result = Engine(store(x=[1, 2], y_total=[1, 2])).instant(expression, 10_000)
    assert (result.warnings, result.infos) == (warnings, infos)


@pytest.mark.parametrize(
    ("expression", "wording"),
    [
        ("topk(NaN, x)", "Parameter value is NaN"),
        ("topk(1e30, x)", "Scalar value 1e+30 overflows int64"),
        ("limit_ratio(NaN, x)", "Ratio value is NaN"),
        ('label_replace(x, "a", "b", "c", "(")', "invalid regular expression in label_replace(): ("),
        ('label_replace(x, "", "b", "c", "d")', "invalid destination label name in label_replace(): "),
        ('count_values("\\xff", x)', 'invalid label name "\\xff"'),
        (
            "double_exponential_smoothing(x[1m], 1, 0.5)",
            "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000",
        ),
        ("double_exponential_smoothing(x[1m], 0.5, 2)", "invalid trend factor. Expected: 0 < tf < 1, got: 2.000000"),
        ("rate(x[step()])", "1:8: duration must be greater than 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(expression, wording):
    """The text names the argument."""
    with pytest.raises(ExecutionError) as caught:
        Engine(store(x=[1, 2])).instant(expression, 10_000)
    assert str(caught.value) == wording


def test_what_depends_on_the_series_is_computed_once():
    """The same label tuple gives the same derived sets: an evaluation after the first reuses them by identity."""
    labels = [Labels.of(name_="x_total", job="a", i=str(i)) for i in range(3)]
    source = Stable(labels, [0, 10_000, 20_000], [[0, 0, 0], [1, 2, 3], [2, 4, 6]])
    engine = Engine(source)
    first = engine.instant("sum by (job) (rate(x_total[30s]))", 20_000).value
    second = engine.instant("sum by (job) (rate(x_total[30s]))", 20_000).value
    assert first.labels is second.labels
    source.block = Block(tuple(labels[:2]), source.block.timestamps, source.block.values[:, :2], True)
    (third,) = engine.instant("sum by (job) (rate(x_total[30s]))", 20_000).value
    assert third.value < next(iter(second)).value


def test_an_expression_fixed_in_time_is_evaluated_once():
    """@ reads the store once for all steps."""
    source = Stable([Labels.of(name_="x")], [0, 10_000], [[1], [2]])
    (series,) = Engine(source).range("abs(x @ 0)", 0, 100_000, 1000).value
    assert source.asked == 1
    assert set(series.values.tolist()) == {1.0}


def test_deepest_evaluation_has_room():
    """An expression at the limit of depth evaluates."""
    text = "(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1)
    assert Engine(store()).instant(text, 0).value.value == 1


@pytest.mark.parametrize("expression", ["x </ 1", "x >/ x"])
def test_floats_cannot_be_cut(expression):
    """Only native histograms can; the result is empty and an info says why."""
    result = Engine(store(x=[1, 2])).instant(expression, 10_000)
    assert not len(result.value)
    assert f"float {expression[2:4]} float" in result.infos[0]


@pytest.mark.parametrize("expression", ["h", "rate(h[1m])", "rate(h[1m] anchored)", "h smoothed"])
def test_a_histogram_counts_by_its_size(expression):
    """Six histograms of 100 buckets are refused where 300 samples are the limit, six empty ones are not."""
    buckets = Buckets(np.arange(100), np.ones(100))
    for positive, refused in ((buckets, True), (NO_BUCKETS, False)):
        memory = MemoryQueryable()
        memory.add(Labels.of(name_="h"), range(0, 60_000, 10_000), [Histogram(count=100, positive=positive)] * 6)
        engine = Engine(memory, max_samples=300)
        if refused:
            with pytest.raises(QueryLimit, match="too many samples"):
                engine.range(expression, 0, 50_000, 10_000)
        else:
            engine.range(expression, 0, 50_000, 10_000)


def test_numbers_cannot_be_cut():
    """Two scalars have no result that could be empty: the query fails."""
    with pytest.raises(ExecutionError, match="not allowed for Scalar operations"):
        Engine(store()).instant("1 </ 2", 10_000)


def test_a_store_without_the_series_gives_empty_results():
    """Every kind of node takes an empty vector."""
    engine = Engine(MemoryQueryable())
    for expression in (
        "x", "x + 1", "x + x", "x and x", "x or x", "-x", "sum(x)", "topk(1, x)", "quantile(0.5, x)", 'count_values("a", x)',
        "rate(x[1m])", "abs(x)", "round(x)", "clamp(x, 1, 2)", "sort(x)", 'sort_by_label(x, "a")', "histogram_quantile(0.5, x)",
        "histogram_fraction(0, 1, x)", 'label_replace(x, "a", "b", "c", "d")', "timestamp(x)", "hour(x)", "x[1m:10s]",
        "max_over_time(x[1m:10s])", "limitk(1, x)", "limit_ratio(1, x)", "x > 1", "x == bool 1", "stddev(x)", "x + fill(0) x",
    ):  # fmt: skip
        assert len(engine.instant(expression, 0).value) == 0, expression
    assert math.isnan(engine.instant("scalar(x)", 0).value.value)


def test_the_memory_store_replaces_a_sample_of_the_same_instant():
    """A later sample for an instant wins, and label tuples keep their identity."""
    made = store(x=[1])
    made.add(Labels.of(name_="x"), [0], [5.0])
    (sample,) = Engine(made).instant("x", 0).value
    assert sample.value == 5
    matchers = parse("x").matchers
    assert made.select(matchers, -1, 0)[0].labels is made.select(matchers, -1, 10)[0].labels
