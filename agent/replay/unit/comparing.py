"""Expected and got, compared as promtool does, and shown so that the difference catches the eye.

promtool's rules: floats are equal exactly, or within one step of a float with `fuzzy_compare`; NaN equals nothing; histograms
are equal where their notation is; labels and annotations are equal text by text, one that is empty included.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from agent.model import Buckets, Histogram, Labels, format_float
from agent.query import format_notation
from agent.replay.outcome import Line, Mark

T = TypeVar("T")
_SHOWN: Final = 20
"""Samples of one side that a diff shows; the rest is counted."""
_CLOSE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert as it is compared: final labels and annotations, those with empty values included."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """A sample as it is compared."""

    labels: Labels
    value: float | Histogram

    def __str__(self) -> str:
        shown = _notation(self.value) if isinstance(self.value, Histogram) else format_float(self.value)
        return f"{self.labels} {shown}"


def same_float(expected: float, got: float, *, fuzzy: bool) -> bool:
    """Say whether two floats count as equal."""
    if expected == got:
        return True
    return fuzzy and got in (math.nextafter(expected, -math.inf), math.nextafter(expected, math.inf))


def same_sample(expected: Measured, got: Measured, *, fuzzy: bool) -> bool:
    """Say whether two samples count as equal."""
    if expected.labels != got.labels:
        return False
    if isinstance(expected.value, float) and isinstance(got.value, float):
        return same_float(expected.value, got.value, fuzzy=fuzzy)
    if isinstance(expected.value, Histogram) and isinstance(got.value, Histogram):
        return _notation(expected.value) == _notation(got.value)
    return False


def _notation(histogram: Histogram) -> str:
    """Return how a histogram is written without the buckets that count nothing, which is what promtool compares."""

    def counting(side: Buckets) -> Buckets:
        kept = side.counts != 0
        return Buckets(side.index[kept], side.counts[kept])

    positive, negative = counting(histogram.positive), counting(histogram.negative)
    return format_notation(replace(histogram, positive=positive, negative=negative))


Pairs = list[tuple[T | None, T | None]]
"""(expected, got): one of them is None where nothing came, or where nothing was expected."""


def _paired(
    expected: Sequence[T], got: Sequence[T], equal: Callable[[T, T], bool], likeness: Callable[[T, T], float]
) -> Pairs[T]:
    """Take equal ones out, and pair what is left by likeness; empty where nothing differs."""
    left = list(got)
    missing = []
    for each in expected:
        match = next((at for at, other in enumerate(left) if equal(each, other)), None)
        if match is None:
            missing.append(each)
        else:
            del left[match]
    pairs: Pairs[T] = []
    for each in missing:
        liked = max(left, key=lambda other: likeness(each, other), default=None) if len(left) <= _SHOWN else left[0]
        if liked is None or likeness(each, liked) <= 0:
            pairs.append((each, None))
        else:
            left.remove(liked)
            pairs.append((each, liked))
    return [*pairs, *((None, each) for each in left)]


def _common(a: Mapping[str, str], b: Mapping[str, str], beside: frozenset[str]) -> float:
    """Return how alike two label sets are: the share of equal pairs, names that say nothing aside."""
    names = (a.keys() | b.keys()) - beside
    if not names:
        return 1.0
    return sum(a.get(name) == b.get(name) for name in names) / len(names)


def alert_diff(expected: Sequence[FiringAlert], got: Sequence[FiringAlert]) -> list[Line]:
    """Return the lines that show how the alerts differ, none where they do not."""
    beside = frozenset({"alertname"})
    pairs = _paired(
        expected,
        got,
        lambda a, b: a == b,
        lambda a, b: 0.01 + _common(a.labels, b.labels, beside) + 0.1 * (a.annotations == b.annotations),
    )
    lines: list[Line] = []
    for wanted, found in pairs[:_SHOWN]:
        if wanted is not None and found is not None:
            lines += _both(wanted, found)
        elif wanted is not None:
            lines.append(Line(Mark.EXPECTED, f"missing: {_labels(wanted.labels)}"))
        elif found is not None:
            lines.append(Line(Mark.GOT, f"unexpected: {_labels(found.labels)}"))
            lines += _texts({}, found.annotations)
    return lines + _more(len(pairs))


def _both(wanted: FiringAlert, found: FiringAlert) -> list[Line]:
    same = {name: value for name, value in wanted.labels.items() if found.labels.get(name) == value}
    lines = [Line(Mark.SAME, _labels(same))]
    for name in sorted(wanted.labels.keys() | found.labels.keys()):
        mine, theirs = wanted.labels.get(name), found.labels.get(name)
        if mine != theirs:
            lines += [Line(Mark.EXPECTED, f"{name}={_quoted(mine)}")] if mine is not None else []
            lines += [Line(Mark.GOT, f"{name}={_quoted(theirs)}")] if theirs is not None else []
    return lines + _texts(wanted.annotations, found.annotations)


def _texts(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[Line]:
    """Show annotations that differ; those of several lines line by line."""
    lines: list[Line] = []
    for name in sorted(wanted.keys() | found.keys()):
        mine, theirs = wanted.get(name), found.get(name)
        if mine == theirs:
            continue
        if mine is None or theirs is None or "\n" not in mine + theirs:
            lines += [Line(Mark.EXPECTED, f"annotation {name}: {mine}")] if mine is not None else []
            lines += [Line(Mark.GOT, f"annotation {name}: {theirs}")] if theirs is not None else []
            continue
        lines.append(Line(Mark.SAME, f"annotation {name}:"))
        marks = {"- ": Mark.EXPECTED, "+ ": Mark.GOT, "  ": Mark.SAME}
        for line in difflib.ndiff(mine.splitlines(), theirs.splitlines()):
            if line[:2] in marks:
                lines.append(Line(marks[line[:2]], f"  {line[2:]}"))
    return lines


def sample_diff(expected: Sequence[Measured], got: Sequence[Measured], *, fuzzy: bool) -> list[Line]:
    """Return the lines that show how the samples differ, none where they do not."""
    pairs = _paired(
        sorted(expected, key=lambda each: each.labels),
        sorted(got, key=lambda each: each.labels),
        lambda a, b: same_sample(a, b, fuzzy=fuzzy),
        lambda a, b: (1.0 if a.labels == b.labels else 0.5 * _common(a.labels, b.labels, frozenset())) + 0.001,
    )
    lines: list[Line] = []
    for wanted, found in pairs[:_SHOWN]:
        lines += [Line(Mark.EXPECTED, str(wanted))] if wanted is not None else []
        lines += [Line(Mark.GOT, str(found))] if found is not None else []
        if wanted is not None and found is not None:
            lines += [Line(Mark.REMARK, text) for text in _remarks(wanted, found, fuzzy=fuzzy)]
    return lines + _more(len(pairs))


def _remarks(wanted: Measured, found: Measured, *, fuzzy: bool) -> Iterable[str]:
    """Say what of two samples differs, where the eye may miss it."""
    names = sorted(wanted.labels.keys() | found.labels.keys())
    changed = [name for name in names if wanted.labels.get(name) != found.labels.get(name)]
    if changed:
        shown = (f"{name} {_or_none(wanted.labels, name)} → {_or_none(found.labels, name)}" for name in changed)
        yield f"labels: {', '.join(shown)}"
        return
    if isinstance(wanted.value, Histogram) or isinstance(found.value, Histogram):
        return
    if math.isnan(wanted.value) and math.isnan(found.value):
        yield "NaN equals nothing, as in promtool; ask with `!=`, such as x != x, for what is NaN"
    elif math.isclose(wanted.value, found.value, rel_tol=_CLOSE):
        forgives = "fuzzy_compare forgives one step of a float" if fuzzy else "floats are compared exactly"
        yield f"the last digits differ, and {forgives}; round() in the expression forgives more"


def _or_none(labels: Labels, name: str) -> str:
    return _quoted(labels.get(name)) if name in labels else "(none)"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}={_quoted(value)}" for name, value in sorted(labels.items())) + "}"


def _quoted(text: str | None) -> str:
    return '"' + (text or "").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _more(count: int) -> list[Line]:
    return [Line(Mark.REMARK, f"and {count - _SHOWN} more differences")] if count > _SHOWN else []
