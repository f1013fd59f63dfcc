"""How promqltest compares: almost equal numbers, exact label sets, annotations one to one with what is expected."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterable, Sequence

from agent.model import STALE_NAN, Labels, format_float
from tests.conformance.promqltest.grammar import Eval, SeriesLine

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


def vector_flaw(expected: Sequence[SeriesLine], got: Iterable[tuple[Labels, float]], *, ordered: bool) -> str | None:
    """Say what is wrong with an instant vector, or None."""
    samples = list(got)
    found = dict(samples)
    if len(found) != len(samples):
        return "the same label set twice in the result"
    wanted = {line.labels: line.values[0] for line in expected}
    if extra := [labels for labels in found if labels not in wanted]:
        return f"unexpected {extra[0]} {format_float(found[extra[0]])}"
    for place, (labels, value) in enumerate(wanted.items()):
        if labels not in found:
            return f"missing {labels}"
        if value is None or not almost_equal(value, found[labels]):
            return f"expected {labels} {value}, got {found[labels]!r}"
        if ordered and samples[place][0] != labels:
            return f"expected {labels} at place {place + 1}, got {samples[place][0]}"
    return None


def matrix_flaw(
    expected: Sequence[SeriesLine],
    got: Iterable[tuple[Labels, Sequence[tuple[int, float]]]],
    start_ms: int,
    step_ms: int,
) -> str | None:
    """Say what is wrong with a matrix, or None: the k-th value belongs to start + k * step."""
    found = {labels: dict(points) for labels, points in got}
    wanted = {line.labels: line.values for line in expected}
    if extra := [labels for labels in found if labels not in wanted]:
        return f"unexpected {extra[0]}: {found[extra[0]]}"
    for labels, values in wanted.items():
        points = {start_ms + place * step_ms: value for place, value in enumerate(values) if value is not None}
        if not points and labels not in found:
            continue
        if labels not in found:
            return f"missing {labels}"
        if points.keys() != found[labels].keys():
            return f"{labels}: expected points at {sorted(points)}, got {sorted(found[labels])}"
        for at_ms, value in points.items():
            if not almost_equal(value, found[labels][at_ms]):
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
