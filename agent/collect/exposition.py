"""The Prometheus text format 0.0.4, read line by line: samples, types and help texts; errors say line and column.

Accepts what Prometheus 3 accepts: odd spaces, trailing and missing commas, quoted UTF-8 names, timestamps; `le` of a
histogram and `quantile` of a summary become OpenMetrics floats ("1" → "1.0"). No I/O and no cache: `lines` has the cache.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.errors import ScrapeError
from agent.model import METRIC_NAME, Labels

TYPES: Final = frozenset({"counter", "gauge", "histogram", "summary", "untyped"})
NORMALISED: Final = {"histogram": "le", "summary": "quantile"}
"""The label that holds a float, by metric type."""

_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_QUOTED: Final = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_PAIR: Final = re.compile(
    r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"([^"\\]*(?:\\.[^"\\]*)*)"[ \t]*,?[ \t]*', re.DOTALL
)
_WORD: Final = re.compile(r"[^ \t{]+")
_FLOAT: Final = re.compile(
    r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?)|nan", re.IGNORECASE | re.ASCII
)
_TIMESTAMP: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_META: Final = re.compile(r"[ \t]*#[ \t]+(HELP|TYPE)[ \t]+")
_ESCAPE: Final = re.compile(r'\\([\\"n])')
_CLIP: Final = 40


class Metadata(NamedTuple):
    """What a page says about a metric family."""

    type: str = "unknown"
    help: str = ""
    unit: str = ""


class ParsedLine(NamedTuple):
    """One sample line: label pairs as written (with `__name__`, possibly empty values), value, own timestamp or None."""

    pairs: list[tuple[str, str]]
    value: float
    timestamp_ms: int | None
    value_text: str


@dataclass(slots=True)
class Exposition:
    """A whole page: samples in its order, metadata by family name."""

    samples: list[tuple[Labels, float, int | None]] = field(default_factory=list)
    metadata: dict[str, Metadata] = field(default_factory=dict)


def parse_exposition(text: str) -> Exposition:
    """Parse a page; raise ScrapeError (`line:column: what, found "…"`) at the first thing that is wrong."""
    page, kind = Exposition(), ""
    for number, line in enumerate(text.split("\n"), 1):
        if is_sample(line):
            parsed = parse_sample(line, number, kind)
            page.samples.append((Labels(parsed.pairs), parsed.value, parsed.timestamp_ms))
        else:
            kind = parse_comment(line, number, page.metadata) or kind
    return page


def decode(body: bytes) -> str:
    """Decode a page as UTF-8; raise ScrapeError at the first byte that is not."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        start = body.rfind(b"\n", 0, error.start) + 1
        column = len(body[start : error.start].decode(errors="replace")) + 1
        message = f"{line}:{column}: the page is not valid UTF-8, found byte 0x{body[error.start]:02x}"
        raise ScrapeError(message, reason="parse") from error


def is_sample(line: str) -> bool:
    """Say whether the line should hold a sample, that is: it is neither blank nor a comment."""
    stripped = line.lstrip(" \t")
    return bool(stripped) and stripped[0] != "#"


def is_float(text: str) -> bool:
    """Say whether `text` is a number as Prometheus reads it: no underscores, no hexadecimal, within a float64."""
    return _FLOAT.fullmatch(text) is not None and not (math.isinf(float(text)) and any(each.isdigit() for each in text))


def parse_comment(line: str, number: int, metadata: dict[str, Metadata]) -> str | None:
    """Take TYPE and HELP into `metadata`; return the type where the line gives one; raise ScrapeError."""
    found = _META.match(line)
    if found is None:
        return None
    word, position = found[1], found.end()
    name, position = _family(line, number, word, position)
    rest = line[position:].lstrip(" \t")
    known = metadata.get(name, Metadata())
    if word == "HELP":
        metadata[name] = known._replace(help=_unescape(line[position + 1 :], quotes=False))
        return None
    kind = rest.rstrip(" \t")
    if kind not in TYPES:
        expected = "a metric type (" + ", ".join(sorted(TYPES)) + ")"
        raise _error(number, line, len(line) - len(rest), expected)
    metadata[name] = known._replace(type=kind)
    return kind


