"""From an indicator to counts: which expression gives the bad events of a window, and which gives all of them.

Counts can be added up over time and ratios cannot, so a ratio that is written as a division is taken apart again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
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
        return f"{self._all_in(window_ms)} >= 0"

    def bad_in(self, window_ms: int) -> str:
        """Return the number of bad events in a window.

        Where there is traffic and the series of the errors is missing, there were none; missing good ones mean all were bad.
        So it is with each part of a sum. More good events than events are no sample: nobody knows what they are.
        """
        all_of_them = self._all_in(window_ms)
        parts = [(1, self.total), (-1, self.bad)] if self.good else _parts(self.bad)
        whole = _parsed(self.total)
        texts = [
            (sign, all_of_them if _parsed(each) == whole else self._filled(each, window_ms)) for sign, each in parts
        ]
        added = _added(texts)
        if any(sign < 0 for sign, _ in parts):
            added = f"clamp_min(\n{added}\n>= {_MORE_GOOD} * {all_of_them}, 0)"
        return f"{added} >= 0"

    def _all_in(self, window_ms: int) -> str:
        """Return all events; where some of the parts of their sum are missing, those that there are."""
        parts = _parts(self.total)
        if len(parts) == 1:
            return self._scaled(self.total, window_ms)
        return f"({_added([(sign, self._filled(each, window_ms)) for sign, each in parts])})"

    def _filled(self, query: str, window_ms: int) -> str:
        """Return what a query counts, and none where its series are missing while some of the total are there."""
        there = " or ".join(operand(each, window_ms) for _, each in _parts(self.total))
        zero = f"0 * ({there})" if " or " in there else f"0 * {there}"
        return f"(\n  {self._scaled(query, window_ms)}\nor\n  {zero}\n)"

    def _scaled(self, query: str, window_ms: int) -> str:
        inside = operand(query, window_ms)
        return f"{number(window_ms / _SECOND)} * {inside}" if self.unit is Unit.PER_SECOND else inside


def _added(texts: Sequence[tuple[int, str]]) -> str:
    return "".join(f"{' + ' if sign > 0 else ' - '}{text}" for sign, text in texts)[3:]


@lru_cache(maxsize=64)
def _parts(query: str) -> Sequence[tuple[int, str]]:
    """Return the queries that a query adds up, or takes off (-1), the left ones first; itself where it adds nothing up.

    The first one is never taken off, and none is a number: what is added to each series is no series that could be missing.
    """
    found = _signed(_parsed(query), 1)
    if len(found) == 1 or any(each.type is not ast.ValueType.VECTOR for _, each in found):
        return [(1, query)]
    return [(sign, _written(each)) for sign, each in found]


def _signed(expr: ast.Expr, sign: int) -> list[tuple[int, ast.Expr]]:
    """Return the parts of sums and differences; a row of them leans to the left and may be thousands long."""
    expr = ast.unwrapped(expr)
    after: list[tuple[int, ast.Expr]] = []
    while isinstance(expr, ast.BinaryExpr) and expr.op in "+-" and not _matched_specially(expr):
        after = [*_signed(expr.rhs, sign if expr.op == "+" else -sign), *after]
        expr = ast.unwrapped(expr.lhs)
    return [(sign, expr), *after]


def _written(expr: ast.Expr) -> str:
    return str(ast.unwrapped(expr)).replace(_MARKER, "{{.window}}")


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
    over, under = (_written(side) for side in (expr.lhs, expr.rhs))
    if "{{.window}}" not in over or "{{.window}}" not in under:
        return None
    return Counts(over, under, _unit(over, under), good)


def _matched_specially(expr: ast.BinaryExpr) -> bool:
    matching = expr.matching
    if matching is None:
        return False
    filled = matching.fill_left is not None or matching.fill_right is not None
    return filled or matching.on or bool(matching.labels) or bool(matching.include)


def _unit(*queries: str) -> Unit:
    units = {_unit_of(_parsed(query)) for query in queries}
    return units.pop() if len(units) == 1 else Unit.AMOUNT


def _unit_of(expr: ast.Expr) -> Unit:
    """Return what an expression counts: sums of rates or of increases, and nothing that changes their scale."""
    called: set[str] = set()
    for node in ast.walk(expr):
        if isinstance(node, ast.BinaryExpr) and node.op not in _ADDING and not _filters(node):
            return Unit.AMOUNT
        if isinstance(node, ast.AggregateExpr) and node.op != "sum":
            return Unit.AMOUNT
        if isinstance(node, ast.Call) and node.name not in ("vector", "histogram_count"):
            called.add(node.name)
    return _UNITS.get(called.pop(), Unit.AMOUNT) if len(called) == 1 else Unit.AMOUNT


def _filters(expr: ast.BinaryExpr) -> bool:
    """Say whether it lets values through as they are, or none, like `> 0` against division by zero."""
    return expr.op == ">" and not expr.return_bool and ast.unwrapped(expr.rhs) == ast.NumberLiteral(0.0)


@lru_cache(maxsize=64)
def _parsed(query: str) -> ast.Expr:
    return parse(in_window(query, _MARKER_MS))


def _is_one(expr: ast.Expr) -> bool:
    expr = ast.unwrapped(expr)
    return isinstance(expr, ast.NumberLiteral) and expr.value == 1
