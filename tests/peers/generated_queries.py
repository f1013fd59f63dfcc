"""A seeded generator of queries by family, over the series of tests/peers/same_samples.py.

It keeps clear of what would make a last digit visible: exact comparisons and roundings stand over raw samples only, and
thresholds are no round numbers.
"""

from __future__ import annotations

import random

from agent.query import tokens

GAUGES = (
    "temperature", 'temperature{room="hall"}', 'temperature{room=~"h.*|attic"}', 'temperature{floor!="1"}',
    'temperature{room!~"hall|yard"}', "trouble", 'trouble{kind=~"gaps|stale"}', 'trouble{kind!="inf"}', "limit", "workers",
    '{__name__=~"temp.*|limit",room="hall"}', "nothing",
)  # fmt: skip
COUNTERS = (
    "requests_total", 'requests_total{code="500"}', 'requests_total{code=~"4..|5..",route!="index"}',
    "latency_seconds_count", 'latency_seconds_bucket{le="+Inf"}',
)  # fmt: skip
RANGES = ("1m", "90s", "5m", "7m30s", "12m")
MODIFIERS = (
    "",
    "",
    "",
    " offset 3m",
    " offset -2m",
    " @ 1700002900.5",
    " @ 1700002900.5 offset 1m",
    " offset 30s @ end()",
)
LABELS = ("route", "code", "room", "floor", "kind", "pool", "zone", "le", "job", "unit")
OVER_TIME = (
    "avg_over_time", "count_over_time", "last_over_time", "max_over_time", "min_over_time", "present_over_time",
    "stddev_over_time", "stdvar_over_time", "sum_over_time", "changes", "resets", "delta", "idelta", "deriv",
)  # fmt: skip
MATH = (
    "abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "sin", "cos", "tan", "asinh", "atan", "tanh",
    "cosh", "sinh", "acos", "asin", "acosh", "atanh", "deg", "rad", "round",
)  # fmt: skip
DATES = ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year")


def gauge(dice: random.Random) -> str:
    """Return an instant selector of gauges."""
    return dice.choice(GAUGES) + dice.choice(MODIFIERS)


def gauge_range(dice: random.Random) -> str:
    """Return a range selector of gauges."""
    return f"{dice.choice(GAUGES)}[{dice.choice(RANGES)}]{dice.choice(MODIFIERS)}"


def rates(dice: random.Random) -> str:
    """Return a rate-like function over counters."""
    function = dice.choice(("rate", "rate", "increase", "irate"))
    return f"{function}({dice.choice(COUNTERS)}[{dice.choice(RANGES)}]{dice.choice(MODIFIERS)})"


def vector(dice: random.Random) -> str:
    """Return any instant vector that is cheap."""
    return dice.choice((gauge, gauge, rates, over_time))(dice)


def over_time(dice: random.Random) -> str:
    """Return a function over a window of gauges."""
    return f"{dice.choice(OVER_TIME)}({gauge_range(dice)})"


def quantiles_over_time(dice: random.Random) -> str:
    """Return quantiles, predictions and smoothing over windows."""
    share = dice.choice(("0", "0.25", "0.5", "0.93", "1", "-1", "1.5"))
    return dice.choice(
        (
            f"quantile_over_time({share}, {gauge_range(dice)})",
            f"predict_linear({gauge_range(dice)}, {dice.choice(('600', '-60', '3600'))})",
            f"double_exponential_smoothing({gauge_range(dice)}, 0.3, 0.6)",
        )
    )


def grouping(dice: random.Random) -> str:
    """Return by (…) or without (…), or nothing."""
    names = ", ".join(dice.sample(LABELS, dice.randint(0, 3)))
    return dice.choice(("", f" by ({names})", f" without ({names})"))


def aggregations(dice: random.Random) -> str:
    """Return an aggregation."""
    operator = dice.choice(("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"))
    clause = grouping(dice)
    if dice.random() < 0.5:
        return f"{operator}{clause} ({vector(dice)})"
    return f"{operator}({vector(dice)}){clause}"


def picks(dice: random.Random) -> str:
    """Return topk, bottomk, quantile or count_values."""
    clause = grouping(dice)
    return dice.choice(
        (
            f"topk{clause} ({dice.randint(0, 4)}, {dice.choice(('temperature', rates(dice), 'trouble'))})",
            f"bottomk{clause} ({dice.randint(1, 4)}, {dice.choice(('temperature', rates(dice), 'trouble'))})",
            f"quantile{clause} ({dice.choice(('0', '0.4', '0.99', '1', '2', '-0.1'))}, {vector(dice)})",
            f'count_values{clause} ("seen", {dice.choice(("workers", "limit", "sgn(temperature)"))})',
        )
    )


