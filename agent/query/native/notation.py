"""How a native histogram is written: the scripts' `{{schema:1 count:3 buckets:[1 2]}}`, and Prometheus' one-line form.

`parse_histogram` refuses what is no field, what stands twice and what does not fit the schema, and says where.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent.errors import ParseError
from agent.model import CUSTOM, NO_BUCKETS, Buckets, Histogram, ResetHint, bucket_intervals, parse_float

_FIELD: Final = re.compile(r"\s*([a-z_]+)\s*:\s*(\[[^\]]*\]|[^\s\[\]{}]+)")
_END: Final = re.compile(r"\s*\}\}\s*$")
_LARGEST_INDEX: Final = 1 << 31


def parse_histogram(text: str) -> Histogram:
    """Read `{{field:value …}}`; raise ParseError with the column of what is wrong.

    Fields: schema, count, sum, z_bucket, z_bucket_w, offset, buckets, n_offset, n_buckets, custom_values, counter_reset_hint.
    """
    found = _fields(text)
    schema: int = found.get("schema", 0)
    try:
        histogram = Histogram(
            schema=schema,
            count=found.get("count", 0.0),
            sum=found.get("sum", 0.0),
            zero_threshold=found.get("z_bucket_w", 0.0),
            zero_count=found.get("z_bucket", 0.0),
            positive=_buckets(found.get("offset", 0), found.get("buckets", ())),
            negative=_buckets(found.get("n_offset", 0), found.get("n_buckets", ())),
            bounds=tuple(found.get("custom_values", ())),
            hint=found.get("counter_reset_hint", ResetHint.UNKNOWN),
        )
        _check(histogram)
    except ValueError as error:
        raise ParseError(f"histogram {text.strip()}: {error}") from error
    return histogram


def _fields(text: str) -> dict[str, Any]:
    at = len(text) - len(text.lstrip())
    if text[at : at + 2] != "{{":
        raise ParseError("a histogram begins with {{", column=at + 1)
    found: dict[str, Any] = {}
    at += 2
    while not _END.match(text, at):
        match = _FIELD.match(text, at)
        if match is None:
            raise ParseError('expected "field:value" or }} in a histogram', column=at + 1)
        name, written = match.groups()
        if name not in _READERS:
            known = ", ".join(_READERS)
            raise ParseError(f'unknown field "{name}" in a histogram; known are {known}', column=match.start(1) + 1)
        if name in found:
            raise ParseError(f'field "{name}" stands twice in a histogram', column=match.start(1) + 1)
        try:
            found[name] = _READERS[name](written)
        except ValueError as error:
            raise ParseError(f'bad value "{written}" of field "{name}": {error}', column=match.start(2) + 1) from error
        at = match.end()
    return found


def _numbers(written: str) -> list[float]:
    if not written.startswith("["):
        message = "it needs a list in brackets"
        raise ValueError(message)
    return [parse_float(each) for each in written[1:-1].split()]


def _integer(written: str) -> int:
    value = int(written)
    if abs(value) >= _LARGEST_INDEX:
        message = "it does not fit 32 bits"
        raise ValueError(message)
    return value


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "schema": _integer,
    "count": parse_float,
    "sum": parse_float,
    "z_bucket": parse_float,
    "z_bucket_w": parse_float,
    "offset": _integer,
    "buckets": _numbers,
    "n_offset": _integer,
    "n_buckets": _numbers,
    "custom_values": _numbers,
    "counter_reset_hint": ResetHint,
}


def _buckets(offset: int, counts: Sequence[float]) -> Buckets:
    if not counts:
        return NO_BUCKETS
    return Buckets(np.arange(offset, offset + len(counts), dtype=np.int64), np.array(counts, np.float64))


def _check(histogram: Histogram) -> None:
    message = ""
    if histogram.custom:
        last = int(histogram.positive.index[-1]) if len(histogram.positive) else 0
        if any(after <= before for before, after in zip(histogram.bounds, histogram.bounds[1:], strict=False)):
            message = "custom_values must rise"
        elif last > len(histogram.bounds) or (len(histogram.positive) and histogram.positive.index[0] < 0):
            message = f"a bucket lies outside the {len(histogram.bounds)} custom_values and +Inf"
        elif len(histogram.negative) or histogram.zero_count or histogram.zero_threshold:
            message = f"schema {CUSTOM} has neither a zero bucket nor negative buckets"
    elif not -4 <= histogram.schema <= 8:
        message = f"schema {histogram.schema} is neither -4 to 8 nor {CUSTOM}"
    elif histogram.bounds:
        message = f"custom_values need schema:{CUSTOM}"
    if message:
        raise ValueError(message)


def format_notation(histogram: Histogram) -> str:
    """Write the scripts' form, which `parse_histogram` reads back; gaps between buckets become zeros."""
    parts = []
    if histogram.schema:
        parts.append(f"schema:{histogram.schema}")
    numbers = {
        "count": histogram.count,
        "sum": histogram.sum,
        "z_bucket": histogram.zero_count,
        "z_bucket_w": histogram.zero_threshold,
    }
    parts += [f"{name}:{go_float(value)}" for name, value in numbers.items() if value != 0]
    if histogram.bounds:
        parts.append(f"custom_values:[{' '.join(map(go_float, histogram.bounds))}]")
    if histogram.hint is not ResetHint.UNKNOWN:
        parts.append(f"counter_reset_hint:{histogram.hint.value}")
    for prefix, side in (("", histogram.positive), ("n_", histogram.negative)):
        if len(side):
            offset, counts = _span(side)
            parts += [f"{prefix}offset:{offset}"] if offset else []
            parts.append(f"{prefix}buckets:[{' '.join(map(go_float, counts.tolist()))}]")
    return "{{" + " ".join(parts) + "}}"


def _span(side: Buckets) -> tuple[int, NDArray[np.float64]]:
    first = int(side.index[0])
    counts = np.zeros(int(side.index[-1]) - first + 1)
    counts[side.index - first] = side.counts
    return first, counts


def format_histogram(histogram: Histogram) -> str:
    """Write the one line that Prometheus prints (count_values' label, templates): `{count:3, sum:5, (1,2]:3}`."""
    parts = [f"count:{go_float(histogram.count)}", f"sum:{go_float(histogram.sum)}"]
    found = bucket_intervals(histogram, clipped=False)
    columns = (found.lower, found.upper, found.counts, found.rules)
    for lower, upper, count, rule in zip(*(column.tolist() for column in columns), strict=True):
        if count != 0:
            left, right = "(["[rule in (1, 3)], ")]"[rule in (0, 3)]
            parts.append(f"{left}{go_float(lower)},{go_float(upper)}{right}:{go_float(count)}")
    return "{" + ", ".join(parts) + "}"


def go_float(value: float) -> str:
    """Write a float as Go's %g: the fewest digits that read back, with an exponent below 1e-4 and from 1e6."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    digits = len(repr(abs(value)).partition("e")[0].replace(".", "").strip("0")) or 1
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if -4 <= exponent < 6:
        return format(value, f".{max(digits - 1 - exponent, 0)}f")
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
