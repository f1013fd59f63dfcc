"""Writes query answers as JSON, fast: a matrix of 10,000 series with 360 points each is built from byte pieces.

Timestamps are formatted once per instant, numbers by msgspec's encoder wherever its form is Go's. Long answers come as
chunks, so that no answer is held twice and the event loop can turn between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from agent.model import bucket_rows, format_float
from agent.web.envelope import TRUNCATED, at_most_ten
from agent.web.views import Matrix, QueryAnswer, Scalar, Series, Text, Vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.model import Histogram, Labels

CHUNK_BYTES: Final = 1 << 20
_SMALLEST_PLAIN: Final = 1e-5
_LARGEST_PLAIN: Final = 1e16
"""Between these two msgspec and Go both write digits without an exponent."""


def format_timestamp(at_ms: int) -> str:
    """Return seconds with at most three decimals and no trailing zeros: 1500 → `1.5`, -500 → `-0.5`."""
    seconds, rest = divmod(abs(at_ms), 1000)
    text = f"{seconds}.{rest:03d}".rstrip("0") if rest else str(seconds)
    return f"-{text}" if at_ms < 0 else text


def format_values(values: NDArray[np.float64]) -> list[bytes]:
    """Return each value as `format_float` writes it, without quotes."""
    if not len(values):
        return []
    magnitude = np.abs(values)
    plain = ((magnitude >= _SMALLEST_PLAIN) & (magnitude < _LARGEST_PLAIN)) | (magnitude == 0)
    digits = msgspec.json.encode(values.tolist())[1:-1] + b","
    found = digits.replace(b".0,", b",").split(b",")[:-1]
    if not plain.all():
        for index in np.flatnonzero(~plain):
            found[index] = format_float(float(values[index])).encode()
    return found


def limited(answer: QueryAnswer, limit: int) -> QueryAnswer:
    """Return at most `limit` series (0: all), with Prometheus' warning where some are left out."""
    warnings = [*answer.warnings, TRUNCATED]
    match answer.result:
        case Vector(labels, values, at_ms, natives) if 0 < limit < len(labels):
            natives = None if natives is None else natives[:limit]
            return QueryAnswer(Vector(labels[:limit], values[:limit], at_ms, natives), warnings, answer.infos)
        case Matrix(series) if 0 < limit < len(series):
            return QueryAnswer(Matrix(series[:limit]), warnings, answer.infos)
        case _:
            return answer


def chunks(answer: QueryAnswer) -> Iterator[bytes]:
    """Yield the whole envelope in pieces of about a megabyte."""
    waiting: list[bytes] = []
    size = 0
    for piece in _envelope(answer):
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _envelope(answer: QueryAnswer) -> Iterator[bytes]:
    yield b'{"status":"success","data":{"resultType":"'
    match answer.result:
        case Matrix(series):
            yield b'matrix","result":['
            yield from _matrix(series)
            yield b"]}"
        case Vector(labels, values, at_ms, natives):
            yield b'vector","result":['
            yield from _vector(labels, values, at_ms, natives)
            yield b"]}"
        case Scalar(at_ms, value):
            yield f'scalar","result":[{format_timestamp(at_ms)},"{format_float(value)}"]}}'.encode()
        case Text(at_ms, text):
            yield f'string","result":[{format_timestamp(at_ms)},'.encode() + msgspec.json.encode(text) + b"]}"
    for key, notes in (("warnings", answer.warnings), ("infos", answer.infos)):
        if notes:
            yield f',"{key}":'.encode() + msgspec.json.encode(at_most_ten(notes, key))
    yield b"}"


def _matrix(series: Sequence[Series]) -> Iterator[bytes]:
    instants: dict[int, bytes] = {}
    between = b""
    for each in series:
        head = between + b'{"metric":' + encode_labels(each.labels)
        if each.histograms is None:
            yield head + b',"values":[' + _points(each, instants) + b"]}"
        else:
            yield head + _mixed_points(each, each.histograms, instants) + b"}"
        between = b","


def _mixed_points(series: Series, histograms: NDArray[np.object_], instants: dict[int, bytes]) -> bytes:
    """Return `,"values":[…],"histograms":[…]` of a series with native histograms; what it has none of is left out."""
    native = histograms.astype(np.bool_)
    floats = _points(Series(series.labels, series.timestamps[~native], series.values[~native]), instants)
    stamps, held = series.timestamps[native].tolist(), histograms[native].tolist()
    points = [f"[{format_timestamp(at)},{encode_histogram(each)}]" for at, each in zip(stamps, held, strict=True)]
    parts = [b',"values":[' + floats + b"]"] if floats else []
    if points:
        parts.append(f',"histograms":[{",".join(points)}]'.encode())
    return b"".join(parts)


def _points(series: Series, instants: dict[int, bytes]) -> bytes:
    """Return `[t,"v"],[t,"v"]…`; `instants` keeps `"],[t,"` for each timestamp seen so far."""
    values = format_values(series.values)
    if not values:
        return b""
    pieces = [b""] * (2 * len(values))
    pieces[0::2] = [
        instants.get(at) or instants.setdefault(at, f'"],[{format_timestamp(at)},"'.encode())
        for at in series.timestamps.tolist()
    ]
    pieces[1::2] = values
    pieces[0] = pieces[0][3:]
    return b"".join(pieces) + b'"]'


def _vector(
    labels: Sequence[Labels], values: NDArray[np.float64], at_ms: int, histograms: NDArray[np.object_] | None
) -> Iterator[bytes]:
    instant = f',"value":[{format_timestamp(at_ms)},"'.encode()
    between = b'{"metric":'
    for place, (each, value) in enumerate(zip(labels, format_values(values), strict=True)):
        native = None if histograms is None else histograms[place]
        if native is None:
            yield between + encode_labels(each) + instant + value + b'"]}'
        else:
            point = f',"histogram":[{format_timestamp(at_ms)},{encode_histogram(native)}]}}'
            yield between + encode_labels(each) + point.encode()
        between = b',{"metric":'


def encode_histogram(histogram: Histogram) -> str:
    """Return a native histogram as a JSON object: count, sum, and the buckets that count something, as strings."""
    fields = f'"count":"{format_float(histogram.count)}","sum":"{format_float(histogram.sum)}"'
    rows = [
        f'[{rule},"{format_float(lower)}","{format_float(upper)}","{format_float(count)}"]'
        for rule, lower, upper, count in bucket_rows(histogram)
    ]
    return f'{{{fields},"buckets":[{",".join(rows)}]}}' if rows else f"{{{fields}}}"


def encode_labels(labels: Labels) -> bytes:
    """Return the labels as a JSON object, sorted by name."""
    return msgspec.json.encode(dict(labels.pairs))