def joins(dice: random.Random) -> str:
    """Return a binary operation between vectors, some of which are refused."""
    operator = dice.choice(("+", "-", "*", "/", "%", "^", "atan2", ">", "<", ">=", "<=", "!=", "> bool", "< bool"))
    return dice.choice(
        (
            f"temperature {operator} on (room) group_left (unit) limit",
            f"limit {operator} on (room) group_right temperature",
            f"temperature {operator} ignoring (floor) group_left limit",
            f"temperature {operator} temperature offset 1m",
            f"sum by (route) ({rates(dice)}) {operator} on (route) avg by (route) ({rates(dice)})",
            f'requests_total{{code="500"}} {operator} ignoring (code) requests_total{{code="200"}}',
            f"temperature {operator} on (room) limit",
            f"workers {operator} on (zone) workers",
            f"trouble {operator} on () group_left sum(workers)",
            f"trouble {operator} ignoring (kind) group_left () scalar(limit{{room='hall'}}) * vector(1)",
        )
    )


def scalars(dice: random.Random) -> str:
    """Return operations with numbers and scalars."""
    operator = dice.choice(("+", "-", "*", "/", "%", "^", "atan2", ">", "<", "!=", ">= bool", "== bool"))
    number = dice.choice(("2.137", "-3.71", "0", "1e300", "Inf", "NaN", "scalar(limit{room='hall'})", "(7 % 4.1)"))
    return dice.choice(
        (
            f"{vector(dice)} {operator} {number}",
            f"{number} {operator} {vector(dice)}",
            f"-{gauge(dice)}",
            f"-{dice.choice(GAUGES[:5])} ^ 2",
            f"1 + 2 * {number} ^ 2 - 4 % 3",
            f"{number} {operator if operator.endswith('bool') or operator in '+-*/%^atan2' else '+'} 3.3",
            f"vector({number})",
            f"scalar({vector(dice)})",
        )
    )


def sets(dice: random.Random) -> str:
    """Return and, or, unless."""
    operator = dice.choice(("and", "or", "unless"))
    clause = dice.choice(("", " on (room)", " on ()", " ignoring (floor, unit)", " on (job)"))
    right = dice.choice(("limit", "limit > 6.1", "temperature > 4.3", "trouble", 'temperature{room="hall"}', "nothing"))
    chain = dice.choice(("", f" or {vector(dice)}", f" unless {gauge(dice)}", f" and {gauge(dice)}"))
    return f"{gauge(dice)} {operator}{clause} {right}{chain}"


def subqueries(dice: random.Random) -> str:
    """Return a function over a subquery."""
    function = dice.choice(OVER_TIME)
    step = dice.choice(("30s", "1m", "47s", ""))
    inner = dice.choice((gauge(dice), f"({vector(dice)})", rates(dice), f"sum by (room) ({dice.choice(GAUGES[:5])})"))
    if function in ("changes", "resets") and "(" in inner:
        inner = gauge(dice)
    return (
        f"{function}({inner if '(' in inner else f'({inner})'}[{dice.choice(RANGES)}:{step}]{dice.choice(MODIFIERS)})"
    )


def histograms(dice: random.Random) -> str:
    """Return a quantile of classic histograms."""
    share = dice.choice(("0.5", "0.9", "0.99", "0", "1", "-1", "1.1", "NaN"))
    window = dice.choice(RANGES)
    return dice.choice(
        (
            f"histogram_quantile({share}, rate(latency_seconds_bucket[{window}]))",
            f"histogram_quantile({share}, sum by (le) (rate(latency_seconds_bucket[{window}])))",
            f"histogram_quantile({share}, sum by (le, route) (increase(latency_seconds_bucket[{window}])))",
            f"histogram_quantile({share}, latency_seconds_bucket{{le!='+Inf'}})",
            f"histogram_quantile({share}, latency_seconds_bucket)",
            f"histogram_quantile({share}, temperature)",
        )
    )


def functions(dice: random.Random) -> str:
    """Return a function of numbers over raw samples."""
    function = dice.choice(MATH)
    source = dice.choice(GAUGES[:9])
    argument = ", 0.37" if function == "round" and dice.random() < 0.5 else ""
    return dice.choice(
        (
            f"{function}({source}{argument})",
            f"{function}({source} / 7.3{argument})",
            f"clamp({source}, {dice.choice(('-2.1', '8.3', 'NaN'))}, 5.5)",
            f"clamp_min({source}, 3.3)",
            f"clamp_max({source}, 3.3)",
        )
    )


