"""From an indicator to counts: which expression gives the bad events of a window, and which gives all of them.

Counts can be added up over time and ratios cannot, so a ratio that is written as a division is taken apart again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.errors import InvalidInput
from agent.query import ast, parse
from agent.slo.compile.emitted import in_window, number, operand
from agent.slo.model import Events, Good, Raw, Slo

_MARKER_MS: Final = 433_000
"""A window that nobody writes, by which the places of `{{.window}}` are found again in a parsed query."""
_MARKER: Final = "7m13s"
_SECOND: Final = 1_000
_ADDING: Final = frozenset({"+", "-", "and", "or", "unless"})


class Unit(StrEnum):
    """What a query's value counts; `AMOUNT` is something that is no number of events, and still can be added up."""

    PER_SECOND = "events per second"
    EVENTS = "events"
    AMOUNT = "amount"


_MORE_GOOD: Final = -0.01
"""How far below none the bad events may be that are left of good ones: extrapolation and scrapes that are not quite at once."""
_UNITS: Final = {"rate": Unit.PER_SECOND, "increase": Unit.EVENTS}


@dataclass(frozen=True, slots=True)
class Counts:
    """Bad and all events: two queries with `{{.window}}`; `bad` is derived from the good ones where `good` is set."""

    bad: str
    total: str
    unit: Unit
    good: bool = False

    @property
    def are_events(self) -> bool:
        """Say whether the values are numbers of events, so that few can be told from many."""
        return self.unit is not Unit.AMOUNT

    def total_in(self, window_ms: int) -> str:
        """Return the number of events in a window; no sample where it is not a number, since that would poison sums."""
        return f"{self._scaled(self.total, window_ms)} >= 0"

    def bad_in(self, window_ms: int) -> str:
        """Return the number of bad events in a window.

        Where there is traffic and the series of the errors is missing, there were none; missing good ones mean all were bad.
        More good events than events are no sample: nobody knows what they are.
        """
        counted = self._scaled(self.bad, window_ms)
        filled = f"(\n  {counted}\nor\n  0 * {operand(self.total, window_ms)}\n)"
        if self.good:
            all_of_them = self._scaled(self.total, window_ms)
            filled = f"clamp_min(\n{all_of_them} - {filled}\n>= {_MORE_GOOD} * {all_of_them}, 0)"
        return f"{filled} >= 0"

    def _scaled(self, query: str, window_ms: int) -> str:
        inside = operand(query, window_ms)
        return f"{number(window_ms / _SECOND)} * {inside}" if self.unit is Unit.PER_SECOND else inside


def counts_of(slo: Slo) -> Counts | None:
    """Return how to count an SLO's events, None where it has only a ratio; raise InvalidInput where it has no query."""
    match slo.indicator:
        case Events(error_query=bad, total_query=total):
            return Counts(bad, total, _unit(bad, total))
        case Good(good_query=good, total_query=total):
            return Counts(good, total, _unit(good, total), good=True)
        case Raw(error_ratio_query=ratio):
            return _taken_apart(ratio)
        case _:
            message = (
                f"cannot compile {slo.id}: a program or other SLOs would make its indicator, and rules need queries"
            )
            raise InvalidInput(message)


def _taken_apart(ratio: str) -> Counts | None:
    """Return `bad / total` or `1 - good / total` as counts, None for anything else."""
    expr = ast.unwrapped(_parsed(ratio))
    good = False
    if isinstance(expr, ast.BinaryExpr) and expr.op == "-" and _is_one(expr.lhs):
        good, expr = True, ast.unwrapped(expr.rhs)
    if not (isinstance(expr, ast.BinaryExpr) and expr.op == "/" and not _matched_specially(expr)):
        return None
    over, under = (str(ast.unwrapped(side)) for side in (expr.lhs, expr.rhs))
    if _MARKER not in over or _MARKER not in under:
        return None
    over, under = (side.replace(_MARKER, "{{.window}}") for side in (over, under))
    return Counts(over, under, _unit(over, under), good)


def _matched_specially(expr: ast.BinaryExpr) -> bool:
    matching = expr.matching
    return matching is not None and (bool(matching.labels) or matching.on or bool(matching.include))


def _unit(*queries: str) -> Unit:
    units = {_unit_of(_parsed(query)) for query in queries}
    return units.pop() if len(units) == 1 else Unit.AMOUNT


def _unit_of(expr: ast.Expr) -> Unit:
    """Return what an expression counts: sums of rates or of increases, and nothing that changes their scale."""
    called: set[str] = set()
    for node in ast.walk(expr):
        if isinstance(node, ast.BinaryExpr) and node.op not in _ADDING:
            return Unit.AMOUNT
        if isinstance(node, ast.AggregateExpr) and node.op != "sum":
            return Unit.AMOUNT
        if isinstance(node, ast.Call) and node.name not in ("vector", "histogram_count"):
            called.add(node.name)
    return _UNITS.get(called.pop(), Unit.AMOUNT) if len(called) == 1 else Unit.AMOUNT


def _parsed(query: str) -> ast.Expr:
    return parse(in_window(query, _MARKER_MS))


def _is_one(expr: ast.Expr) -> bool:
    expr = ast.unwrapped(expr)
    return isinstance(expr, ast.NumberLiteral) and expr.value == 1
