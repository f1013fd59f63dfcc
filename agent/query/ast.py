"""The nodes of an expression: frozen values, each with its place in the text; `str(node)` is canonical PromQL.

Equality ignores places, so that what is parsed, printed and parsed again compares equal. Nodes hold what was written,
typed by `node.type`; what an expression selects and how it is computed is the engine's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from agent.errors import ParseError
from agent.model import Matcher


class ValueType(StrEnum):
    """The four types of an expression, under the names that Prometheus' messages use."""

    SCALAR = "scalar"
    STRING = "string"
    VECTOR = "instant vector"
    MATRIX = "range vector"


class Position(NamedTuple):
    """A stretch of the text: characters `start` to `end` (exclusive); `line` and `column` of its start count from 1."""

    start: int = 0
    end: int = 0
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


NOWHERE: Final = Position()


@dataclass(frozen=True, slots=True)
class Node:
    """What all nodes have: a place."""

    pos: Position = field(default=NOWHERE, compare=False, repr=False, kw_only=True)

    def __str__(self) -> str:
        from agent.query.format import format_node

        return format_node(self)


@dataclass(frozen=True, slots=True)
class Expr(Node):
    """An expression."""

    def __str__(self) -> str:
        return Node.__str__(self)

    @property
    def type(self) -> ValueType:
        """The type of its value; only selectors, strings, numbers and what is made of them say otherwise."""
        return ValueType.VECTOR


# Durations that depend on the query (`[step() * 2]`) stay expressions; all others are folded to milliseconds.


@dataclass(frozen=True, slots=True)
class DurationNumber(Node):
    """A number of seconds."""

    seconds: float

    __str__ = Node.__str__


@dataclass(frozen=True, slots=True)
class DurationCall(Node):
    """`step()`, `range()`, `min_of(a, b)` or `max_of(a, b)`."""

    name: str
    args: tuple[DurationExpr, ...] = ()

    __str__ = Node.__str__


@dataclass(frozen=True, slots=True)
class DurationBinary(Node):
    """Arithmetic on seconds; `lhs` is None for a sign."""

    op: str
    lhs: DurationExpr | None
    rhs: DurationExpr

    __str__ = Node.__str__


DurationExpr = DurationNumber | DurationCall | DurationBinary
Duration = int | DurationExpr
"""Milliseconds, or what gives them once the query's step and range are known."""


@dataclass(frozen=True, slots=True)
class NumberLiteral(Expr):
    """A number, or a duration as seconds; `duration` says that it was written as one."""

    value: float
    duration: bool = field(default=False, compare=False)

    __str__ = Node.__str__

    def __eq__(self, other: object) -> bool:
        # NaN is the same literal as NaN, and -0 is not 0.
        return isinstance(other, NumberLiteral) and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash(repr(self.value))

    @property
    def type(self) -> ValueType:
        """Scalar."""
        return ValueType.SCALAR


@dataclass(frozen=True, slots=True)
class StringLiteral(Expr):
    """A string."""

    value: str

    __str__ = Node.__str__

    @property
    def type(self) -> ValueType:
        """String."""
        return ValueType.STRING


@dataclass(frozen=True, slots=True)
class VectorSelector(Expr):
    """The newest sample of each series that fulfils `matchers` (the name's matcher among them, last when outside braces)."""

    name: str
    matchers: tuple[Matcher, ...]
    offset: Duration = 0
    at: int | str | None = None
    """Milliseconds, "start", "end", or None."""
    extension: str = ""
    """"", "anchored" or "smoothed"."""

    __str__ = Node.__str__

    def _key(self) -> tuple[object, ...]:
        # All matchers must hold: their order means nothing.
        return self.name, frozenset(self.matchers), self.offset, self.at, self.extension

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VectorSelector) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


@dataclass(frozen=True, slots=True)
class MatrixSelector(Expr):
    """The samples of `selector` in the last `range`."""

    selector: VectorSelector
    range: Duration

    __str__ = Node.__str__

    @property
    def type(self) -> ValueType:
        """Range vector."""
        return ValueType.MATRIX


