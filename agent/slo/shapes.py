"""Which queries can be counted: the shapes whose value is a sum of counters' increases, recognised on the parsed expression.

Such an indicator is counted event by event from the scrapes themselves; any other is asked at each evaluation and weighs time.
docs/slo.md lists the shapes. A shape that is not certain to mean the same is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from agent.model import METRIC_NAME, Labels, Matcher, MatchOp
from agent.query import Expr, ast, parse
from agent.slo.model import Events, Good, Indicator, Raw
from agent.slo.queries import PLACEHOLDER, WINDOW, closed

_MARK: Final = "433s"
_MARK_MS: Final = 433_000
"""A window that nobody writes."""
_ALL: Final = ("",)
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class NotCounted(Exception):
    """Say in words why a query is not counted; it never leaves this page."""


@dataclass(frozen=True)
class Term:
    """`sign` (+1, -1) times the increases of the series that fulfil `matchers`; `by` tells apart the series of its result.

    by: None where all series are added into one; labels, all others dropped; with `without`, labels that are dropped.
    """

    sign: int
    matchers: tuple[Matcher, ...]
    text: str
    by: tuple[str, ...] | None = None
    without: bool = False

    @cached_property
    def name(self) -> str:
        """The metric's name; empty where it is not fixed."""
        return next((each.value for each in self.matchers if each.name == METRIC_NAME and each.op is MatchOp.EQUAL), "")

    @property
    def bucket(self) -> bool:
        """Whether it is a bucket of a histogram: then it is there whenever the histogram is."""
        return any(each.name == "le" for each in self.matchers)

    def matches(self, labels: Labels) -> bool:
        """Say whether a series is among those that are added; `le="1"` and `le="1.0"` are the same bucket."""
        return all(_matches(each, labels) for each in self.matchers)

    def result(self, labels: Labels) -> Labels:
        """Return the labels of the result that a series goes into."""
        if self.by is None:
            return Labels()
        if self.without:
            return Labels([pair for pair in labels.pairs if pair[0] not in self.by and pair[0] != METRIC_NAME])
        return Labels([(name, labels.get(name)) for name in self.by])


@dataclass(frozen=True, slots=True)
class Counted:
    """An indicator of events: bad and all of them, each a sum of terms."""

    bad: tuple[Term, ...]
    total: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Sampled:
    """An indicator that is a ratio from 0 to 1 at each evaluation, and weighs time; `why` says why it is not counted."""

    query: str
    """PromQL, with the window where its range stands."""
    why: str


Shape = Counted | Sampled


def shape(indicator: Indicator) -> Shape | None:
    """Return how an indicator is counted; None for one that needs a plugin. Raises ParseError where a query is not PromQL."""
    match indicator:
        case Events(error, total):
            sampled = f"({closed(error)})\n/\n({closed(total)})"
            ratio = (_parsed(error), _parsed(total))
        case Good(good, total):
            sampled = f"1 - (\n({closed(good)})\n/\n({closed(total)})\n)"
            ratio = (ast.BinaryExpr("-", _parsed(total), _parsed(good)), _parsed(total))
        case Raw(query):
            return _raw(query)
        case _:
            return None
    try:
        return _counted(*ratio)
    except NotCounted as why:
        return Sampled(sampled, str(why))


def _parsed(query: str) -> Expr:
    return ast.unwrapped(parse(PLACEHOLDER.sub(lambda found: _MARK.ljust(len(found[0])), query)))


def _raw(query: str) -> Shape:
    """Count a ratio that is written as one: `bad / total`, `1 - good / total`."""
    node = _parsed(query)
    try:
        one, rest = _from_one(node)
        if not (isinstance(rest, ast.BinaryExpr) and rest.op == "/" and _plain(rest)):
            message = "it is no quotient of two counted expressions"
            raise NotCounted(message)
        above, below = ast.unwrapped(rest.lhs), ast.unwrapped(rest.rhs)
        return _counted(ast.BinaryExpr("-", below, above) if one else above, below)
    except NotCounted as why:
        return Sampled(query, str(why))


def _from_one(node: Expr) -> tuple[bool, Expr]:
    if isinstance(node, ast.BinaryExpr) and node.op == "-" and node.lhs == ast.NumberLiteral(1.0):
        return True, ast.unwrapped(node.rhs)
    return False, node


