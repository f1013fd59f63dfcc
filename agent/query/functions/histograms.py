"""Classic histograms: quantiles and fractions of observations, from buckets that share all labels but `le`.

Which columns are buckets of which histogram, in which order, depends only on the series: it is found once per series set.
Histograms of one width are computed together as (steps × histograms × buckets). Source: Prometheus' promql/quantile.go.
Native histograms, where there are any, are computed in native_histograms and stand beside.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.errors import ExecutionError
from agent.model import Labels, format_float
from agent.query import ast
from agent.query.buckets import fractions, monotonic, quantiles
from agent.query.distinct import distinct
from agent.query.evaluate import Function, scalar, string, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, SeriesSet, derived_so_far, drop_names, empty, relabel, relabelling
from agent.query.functions.native_histograms import beside_classic, native_fractions, native_quantiles
from agent.query.limits import LABELS
from agent.query.strings import is_utf8, quote

_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_HEXADECIMAL: Final = re.compile(r"[+-]?0x(?:[\da-f]+\.?[\da-f]*|\.[\da-f]+)p[+-]?\d+", re.ASCII | re.IGNORECASE)
_WORD: Final = re.compile(r"[+-]?(?:inf|infinity)|nan", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Histograms with equally many buckets.

    members: which of the set's histograms; columns (G, B): where their buckets are, by rising bound; bounds (G, B).
    twins: (histogram, bucket, column) of further series with the same bound (`0.2` and `2e-1`), to be added.
    """

    members: NDArray[np.intp]
    columns: NDArray[np.intp]
    bounds: Floats
    twins: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Histograms:
    """The histograms of a series set; `flawed` are (column, le) of series whose bound cannot be read."""

    series: SeriesSet
    ladders: tuple[Ladder, ...]
    flawed: tuple[tuple[int, str], ...]


def _bound(text: str) -> float | None:
    """Return the bound that a `le` label gives, as Go reads numbers; None where it is none, or too large for a float."""
    if _WORD.fullmatch(text):
        return float(text)
    if _DECIMAL.fullmatch(text):
        found = float(text)
        return None if math.isinf(found) else found
    if _HEXADECIMAL.fullmatch(text):
        try:
            return float.fromhex(text)
        except OverflowError:
            return None
    return None


def histograms_of(series: SeriesSet) -> Histograms:
    """Sort the columns of `series` into histograms."""
    groups: dict[Labels, list[tuple[float, int]]] = {}
    drops: dict[Labels, bool] = {}
    flawed = []
    for column, labels in enumerate(series.labels):
        le = labels.get("le")
        bound = _bound(le)
        if bound is None:
            flawed.append((column, le))
            continue
        rest = labels.without("le")
        groups.setdefault(rest, []).append((bound, column))
        drops[rest] = series.drops is not None and bool(series.drops[column])
    derived_so_far.size += LABELS * len(groups)
    ladders = _ladders([_rungs(buckets) for buckets in groups.values()])
    marks = None if series.drops is None else np.array(list(drops.values()), np.bool_)
    return Histograms(SeriesSet(tuple(groups), marks), tuple(ladders), tuple(flawed))


def _rungs(buckets: list[tuple[float, int]]) -> dict[float, list[int]]:
    """Return the columns of each bound, by rising bound."""
    rungs: dict[float, list[int]] = {}
    for bound, column in sorted(buckets):
        rungs.setdefault(bound, []).append(column)
    return rungs


def _ladders(histograms: list[dict[float, list[int]]]) -> list[Ladder]:
    widths: dict[int, list[int]] = {}
    for member, rungs in enumerate(histograms):
        widths.setdefault(len(rungs), []).append(member)
    ladders = []
    for members in widths.values():
        columns = [[same[0] for same in histograms[member].values()] for member in members]
        twins = tuple(
            (row, rung, column)
            for row, member in enumerate(members)
            for rung, same in enumerate(histograms[member].values())
            for column in same[1:]
        )
        bounds = np.array([list(histograms[member]) for member in members])
        ladders.append(Ladder(np.array(members, np.intp), np.array(columns, np.intp), bounds, twins))
    return ladders


Compute = Callable[[Floats, Floats, slice], Floats]
"""Bounds (G, B), cumulative counts (N, G, B) and the steps they belong to, to a value per step and histogram (N, G)."""


def _computed(evaluation: Evaluation, frame: Frame, pos: ast.Position, compute: Compute) -> Frame:
    """Run `compute` over all histograms of `frame`; steps at which buckets are missing are computed without them."""
    found = frame.series.derived("histograms", lambda: histograms_of(frame.series))
    for column, le in found.flawed:
        if frame.present is None or frame.present[:, column].any():
            evaluation.annotations.bad_bucket_label(le, frame.series.labels[column].name, pos)
    steps = len(evaluation.steps)
    if not found.ladders:
        return empty(steps)
    values = np.zeros((steps, len(found.series)))
    present = None if frame.present is None else np.zeros(values.shape, np.bool_)
    for ladder in found.ladders:
        counts = frame.values[:, ladder.columns]
        there = None if frame.present is None else frame.present[:, ladder.columns]
        for row, rung, column in ladder.twins:
            _add_twin(frame, counts, there, (row, rung), column)
        values[:, ladder.members] = compute(ladder.bounds, counts, slice(0, steps))
        if present is not None and there is not None:
            present[:, ladder.members] = there.any(axis=2)
            _partial(ladder, counts, there, compute, values)
    return Frame(found.series, values, present)


