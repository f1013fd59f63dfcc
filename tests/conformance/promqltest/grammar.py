"""The grammar of promqltest files: commands, their bodies, and series lines.

A comment line counts as an empty one, and an empty line ends a load or an eval.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.errors import ParseError
from agent.model import Histogram, Labels, is_absent, parse_duration
from agent.query import parse_metric, parse_values
from agent.query.parse_selectors import string
from agent.query.stream import TokenStream

_INSTANT = re.compile(r"^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$", re.IGNORECASE)
_RANGE = re.compile(
    r"^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$", re.IGNORECASE
)
_LOAD = re.compile(r"^load(_with_nhcb)?\s+(\S+)$", re.IGNORECASE)
_EXPECT = re.compile(r"^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(msg|regex)\s*:\s*(.*))?$")
_EXPECT_RANGE = re.compile(r"^expect\s+range\s+vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$")
_ITEMS = re.compile(r"(?:\{\{.*?\}\}|[^\s{])+")

Value = float | Histogram | None


class BadScript(Exception):
    """A line that the grammar does not have."""


@dataclass(frozen=True)
class SeriesLine:
    """labels, and a value or None (no point) per step; `hinted`: the places whose histogram names its reset hint."""

    labels: Labels
    values: tuple[Value, ...]
    hinted: frozenset[int] = frozenset()
    started: bool = False
    """The line gives start timestamps (`metric@st`)."""


@dataclass
class Clear:
    line: int


@dataclass
class Load:
    line: int
    step_ms: int
    with_nhcb: bool
    series: list[SeriesLine] = field(default_factory=list)


@dataclass
class Expectation:
    kind: str
    match: str | None = None
    text: str = ""

    def meets(self, message: str) -> bool:
        if self.match is None:
            return True
        return message == self.text if self.match == "msg" else re.search(self.text, message) is not None


@dataclass
class Eval:
    line: int
    expr: str
    start_ms: int
    end_ms: int
    step_ms: int = 0
    """0 for an instant query."""
    expectations: list[Expectation] = field(default_factory=list)
    series: list[SeriesLine] = field(default_factory=list)
    scalar: float | None = None
    string: str | None = None
    matrix: tuple[int, int, int] | None = None

    def expecting(self, kind: str) -> list[Expectation]:
        return [each for each in self.expectations if each.kind == kind]


Command = Clear | Load | Eval


def parse_script(text: str) -> Iterator[Command]:
    """Read a whole file. Raises BadScript with the line's number."""
    lines = ["" if line.strip().startswith("#") else line.strip() for line in text.split("\n")]
    at = 0
    while at < len(lines):
        if not lines[at]:
            at += 1
            continue
        begin = at
        while at < len(lines) and lines[at]:
            at += 1
        yield from _commands(lines, begin, at)


def _commands(lines: list[str], at: int, end: int) -> Iterator[Command]:
    """Read the commands of one block of lines; a body may be followed by another command without an empty line."""
    while at < end:
        number, line = at + 1, lines[at]
        word = line.split()[0].lower()
        at += 1
        try:
            if word == "clear":
                yield Clear(number)
            elif word in ("load", "load_with_nhcb"):
                load = _load(number, line)
                while at < end:
                    load.series.append(parse_series(lines[at]))
                    at += 1
                yield load
            elif word.startswith("eval"):
                command = _eval(number, line)
                while at < end and not _body(command, lines[at]):
                    at += 1
                at += command.scalar is not None and at < end
                yield command
            else:
                message = f"line {number}: invalid command {line!r}"
                raise BadScript(message)
        except (ParseError, ValueError, KeyError) as error:
            message = f"line {at}: {error}"
            raise BadScript(message) from error


def _load(number: int, line: str) -> Load:
    match = _LOAD.match(line)
    if match is None:
        message = f"line {number}: invalid load command (load[_with_nhcb] <step:duration>): {line!r}"
        raise BadScript(message)
    return Load(number, duration(match[2]), match[1] is not None)


def duration(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    text = text.removeprefix("-")
    return 0 if text == "0" else sign * parse_duration(text)


def _eval(number: int, line: str) -> Eval:
    match = _INSTANT.match(line)
    if match:
        at_ms = duration(match[2]) if match[2] else 0
        command = Eval(number, match[3], at_ms, at_ms)
    else:
        match = _RANGE.match(line)
        if match is None:
            message = f"line {number}: invalid eval command {line!r}"
            raise BadScript(message)
        command = Eval(number, match[5], duration(match[2]), duration(match[3]), duration(match[4]))
    if match[1]:
        command.expectations.append(Expectation(match[1].lower()))
    return command


def _body(command: Eval, line: str) -> bool:
    """Take a line of an eval's body; say whether it ends the body (a bare number)."""
    if found := re.match(r"^expected_fail_(message|regexp)\s+(.+)$", line):
        command.expectations = [each for each in command.expectations if each.kind != "fail"]
        command.expectations.append(Expectation("fail", "msg" if found[1] == "message" else "regex", found[2]))
    elif found := _EXPECT_RANGE.match(line):
        command.matrix = (duration(found[1]), duration(found[2]), duration(found[3]))
        command.start_ms = command.end_ms = command.matrix[1]
    elif line.startswith("expect string"):
        stream = TokenStream(line.removeprefix("expect string").strip())
        command.string = string(stream, stream.take())
    elif found := _EXPECT.match(line):
        command.expectations.append(Expectation(found[1], found[2], (found[3] or "").strip()))
    elif (number := _bare_number(line)) is not None:
        command.scalar = number
        return True
    else:
        command.series.append(parse_series(line))
    return False


def _bare_number(line: str) -> float | None:
    try:
        return float(int(line, 0))
    except ValueError:
        pass
    try:
        return float(line) if "_" not in line else None
    except ValueError:
        return None


def parse_series(line: str) -> SeriesLine:
    """Read `name{labels} values`."""
    end = _metric_end(line)
    metric, rest = line[:end].strip(), line[end:]
    started = rest.startswith("@st")
    rest = rest.removeprefix("@st")
    labels = parse_metric(metric)
    if started:
        return SeriesLine(labels, (), started=True)
    values: list[Value] = []
    hinted: set[int] = set()
    for item in _ITEMS.findall(rest.split("#")[0]):
        made = _item(item)
        if "counter_reset_hint" in item:
            hinted.update(range(len(values), len(values) + len(made)))
        values.extend(made)
    return SeriesLine(labels, tuple(values), frozenset(hinted))


def _metric_end(line: str) -> int:
    opening = re.match(r"^[^\s{@]*\s*", line)
    assert opening is not None
    at = opening.end()
    if line[at : at + 1] != "{" or line[at : at + 2] == "{{":
        return len(opening.group().rstrip())
    mark = ""
    while at < len(line):
        char = line[at]
        if mark:
            if char == "\\" and mark != "`":
                at += 1
            elif char == mark:
                mark = ""
        elif char in "\"'`":
            mark = char
        elif char == "}":
            return at + 1
        at += 1
    return at


def _item(item: str) -> list[Value]:
    found = parse_values(item)
    cells, natives = found.cells(found.count)
    columns = zip(cells.tolist(), is_absent(cells).tolist(), strict=True)
    return [natives.get(at, None if absent else value) for at, (value, absent) in enumerate(columns)]
