"""How promqltest compares: almost equal numbers, exact label sets, annotations one to one with what is expected."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterable, Sequence

from agent.model import STALE_NAN, Buckets, Histogram, Labels
from tests.conformance.promqltest.grammar import Eval, SeriesLine, Value

_EPSILON = 1e-6
_STALE = struct.pack("<d", STALE_NAN)


def almost_equal(a: float, b: float) -> bool:
    """Compare as Prometheus' util/almost does with 1e-6."""
    stale = struct.pack("<d", a) == _STALE, struct.pack("<d", b) == _STALE
    if any(stale):
        return all(stale)
    if math.isnan(a) and math.isnan(b):
        return True
    if a == b:
        return True
    total, difference = abs(a) + abs(b), abs(a - b)
    if a == 0 or b == 0 or total < sys.float_info.min:
        return difference < _EPSILON * sys.float_info.min
    return difference / min(total, sys.float_info.max) < _EPSILON


def same(expected: Value, got: Value, *, hinted: bool) -> bool:
    """Compare two samples; histograms field by field, empty buckets aside, their reset hint only where one is expected."""
    if isinstance(expected, float) and isinstance(got, float):
        return almost_equal(expected, got)
    if not isinstance(expected, Histogram) or not isinstance(got, Histogram):
        return expected is got
    numbers = ("count", "sum", "zero_count")
    return (
        (expected.schema, expected.zero_threshold) == (got.schema, got.zero_threshold)
        and all(almost_equal(getattr(expected, name), getattr(got, name)) for name in numbers)
        and expected.bounds == got.bounds
        and _same_buckets(expected.positive, got.positive)
        and _same_buckets(expected.negative, got.negative)
        and (not hinted or expected.hint is got.hint)
    )


def _same_buckets(expected: Buckets, got: Buckets) -> bool:
    sides = [
        {index: count for index, count in zip(side.index.tolist(), side.counts.tolist(), strict=True) if count != 0}
        for side in (expected, got)
    ]
    return sides[0].keys() == sides[1].keys() and all(almost_equal(sides[0][key], sides[1][key]) for key in sides[0])


def vector_flaw(
    expected: Sequence[SeriesLine], got: Iterable[tuple[Labels, float | Histogram]], *, ordered: bool
) -> str | None:
    """Say what is wrong with an instant vector, or None."""
    samples = list(got)
    found = dict(samples)
    if len(found) != len(samples):
        return "the same label set twice in the result"
    wanted = {line.labels: (line.values[0], 0 in line.hinted) for line in expected}
    if extra := [labels for labels in found if labels not in wanted]:
        return f"unexpected {extra[0]} {found[extra[0]]}"
    for place, (labels, (value, hinted)) in enumerate(wanted.items()):
        if labels not in found:
            return f"missing {labels}"
        if value is None or not same(value, found[labels], hinted=hinted):
            return f"expected {labels} {value}, got {found[labels]!r}"
        if ordered and samples[place][0] != labels:
            return f"expected {labels} at place {place + 1}, got {samples[place][0]}"
    return None


def matrix_flaw(
    expected: Sequence[SeriesLine],
    got: Iterable[tuple[Labels, Sequence[tuple[int, float | Histogram]]]],
    start_ms: int,
    step_ms: int,
) -> str | None:
    """Say what is wrong with a matrix, or None: the k-th value belongs to start + k * step."""
    found = {labels: dict(points) for labels, points in got}
    wanted = {line.labels: line for line in expected}
    if extra := [labels for labels in found if labels not in wanted]:
        return f"unexpected {extra[0]}: {found[extra[0]]}"
    for labels, line in wanted.items():
        points = {start_ms + place * step_ms: value for place, value in enumerate(line.values) if value is not None}
        if not points and labels not in found:
            continue
        if labels not in found:
            return f"missing {labels}"
        if points.keys() != found[labels].keys():
            return f"{labels}: expected points at {sorted(points)}, got {sorted(found[labels])}"
        for at_ms, value in points.items():
            hinted = (at_ms - start_ms) // step_ms in line.hinted
            if not same(value, found[labels][at_ms], hinted=hinted):
                return f"{labels} at {at_ms}: expected {value}, got {found[labels][at_ms]!r}"
    return None


def annotations_flaw(command: Eval, kind: str, got: Sequence[str]) -> str | None:
    """Say which expected warning (info) is missing, or which came unexpected, or None."""
    if command.expecting(f"no_{kind}") and got:
        return f"expected no {kind}, got {list(got)}"
    wanted = command.expecting(kind)
    if not wanted:
        return None
    if not got:
        return f"expected {kind}, got none"
    for each in wanted:
        if not any(each.meets(text) for text in got):
            return f"expected {kind} {each.text!r}, got {list(got)}"
    for text in got:
        if not any(each.meets(text) for each in wanted):
            return f"unexpected {kind} {text!r}"
    return None
