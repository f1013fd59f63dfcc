"""What the two text formats have in common: numbers, quoted strings, label sets, and errors that say line and column.

Positions are offsets in characters into one line. Nothing here knows HELP from TYPE or what may follow a value.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final, NamedTuple, Protocol

from agent.errors import ScrapeError
from agent.model import METRIC_NAME

NORMALISED: Final = {"histogram": "le", "summary": "quantile"}
"""The label that holds a float, by metric type."""

METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
QUOTED: Final = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_FLOAT: Final = re.compile(
    r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?)|nan", re.IGNORECASE | re.ASCII
)
_ESCAPE: Final = re.compile(r'\\([\\"n])')
_CLIP: Final = 40

_PLAIN: Final = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="[^"\\]*"(?:,(?!\})|(?=\})))*)\})? (?=[^ \t{])'
)
_PLAIN_PAIR: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"')

Pairs = list[tuple[str, str]]


class Metadata(NamedTuple):
    """What a page says about a metric family."""

    type: str = "unknown"
    help: str = ""
    unit: str = ""


class ParsedExemplar(NamedTuple):
    """What stands behind a value: label pairs, a value, and its own time or None."""

    pairs: tuple[tuple[str, str], ...]
    value: float
    timestamp_ms: int | None


class Tail(NamedTuple):
    """A sample line from its value on: the value and its text, own timestamp or None, exemplar or None and its text."""

    value: float
    value_text: str
    timestamp_ms: int | None = None
    exemplar: ParsedExemplar | None = None
    exemplar_text: str = ""


class Grammar(Protocol):
    """One page's reading in one text format. A new one for each page: it remembers the type that the last TYPE line gave.

    Line numbers count from 1. Every verb raises ScrapeError (`line:column: expected …, found …`).
    """

    metadata: dict[str, Metadata]

    def is_sample(self, line: str) -> bool:
        """Say whether the line should hold a sample."""
        ...

    def comment(self, line: str, number: int) -> None:
        """Read a line that holds no sample."""
        ...

    def series(self, line: str, number: int) -> tuple[Pairs, int]:
        """Return the label pairs as written (with `__name__`, bounds normalised) and where the value begins."""
        ...

    def tail(self, line: str, number: int, position: int) -> Tail:
        """Read the rest of a sample line from where its value begins."""
        ...

    def end(self, number: int) -> None:
        """Hear that the page is over after `number` lines (what follows the last line break is one if it is not empty)."""
        ...


def is_float(text: str) -> bool:
    """Say whether `text` is a number as Prometheus reads it: no underscores, no hexadecimal, within a float64."""
    return _FLOAT.fullmatch(text) is not None and not (math.isinf(float(text)) and any(each.isdigit() for each in text))


def number_at(line: str, number: int, word: str, position: int, what: str = "a number") -> float:
    """Return the float that `word` holds."""
    if is_float(word):
        return float(word)
    wanted = f"{what} within the range of a float64" if _FLOAT.fullmatch(word) else what
    raise wrong(number, line, position, wanted)


def normalise_float(text: str) -> str:
    """Write the float in `text` as OpenMetrics does (`1` → `1.0`, `1e6` → `1e+06`); what is no float stays."""
    if not _FLOAT.fullmatch(text):
        return text
    value = float(text)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    digits = len(repr(value).partition("e")[0].replace(".", "").strip("-").strip("0")) or 1
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if value and (exponent < -4 or exponent >= 6):  # Go's %g with the shortest precision
        return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return repr(value)


def normalise(pairs: Pairs, kind: str) -> Pairs:
    """Write the bound among `pairs` as a float, where the metric's type has one."""
    label = NORMALISED.get(kind)
    if label is None:
        return pairs
    return [(name, normalise_float(text) if name == label else text) for name, text in pairs]


def plain_series(line: str) -> tuple[Pairs, int] | None:
    """Read a series as nearly all are written, without odd spaces, escapes and quoted names; None for the others.

    Returns the pairs and where the value begins. Measured: a third of the time that label by label takes.
    """
    found = _PLAIN.match(line)
    if found is None:
        return None
    name, labels = found.groups()
    pairs: Pairs = [(METRIC_NAME, name)]
    if labels:
        pairs += _PLAIN_PAIR.findall(labels)
    return pairs, found.end()


def refuse_twice(pairs: Pairs, line: str, number: int) -> None:
    """Raise where a label name is given twice."""
    if len(dict(pairs)) != len(pairs):
        all_names = [name for name, _ in pairs]
        twice = next(name for name in all_names if all_names.count(name) > 1)
        raise wrong(number, line, 0, f'each label name once, but "{twice}" is given twice')


def unescape(text: str, *, quotes: bool = True) -> str:
    r"""Undo `\\`, `\n` and, with `quotes`, `\"`; another escape stays as it is written."""
    if "\\" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        escaped = match[1]
        if escaped == "n":
            return "\n"
        return escaped if quotes or escaped == "\\" else match[0]

    return _ESCAPE.sub(replace, text)


def label_name(line: str, number: int, position: int) -> tuple[str, int, bool]:
    """Read a label name, or what stands for the metric's name, plain or quoted; return (name, its end, quoted)."""
    quoted = QUOTED.match(line, position)
    if quoted:
        return unescape(quoted[1]), quoted.end(), True
    plain = LABEL_NAME.match(line, position)
    if plain:
        return plain[0], plain.end(), False
    if line.startswith('"', position):
        raise wrong(number, line, position, "a label name that ends with a quote on the same line")
    raise wrong(number, line, position, "a label name or }")


def label_value(line: str, number: int, position: int, name: str) -> tuple[str, int]:
    """Read the quoted value of label `name`; return it and its end."""
    found = QUOTED.match(line, position)
    if found is None:
        opened = line.startswith('"', position)
        wanted = "a quote at the end of the label value" if opened else "a label value in quotes"
        raise wrong(number, line, position, wanted)
    if not name:
        raise wrong(number, line, position, "a label name that is not empty")
    return unescape(found[1]), found.end()


def set_metric_name(pairs: Pairs, name: str, line: str, number: int, position: int) -> None:
    """Take a quoted metric name from among the labels."""
    if any(each == METRIC_NAME for each, _ in pairs):
        raise wrong(number, line, position, "= after the label name, for the metric name is given")
    if not name:
        raise wrong(number, line, position, "a metric name that is not empty")
    pairs.append((METRIC_NAME, name))


def family_name(line: str, number: int, word: str, position: int) -> tuple[str, int]:
    """Read the family's name after HELP, TYPE or UNIT; return it and its end."""
    quoted = QUOTED.match(line, position)
    if quoted:
        return unescape(quoted[1]), quoted.end()
    plain = METRIC.match(line, position)
    if plain is None:
        raise wrong(number, line, position, f"a metric name after {word}")
    return plain[0], plain.end()


def wrong(number: int, line: str, position: int, expected: str) -> ScrapeError:
    """Return the error for what stands at `position` of line `number` instead of what was expected."""
    rest = line[position : position + _CLIP]
    shown = json.dumps(rest, ensure_ascii=False) + ("…" if len(line) > position + _CLIP else "")
    found = shown if rest else "the end of the line"
    return ScrapeError(f"{number}:{position + 1}: expected {expected}, found {found}", reason="parse")