def _add_twin(frame: Frame, counts: Floats, there: Bools | None, place: tuple[int, int], column: int) -> None:
    values = frame.values[:, column]
    if there is None or frame.present is None:
        counts[:, *place] += values
        return
    mask = frame.present[:, column]
    counts[:, *place] = np.where(there[:, *place], counts[:, *place], 0.0) + np.where(mask, values, 0.0)
    there[:, *place] |= mask


def _partial(ladder: Ladder, counts: Floats, there: Bools, compute: Compute, values: Floats) -> None:
    """Compute again, one by one, the histograms of which some buckets are there and some are not."""
    some = there.any(axis=2) & ~there.all(axis=2)
    for step, member in zip(*np.nonzero(some), strict=True):
        mask = there[step, member]
        bounds, partial = ladder.bounds[member][mask][None, :], counts[step, member][mask][None, None, :]
        values[step, ladder.members[member]] = compute(bounds, partial, slice(int(step), int(step) + 1))[0, 0]


def _quantile(evaluation: Evaluation, call: ast.Call) -> Frame:
    quantile = scalar(call.args[0], evaluation)
    _check_quantile(evaluation, quantile, call.args[0].pos)
    frame = vector(call.args[1], evaluation)
    made = _quantiles_at(evaluation, frame, call.args[1].pos, quantile)
    return drop_names(made, delayed=evaluation.delayed)


def _check_quantile(evaluation: Evaluation, quantile: Floats, pos: ast.Position) -> None:
    for outside in distinct(quantile[~((quantile >= 0) & (quantile <= 1))]).tolist():
        evaluation.annotations.invalid_quantile(outside, pos)


def _quantiles_at(evaluation: Evaluation, frame: Frame, pos: ast.Position, quantile: Floats) -> Frame:
    if frame.histograms is None:
        return _classic_quantiles(evaluation, frame, pos, quantile)
    classic = _classic_quantiles(evaluation, frame.floats(), pos, quantile)
    return beside_classic(evaluation, classic, native_quantiles(evaluation, frame, pos, quantile), pos)


def _classic_quantiles(evaluation: Evaluation, frame: Frame, pos: ast.Position, quantile: Floats) -> Frame:
    forced = False

    def compute(bounds: Floats, counts: Floats, steps: slice) -> Floats:
        nonlocal forced
        counts, raised = monotonic(counts)
        if raised is not None and np.isposinf(bounds[:, -1]).all():
            forced = forced or bool(raised.any())
        return quantiles(quantile[steps, None], bounds, counts)

    made = _computed(evaluation, frame, pos, compute)
    if forced:
        evaluation.annotations.forced_monotonicity(frame.series.derived("one name", lambda: _one_name(frame)), pos)
    return made


def _one_name(frame: Frame) -> str:
    """Return the metric name that all series share, or nothing."""
    names = {labels.name for labels in frame.series.labels}
    return names.pop() if len(names) == 1 else ""


def _many(evaluation: Evaluation, call: ast.Call) -> Frame:
    """Return several quantiles at once, told apart by a label that holds the quantile."""
    frame = vector(call.args[0], evaluation)
    name = string(call.args[1], evaluation)
    if not name or not is_utf8(name):
        message = f"invalid label name {quote(name)}"
        raise ExecutionError(message)
    parts = []
    for arg in call.args[2:]:
        quantile = scalar(arg, evaluation)
        _check_quantile(evaluation, quantile, arg.pos)
        parts.append((quantile, _quantiles_at(evaluation, frame, call.args[0].pos, quantile)))
    return drop_names(_labelled(parts, name), delayed=evaluation.delayed)


def _labelled(parts: list[tuple[Floats, Frame]], name: str) -> Frame:
    labels: list[Labels] = []
    values, present = [], []
    for quantile, frame in parts:
        for number in distinct(quantile).tolist():
            here = (quantile == number) | (np.isnan(quantile) & np.isnan(number))
            labels.extend(each.merged({name: _open_metrics_float(number)}) for each in frame.series.labels)
            values.append(frame.values)
            present.append(frame.mask() & here[:, None])
    return relabel(
        Frame(SeriesSet(()), np.concatenate(values, axis=1), np.concatenate(present, axis=1)), relabelling(labels)
    )


def _open_metrics_float(value: float) -> str:
    """Return a float as OpenMetrics writes `le` and `quantile`: whole numbers end in .0."""
    text = format_float(value)
    return text + ".0" if text.lstrip("-").isdigit() else text


def _fraction(evaluation: Evaluation, call: ast.Call) -> Frame:
    lower, upper = scalar(call.args[0], evaluation), scalar(call.args[1], evaluation)
    frame = vector(call.args[2], evaluation)

    def compute(bounds: Floats, counts: Floats, steps: slice) -> Floats:
        return fractions(lower[steps, None], upper[steps, None], bounds, counts)

    pos = call.args[2].pos
    made = _computed(evaluation, frame.floats(), pos, compute)
    if frame.histograms is not None:
        made = beside_classic(evaluation, made, native_fractions(evaluation, frame, pos, lower, upper), pos)
    return drop_names(made, delayed=evaluation.delayed)


TABLE: Final[dict[str, Function]] = {
    "histogram_fraction": _fraction,
    "histogram_quantile": _quantile,
    "histogram_quantiles": _many,
}
