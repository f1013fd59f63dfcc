"""Metric families as protobuf carries them (io.prometheus.client): names, labels, values, histograms of both kinds.

Each metric stays near the bytes: its labels are given as places in the page, so that a reader that knows them already does
not decode them. Refuses what is no such message, and native histograms whose buckets contradict themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.collect import wire
from agent.collect.scanning import ParsedExemplar
from agent.collect.wire import Span, broken
from agent.model import NO_BUCKETS, Buckets, Histogram, ResetHint

TYPES: Final = ("counter", "gauge", "summary", "unknown", "histogram", "gaugehistogram")
"""By number of the enumeration MetricType."""
MAX_BUCKETS: Final = 100_000
"""The most buckets that one native histogram may have."""
FINEST_SCHEMA: Final = 8
"""Finer ones, which the format allows up to 52, are brought to this resolution, as Prometheus does."""


class Point(NamedTuple):
    """A quantile of a summary, or a cumulative bucket of a classic histogram: where it ends, what it is worth."""

    bound: float
    value: float
    exemplar: ParsedExemplar | None = None


@dataclass(slots=True)
class Metric:
    """One metric: its labels' places, its value, or what a summary or a histogram holds."""

    at: int
    labels: list[Span] = field(default_factory=list)
    timestamp_ms: int | None = None
    value: float = 0.0
    count: float = 0.0
    sum: float = 0.0
    points: list[Point] = field(default_factory=list)
    native: Histogram | None = None
    exemplars: list[ParsedExemplar] = field(default_factory=list)


@dataclass(slots=True)
class Family:
    """One metric family; `type` is OpenMetrics' word for it."""

    name: str = ""
    help: str = ""
    type: str = "counter"
    unit: str = ""
    metrics: list[Metric] = field(default_factory=list)


def families(body: bytes) -> Iterator[Family]:
    """Yield the families of a page, each after its length; raise ScrapeError (`byte N: what`) where it is wrong."""
    for message in wire.delimited(body):
        yield _family(body, message)


def label_pairs(body: bytes, spans: Sequence[Span]) -> list[tuple[str, str]]:
    """Decode the label pairs at these places."""
    pairs = []
    for span in spans:
        name = value = ""
        for number, held, at in wire.fields(body, span):
            if number == 1:
                name = wire.text(body, held, at)
            elif number == 2:
                value = wire.text(body, held, at)
        if not name:
            raise broken(span.start, "a label has no name")
        pairs.append((name, value))
    return pairs


def _family(body: bytes, message: Span) -> Family:
    found = Family()
    metrics: list[Span] = []
    for number, value, at in wire.fields(body, message):
        if number == 1:
            found.name = wire.text(body, value, at)
        elif number == 2:
            found.help = wire.text(body, value, at)
        elif number == 3:
            kind = wire.unsigned(value, at)
            if kind >= len(TYPES):
                raise broken(at, f"metric type {kind} is unknown")
            found.type = TYPES[kind]
        elif number == 4:
            metrics.append(wire.nested(value, at))
        elif number == 5:
            found.unit = wire.text(body, value, at)
    if not found.name:
        raise broken(message.start, "a metric family has no name")
    found.metrics = [_metric(body, each, found.type) for each in metrics]
    return found


_VALUE_FIELDS: Final = {"gauge": 2, "counter": 3, "summary": 4, "unknown": 5, "histogram": 7, "gaugehistogram": 7}


def _metric(body: bytes, message: Span, kind: str) -> Metric:
    found = Metric(message.start)
    for number, value, at in wire.fields(body, message):
        if number == 1:
            found.labels.append(wire.nested(value, at))
        elif number == 6:
            found.timestamp_ms = wire.signed(value, at)
        elif number == _VALUE_FIELDS[kind]:
            span = wire.nested(value, at)
            if kind == "summary":
                _summary(body, span, found)
            elif number == 7:
                _histogram(body, span, found, gauge=kind == "gaugehistogram")
            else:
                _scalar(body, span, found)
    return found


def _scalar(body: bytes, message: Span, metric: Metric) -> None:
    for number, value, at in wire.fields(body, message):
        if number == 1:
            metric.value = wire.double(value, at)
        elif number == 2:
            metric.exemplars.append(_exemplar(body, wire.nested(value, at)))


def _summary(body: bytes, message: Span, metric: Metric) -> None:
    for number, value, at in wire.fields(body, message):
        if number == 1:
            metric.count = float(wire.unsigned(value, at))
        elif number == 2:
            metric.sum = wire.double(value, at)
        elif number == 3:
            held = {each: wire.double(inner, place) for each, inner, place in wire.fields(body, wire.nested(value, at))}
            metric.points.append(Point(held.get(1, 0.0), held.get(2, 0.0)))


