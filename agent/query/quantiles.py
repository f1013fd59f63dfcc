"""Quantiles of sorted samples by linear interpolation between ranks, as Prometheus' `quantile` computes them."""

from __future__ import annotations

import numpy as np

from agent.query.frame import Floats


def interpolated(stacked: Floats, count: Floats, nans: Floats, quantile: Floats) -> Floats:
    """Return the quantile of each sorted stack.

    stacked (N, W, C): samples in rising order along W, NaN first (as -Inf), fillers last; count and nans (N, C): how many
    are samples, how many of those are NaN; quantile broadcasts to (N, C). Below 0 gives -Inf, above 1 +Inf, NaN NaN.
    """
    rank = quantile * (count - 1)
    inside = (quantile >= 0) & (quantile <= 1)
    floor = np.floor(np.where(inside, rank, 0.0))
    lower = np.maximum(floor, 0.0)
    upper = np.maximum(np.minimum(count - 1, lower + 1), 0.0)
    weight = np.where(inside, rank, 0.0) - floor

    def at(index: Floats) -> Floats:
        picked = np.take_along_axis(stacked, index.astype(np.intp)[:, None, :], axis=1)[:, 0, :]
        return np.where(index < nans, np.nan, picked)

    found = at(lower) * (1 - weight) + at(upper) * weight
    found = np.where(quantile < 0, -np.inf, np.where(quantile > 1, np.inf, found))
    return np.where(np.isnan(quantile), np.nan, found)
