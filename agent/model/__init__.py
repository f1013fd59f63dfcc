"""The values that every room speaks in: labels, matchers, samples, alerts, durations. No I/O, no clocks.

`samples` needs numpy; its names load on first use, so that checking a routing file costs no numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy
from agent.model.alerts import RESOLVED_REASON, Alert
from agent.model.durations import format_duration, parse_duration
from agent.model.labels import METRIC_NAME, Labels, is_legacy_label_name, is_legacy_metric_name, quote
from agent.model.matchers import Matcher, MatchOp, compile_regex, match_all
from agent.model.secrets import Secret
from agent.model.values import LAST_MS, format_float, format_rfc3339, parse_float

if TYPE_CHECKING:
    from agent.model.bucket_bounds import bucket_intervals, bucket_rows, upper_bounds
    from agent.model.histograms import CUSTOM, NO_BUCKETS, Buckets, Histogram, ResetHint
    from agent.model.instants import format_local, parse_instant, parse_length
    from agent.model.samples import (
        ABSENT_BITS,
        ABSENT_NAN,
        HISTOGRAM_BITS,
        HISTOGRAM_NAN,
        STALE_BITS,
        STALE_NAN,
        Block,
        Columns,
        Exemplar,
        Row,
        Sample,
        absent_row,
        is_absent,
        is_missing,
        is_stale,
    )


__all__ = [
    "ABSENT_BITS",
    "ABSENT_NAN",
    "CUSTOM",
    "HISTOGRAM_BITS",
    "HISTOGRAM_NAN",
    "LAST_MS",
    "METRIC_NAME",
    "NO_BUCKETS",
    "RESOLVED_REASON",
    "STALE_BITS",
    "STALE_NAN",
    "Alert",
    "Block",
    "Buckets",
    "Columns",
    "Exemplar",
    "Histogram",
    "Labels",
    "MatchOp",
    "Matcher",
    "ResetHint",
    "Row",
    "Sample",
    "Secret",
    "absent_row",
    "bucket_intervals",
    "bucket_rows",
    "compile_regex",
    "format_duration",
    "format_float",
    "format_local",
    "format_rfc3339",
    "is_absent",
    "is_legacy_label_name",
    "is_legacy_metric_name",
    "is_missing",
    "is_stale",
    "match_all",
    "parse_duration",
    "parse_float",
    "parse_instant",
    "parse_length",
    "quote",
    "upper_bounds",
]

__getattr__ = lazy(
    __name__,
    {
        "bucket_bounds": ("bucket_intervals", "bucket_rows", "upper_bounds"),
        "histograms": ("CUSTOM", "NO_BUCKETS", "Buckets", "Histogram", "ResetHint"),
        "instants": ("format_local", "parse_instant", "parse_length"),
        "samples": (
            "ABSENT_BITS",
            "ABSENT_NAN",
            "HISTOGRAM_BITS",
            "HISTOGRAM_NAN",
            "STALE_BITS",
            "STALE_NAN",
            "Block",
            "Columns",
            "Exemplar",
            "Row",
            "Sample",
            "absent_row",
            "is_absent",
            "is_missing",
            "is_stale",
        ),
    },
)
