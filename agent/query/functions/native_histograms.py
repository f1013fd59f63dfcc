"""What is read off native histograms: count, sum, average, deviation, quantiles and fractions.

All histograms of a frame are read together. One that stands beside classic buckets with the same labels has no result, nor
have they: it is not known which is meant. Source: Prometheus' resetHistograms and simpleHistogramFunc.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import Histogram
from agent.query import ast
from agent.query.distinct import distinct
from agent.query.evaluate import Function, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Floats, Frame, drop_names, empty, stacked
from agent.query.native.quantiles import (
    average,
    fractions,
    quantiles,
    standard_deviation,
    variance,
)


def _of_each(compute: Callable[[Histogram], float]) -> Function:
    """Return the PromQL function that reads one number off every native histogram; floats have none."""

    def function(evaluation: Evaluation, call: ast.Call) -> Frame:
        frame = vector(call.args[0], evaluation)
        if frame.histograms is None:
            return empty(len(evaluation.steps))
        native = frame.native()
        values = np.zeros(native.shape)
        values[native] = [compute(each) for each in frame.histograms[native]]
        return drop_names(Frame(frame.series, values, native), delayed=evaluation.delayed)

    return function


def native_quantiles(evaluation: Evaluation, frame: Frame, pos: ast.Position, quantile: Floats) -> Frame:
    """Return the quantile (one per step) of the native histograms of `frame`."""
    assert frame.histograms is not None
    native = frame.native()
    steps, columns = np.nonzero(native)
    found = quantiles(quantile[steps], frame.histograms[native].tolist())
    _note(frame, columns, found.lost, lambda metric: evaluation.annotations.quantile_unknown(metric, pos))
    _note(frame, columns, found.skewed, lambda metric: evaluation.annotations.quantile_skewed(metric, pos))
    return _placed(frame, native, found.values)


def native_fractions(evaluation: Evaluation, frame: Frame, pos: ast.Position, lower: Floats, upper: Floats) -> Frame:
    """Return the fraction between `lower` and `upper` (one each per step) of the native histograms of `frame`."""
    assert frame.histograms is not None
    native = frame.native()
    steps, columns = np.nonzero(native)
    found = fractions(lower[steps], upper[steps], frame.histograms[native].tolist())
    _note(frame, columns, found.excluded, lambda metric: evaluation.annotations.fraction_without_nans(metric, pos))
    return _placed(frame, native, found.values)


def _note(frame: Frame, columns: NDArray[np.intp], marked: Bools, note: Callable[[str], None]) -> None:
    for column in distinct(columns[marked]).tolist():
        note(frame.series.labels[column].name)


def _placed(frame: Frame, native: Bools, values: Floats) -> Frame:
    cells = np.zeros(native.shape)
    cells[native] = values
    return Frame(frame.series, cells, native)


def beside_classic(evaluation: Evaluation, classic: Frame, native: Frame, pos: ast.Position) -> Frame:
    """Put results of classic and of native histograms side by side, less those that meet under the same labels."""
    there, here = np.array(classic.mask()), np.array(native.mask())
    places = {labels: column for column, labels in enumerate(classic.series.labels)}
    for column, labels in enumerate(native.series.labels):
        place = places.get(labels.without("le"))
        both = None if place is None else there[:, place] & here[:, column]
        if both is not None and both.any():
            evaluation.annotations.mixed_buckets(labels.name, pos)
            there[both, place] = here[both, column] = False
    return stacked((classic.where(there), native.where(here)))


TABLE: Final[dict[str, Function]] = {
    "histogram_avg": _of_each(average),
    "histogram_count": _of_each(lambda histogram: histogram.count),
    "histogram_stddev": _of_each(standard_deviation),
    "histogram_stdvar": _of_each(variance),
    "histogram_sum": _of_each(lambda histogram: histogram.sum),
}
