"""How test files write the samples of a series: `1 2+3x4 _ _x5 stale {{sum:3 count:2 buckets:[2]}}x2`.

`parse_metric` reads a series' name and labels, `parse_values` its row of values, both with the column of what is wrong.
Nothing is spread out before somebody asks for cells, so `0+1x1000000000` takes no memory. Source: Prometheus' parser.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from agent.errors import ParseError
from agent.model import ABSENT_NAN, HISTOGRAM_NAN, METRIC_NAME, STALE_NAN, Histogram, Labels, MatchOp
from agent.query.lexer import Kind
from agent.query.native.arithmetic import add, subtract
from agent.query.native.notation import parse_histogram
from agent.query.parse_selectors import selector
from agent.query.stream import TokenStream

_SPACE: Final = re.compile(r"\s+")
_SIGN: Final = re.compile(r"[+-]")
_DIGITS: Final = re.compile(r"(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)
_STALE: Final = re.compile(r"stale(?!\w)", re.ASCII)
_COUNT: Final = re.compile(r"x(\d+)", re.ASCII)
_NATIVE: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_OCTAL: Final = re.compile(r"0[0-7]+")
_MOST: Final = 1 << 62
_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class Stretch:
    """`count` samples in a row: `first`, then `change` more (`falls`: less) each time. `first` None is no sample."""

    first: float | Histogram | None
    change: float | Histogram | None
    count: int
    falls: bool = False

    def floats(self, count: int) -> NDArray[np.float64]:
        """Return the first `count` cells; those of histograms are HISTOGRAM_NAN."""
        if self.first is None or isinstance(self.first, Histogram):
            return np.full(count, ABSENT_NAN if self.first is None else HISTOGRAM_NAN)
        if self.change is None:
            return np.full(count, self.first)
        assert isinstance(self.change, float)
        cells = np.full(count, -self.change if self.falls else self.change)
        cells[:1] = self.first
        with np.errstate(all="ignore"):
            return np.add.accumulate(cells)  # step by step as Prometheus adds, rounding included

    def natives(self, count: int) -> list[Histogram]:
        """Return the first `count` histograms, none where the stretch is of floats."""
        if not isinstance(self.first, Histogram):
            return []
        made = [self.first]
        while len(made) < count:
            made.append(self._next(made[-1]))
        return made[:count]

    def _next(self, before: Histogram) -> Histogram:
        if not isinstance(self.change, Histogram):
            return before
        combined = (subtract if self.falls else add)(before, self.change)
        assert combined is not None  # parse_values has added the first two
        return replace(combined.histogram, hint=before.hint)


@dataclass(frozen=True, slots=True)
class SeriesValues:
    """The samples of one series, one after the other."""

    stretches: tuple[Stretch, ...] = ()

    @property
    def count(self) -> int:
        """How many samples and gaps there are."""
        return sum(each.count for each in self.stretches)

    def cells(self, limit: int) -> tuple[NDArray[np.float64], dict[int, Histogram]]:
        """Return the first `limit` cells, float64 of shape (n,), n ≤ limit, and the histograms among them by their place."""
        parts: list[NDArray[np.float64]] = []
        natives: dict[int, Histogram] = {}
        at = 0
        for each in self.stretches:
            if at >= limit:
                break
            count = min(each.count, limit - at)
            parts.append(each.floats(count))
            natives.update(enumerate(each.natives(count), at))
            at += count
        return (np.concatenate(parts) if parts else np.empty(0)), natives


def parse_metric(text: str) -> Labels:
    """Read a series as `name{label="value"}` writes it; raise ParseError. An empty text is the series without labels."""
    if not text.strip():
        return Labels()
    stream = TokenStream(text)
    if stream.here.kind not in (
        Kind.IDENTIFIER,
        Kind.METRIC_IDENTIFIER,
        Kind.KEYWORD,
        Kind.AGGREGATOR,
    ) and not stream.sees("{"):
        raise stream.unexpected("series", "a metric name or {")
    found = selector(stream)
    if stream.here.kind is not Kind.END:
        raise stream.unexpected("series", "nothing after it")
    for matcher in found.matchers:
        if matcher.op is not MatchOp.EQUAL:
            message = f'a series has labels with "=": {matcher.name}{matcher.op.value}"…" selects series'
            raise ParseError(message)
    pairs = {matcher.name: matcher.value for matcher in found.matchers}
    if found.name:
        pairs[METRIC_NAME] = found.name
    return Labels(pairs)


def parse_values(text: str) -> SeriesValues:
    """Read a row of values; raise ParseError at the character that is wrong."""
    scanner = _Scanner(text)
    stretches = []
    scanner.take(_SPACE)
    while scanner.at < len(text):
        stretches.append(_stretch(scanner))
        if scanner.at < len(text) and not scanner.take(_SPACE):
            scanner.fail("a space between two values")
    return SeriesValues(tuple(stretches))


def _stretch(scanner: _Scanner) -> Stretch:
    if scanner.sees("_"):
        scanner.at += 1
        return Stretch(None, None, scanner.times(1))
    if scanner.sees("{{"):
        return _native_stretch(scanner)
    if scanner.take(_STALE):
        return Stretch(STALE_NAN, None, 1)
    first = scanner.value()
    sign = scanner.take(_SIGN)
    if sign is None:
        return Stretch(first, None, 1 + scanner.times(0))
    change = scanner.number()
    return Stretch(first, change, 1 + scanner.times(None), falls=sign[0] == "-")


def _native_stretch(scanner: _Scanner) -> Stretch:
    begin = scanner.at
    first = scanner.native()
    sign = scanner.take(_SIGN)
    if sign is None:
        return Stretch(first, None, 1 + scanner.times(0))
    change = scanner.native()
    combined = (add if sign[0] == "+" else subtract)(first, change)
    if combined is None:
        raise scanner.error("exponential buckets and custom_values cannot be added", begin)
    return Stretch(first, change, 1 + scanner.times(None), falls=sign[0] == "-")


class _Scanner:
    """A row of values with a place to stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def sees(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def error(self, message: str, at: int | None = None) -> ParseError:
        at = self.at if at is None else at
        before = self.text[:at]
        return ParseError(message, before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)

    def fail(self, expected: str) -> NoReturn:
        rest = self.text[self.at :].split(maxsplit=1)
        found = f'"{rest[0][:_SHOWN]}"' if rest and not self.text[self.at].isspace() else "nothing"
        raise self.error(f"found {found} in series values, expected {expected}")

    def value(self) -> float:
        """Take a number with any sign."""
        sign = self.take(_SIGN)
        number = self.number()
        return -number if sign is not None and sign[0] == "-" else number

    def number(self) -> float:
        begin = self.at
        if (word := _WORD.match(self.text, begin)) and word[0].lower() in ("inf", "nan"):
            self.at = word.end()
            return float(word[0])
        digits = self.take(_DIGITS)
        if digits is None:
            self.fail("a number, _, stale or {{histogram}}")
        try:
            value = float(int(digits[0], 8)) if _OCTAL.fullmatch(digits[0]) else float(digits[0])
        except ValueError:
            value = math.inf
        if math.isinf(value):
            self.at = begin
            self.fail("a number that a float holds")
        return value

    def native(self) -> Histogram:
        begin = self.at
        match = self.take(_NATIVE)
        if match is None:
            self.fail("a histogram like {{sum:3 count:2 buckets:[2]}}")
        try:
            return parse_histogram(match[0])
        except ParseError as error:
            raise self.error(error.message, begin + error.column - 1) from error

    def times(self, without: int | None) -> int:
        """Take `x5`; return `without` where there is none, which None forbids."""
        count = self.take(_COUNT)
        if count is None:
            if without is None or self.sees("x"):
                self.fail("xN, how often it goes on" if without is None else "a whole number after x")
            return without
        return min(int(count[1]), _MOST)
