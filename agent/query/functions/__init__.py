"""What every PromQL function takes and gives: one row each. Pure data, so that parsing needs no numpy.

`page` names the module of this folder whose TABLE holds the computation under the same name; it is imported when the
engine first calls the function. A new function is a row here and an entry there; a test says that both exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.query.ast import ValueType

_SCALAR, _STRING, _VECTOR, _MATRIX = ValueType.SCALAR, ValueType.STRING, ValueType.VECTOR, ValueType.MATRIX


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's arguments and result.

    optional: how many of the trailing `args` may be missing or, counted on, repeated: with N args and `optional` k > 0,
    N-1 to N-1+k arguments are accepted; -1 accepts any number from N-1 on (Prometheus' Variadic).
    """

    args: tuple[ValueType, ...]
    page: str
    returns: ValueType = _VECTOR
    optional: int = 0


def _many(names: str, signature: Signature) -> dict[str, Signature]:
    return dict.fromkeys(names.split(), signature)


SIGNATURES: Final[dict[str, Signature]] = {
    **_many("rate increase delta irate idelta", Signature((_MATRIX,), "rates")),
    **_many("changes resets", Signature((_MATRIX,), "over_time")),
    **_many("avg_over_time count_over_time first_over_time last_over_time", Signature((_MATRIX,), "over_time")),
    **_many("max_over_time min_over_time present_over_time sum_over_time", Signature((_MATRIX,), "over_time")),
    **_many("stddev_over_time stdvar_over_time mad_over_time", Signature((_MATRIX,), "over_time")),
    **_many("ts_of_first_over_time ts_of_last_over_time", Signature((_MATRIX,), "over_time")),
    **_many("ts_of_max_over_time ts_of_min_over_time", Signature((_MATRIX,), "over_time")),
    "quantile_over_time": Signature((_SCALAR, _MATRIX), "over_time"),
    "absent_over_time": Signature((_MATRIX,), "absence"),
    "absent": Signature((_VECTOR,), "absence"),
    "deriv": Signature((_MATRIX,), "trends"),
    "predict_linear": Signature((_MATRIX, _SCALAR), "trends"),
    "double_exponential_smoothing": Signature((_MATRIX, _SCALAR, _SCALAR), "trends"),
    **_many("abs ceil exp floor ln log10 log2 sgn sqrt deg rad", Signature((_VECTOR,), "arithmetic")),
    **_many("acos acosh asin asinh atan atanh cos cosh sin sinh tan tanh", Signature((_VECTOR,), "arithmetic")),
    "round": Signature((_VECTOR, _SCALAR), "arithmetic", optional=1),
    "clamp": Signature((_VECTOR, _SCALAR, _SCALAR), "arithmetic"),
    **_many("clamp_max clamp_min", Signature((_VECTOR, _SCALAR), "arithmetic")),
    **_many("max_of min_of", Signature((_SCALAR, _SCALAR), "scalars", _SCALAR)),
    **_many("pi time start end step range", Signature((), "scalars", _SCALAR)),
    "scalar": Signature((_VECTOR,), "scalars", _SCALAR),
    "vector": Signature((_SCALAR,), "scalars"),
    "timestamp": Signature((_VECTOR,), "dates"),
    **_many("day_of_month day_of_week day_of_year days_in_month", Signature((_VECTOR,), "dates", optional=1)),
    **_many("hour minute month year", Signature((_VECTOR,), "dates", optional=1)),
    "histogram_quantile": Signature((_SCALAR, _VECTOR), "histograms"),
    "histogram_quantiles": Signature((_VECTOR, _STRING, _SCALAR, _SCALAR), "histograms", optional=9),
    "histogram_fraction": Signature((_SCALAR, _SCALAR, _VECTOR), "histograms"),
    **_many("histogram_avg histogram_count histogram_sum", Signature((_VECTOR,), "native_histograms")),
    **_many("histogram_stddev histogram_stdvar", Signature((_VECTOR,), "native_histograms")),
    "label_join": Signature((_VECTOR, _STRING, _STRING, _STRING), "labels", optional=-1),
    "label_replace": Signature((_VECTOR, _STRING, _STRING, _STRING, _STRING), "labels"),
    "info": Signature((_VECTOR, _VECTOR), "info", optional=1),
    **_many("sort sort_desc", Signature((_VECTOR,), "sorting")),
    **_many("sort_by_label sort_by_label_desc", Signature((_VECTOR, _STRING), "sorting", optional=-1)),
}
