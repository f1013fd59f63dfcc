"""info(): adds the labels of info metrics (target_info and its like) to the series of the same instance and job.

It holds which info series speaks for which series at each step; where two of one name do, the newer sample wins. Two
that disagree are refused, in Prometheus' words. Source: Prometheus' evalInfo (promql/info.go).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.errors import ExecutionError
from agent.model import METRIC_NAME, Labels, Matcher, MatchOp
from agent.query import ast
from agent.query.evaluate import Function, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Bools, Frame, Ints, Relabelling, SeriesSet, relabel, relabelling
from agent.query.selecting import select_instant

_IDENTIFYING: Final = ("instance", "job")
_DEFAULT: Final = Matcher(METRIC_NAME, MatchOp.EQUAL, "target_info")
_ANY_INFO: Final = Matcher(METRIC_NAME, MatchOp.REGEX, ".+_info")
_POSITIVE: Final = frozenset({MatchOp.EQUAL, MatchOp.REGEX})

Choices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the second argument asks for: which metrics are info metrics, and conditions on their labels."""

    names: tuple[Matcher, ...]
    data: tuple[Matcher, ...]
    named: bool
    """Whether names stand in the query, or follow from there being no second argument."""

    def is_info(self, labels: Labels) -> bool:
        """Say whether a series is itself such an info metric, which stays as it is."""
        return self.named and all(matcher.matches(labels.name) for matcher in self.names)

    @property
    def needed(self) -> bool:
        """Whether a series without an info series is left out."""
        return not all(matcher.matches("") for matcher in self.data)


def _wanted(call: ast.Call) -> Wanted:
    if len(call.args) == 1:
        return Wanted((_DEFAULT,), (), named=True)
    selector = ast.unwrapped(call.args[1])
    assert isinstance(selector, ast.VectorSelector)
    names = tuple(matcher for matcher in selector.matchers if matcher.name == METRIC_NAME)
    data = tuple(matcher for matcher in selector.matchers if matcher.name != METRIC_NAME)
    if not names:
        return Wanted((_DEFAULT,), data, named=False)
    if not any(matcher.op in _POSITIVE for matcher in names):
        names = (*names, _ANY_INFO)
    return Wanted(names, data, named=True)


def _info(evaluation: Evaluation, call: ast.Call) -> Frame:
    base = vector(call.args[0], evaluation)
    if not len(base.series):
        return base
    wanted = _wanted(call)
    everything = ast.VectorSelector("", wanted.names + wanted.data)
    found = select_instant(evaluation.at(_looked_at(call.args[0], evaluation)), everything, timestamps=True)
    if found.histograms is not None and found.native().any():
        odd = found.series.labels[int(found.native().any(axis=0).argmax())]
        message = f"this should be an info metric, with float samples: {odd}"
        raise ExecutionError(message)
    spoken: Bools = np.asarray(base.mask().any(axis=1))
    speakers = found.series.derived("info speakers", lambda: _speakers(found.series))
    return _joined(base, found.series, _chosen(found, speakers, spoken), speakers.owners, wanted)


def _looked_at(node: ast.Expr, evaluation: Evaluation) -> Ints:
    """Return when, at each step, the first selector in `node` looks at its samples: info series are read then."""
    times = evaluation.steps
    for each in ast.walk(node):
        if isinstance(each, ast.VectorSelector | ast.SubqueryExpr):
            times = evaluation.at(times).times(each.at, each.offset)
        if isinstance(each, ast.VectorSelector):
            return times
    return evaluation.steps


def _identity(labels: Labels) -> tuple[str, ...]:
    return tuple(labels.get(name) for name in _IDENTIFYING)


@dataclass(frozen=True, slots=True)
class Speakers:
    """The columns of each info metric's name and identity: `alone` where it is one (else -1), `several` where more."""

    owners: tuple[tuple[str, ...], ...]
    alone: Choices
    several: tuple[tuple[int, Choices], ...]


def _speakers(infos: SeriesSet) -> Speakers:
    members: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for column, labels in enumerate(infos.labels):
        members.setdefault((labels.name, _identity(labels)), []).append(column)
    alone = np.array([columns[0] if len(columns) == 1 else -1 for columns in members.values()], np.intp)
    rest = enumerate(members.values())
    several = tuple((group, np.array(columns, np.intp)) for group, columns in rest if len(columns) > 1)
    return Speakers(tuple(identity for _, identity in members), alone, several)


def _chosen(found: Frame, speakers: Speakers, spoken: Bools) -> Choices:
    """Return the column of the info series that holds at each step (-1: none) for each owner, shape (steps, G).

    Steps that are not `spoken` have no conflicts.
    """
    shown = found.mask()
    choices = (
        np.where(shown[:, speakers.alone], speakers.alone, -1)
        if len(speakers.alone)
        else np.empty(shown.shape, np.intp)
    )
    for group, columns in speakers.several:
        stamps = np.where(shown[:, columns], found.values[:, columns], -np.inf)
        there = shown[:, columns].any(axis=1)
        choices[:, group] = np.where(there, columns[stamps.argmax(axis=1)], -1)
        ties = there & spoken & ((stamps == stamps.max(axis=1)[:, None]).sum(axis=1) > 1)
        if ties.any():
            raise _conflict(found, columns, stamps, int(ties.argmax()))
    return choices


