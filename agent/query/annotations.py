"""Warnings and infos about a query, in Prometheus' wording, each with the place it speaks of (`(1:6)`).

Every text that the room can say stands here, once. A set collects them; equal ones are kept once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from agent.model import format_float
from agent.query.ast import Position
from agent.query.strings import quote

_WARNING: Final = "PromQL warning: "
_INFO: Final = "PromQL info: "
_DOCS: Final = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


class Annotations:
    """What was noticed while evaluating; `warnings` and `infos` in the order of first notice.

    echoes: for a place, others where the same expression stands, and where the same is to be noted.
    """

    __slots__ = ("_echoes", "_infos", "_warnings")

    def __init__(self, echoes: Mapping[Position, Iterable[Position]] | None = None) -> None:
        self._echoes = echoes or {}
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings: the result may be wrong."""
        return tuple(self._warnings)

    @property
    def infos(self) -> tuple[str, ...]:
        """The infos: the result may not be what was meant."""
        return tuple(self._infos)

    def _warn(self, text: str, pos: Position) -> None:
        for place in (pos, *self._echoes.get(pos, ())):
            self._warnings[f"{_WARNING}{text} ({place})"] = None

    def _inform(self, text: str, pos: Position) -> None:
        for place in (pos, *self._echoes.get(pos, ())):
            self._infos[f"{_INFO}{text} ({place})"] = None

    def invalid_quantile(self, quantile: float, pos: Position) -> None:
        """Note a quantile outside 0 to 1."""
        self._warn(f"quantile value should be between 0 and 1, got {format_float(quantile)}", pos)

    def invalid_ratio(self, ratio: float, capped: float, pos: Position) -> None:
        """Note a limit_ratio outside -1 to 1."""
        got = f"got {format_float(ratio)}, capping to {format_float(capped)}"
        self._warn(f"ratio value should be between -1 and 1, {got}", pos)

    def bad_bucket_label(self, value: str, metric: str, pos: Position) -> None:
        """Note a bucket without a usable `le`."""
        self._warn(f'bucket label "le" is missing or has a malformed value of {quote(value)}{_of(metric)}', pos)

    def forced_monotonicity(self, metric: str, pos: Position) -> None:
        """Note buckets that decreased and were raised."""
        text = f"input to histogram_quantile needed to be fixed for monotonicity (see {_DOCS})"
        self._inform(text + _of(metric), pos)

    def possible_non_counter(self, metric: str, pos: Position) -> None:
        """Note a rate of something whose name does not say counter."""
        text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:"
        self._inform(f"{text} {quote(metric)}", pos)

    def sort_in_range_query(self, pos: Position) -> None:
        """Note a sort that a range query undoes."""
        self._warn("sort is ineffective for range queries since results are always ordered by labels", pos)

    def mixed_samples(self, metric: str, pos: Position) -> None:
        """Note a range with floats and native histograms that a function cannot take together."""
        self._warn(f"encountered a mix of histograms and floats for metric name {quote(metric)}", pos)

    def mixed_in_aggregation(self, pos: Position) -> None:
        """Note a group with floats and native histograms, which has no sum."""
        self._warn("encountered a mix of histograms and floats for aggregation", pos)

    def mixed_buckets(self, metric: str, pos: Position) -> None:
        """Note a native histogram that stands beside classic buckets of the same labels."""
        self._warn("vector contains a mix of classic and native histograms" + _of(metric), pos)

    def mixed_schemas(self, metric: str, pos: Position) -> None:
        """Note exponential and custom buckets that do not add up."""
        text = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name"
        self._warn(f"{text} {quote(metric)}", pos)

    def not_counter(self, metric: str, pos: Position) -> None:
        """Note a rate of gauge histograms."""
        self._warn(f"this native histogram metric is not a counter: {quote(metric)}", pos)

    def not_gauge(self, metric: str, pos: Position) -> None:
        """Note a delta of counter histograms."""
        self._warn(f"this native histogram metric is not a gauge: {quote(metric)}", pos)

    def incompatible_layout(self, operator: str, pos: Position) -> None:
        """Note an operator between exponential and custom buckets."""
        self._warn(f"incompatible bucket layout encountered for binary operator {operator}", pos)

    def incompatible_types(self, left: str, operator: str, right: str, pos: Position) -> None:
        """Note an operator that has no meaning between what stands left and right of it (float or histogram)."""
        text = "incompatible sample types encountered for binary operator"
        self._inform(f"{text} {quote(operator)}: {left} {operator} {right}", pos)

    def colliding_resets(self, operation: str, pos: Position) -> None:
        """Note histograms of which some were reset and some were not."""
        self._warn(f"conflicting counter resets during histogram {operation}", pos)

    def reconciled_bounds(self, operation: str, pos: Position) -> None:
        """Note custom buckets of which only the common bounds were kept."""
        self._inform(f"mismatched custom buckets were reconciled during {operation}", pos)

    def ignored_in_aggregation(self, operator: str, pos: Position) -> None:
        """Note native histograms that an aggregation left out."""
        self._inform(f"ignored histogram in {operator} aggregation", pos)

    def ignored_in_range(self, metric: str, pos: Position) -> None:
        """Note native histograms that a function left out beside floats."""
        text = "ignored histograms in a range containing both floats and histograms for metric name"
        self._inform(f"{text} {quote(metric)}", pos)

    def quantile_unknown(self, metric: str, pos: Position) -> None:
        """Note a quantile that falls among observations that are NaN."""
        self._inform("input to histogram_quantile has NaN observations, result is NaN" + _of(metric), pos)

    def quantile_skewed(self, metric: str, pos: Position) -> None:
        """Note a quantile of a histogram with observations that are NaN, which count as greatest."""
        self._inform("input to histogram_quantile has NaN observations, result is skewed higher" + _of(metric), pos)

    def fraction_without_nans(self, metric: str, pos: Position) -> None:
        """Note a fraction of a histogram with observations that are NaN, which are in no fraction."""
        text = "input to histogram_fraction has NaN observations, which are excluded from all fractions"
        self._inform(text + _of(metric), pos)


def _of(metric: str) -> str:
    return f" for metric name {quote(metric)}" if metric else ""