def parse_sample(line: str, number: int, kind: str) -> ParsedLine:
    """Parse one sample line; `kind` is the type that the last TYPE line gave; raise ScrapeError with the place."""
    position = _skip(line, 0)
    pairs: list[tuple[str, str]] = []
    name = _METRIC.match(line, position)
    if name:
        pairs.append((METRIC_NAME, name[0]))
        position = _skip(line, name.end())
    elif not line.startswith("{", position):
        raise _error(number, line, position, "a metric name" + _hint(line))
    if line.startswith("{", position):
        position = _skip(line, _labels(line, number, position + 1, pairs))
        if not any(each == METRIC_NAME for each, _ in pairs):
            raise _error(number, line, 0, "a metric name")
    word = _WORD.match(line, position)
    if word is None:
        raise _error(number, line, position, "a value after the metric")
    value = _value(line, number, word)
    timestamp_ms = _timestamp(line, number, _skip(line, word.end()))
    names = [each for each, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise _error(number, line, 0, f'each label name once, but "{twice}" is given twice')
    if kind in NORMALISED:
        pairs = [(each, normalise_float(text) if each == NORMALISED[kind] else text) for each, text in pairs]
    return ParsedLine(pairs, value, timestamp_ms, word[0])


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


def _labels(line: str, number: int, position: int, pairs: list[tuple[str, str]]) -> int:
    while True:
        found = _PAIR.match(line, position)
        if found:
            pairs.append((found[1], _unescape(found[2]) if "\\" in found[2] else found[2]))
            position = found.end()
            continue
        position = _skip(line, position)
        if line.startswith("}", position):
            return position + 1
        position = _odd_label(line, number, position, pairs)


def _odd_label(line: str, number: int, position: int, pairs: list[tuple[str, str]]) -> int:
    """Read a label with a quoted name, or a quoted metric name, or say what is wrong."""
    quoted = _QUOTED.match(line, position)
    plain = None if quoted else _LABEL_NAME.match(line, position)
    if quoted is None and plain is None:
        if line.startswith('"', position):
            raise _error(number, line, position, "a label name that ends with a quote on the same line")
        raise _error(number, line, position, "a label name or }")
    name = _unescape(quoted[1]) if quoted else (plain[0] if plain else "")
    position = _skip(line, (quoted or plain).end())  # type: ignore[union-attr]  # one of them is there
    if quoted and line[position : position + 1] in (",", "}"):
        if any(each == METRIC_NAME for each, _ in pairs):
            raise _error(number, line, quoted.start(), "= after the label name, for the metric name is given")
        pairs.append((METRIC_NAME, name))
        return position + (line[position] == ",")
    if not line.startswith("=", position):
        raise _error(number, line, position, "=")
    position = _skip(line, position + 1)
    value = _QUOTED.match(line, position)
    if value is None:
        wanted = (
            "a quote at the end of the label value" if line.startswith('"', position) else "a label value in quotes"
        )
        raise _error(number, line, position, wanted)
    if not name:
        raise _error(number, line, position, "a label name that is not empty")
    pairs.append((name, _unescape(value[1])))
    position = _skip(line, value.end())
    return position + (line[position : position + 1] == ",")


def _value(line: str, number: int, word: re.Match[str]) -> float:
    if is_float(word[0]):
        return float(word[0])
    wanted = "a number within the range of a float64" if _FLOAT.fullmatch(word[0]) else "a number"
    raise _error(number, line, word.start(), wanted)


def _timestamp(line: str, number: int, position: int) -> int | None:
    if position == len(line):
        return None
    found = _TIMESTAMP.match(line, position)
    if found is None:
        raise _error(number, line, position, "a timestamp in whole milliseconds")
    end = _skip(line, found.end())
    if end != len(line):
        raise _error(number, line, end, "the end of the line after the timestamp")
    value = int(found[0])
    if not -(2**63) <= value < 2**63:
        raise _error(number, line, position, "a timestamp within 64 bits")
    return value


def _family(line: str, number: int, word: str, position: int) -> tuple[str, int]:
    quoted = _QUOTED.match(line, position)
    if quoted:
        return _unescape(quoted[1]), quoted.end()
    plain = _METRIC.match(line, position)
    if plain is None:
        raise _error(number, line, position, f"a metric name after {word}")
    return plain[0], plain.end()


def _skip(line: str, position: int) -> int:
    while line[position : position + 1] in (" ", "\t"):
        position += 1
    return position


def _unescape(text: str, *, quotes: bool = True) -> str:
    def replace(match: re.Match[str]) -> str:
        escaped = match[1]
        if escaped == "n":
            return "\n"
        return escaped if quotes or escaped == "\\" else match[0]

    return _ESCAPE.sub(replace, text) if "\\" in text else text


def _hint(line: str) -> str:
    return " (this looks like HTML; is metrics_path right?)" if line.lstrip().startswith("<") else ""


def _error(number: int, line: str, position: int, expected: str) -> ScrapeError:
    rest = line[position : position + _CLIP]
    shown = json.dumps(rest, ensure_ascii=False) + ("…" if len(line) > position + _CLIP else "")
    found = shown if rest else "the end of the line"
    return ScrapeError(f"{number}:{position + 1}: expected {expected}, found {found}", reason="parse")
