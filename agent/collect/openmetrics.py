"""The grammar of the OpenMetrics text format, 0.0.1 and 1.0.0: single spaces, timestamps in seconds, exemplars, `# EOF`.

As strict as Prometheus is, and no stricter: the order of families and the suffixes of their samples are not checked.
`_created` samples are series like others. Source: the OpenMetrics 1.0 ABNF; Prometheus' reading of it where they differ.
"""

from __future__ import annotations

import math
import re
from typing import Final

from agent.collect.scanning import (
    METRIC,
    Metadata,
    Pairs,
    ParsedExemplar,
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
from agent.errors import ScrapeError
from agent.model import METRIC_NAME

TYPES: Final = ("counter", "gauge", "gaugehistogram", "histogram", "info", "stateset", "summary", "unknown")

_PAIR: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\]*(?:\\.[^"\\]*)*)"(?:,|(?=\}))', re.DOTALL)
_WORD: Final = re.compile(r"[^ ]+")
_META: Final = re.compile(r"# (HELP|TYPE|UNIT) ")
_EOF: Final = "# EOF"


class OpenMetricsText:
    """Fulfils `Grammar` for one page."""

    def __init__(self) -> None:
        self.metadata: dict[str, Metadata] = {}
        self._kind = ""
        self._ended_at = 0

    def is_sample(self, line: str) -> bool:
        """Say whether the line is no comment; after `# EOF` nothing is a sample."""
        return not line.startswith("#") and bool(line) and not self._ended_at

    def comment(self, line: str, number: int) -> None:
        """Take HELP, TYPE, UNIT and EOF; there are no other comments and no blank lines."""
        if self._ended_at:
            raise wrong(number, line, 0, "nothing after # EOF")
        if line == _EOF:
            self._ended_at = number
            return
        found = _META.match(line)
        if found is None:
            if not line:
                raise ScrapeError(f"{number}:1: expected a metric name or # EOF, found a blank line", reason="parse")
            after = len(_EOF) if line.startswith(_EOF) else 0
            wanted = "nothing after # EOF" if after else "# HELP, # TYPE, # UNIT or # EOF"
            raise wrong(number, line, after, wanted)
        self._describe(line, number, found[1], found.end())

    def series(self, line: str, number: int) -> tuple[Pairs, int]:
        """Return the label pairs and where the value begins."""
        plain = plain_series(line)
        if plain is not None:
            refuse_twice(plain[0], line, number)
            return normalise(plain[0], self._kind), plain[1]
        pairs: Pairs = []
        name = METRIC.match(line)
        position = 0
        if name:
            pairs.append((METRIC_NAME, name[0]))
            position = name.end()
        elif not line.startswith("{"):
            raise wrong(number, line, 0, "a metric name")
        if line.startswith("{", position):
            position = _labels(line, number, position + 1, pairs)
            if not any(each == METRIC_NAME for each, _ in pairs):
                raise wrong(number, line, 0, "a metric name")
            refuse_twice(pairs, line, number)
        return normalise(pairs, self._kind), _space(line, number, position, "a space and a value after the metric")

    def tail(self, line: str, number: int, position: int) -> Tail:
        """Read a value, perhaps a timestamp, perhaps an exemplar."""
        value_text, position = _word(line, number, position, "a value after the metric")
        value = number_at(line, number, value_text, position - len(value_text))
        timestamp_ms = None
        if position < len(line) and not line.startswith(" # {", position):
            timestamp_ms, position = _timestamp(line, number, position)
        if position == len(line):
            return Tail(value, value_text, timestamp_ms)
        if not line.startswith(" # {", position):
            raise wrong(number, line, position + 1, "the end of the line or an exemplar ( # {…})")
        exemplar = _exemplar(line, number, position + len(" # {"))
        return Tail(value, value_text, timestamp_ms, exemplar, line[position:])

    def end(self, number: int) -> None:
        """Refuse a page whose `# EOF` has not come, for it may be half a page, or came too early."""
        if not self._ended_at:
            message = f"{number + 1}:1: expected # EOF as the last line, found the end of the page"
            raise ScrapeError(message, reason="parse")
        if self._ended_at < number:
            raise ScrapeError(f"{self._ended_at + 1}:1: expected nothing after # EOF, found a line", reason="parse")

    def _describe(self, line: str, number: int, word: str, position: int) -> None:
        name, position = family_name(line, number, word, position)
        if not line.startswith(" ", position):
            raise wrong(number, line, position, f"a space and a text after the name in {word}")
        text = line[position + 1 :]
        known = self.metadata.get(name, Metadata())
        if word == "HELP":
            self.metadata[name] = known._replace(help=unescape(text))
        elif word == "UNIT":
            if text and not name.endswith("_" + text):
                raise wrong(number, line, position + 1, f'a unit that the name "{name[:80]}" ends with, after a _')
            self.metadata[name] = known._replace(unit=text)
        elif text in TYPES:
            self._kind = text
            self.metadata[name] = known._replace(type=text)
        else:
            raise wrong(number, line, position + 1, f"a metric type ({', '.join(TYPES)})")


def _labels(line: str, number: int, position: int, pairs: Pairs, *, exemplar: bool = False) -> int:
    while True:
        found = _PAIR.match(line, position)
        if found:
            pairs.append((found[1], unescape(found[2])))
            position = found.end()
        elif line.startswith("}", position):
            return position + 1
        else:
            position = _odd_label(line, number, position, pairs, exemplar=exemplar)


def _odd_label(line: str, number: int, position: int, pairs: Pairs, *, exemplar: bool) -> int:
    name, end, quoted = label_name(line, number, position)
    if quoted and not exemplar and line[end : end + 1] in (",", "}"):
        set_metric_name(pairs, name, line, number, position)
    else:
        if not line.startswith("=", end):
            raise wrong(number, line, end, "=")
        value, end = label_value(line, number, end + 1, name)
        pairs.append((name, value))
    if line[end : end + 1] not in (",", "}"):
        raise wrong(number, line, end, ", or }")
    return end + (line[end] == ",")


def _exemplar(line: str, number: int, position: int) -> ParsedExemplar:
    pairs: Pairs = []
    position = _labels(line, number, position, pairs, exemplar=True)
    refuse_twice(pairs, line, number)
    position = _space(line, number, position, "a space and a value after the exemplar's labels")
    text, position = _word(line, number, position, "a value after the exemplar's labels")
    value = number_at(line, number, text, position - len(text))
    if position == len(line):
        return ParsedExemplar(tuple(pairs), value, None)
    timestamp_ms, end = _timestamp(line, number, position)
    if end != len(line):
        raise wrong(number, line, end, "the end of the line after the exemplar's timestamp")
    return ParsedExemplar(tuple(pairs), value, timestamp_ms)


def _timestamp(line: str, number: int, position: int) -> tuple[int, int]:
    """Read a space and seconds; return milliseconds, cut off towards zero as Prometheus does, and the end."""
    text, end = _word(line, number, position + 1, "a timestamp in seconds")
    seconds = number_at(line, number, text, position + 1, "a timestamp in seconds")
    if not math.isfinite(seconds) or not -(2.0**63) <= seconds * 1000 < 2.0**63:
        raise wrong(number, line, position + 1, "a finite timestamp in seconds")
    return int(seconds * 1000), end


def _space(line: str, number: int, position: int, wanted: str) -> int:
    if not line.startswith(" ", position):
        raise wrong(number, line, position, wanted)
    return position + 1


def _word(line: str, number: int, position: int, wanted: str) -> tuple[str, int]:
    found = _WORD.match(line, position)
    if found is None:
        raise wrong(number, line, position, wanted)
    return found[0], found.end()
