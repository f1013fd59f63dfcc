"""Plans: what is equal is computed once, what does not change is computed at one instant, and nothing else changes."""

from __future__ import annotations

import math

import pytest

from agent.model import Labels
from agent.query import Engine, MemoryQueryable, ast, parse
from agent.query.plan import compile_plan


class Counting(MemoryQueryable):
    """A store that counts how often it is asked."""

    asked = 0

    def select(self, matchers, start_ms, end_ms):
        self.asked += 1
        return super().select(matchers, start_ms, end_ms)


@pytest.fixture
def store():
    memory = Counting()
    for number in range(3):
        memory.add(Labels.of(name_="x_total", n=str(number)), [1000, 2000, 3000], [number, 2.0 * number, 3.0 * number])
        memory.add(Labels.of(name_="y", n=str(number)), [1000, 2000, 3000], [1.0, math.nan, 2.0])
    return memory


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("x_total / x_total", 1),
        ("rate(x_total[2s]) / rate( x_total[2000ms] )", 1),
        ("rate(x_total[2s]) / increase(x_total[2s])", 1),
        ("(rate(x_total[2s])) / + rate(x_total[2s])", 1),
        ("sum(x_total) by (n) / sum by (n) (x_total)", 1),
        ("x_total + x_total @ 3", 2),
        ("x_total + x_total offset 1s", 2),
        ("rate(x_total[2s]) + rate(x_total[3s])", 2),
        ('x_total{n="1"} or x_total{n!="1"}', 2),
        ("max_over_time(x_total[3s:1s]) + x_total", 2),
        ("max_over_time(x_total[3s:1s]) / max_over_time(x_total[3s:1s])", 1),
    ],
)
def test_equal_subexpressions_are_computed_once(store, text, times):
    """Places, spacing and parentheses do not matter; offsets, matchers and the steps of subqueries do."""
    Engine(store).range(text, 1000, 3000, 1000)
    assert store.asked == times


@pytest.mark.parametrize(
    "text",
    [
        "x_total / x_total",
        "x_total - x_total @ 2 + x_total @ 2",
        "sum(rate(x_total[2s])) - sum(rate(x_total[2s]))",
        "topk(1, x_total) or topk(1, x_total) + 1",
        "max_over_time(x_total[2s:1s]) - x_total + max_over_time(x_total[2s:1s] @ 2)",
        "-x_total + 60 * 60 / -x_total",
        "y * on (n) group_left () x_total > y or y",
        "predict_linear(x_total[2s] @ 3, 60) + rate(x_total[2s] @ 3)",
        "rate(x_total[2s] @ 3) + predict_linear(x_total[2s] @ 3, 60)",
        "quantile_over_time(time() / 9, x_total[2s] @ 3) + rate(x_total[2s] @ 3)",
        "sum_over_time(quantile_over_time(time() / 9, x_total[2s] @ 3)[9s:1s]) + rate(x_total[2s] @ 3)",
        "predict_linear(x_total[2s:1s] @ 3, 60) + rate(x_total[2s:1s] @ 3)",
    ],
)
def test_sharing_changes_no_result(store, text):
    """A plan whose equal parts were told apart by a neutral operation gives the same values."""
    shared = Engine(store).range(text, 1000, 4000, 500).value
    apart = Engine(store).range(_told_apart(text), 1000, 4000, 500).value
    assert [(each.labels, each.timestamps.tolist()) for each in shared] == [
        (each.labels, each.timestamps.tolist()) for each in apart
    ]
    for ours, theirs in zip(shared, apart, strict=True):
        assert repr(ours.values.tolist()) == repr(theirs.values.tolist())


def _told_apart(text):
    """Give every selector a matcher of its own that is always fulfilled."""
    parts = text.replace("y ", 'y{n!=""} ').split("x_total")
    return "".join(
        part + (f'x_total{{none{number}=""}}' if number < len(parts) - 1 else "") for number, part in enumerate(parts)
    )


def test_what_is_noticed_of_a_shared_part_is_said_of_each_place(store):
    """A rate of a gauge that stands twice is noted twice, each with its place."""
    result = Engine(store).instant("rate(y[5s]) +\n rate(y[5s])", 3000)
    assert [info.rsplit(" ", 1)[1] for info in result.infos] == ["(1:6)", "(2:7)"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("60 * 60", 3600.0), ("-(2 ^ 3) + 1", -7.0), ("1 > bool 2", 0.0), ("0 / 0", math.nan), ("1 / 0", math.inf)],
)
def test_arithmetic_on_literals_is_done_while_compiling(text, value):
    """The step of the whole is a literal."""
    assert repr(compile_plan(parse(text)).root.literal) == repr(value)


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("x @ 5", True),
        ("rate(x[5m] @ end())", True),
        ("sum(x @ 5) / scalar(y @ 6)", True),
        ("max_over_time(x[5m:1m] @ 5)", True),
        ("start()", True),
        ("time()", False),
        ("timestamp(x @ 5)", False),
        ("predict_linear(x[5m] @ 5, 60)", False),
        ("hour()", False),
        ("x @ 5 + x", False),
    ],
)
def test_what_looks_at_no_clock_is_constant(text, constant):
    """A constant part is computed at one instant, whatever the range."""
    assert compile_plan(parse(text)).root.constant is constant


def test_rows_that_share_their_beginnings_need_no_deep_stack(store):
    """Rows of operators of which each is the beginning of the next are computed in a loop, longest first."""
    rows = ["(" + " + ".join(["x_total"] * length) + ")" for length in range(130, 1, -1)]
    value = Engine(store).instant(" * 0 + ".join(rows), 3000).value
    assert sorted(sample.value for sample in value) == [0.0, 6.0, 12.0]


def test_every_node_has_a_step():
    """Nodes that are equal have the same one."""
    node = parse("sum(a) / (sum(a) + b)")
    plan = compile_plan(node)
    assert {id(each) for each in ast.walk(node)} == set(plan.steps)
    assert len({id(each) for each in plan.steps.values()}) == 5


def test_plans_are_kept_by_what_they_take(store):
    """Thousands of short expressions stay planned; of the longest ones only a few, the latest."""
    engine = Engine(store)

    def planned(text):
        return engine.explain(text, 1000, 1000, 0, clock=lambda: 0.0).planned

    short = [f"x_total + {number}" for number in range(1000)]
    for text in short:
        engine.instant(text, 1000)
    assert all(planned(text) for text in short)
    long = ["+".join(["1"] * 20_000) + f"+{number}" for number in range(4)]
    for text in long:
        engine.instant(text, 1000)
    assert [planned(text) for text in long[3:] + long[:1]] == [True, False]