def labels(dice: random.Random) -> str:
    """Return label_replace and label_join, also of what cannot be joined."""
    pattern = dice.choice(("(h.*)", "(.*)", "(.)(.*)", "hall|yard", "(?P<n>[a-y]+)", ""))
    made = dice.choice(("$1", "$2-$1", "${1}x", "$1x", "const", "", "$n", "$$"))
    source = dice.choice(("room", "kind", "nothing", "__name__"))
    target = dice.choice(("place", "room", "floor", "__name__", "kind"))
    vectors = dice.choice(("temperature", "trouble", "limit", "rate(requests_total[5m])"))
    separator = dice.choice(("/", "", "--"))
    return dice.choice(
        (
            f'label_replace({vectors}, "{target}", "{made}", "{source}", "{pattern}")',
            f'label_join({vectors}, "{target}", "{separator}", "{source}", "job")',
        )
    )


def dates(dice: random.Random) -> str:
    """Return functions of time."""
    function = dice.choice(DATES)
    source = dice.choice(
        ("", "timestamp(temperature)", "vector(time() * 1.37)", "temperature * 86400", "vector(951868800)")
    )
    return dice.choice(
        (
            f"{function}({source})",
            f"timestamp({gauge(dice)})",
            f"timestamp({gauge(dice)} + 0)",
            f"time() - timestamp({gauge(dice)})",
            f"{function}({source}) * 2",
        )
    )


def absences(dice: random.Random) -> str:
    """Return absent and absent_over_time."""
    return dice.choice(
        (
            f"absent({vector(dice)})",
            f"absent_over_time({gauge_range(dice)})",
            "absent(nothing{a='b', c=~'d', a!='e'})",
            f"absent(trouble{{kind='{dice.choice(('gaps', 'stale', 'late', 'ends'))}'}})",
            f"absent_over_time(trouble{{kind='{dice.choice(('gaps', 'stale', 'late', 'ends'))}'}}[{dice.choice(RANGES)}])",
            f"absent_over_time(sum(nothing)[{dice.choice(RANGES)}:])",
        )
    )


def orders(dice: random.Random) -> str:
    """Return sort and nested expressions."""
    return dice.choice(
        (
            f"sort({gauge(dice)})",
            f"sort_desc({vector(dice)})",
            f"max by (room) ({over_time(dice)}) - on (room) min by (room) ({gauge(dice)})",
            f"sum({rates(dice)}) / sum({rates(dice)})",
            f"avg without (floor) (abs({gauge(dice)})) > 2.71",
            f"max_over_time(({aggregations(dice)})[5m:1m])",
        )
    )


FAMILIES = {
    family.__name__: family
    for family in (
        gauge, rates, over_time, quantiles_over_time, aggregations, picks, joins, scalars, sets, subqueries, histograms,
        functions, labels, dates, absences, orders,
    )
}  # fmt: skip


def queries(family: str, count: int, seed: int = 11) -> list[str]:
    """Return `count` different queries of a family (fewer where it has no more), always the same."""
    dice = random.Random(f"{family} {seed}")
    found: dict[str, None] = {}
    for _ in range(count * 20):
        found[FAMILIES[family](dice)] = None
        if len(found) == count:
            break
    return list(found)


def readable() -> list[str]:
    """Return queries of every family."""
    return [query for family in FAMILIES for query in queries(family, 40)]


JUNK = [
    "(", ")", "[", "]", "{", "}", ",", "1", "a", "by", "on(a)", "+", "==", "bool", "sum", "rate", "group_left", "=~",
    '"s"', ":", "and", "ignoring (b)", "!", "# c\n", "without", "*", "Inf", "'open", "\\",
]  # fmt: skip


def damaged(query: str, dice: random.Random) -> str:
    """Return `query` with a token lost, added, changed, exchanged, or with an end too early."""
    pieces = [token.text for token in tokens(query)[:-1]]
    at = dice.randrange(len(pieces))
    match dice.randrange(5):
        case 0:
            del pieces[at]
        case 1:
            pieces.insert(at, dice.choice(JUNK))
        case 2:
            pieces[at] = dice.choice(JUNK)
        case 3:
            pieces[at], pieces[-1 - at] = pieces[-1 - at], pieces[at]
        case _:
            pieces = pieces[:at]
    return " ".join(pieces)