def _conflict(found: Frame, columns: Choices, stamps: NDArray[np.float64], step: int) -> ExecutionError:
    row = stamps[step]
    first, second = columns[np.flatnonzero(row == row.max())[:2]].tolist()
    at_ms = round(float(row.max()) * 1000)
    ours, theirs = (found.series.labels[column] for column in (first, second))
    return ExecutionError(f"found duplicate series for info metric: existing {ours} @ {at_ms}, new {theirs} @ {at_ms}")


@dataclass(frozen=True, slots=True)
class Layout:
    """What comes out: a base column, its labels and, where it does not hold at all steps, a mask (steps,) for each column."""

    infos: SeriesSet
    columns: Choices
    change: Relabelling
    masks: list[Bools | None]


def _joined(
    base: Frame, infos: SeriesSet, choices: Choices, owners: Sequence[tuple[str, ...]], wanted: Wanted
) -> Frame:
    """Give each series the labels of its info series, step by step; while nothing changes, labels are made once."""

    def build() -> Layout:
        return _layout(base, infos, choices, owners, wanted)

    if len(choices) > 1 and (choices != choices[:1]).any():
        return _spread(base, build())
    key = ("info", id(infos), wanted, choices[:1].tobytes())
    return _spread(base, base.series.derived(key, build))


def _layout(
    base: Frame, infos: SeriesSet, choices: Choices, owners: Sequence[tuple[str, ...]], wanted: Wanted
) -> Layout:
    groups = _groups(base.series, owners, wanted)
    patterns: dict[tuple[str, ...], tuple[Choices, Choices]] = {}
    columns: list[int] = []
    labels: list[Labels] = []
    masks: list[Bools | None] = []
    for column, own in enumerate(base.series.labels):
        identity = _identity(own)
        if wanted.is_info(own):
            columns.append(column)
            labels.append(own)
            masks.append(None)
            continue
        if identity not in patterns:
            patterns[identity] = _distinct(choices[:, groups.get(identity, [])])
        rows, which = patterns[identity]
        for number, row in enumerate(rows):
            mask = None if len(rows) == 1 else which == number
            speakers = [infos.labels[index] for index in row.tolist() if index >= 0]
            unseen = mask is not None and base.present is not None and not (mask & base.present[:, column]).any()
            if unseen or (not speakers and wanted.needed):
                continue
            columns.append(column)
            labels.append(_enriched(own, speakers, wanted))
            masks.append(mask)
    picked = np.array(columns, np.intp)
    drops = None if base.series.drops is None else base.series.drops[picked]
    return Layout(infos, picked, relabelling(labels, drops), masks)


def _groups(base: SeriesSet, owners: Sequence[tuple[str, ...]], wanted: Wanted) -> dict[tuple[str, ...], list[int]]:
    """Return the groups that speak for series with certain identifying labels.

    As Prometheus selects: where some series have an identifying label, an info series must have one of their values.
    """
    plain = [labels for labels in base.labels if not wanted.is_info(labels)]
    known = [{labels.get(name) for labels in plain} - {""} for name in _IDENTIFYING]
    groups: dict[tuple[str, ...], list[int]] = {}
    if not any(known):
        return groups
    for group, identity in enumerate(owners):
        if all(not values or value in values for value, values in zip(identity, known, strict=True)):
            groups.setdefault(identity, []).append(group)
    return groups


def _distinct(taken: Choices) -> tuple[Choices, Choices]:
    """Return the distinct rows, and which of them stands at each step."""
    if not taken.shape[1] or (taken == taken[:1]).all():
        return taken[:1], np.zeros(len(taken), np.intp)
    rows, which = np.unique(taken, axis=0, return_inverse=True)
    return rows, which.reshape(-1)


def _enriched(own: Labels, speakers: Sequence[Labels], wanted: Wanted) -> Labels:
    asked = {matcher.name for matcher in wanted.data}
    added: dict[str, str] = {}
    for speaker in speakers:
        for name, value in speaker.pairs:
            if name == METRIC_NAME or (asked and name not in asked):
                continue
            if added.setdefault(name, value) != value and name not in own:
                message = f"conflicting label: {name}"
                raise ExecutionError(message)
    return own.merged({name: value for name, value in added.items() if name not in own})


def _spread(base: Frame, layout: Layout) -> Frame:
    spread = base.columns(layout.columns, base.series)
    if any(mask is not None for mask in layout.masks):
        everywhere = np.ones(len(base.values), np.bool_)
        shown = np.stack([everywhere if mask is None else mask for mask in layout.masks], axis=1)
        spread = spread.where(shown)
    return relabel(spread, layout.change)


TABLE: Final[dict[str, Function]] = {"info": _info}