@dataclass(frozen=True, slots=True)
class SubqueryExpr(Expr):
    """`expr` at every multiple of `step` in the last `range`; `step` None is the engine's default."""

    expr: Expr
    range: Duration
    step: Duration | None = None
    offset: Duration = 0
    at: int | str | None = None

    __str__ = Node.__str__

    @property
    def type(self) -> ValueType:
        """Range vector."""
        return ValueType.MATRIX


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A function call; `name` is in agent.query.functions.SIGNATURES."""

    name: str
    args: tuple[Expr, ...]
    returns: ValueType = field(compare=False, default=ValueType.VECTOR)

    __str__ = Node.__str__

    @property
    def type(self) -> ValueType:
        """What the function returns."""
        return self.returns


@dataclass(frozen=True, slots=True)
class AggregateExpr(Expr):
    """An aggregation; `op` in lower case."""

    op: str
    expr: Expr
    param: Expr | None = None
    grouping: tuple[str, ...] = ()
    without: bool = False

    __str__ = Node.__str__


class Card(StrEnum):
    """How many series of each side may meet."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """How the series of two vectors meet: `on` or ignoring `labels`, with labels `include` of the one side copied."""

    card: Card = Card.ONE_TO_ONE
    on: bool = False
    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class BinaryExpr(Expr):
    """Two expressions and an operator; `matching` is None unless both sides are instant vectors.

    A row of operators (`a + b + c + …`) leans to the left and may be thousands long, so nothing here recurses into `lhs`.
    """

    op: str
    lhs: Expr
    rhs: Expr
    return_bool: bool = False
    matching: VectorMatching | None = None
    _type: ValueType = field(init=False, repr=False, compare=False, default=ValueType.VECTOR)

    __str__ = Node.__str__

    def __post_init__(self) -> None:
        if self.lhs.type is self.rhs.type is ValueType.SCALAR:
            object.__setattr__(self, "_type", ValueType.SCALAR)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BinaryExpr):
            return False
        ours, theirs = row(self), row(other)
        parts = [[(each.op, each.rhs, each.return_bool, each.matching) for each in links] for links in (ours, theirs)]
        return parts[0] == parts[1] and ours[-1].lhs == theirs[-1].lhs

    def __hash__(self) -> int:
        links = row(self)
        return hash((links[-1].lhs, *((each.op, each.rhs, each.return_bool, each.matching) for each in links)))

    @property
    def type(self) -> ValueType:
        """Scalar where both sides are."""
        return self._type


def row(node: BinaryExpr) -> list[BinaryExpr]:
    """Return `node` and the operators to its left in the same row: of `a + b - c`, the one with - and the one with +."""
    links = [node]
    while isinstance(links[-1].lhs, BinaryExpr):
        links.append(links[-1].lhs)
    return links


@dataclass(frozen=True, slots=True)
class UnaryExpr(Expr):
    """A sign before an expression."""

    op: str
    expr: Expr

    __str__ = Node.__str__

    @property
    def type(self) -> ValueType:
        """The type of its operand."""
        return self.expr.type


@dataclass(frozen=True, slots=True)
class ParenExpr(Expr):
    """An expression in parentheses."""

    expr: Expr

    __str__ = Node.__str__

    @property
    def type(self) -> ValueType:
        """The type of what is inside."""
        return self.expr.type


COMPARISONS: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})
TRIMS: Final = frozenset({"</", ">/"})
"""Operators that cut native histograms."""
NAME_KEEPING: Final = COMPARISONS | TRIMS
"""Operators whose result is the left side, or less of it: its name stays."""
SET_OPERATORS: Final = frozenset({"and", "or", "unless"})


def children(node: Expr) -> tuple[Expr, ...]:
    """Return the expressions directly below `node`, in the order of the text."""
    match node:
        case BinaryExpr():
            return (node.lhs, node.rhs)
        case Call():
            return node.args
        case AggregateExpr():
            return (node.expr,) if node.param is None else (node.param, node.expr)
        case UnaryExpr() | ParenExpr() | SubqueryExpr():
            return (node.expr,)
        case MatrixSelector():
            return (node.selector,)
    return ()


SHOWN_LEVELS: Final = 500
"""How deep an expression may be that is described or printed on several lines; rows of operators may be deeper."""


def refuse_deeper(node: Expr, levels: int = SHOWN_LEVELS) -> None:
    """Raise ParseError where more than `levels` expressions stand one below the other, as in a long row of operators."""
    level: list[Expr] = [node]
    for _ in range(levels):
        level = [child for each in level for child in children(each)]
        if not level:
            return
    message = f"expression has more than {levels} levels"
    raise ParseError(message, node.pos.line, node.pos.column)


def walk(node: Expr) -> Iterator[Expr]:
    """Give `node` and every expression below it, parents first, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


def unwrapped(node: Expr) -> Expr:
    """Return `node` without the parentheses around it."""
    while isinstance(node, ParenExpr):
        node = node.expr
    return node