@dataclass(slots=True)
class _Side:
    """One side of a native histogram as it comes: spans of (offset, length), then differences or counts."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    deltas: list[int] = field(default_factory=list)
    counts: list[NDArray[np.float64]] = field(default_factory=list)

    def buckets(self, at: int) -> Buckets:
        """Return the buckets, without those that a span names but counts nothing in; `at` is for errors."""
        if not self.spans and not self.deltas and not self.counts:
            return NO_BUCKETS
        if sum(length for _, length in self.spans) > MAX_BUCKETS:
            raise broken(at, f"a native histogram has more than {MAX_BUCKETS} buckets")
        counts = np.concatenate(self.counts) if self.counts else np.array(list(accumulate(self.deltas)), np.float64)
        indexes, end = [], 0
        for place, (offset, length) in enumerate(self.spans):
            if place and offset < 0:
                raise broken(
                    at, f"span {place + 1} of a native histogram begins {-offset} buckets before the last one ends"
                )
            indexes.append(np.arange(end + offset, end + offset + length))
            end += offset + length
        index = np.concatenate([*indexes, np.empty(0, np.int64)]).astype(np.int64)
        if len(index) != len(counts):
            raise broken(at, f"the spans of a native histogram name {len(index)} buckets, but {len(counts)} come")
        if (counts < 0).any():
            raise broken(at, "a bucket of a native histogram counts less than nothing")
        return Buckets(index, counts)


def _histogram(body: bytes, message: Span, metric: Metric, *, gauge: bool) -> None:
    numbers: dict[int, float] = {}
    positive, negative, exemplars = _Side(), _Side(), []
    for number, value, at in wire.fields(body, message):
        if number == 3:
            metric.points.append(_classic_bucket(body, wire.nested(value, at)))
        elif number in (1, 7):
            numbers[number] = float(wire.unsigned(value, at))
        elif number in (2, 4, 6, 8):
            numbers[number] = wire.double(value, at)
        elif number == 5:
            numbers[number] = wire.zigzag(value, at)
        elif number in (9, 12):
            (negative if number == 9 else positive).spans.append(_bucket_span(body, wire.nested(value, at)))
        elif number in (10, 13):
            (negative if number == 10 else positive).deltas.extend(wire.zigzags(body, value, at))
        elif number in (11, 14):
            (negative if number == 11 else positive).counts.append(wire.doubles(body, value, at))
        elif number == 16:
            exemplars.append(_exemplar(body, wire.nested(value, at)))
    metric.count = numbers.get(4) or numbers.get(1, 0.0)
    metric.sum = numbers.get(2, 0.0)
    if (
        positive.spans
        or negative.spans
        or numbers.get(6, 0.0) > 0
        or numbers.get(7, 0.0) > 0
        or numbers.get(8, 0.0) > 0
    ):
        metric.native = _native(numbers, positive, negative, metric, message.start, gauge=gauge)
        metric.exemplars = exemplars


def _native(
    numbers: dict[int, float], positive: _Side, negative: _Side, metric: Metric, at: int, *, gauge: bool
) -> Histogram:
    schema = int(numbers.get(5, 0))
    if not -4 <= schema <= 52:
        raise broken(at, f"the schema {schema} of a native histogram is unknown; known are -4 to 52")
    sides = [side.buckets(at) for side in (positive, negative)]
    if schema > FINEST_SCHEMA:
        sides = [_coarser(side, schema - FINEST_SCHEMA) for side in sides]
        schema = FINEST_SCHEMA
    zero = numbers.get(8) or numbers.get(7, 0.0)
    hint = ResetHint.GAUGE if gauge else ResetHint.UNKNOWN
    if metric.count < 0 or zero < 0:
        raise broken(at, "a native histogram counts less than nothing")
    return Histogram(schema, metric.count, metric.sum, numbers.get(6, 0.0), zero, sides[0], sides[1], (), hint)


def _coarser(side: Buckets, steps: int) -> Buckets:
    if not len(side):
        return side
    index, place = np.unique(((side.index - 1) >> steps) + 1, return_inverse=True)
    return Buckets(index, np.bincount(place, side.counts).astype(np.float64))


def _classic_bucket(body: bytes, message: Span) -> Point:
    whole = fraction = bound = 0.0
    exemplar = None
    for number, value, at in wire.fields(body, message):
        if number == 1:
            whole = float(wire.unsigned(value, at))
        elif number == 4:
            fraction = wire.double(value, at)
        elif number == 2:
            bound = wire.double(value, at)
        elif number == 3:
            exemplar = _exemplar(body, wire.nested(value, at))
    return Point(bound, fraction or whole, exemplar)


def _bucket_span(body: bytes, message: Span) -> tuple[int, int]:
    offset = length = 0
    for number, value, at in wire.fields(body, message):
        if number == 1:
            offset = wire.zigzag(value, at)
        elif number == 2:
            length = wire.unsigned(value, at)
    if abs(offset) > 1 << 31 or length > MAX_BUCKETS:
        raise broken(message.start, f"a span of {length} buckets at {offset} is out of bounds")
    return offset, length


def _exemplar(body: bytes, message: Span) -> ParsedExemplar:
    labels: list[Span] = []
    worth, timestamp_ms = 0.0, None
    for number, value, at in wire.fields(body, message):
        if number == 1:
            labels.append(wire.nested(value, at))
        elif number == 2:
            worth = wire.double(value, at)
        elif number == 3:
            timestamp_ms = _timestamp_ms(body, wire.nested(value, at))
    return ParsedExemplar(tuple(label_pairs(body, labels)), worth, timestamp_ms)


def _timestamp_ms(body: bytes, message: Span) -> int:
    seconds = nanoseconds = 0
    for number, value, at in wire.fields(body, message):
        if number == 1:
            seconds = wire.signed(value, at)
        elif number == 2:
            nanoseconds = wire.signed(value, at)
    return seconds * 1000 + nanoseconds // 1_000_000
