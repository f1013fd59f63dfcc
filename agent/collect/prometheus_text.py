"""The grammar of the Prometheus text format, 0.0.4 and 1.0.0: what a line holds, and where it is wrong.

Accepts what Prometheus 3 accepts: odd spaces, trailing and missing commas, quoted UTF-8 names, timestamps in milliseconds;
`le` of a histogram and `quantile` of a summary become OpenMetrics floats ("1" → "1.0").
"""

from __future__ import annotations

import re
from typing import Final

from agent.collect.scanning import (
    METRIC,
    Metadata,
    Pairs,
    Tail,
    family_name,
    label_name,
    label_value,
    normalise,
    number_at,
    plain_series,
    refuse_twice,
    set_metric_name,
    unescape,
    wrong,
)
from agent.model import METRIC_NAME

TYPES: Final = ("counter", "gauge", "histogram", "summary", "untyped")

_PAIR: Final = re.compile(
    r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"([^"\\]*(?:\\.[^"\\]*)*)"[ \t]*,?[ \t]*', re.DOTALL
)
_BLANKS: Final = re.compile(r"[ \t]*")
_WORD: Final = re.compile(r"[^ \t{]+")
_TIMESTAMP: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_META: Final = re.compile(r"[ \t]*#[ \t]+(HELP|TYPE)[ \t]+")


class PrometheusText:
    """Fulfils `Grammar` for one page."""

    def __init__(self) -> None:
        self.metadata: dict[str, Metadata] = {}
        self._kind = ""

    def is_sample(self, line: str) -> bool:
        """Say whether the line is neither blank nor a comment."""
        stripped = line.lstrip(" \t")
        return bool(stripped) and stripped[0] != "#"

    def comment(self, line: str, number: int) -> None:
        """Take TYPE and HELP; every other comment says nothing."""
        found = _META.match(line)
        if found is None:
            return
        name, position = family_name(line, number, found[1], found.end())
        known = self.metadata.get(name, Metadata())
        if found[1] == "HELP":
            self.metadata[name] = known._replace(help=unescape(line[position + 1 :], quotes=False))
            return
        rest = line[position:].lstrip(" \t")
        kind = rest.rstrip(" \t")
        if kind not in TYPES:
            raise wrong(number, line, len(line) - len(rest), f"a metric type ({', '.join(TYPES)})")
        self._kind = kind
        self.metadata[name] = known._replace(type="unknown" if kind == "untyped" else kind)

    def series(self, line: str, number: int) -> tuple[Pairs, int]:
        """Return the label pairs and where the value begins."""
        plain = plain_series(line)
        if plain is not None:
            refuse_twice(plain[0], line, number)
            return normalise(plain[0], self._kind), plain[1]
        position = _skip(line, 0)
        pairs: Pairs = []
        name = METRIC.match(line, position)
        if name:
            pairs.append((METRIC_NAME, name[0]))
            position = _skip(line, name.end())
        elif not line.startswith("{", position):
            raise wrong(number, line, position, "a metric name" + _hint(line))
        if line.startswith("{", position):
            position = _skip(line, _labels(line, number, position + 1, pairs))
            if not any(each == METRIC_NAME for each, _ in pairs):
                raise wrong(number, line, 0, "a metric name")
            refuse_twice(pairs, line, number)
        return normalise(pairs, self._kind), position

    def tail(self, line: str, number: int, position: int) -> Tail:
        """Read a value and perhaps a timestamp, blanks between and behind."""
        word = _WORD.match(line, position)
        if word is None:
            raise wrong(number, line, position, "a value after the metric")
        value = number_at(line, number, word[0], position)
        return Tail(value, word[0], _timestamp(line, number, _skip(line, word.end())))

    def end(self, number: int) -> None:
        """Accept any number of lines."""


def _labels(line: str, number: int, position: int, pairs: Pairs) -> int:
    while True:
        found = _PAIR.match(line, position)
        if found:
            pairs.append((found[1], unescape(found[2])))
            position = found.end()
            continue
        position = _skip(line, position)
        if line.startswith("}", position):
            return position + 1
        position = _odd_label(line, number, position, pairs)


def _odd_label(line: str, number: int, position: int, pairs: Pairs) -> int:
    """Read a label with a quoted name, or a quoted metric name, or say what is wrong."""
    name, end, quoted = label_name(line, number, position)
    after = _skip(line, end)
    if quoted and line[after : after + 1] in (",", "}"):
        set_metric_name(pairs, name, line, number, position)
        return after + (line[after] == ",")
    if not line.startswith("=", after):
        raise wrong(number, line, after, "=")
    value, end = label_value(line, number, _skip(line, after + 1), name)
    pairs.append((name, value))
    position = _skip(line, end)
    return position + (line[position : position + 1] == ",")


def _timestamp(line: str, number: int, position: int) -> int | None:
    if position == len(line):
        return None
    found = _TIMESTAMP.match(line, position)
    if found is None:
        raise wrong(number, line, position, "a timestamp in whole milliseconds")
    end = _skip(line, found.end())
    if end != len(line):
        raise wrong(number, line, end, "the end of the line after the timestamp")
    value = int(found[0])
    if not -(2**63) <= value < 2**63:
        raise wrong(number, line, position, "a timestamp within 64 bits")
    return value


def _skip(line: str, position: int) -> int:
    found = _BLANKS.match(line, position)
    assert found is not None
    return found.end()


def _hint(line: str) -> str:
    return " (this looks like HTML; is metrics_path right?)" if line.lstrip().startswith("<") else ""
