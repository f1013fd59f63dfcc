"""PromQL's range functions written straight from their definitions: one series, one window, plain Python, slow.

Nothing here is shared with the engine. A sample is (milliseconds, value); stale markers are None and skipped.
"""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from itertools import pairwise


def window(samples, end_ms, range_ms):
    """Return the samples in (end - range, end]."""
    return [(at, value) for at, value in samples if end_ms - range_ms < at <= end_ms and value is not None]


def newest(samples, at_ms, lookback_ms):
    """Return the newest sample's value within the lookback, or None; a stale marker is newest too."""
    found = [value for at, value in samples if at_ms - lookback_ms < at <= at_ms]
    return found[-1] if found else None


def extrapolated(points, end_ms, range_ms, *, counter, per_second):
    if len(points) < 2:
        return None
    times = [at / 1000 for at, _ in points]
    values = [value for _, value in points]
    change = values[-1] - values[0]
    if counter:
        for before, after in pairwise(values):
            if after < before:
                change += before
    sampled = times[-1] - times[0]
    average = sampled / (len(points) - 1)
    to_start = times[0] - (end_ms - range_ms) / 1000
    to_end = end_ms / 1000 - times[-1]
    if to_start >= average * 1.1:
        to_start = average / 2
    if counter and change > 0 and values[0] >= 0:
        to_start = min(to_start, sampled * (values[0] / change))
    if to_end >= average * 1.1:
        to_end = average / 2
    result = change * ((sampled + to_start + to_end) / sampled)
    return result / (range_ms / 1000) if per_second else result


def last_two(points, *, rate):
    if len(points) < 2:
        return None
    (before_ms, before), (after_ms, after) = points[-2:]
    if rate:
        return (after if after < before else after - before) / ((after_ms - before_ms) / 1000)
    return after - before


def exact_sum(values):
    if any(math.isnan(value) for value in values) or {math.inf, -math.inf} <= set(values):
        return math.nan
    infinite = [value for value in values if math.isinf(value)]
    return infinite[0] if infinite else float(sum(map(Fraction, values)))


def mean(values):
    total = exact_sum(values)
    if not math.isfinite(total):
        return total
    return float(sum(map(Fraction, values)) / len(values))


def variance(values):
    if not all(map(math.isfinite, values)):
        return math.nan
    return float(statistics.pvariance(list(map(Fraction, values))))


def quantile(q, values):
    if not values or math.isnan(q):
        return math.nan
    if not 0 <= q <= 1:
        return math.copysign(math.inf, q - 0.5)
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value if not math.isnan(value) else 0))
    rank = q * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(lower + 1, len(ordered) - 1)
    weight = rank - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


def line(points, origin_ms):
    xs = [(at - origin_ms) / 1000 for at, _ in points]
    ys = [value for _, value in points]
    if not all(map(math.isfinite, ys)):
        return math.nan, math.nan
    if len(set(ys)) == 1:
        return 0.0, ys[0]
    x_mean, y_mean = (sum(map(Fraction, each)) / len(each) for each in (xs, ys))
    pairs = zip(map(Fraction, xs), map(Fraction, ys), strict=True)
    slope = sum((x - x_mean) * (y - y_mean) for x, y in pairs) / sum((Fraction(x) - x_mean) ** 2 for x in xs)
    return float(slope), float(y_mean - slope * x_mean)


def smoothed(values, level_factor, trend_factor):
    level, trend = values[0], values[1] - values[0]
    before = 0.0
    for index, value in enumerate(values[1:]):
        if index:
            trend = trend_factor * (level - before) + (1 - trend_factor) * trend
        before, level = level, level_factor * value + (1 - level_factor) * (level + trend)
    return level


def extreme(values, choose):
    numbers = [value for value in values if not math.isnan(value)]
    return choose(numbers) if numbers else math.nan


def changes(values):
    return sum(after != before and not (math.isnan(after) and math.isnan(before)) for before, after in pairwise(values))


def resets(values):
    return sum(after < before for before, after in pairwise(values))


def evaluate(function, points, end_ms, range_ms):
    """Return what `function` gives for one window of samples, or None."""
    values = [value for _, value in points]
    match function:
        case "rate":
            return extrapolated(points, end_ms, range_ms, counter=True, per_second=True)
        case "increase":
            return extrapolated(points, end_ms, range_ms, counter=True, per_second=False)
        case "delta":
            return extrapolated(points, end_ms, range_ms, counter=False, per_second=False)
        case "irate":
            return last_two(points, rate=True)
        case "idelta":
            return last_two(points, rate=False)
        case "deriv":
            return None if len(points) < 2 else line(points, points[0][0])[0]
        case "predict_linear":
            if len(points) < 2:
                return None
            slope, intercept = line(points, end_ms)
            return slope * 600 + intercept
        case "double_exponential_smoothing":
            return None if len(points) < 2 else smoothed(values, 0.3, 0.6)
    if not points:
        return None
    last = len(points) - 1
    return {
        "count_over_time": lambda: len(values),
        "present_over_time": lambda: 1,
        "first_over_time": lambda: values[0],
        "last_over_time": lambda: values[-1],
        "sum_over_time": lambda: exact_sum(values),
        "avg_over_time": lambda: mean(values),
        "min_over_time": lambda: extreme(values, min),
        "max_over_time": lambda: extreme(values, max),
        "stdvar_over_time": lambda: variance(values),
        "stddev_over_time": lambda: math.sqrt(variance(values)),
        "quantile_over_time": lambda: quantile(0.3, values),
        "mad_over_time": lambda: mad(values),
        "changes": lambda: changes(values),
        "resets": lambda: resets(values),
        "ts_of_first_over_time": lambda: points[0][0] / 1000,
        "ts_of_last_over_time": lambda: points[last][0] / 1000,
    }[function]()


def mad(values):
    if any(math.isnan(value) for value in values):
        return math.nan
    median = quantile(0.5, values)
    distances = [abs(value - median) for value in values]
    return math.nan if any(map(math.isnan, distances)) else quantile(0.5, distances)
