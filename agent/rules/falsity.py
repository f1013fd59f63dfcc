"""Where a rule's condition is known not to hold: the expressions that give the series which say so.

`x > 5` gives nothing in two cases: x is 5 or less, or there is no x. Only the first says that an alert is over. `witnesses`
derives, from an expression E, expressions whose series prove the first case, by three-valued logic (S. C. Kleene, 1938):
a comparison is false where its operands are there and it gives 0 with `bool`; `and` is false where one side is; `unless`
where its left side is false or its right side true. What is true is E itself; all else is unknown. Nothing here asks a query.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from agent.model import Labels
from agent.query import ast
from agent.rules.expressions import parsed

_DEEPEST: Final = 40
"""Below this many levels nothing is derived: it is then unknown, never wrong."""
_MOST_WITNESSES: Final = 32
PICKING: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that give some of their series as they are."""
_ABSENCE: Final = {"absent": "", "absent_over_time": "present_over_time"}
RELABELLING: Final = frozenset({"label_replace", "label_join"})
_OVER_BUCKETS: Final = frozenset({"histogram_quantile", "histogram_fraction", "histogram_quantiles"})
Key = tuple[tuple[str, str], ...]
"""Labels that are compared."""
_WITHOUT_ANSWER: Final = frozenset({"info", "scalar", "vector"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Which labels tell two series apart: only `names` where `on`, else all but `names`."""

    on: bool = False
    names: frozenset[str] = frozenset()

    def key(self, labels: Labels, but: frozenset[str]) -> Key:
        """Return the labels that count, without those called as in `but`."""
        return tuple(pair for pair in labels.pairs if self.counts(pair[0]) and pair[0] not in but)

    def counts(self, name: str) -> bool:
        """Say whether the label called `name` tells series apart."""
        return (name in self.names) is self.on

    def within(self, other: Scope) -> Scope:
        """Return the scope of the labels that count in both."""
        if self.on and other.on:
            return Scope(True, self.names & other.names)
        if not self.on and not other.on:
            return Scope(False, self.names | other.names)
        on, ignoring = (self, other) if self.on else (other, self)
        return Scope(True, on.names - ignoring.names)

    def matching(self) -> ast.VectorMatching:
        """Return how a set operator compares by this scope."""
        return ast.VectorMatching(ast.Card.MANY_TO_MANY, self.on, tuple(sorted(self.names)))


EVERYTHING: Final = Scope()


@dataclass(frozen=True, slots=True)
class Witness:
    """An expression whose series say that the condition does not hold for the alerts that agree with them by `scope`.

    `own` says that each speaks of one alert; else it speaks of a whole group, as the right side of an `and` does.
    """

    expr: ast.Expr
    scope: Scope = EVERYTHING
    own: bool = True


@dataclass(frozen=True, slots=True)
class Falsity:
    """Where an expression is known to be false: `witnesses` as (PromQL, scope).

    `by_presence`: the expression compares nothing, so that it is false wherever it gives nothing though its targets answer.
    """

    witnesses: tuple[tuple[str, Scope], ...] = ()
    by_presence: bool = False


@functools.lru_cache(maxsize=4096)
def falsity_of(expression: str) -> Falsity:
    """Return where `expression` is known to be false; raise ParseError."""
    node = parsed(expression)
    found = witnesses(node)
    texts = dict.fromkeys((str(each.expr), each.scope) for each in found[:_MOST_WITNESSES])
    return Falsity(tuple(texts), by_presence=not any(_is_condition(each) for each in ast.walk(node)))


def _is_condition(node: ast.Expr) -> bool:
    if isinstance(node, ast.BinaryExpr):
        return node.op in ast.COMPARISONS and not node.return_bool
    return isinstance(node, ast.Call) and node.name in _ABSENCE


def witnesses(node: ast.Expr, depth: int = 0) -> list[Witness]:
    """Return the witnesses against `node`. None of their series agrees by its scope with a series that `node` gives."""
    node = ast.unwrapped(node)
    if depth > _DEEPEST or node.type is not ast.ValueType.VECTOR:
        return []
    match node:
        case ast.UnaryExpr():
            return witnesses(node.expr, depth + 1)
        case ast.BinaryExpr():
            return _of_operator(node, depth + 1)
        case ast.AggregateExpr():
            return _of_aggregation(node, depth + 1)
        case ast.Call():
            return _of_call(node, depth + 1)
    return []


def _of_operator(node: ast.BinaryExpr, depth: int) -> list[Witness]:
    left, right = witnesses(node.lhs, depth), witnesses(node.rhs, depth)
    if node.op in ast.SET_OPERATORS:
        return _of_sets(node, left, right)
    if node.matching is not None:
        left, right = _through_matching(node, node.matching, left, right)
    if node.op not in ast.COMPARISONS or node.return_bool:
        return [*left, *right]
    asked = ast.ParenExpr(replace(node, return_bool=True))
    return [Witness(ast.BinaryExpr("==", asked, ast.NumberLiteral(0.0))), *left, *right]


def _of_sets(node: ast.BinaryExpr, left: list[Witness], right: list[Witness]) -> list[Witness]:
    matching = node.matching or ast.VectorMatching()
    scope = Scope(matching.on, frozenset(matching.labels))
    if node.op == "and":
        return [*left, *(replace(each, own=False) for each in _narrowed(right, scope, node.rhs))]
    if node.op == "unless":
        return [*left, Witness(node.rhs, scope, own=False)]
    # Of `or`, a side that is false for a whole group says nothing of a series that came from the other side; and what is
    # false on one side may hold on the other.
    own = [each for each in (*left, *right) if each.own]
    return [replace(each, expr=_unless(each.expr, each.scope, node)) for each in own]


def _through_matching(
    node: ast.BinaryExpr, matching: ast.VectorMatching, left: list[Witness], right: list[Witness]
) -> tuple[list[Witness], list[Witness]]:
    """Return the witnesses against both sides as they speak of the result, whose labels are those of the many side."""
    meeting = Scope(matching.on, frozenset(matching.labels))
    copied = Scope(False, frozenset(matching.include))
    scopes = {
        ast.Card.MANY_TO_ONE: (copied, meeting),
        ast.Card.ONE_TO_MANY: (meeting, copied),
    }.get(matching.card, (meeting, meeting))
    many = (matching.card is not ast.Card.ONE_TO_MANY, matching.card is not ast.Card.MANY_TO_ONE)
    found = []
    for side, each_side, scope, own, fill in zip(
        (node.lhs, node.rhs), (left, right), scopes, many, (matching.fill_left, matching.fill_right), strict=True
    ):
        # Where a missing side is filled, its being false takes nothing away.
        kept = _narrowed(each_side, scope, side) if fill is None else []
        found.append([replace(each, own=each.own and own) for each in kept])
    return found[0], found[1]


def _of_aggregation(node: ast.AggregateExpr, depth: int) -> list[Witness]:
    inner = witnesses(node.expr, depth)
    if node.op in PICKING:
        unpicked = ast.BinaryExpr("unless", _paren(node.expr), _paren(node), matching=EVERYTHING.matching())
        return [Witness(unpicked), *inner]
    if node.op == "count_values":
        return []
    return _narrowed(inner, Scope(not node.without, frozenset(node.grouping)), node)


def _of_call(node: ast.Call, depth: int) -> list[Witness]:
    if node.name in _ABSENCE:
        present = _ABSENCE[node.name]
        there = replace(node, name=present) if present else node.args[0]
        return [Witness(there, Scope(True), own=False)]
    if node.name in _WITHOUT_ANSWER or not node.args:
        return []
    if node.name in RELABELLING:
        inner = witnesses(node.args[0], depth)
        return [
            replace(each, expr=replace(node, args=(_paren(each.expr), *node.args[1:])))
            for each in inner
            if each.scope == EVERYTHING
        ]
    vectors = [each for each in node.args if each.type in (ast.ValueType.VECTOR, ast.ValueType.MATRIX)]
    if len(vectors) != 1:
        return []
    argument = ast.unwrapped(vectors[0])
    if isinstance(argument, ast.SubqueryExpr):
        return _of_subquery(node, argument, depth)
    scope = Scope(False, frozenset({"le"})) if node.name in _OVER_BUCKETS else EVERYTHING
    return _narrowed(witnesses(argument, depth), scope, node)


def _of_subquery(node: ast.Call, subquery: ast.SubqueryExpr, depth: int) -> list[Witness]:
    """Return the witnesses against a function over a subquery: false within it, and never true."""
    found = []
    for each in witnesses(subquery.expr, depth):
        sometime = ast.Call("present_over_time", (replace(subquery, expr=_paren(each.expr)),))
        found.append(replace(each, expr=_unless(sometime, each.scope, node)))
    return found


def _narrowed(found: Iterable[Witness], scope: Scope, node: ast.Expr) -> list[Witness]:
    """Return witnesses as they speak of series of which only the labels of `scope` are left, where `node` gives none."""
    if scope == EVERYTHING:
        return list(found)
    narrowed = []
    for each in found:
        left = each.scope.within(scope)
        narrowed.append(replace(each, expr=_unless(each.expr, left, node), scope=left))
    return narrowed


def _unless(expr: ast.Expr, scope: Scope, node: ast.Expr) -> ast.Expr:
    return ast.BinaryExpr("unless", _paren(expr), _paren(node), matching=scope.matching())


def _paren(node: ast.Expr) -> ast.Expr:
    return ast.ParenExpr(node) if isinstance(node, ast.BinaryExpr | ast.UnaryExpr) else node