def _counted(bad: Expr, total: Expr) -> Counted:
    kinds: set[str] = set()
    found = Counted(_cancelled(_terms(bad, kinds)), _cancelled(_terms(total, kinds)))
    if len(kinds) > 1:
        message = "rate and increase are mixed, and their ratio depends on the window"
        raise NotCounted(message)
    if not any(each.sign > 0 for each in found.total):
        message = "nothing is added to the total"
        raise NotCounted(message)
    return found


def _cancelled(terms: Iterator[Term]) -> tuple[Term, ...]:
    """Leave out what is both added and taken off: (total - good) of good = total - bad."""
    kept: list[Term] = []
    for term in terms:
        opposite = replace(term, sign=-term.sign)
        if opposite in kept:
            kept.remove(opposite)
        else:
            kept.append(term)
    return tuple(kept)


def _terms(node: Expr, kinds: set[str]) -> Iterator[Term]:
    """Give the terms of an expression; raise NotCounted for any other shape. Of a row of operators, the left ones first."""
    node = ast.unwrapped(node)
    match node:
        case ast.BinaryExpr():
            for link, sign in _links(node):
                for term in _terms(link, kinds):
                    yield replace(term, sign=sign * term.sign)
        case ast.AggregateExpr(op="sum", param=None):
            for term in _terms(node.expr, kinds):
                yield _aggregated(term, node)
        case ast.Call(name="rate" | "increase"):
            kinds.add(node.name)
            yield _increase(node)
        case _:
            message = f"{node.pos}: {_short(node)} is not a sum of increases"
            raise NotCounted(message)


def _links(node: ast.BinaryExpr) -> Iterator[tuple[Expr, int]]:
    links = ast.row(node)[::-1]
    first: Expr | None = links[0].lhs
    for link in links:
        if _guards(link):
            if first is not None:
                yield first, 1
        elif link.op in "+-" and _plain(link):
            if first is not None:
                yield first, 1
            yield link.rhs, 1 if link.op == "+" else -1
        else:
            message = f"{link.pos}: {link.op} is neither a sum nor a difference of increases"
            raise NotCounted(message)
        first = None


def _guards(link: ast.BinaryExpr) -> bool:
    """Say whether it only guards against what cannot happen here: `or vector(0)`, and `> 0` against division by zero."""
    right = ast.unwrapped(link.rhs)
    zero = ast.NumberLiteral(0.0)
    if link.op == "or":
        return isinstance(right, ast.Call) and right.name == "vector" and ast.unwrapped(right.args[0]) == zero
    return link.op == ">" and right == zero and not link.return_bool


def _plain(link: ast.BinaryExpr) -> bool:
    matching = link.matching
    if matching is None or matching.card is not ast.Card.ONE_TO_ONE:
        return matching is None
    return matching.fill_left is None and matching.fill_right is None and not matching.on and not matching.labels


def _aggregated(term: Term, node: ast.AggregateExpr) -> Term:
    """Narrow what tells a term's results apart by an aggregation around it."""
    if node.without:
        if term.by is None or not term.without:
            by = None if term.by is None else tuple(each for each in term.by if each not in node.grouping)
            return replace(term, by=by or None)
        return replace(term, by=tuple(sorted({*term.by, *node.grouping} - set(_ALL))), without=True)
    if term.by is None:
        return term
    inner = term.by
    kept = [each for each in node.grouping if (each not in inner if term.without else each in inner)]
    return replace(term, by=tuple(sorted(set(kept))) or None, without=False)


def _increase(node: ast.Call) -> Term:
    matrix = ast.unwrapped(node.args[0])
    if not isinstance(matrix, ast.MatrixSelector):
        message = f"{node.pos}: {node.name} of a subquery is not counted"
        raise NotCounted(message)
    selector = matrix.selector
    if matrix.range != _MARK_MS:
        message = f"{matrix.pos}: the range is not {WINDOW}"
        raise NotCounted(message)
    if selector.offset or selector.at is not None or selector.extension:
        message = f"{selector.pos}: offset, @, anchored and smoothed are not counted"
        raise NotCounted(message)
    return Term(1, tuple(sorted(selector.matchers, key=str)), str(selector), by=_ALL, without=True)


def _matches(matcher: Matcher, labels: Labels) -> bool:
    value = labels.get(matcher.name)
    if matcher.matches(value):
        return True
    if matcher.name != "le" or matcher.op is not MatchOp.EQUAL:
        return False
    return bool(_NUMBER.fullmatch(value) and _NUMBER.fullmatch(matcher.value) and float(value) == float(matcher.value))


def _short(node: Expr) -> str:
    text = str(node).replace("7m13s", WINDOW)
    return text if len(text) <= 80 else f"{text[:77]}..."
