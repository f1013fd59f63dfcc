"""What PromQL's functions make of values and labels, as far as it is certain: tables, and the few that need a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from agent.query import ast
from agent.rules.lints.intervals import ANY, NOT_NEGATIVE, ONE, SHARE, Interval
from agent.rules.lints.shapes import ANYTHING, NOTHING, Shape, absence


def words(text: str) -> frozenset[str]:
    """Return the names in `text`."""
    return frozenset(text.split())


_RANGES: Final[dict[str, Interval]] = {
    **dict.fromkeys(words("rate irate increase resets changes abs sqrt exp histogram_count time"), NOT_NEGATIVE),
    **dict.fromkeys(words("stddev_over_time stdvar_over_time mad_over_time"), NOT_NEGATIVE),
    **dict.fromkeys(words("histogram_stddev histogram_stdvar"), NOT_NEGATIVE),
    **dict.fromkeys(words("absent absent_over_time present_over_time"), ONE),
    "count_over_time": Interval(1),
    "sgn": Interval(-1, 1),
    "histogram_fraction": SHARE,
    "hour": Interval(0, 23),
    "minute": Interval(0, 59),
    "day_of_week": Interval(0, 6),
    "day_of_month": Interval(1, 31),
    "day_of_year": Interval(1, 366),
    "days_in_month": Interval(28, 31),
    "month": Interval(1, 12),
    "pi": Interval(math.pi, math.pi),
}
_ORDERED: Final = words("sort sort_desc sort_by_label sort_by_label_desc label_replace label_join info scalar")
_SAME: Final = _ORDERED | words("avg_over_time min_over_time max_over_time last_over_time first_over_time vector")
_KEEPS_COUNTER: Final = _ORDERED | words(
    "last_over_time first_over_time abs ceil floor round clamp clamp_min clamp_max"
)
_NO_LABELS: Final = words("vector scalar time pi")
_DATES: Final = words("hour minute day_of_week day_of_month day_of_year days_in_month month year")


def keeps_counter(name: str) -> bool:
    """Say whether the values of a function are, more or less, those that it was given."""
    return name in _KEEPS_COUNTER


def call_interval(name: str, inputs: Sequence[Interval]) -> Interval:
    """Return where the values of a function lie, given where those of its arguments do."""
    known = _RANGES.get(name)
    if known is not None:
        return known
    if name in _SAME:
        return inputs[0]
    match name:
        case "quantile_over_time":
            at = inputs[0].point
            return inputs[1] if at is not None and 0 <= at <= 1 else ANY
        case "sum_over_time":
            return NOT_NEGATIVE if inputs[0].low >= 0 else ANY
        case "clamp_min":
            return _clamped(inputs[0], inputs[1], Interval(math.inf, math.inf))
        case "clamp_max":
            return _clamped(inputs[0], Interval(-math.inf, -math.inf), inputs[1])
        case "clamp":
            return _clamped(*inputs)
        case "ceil" | "floor" | "round" if len(inputs) == 1:
            return _whole(inputs[0])
    return ANY


def _clamped(values: Interval, least: Interval, most: Interval) -> Interval:
    low, high = least.point, most.point
    if low is None or high is None or low > high:
        return ANY
    return Interval(min(max(values.low, low), high), max(min(values.high, high), low))


def _whole(values: Interval) -> Interval:
    low = values.low if math.isinf(values.low) else math.floor(values.low)
    high = values.high if math.isinf(values.high) else math.ceil(values.high)
    return Interval(low, high)


def call_shape(node: ast.Call, inner: Shape) -> Shape:
    """Return the labels that a function leaves."""
    if node.name in ("absent", "absent_over_time"):
        return absence(node.args[0])
    if node.name in _NO_LABELS or (node.name in _DATES and not node.args):
        return NOTHING
    if node.name in ("label_replace", "label_join"):
        target = node.args[1]
        return inner.with_label(target.value) if isinstance(target, ast.StringLiteral) else ANYTHING
    if node.name in ("histogram_quantile", "histogram_fraction"):
        return inner.without(["le"])
    if node.name in ("info", "histogram_quantiles"):
        return ANYTHING
    return inner
