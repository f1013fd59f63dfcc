"""What is certain of an expression before it meets a sample: its values, its labels, whether a counter stands bare in it.

One pass over the nodes, children first. What cannot be true is remarked on the way, once, where it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from agent.query import ast
from agent.rules.lints.calls import call_interval, call_shape, keeps_counter, words
from agent.rules.lints.intervals import ANY, INF, NOT_NEGATIVE, ONE, SHARE, Interval, combined, compared
from agent.rules.lints.metrics import Kind, Kinds
from agent.rules.lints.shapes import ANYTHING, NOTHING, Shape, apart, joined, selected
from agent.rules.lints.shares import is_share

Say = Callable[[ast.Expr, str, str, str], None]
"""Called with the node, the code, the message and a suggestion."""

Bounds = tuple[tuple[ast.Expr, Interval], ...]
_MOST_BOUNDS: Final = 16
_PICKS: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
_SAME_VALUES: Final = frozenset({"avg", "min", "max", "quantile"}) | _PICKS
_ARITHMETIC: Final = frozenset({"+", "-", "*", "/", "^", "%", "atan2"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is certain. `counter` names a counter whose bare values these are; `gauge` says why they are a gauge's.

    `bounds` are the intervals to which comparisons with numbers hold expressions; `never` says that no series comes out.
    """

    values: Interval = ANY
    shape: Shape = ANYTHING
    counter: str = ""
    gauge: str = ""
    summed: bool = False
    constant: bool = False
    never: bool = False
    bounds: Bounds = ()


UNKNOWN: Final = Facts()


class Recorded(Protocol):
    """Knows what is certain of the series that rules record."""

    def facts(self, node: ast.VectorSelector) -> Facts | None:
        """Return the facts of the recorded series that `node` selects, None where no rule records them."""


class Analysis:
    """The facts of every node of one expression. `say` hears what is wrong."""

    def __init__(self, nodes: list[ast.Expr], kinds: Kinds, recorded: Recorded, say: Say) -> None:
        self._kinds = kinds
        self._recorded = recorded
        self._say = say
        self._facts: dict[int, Facts] = {}
        self._top = ast.unwrapped(nodes[0])
        for node in reversed(nodes):
            self._facts[id(node)] = self._of(node)
        self.whole = self._facts[id(nodes[0])]

    def of(self, node: ast.Expr) -> Facts:
        """Return the facts of a node."""
        return self._facts[id(node)]

    def _of(self, node: ast.Expr) -> Facts:
        how = _BY_KIND.get(type(node))
        return how(self, node) if how else UNKNOWN

    def _matrix(self, node: ast.MatrixSelector) -> Facts:
        return self._facts[id(node.selector)]

    def _number(self, node: ast.NumberLiteral) -> Facts:
        return Facts(Interval(node.value, node.value), NOTHING, constant=True)

    def _inner(self, node: ast.ParenExpr) -> Facts:
        return self._facts[id(node.expr)]

    def _subquery(self, node: ast.SubqueryExpr) -> Facts:
        return replace(self.of(node.expr), bounds=(), never=False)

    def _sign(self, node: ast.UnaryExpr) -> Facts:
        inner = self.of(node.expr)
        values = combined("-", Interval(0, 0), inner.values) if node.op == "-" else inner.values
        return replace(inner, values=values, counter="", bounds=())

    def _selector(self, node: ast.VectorSelector) -> Facts:
        found = self._recorded.facts(node) if node.name else None
        if found is not None:
            return found
        kind = self._kinds.of(node.name) if node.name else Kind.UNKNOWN
        values = ANY
        if node.name == "up":
            values = SHARE
        elif kind is Kind.COUNTER and not node.name.endswith("_sum"):
            values = NOT_NEGATIVE
        gauge = f"{node.name} is a gauge, {self._kinds.why(node.name)}" if kind is Kind.GAUGE else ""
        return Facts(values, selected(node), counter=node.name if kind is Kind.COUNTER else "", gauge=gauge)

    def _aggregate(self, node: ast.AggregateExpr) -> Facts:
        inner = self.of(node.expr)
        if node.op in _PICKS:
            return replace(inner, bounds=())
        shape = inner.shape.without(node.grouping) if node.without else inner.shape.only(node.grouping)
        if node.op == "count_values" and isinstance(node.param, ast.StringLiteral):
            shape = shape.with_label(node.param.value, sure=True)
        counts = node.op in ("count", "group", "count_values")
        return Facts(
            self._aggregate_values(node, inner.values),
            shape,
            counter="" if counts or node.op.startswith("std") else inner.counter,
            gauge="" if counts else inner.gauge,
            summed=inner.summed or node.op in ("sum", "avg"),
            never=inner.never,
        )

    def _aggregate_values(self, node: ast.AggregateExpr, inner: Interval) -> Interval:
        if node.op == "quantile":
            at = self.of(node.param).values.point if node.param is not None else None
            return inner if at is not None and 0 <= at <= 1 else ANY
        if node.op in _SAME_VALUES:
            return inner
        match node.op:
            case "count" | "count_values":
                return Interval(1)
            case "group":
                return ONE
            case "stddev" | "stdvar":
                return NOT_NEGATIVE
            case "sum":
                return Interval(inner.low if inner.low >= 0 else -INF, inner.high if inner.high <= 0 else INF)
        return ANY

    def _call(self, node: ast.Call) -> Facts:
        facts = self._facts
        inputs = [facts[id(argument)] for argument in node.args]
        main = UNKNOWN
        for argument in node.args:
            if argument.type in _VECTORS:
                main = facts[id(argument)]
                break
        if main.counter or main.gauge:
            self._of_counters(node, main)
        rates = node.name in _RATES
        keeps = keeps_counter(node.name)
        return Facts(
            call_interval(node.name, [each.values for each in inputs]),
            call_shape(node, main.shape),
            counter=main.counter if keeps else "",
            gauge=f"{node.name}() gives a gauge" if rates else main.gauge if keeps else "",
            summed=main.summed and keeps,
            constant=node.name == "pi" or (bool(inputs) and all(each.constant for each in inputs)),
            never=main.never and node.name not in ("absent", "absent_over_time", "scalar"),
        )

    def _of_counters(self, node: ast.Call, main: Facts) -> None:
        """Remark on functions that want a counter and get none, and on those that cannot read one."""
        if node.name in ("rate", "irate", "increase"):
            if main.gauge:
                why = f"{node.name}() needs a counter: {main.gauge}; each fall would count as a restart"
                self._say(node, "rate-on-gauge", f"{why}; use deriv() or delta()", "")
            elif main.counter and main.summed:
                why = f"{node.name}() of a sum of {main.counter}: one restart looks like a jump of all"
                self._say(node, "rate-of-sum", f"{why}; write sum({node.name}(…))", "")
        elif main.counter and node.name in _NEEDS_RATE:
            why = f"{node.name}() reads the counter {main.counter}, which only grows until its process restarts"
            self._say(node, "raw-counter", f"{why}; put rate() around it", "")
        elif node.name == "histogram_quantile" and main.counter.endswith("_bucket"):
            why = f"the buckets of {main.counter} count since the process started, so this quantile hardly moves"
            self._say(node, "raw-counter", f"{why}; put rate() around them", "")

    def _binary(self, node: ast.BinaryExpr) -> Facts:
        left, right = self.of(node.lhs), self.of(node.rhs)
        if node.op in ast.SET_OPERATORS:
            return self._set(node, left, right)
        never = left.never or right.never
        if node.matching is not None and not never:
            never = self._apart(node, left, right)
        shape = self._binary_shape(node, left, right)
        constant = left.constant and right.constant
        if node.op in ast.COMPARISONS:
            return self._comparison(node, left, right, shape, never=never)
        if node.op not in _ARITHMETIC:
            return replace(left, never=never, bounds=())
        values = combined(node.op, left.values, right.values)
        if node.op == "/" and node.matching is not None and is_share(node, lambda each: self.of(each).values.low >= 0):
            values = SHARE
        counter = ""
        if node.matching is None or node.op == "+":
            counter = left.counter or (right.counter if node.op in "+*" else "")
        gauge = left.gauge or right.gauge if node.matching is None else left.gauge and right.gauge
        return Facts(values, shape, counter, gauge, left.summed or right.summed, constant, never)

    def _binary_shape(self, node: ast.BinaryExpr, left: Facts, right: Facts) -> Shape:
        if node.matching is not None:
            return joined(node, left.shape, right.shape)
        return left.shape if node.lhs.type is ast.ValueType.VECTOR else right.shape

    def _apart(self, node: ast.BinaryExpr, left: Facts, right: Facts) -> bool:
        why = apart(node, left.shape, right.shape)
        if why:
            outcome = "removes nothing" if node.op == "unless" else "matches nothing"
            self._say(node, "join-never", f'"{node.op}" {outcome}: {why}', "")
        return bool(why) and node.op != "unless"

    def _comparison(self, node: ast.BinaryExpr, left: Facts, right: Facts, shape: Shape, *, never: bool) -> Facts:
        mine, theirs = compared(node.op, left.values, right.values)
        constant = left.constant and right.constant
        if not never and not constant and (mine.empty or theirs.empty):
            self._say(node, "never-matches", *_never(node, left.values, right.values))
            never = True
        self._bare(node, left, right)
        if node.return_bool:
            return Facts(SHARE, shape, constant=constant, never=never)
        turned = node.matching is None and node.lhs.type is ast.ValueType.SCALAR
        kept, of = (right, theirs) if turned else (left, mine)
        bounds = self._bounds(node, kept, of)
        return Facts(ANY if never else of, shape, gauge=kept.gauge, constant=constant, never=never, bounds=bounds)

    def _bounds(self, node: ast.BinaryExpr, kept: Facts, values: Interval) -> Bounds:
        if node.matching is not None or node.op == "!=" or kept.constant:
            return ()
        side = ast.unwrapped(node.rhs if node.lhs.type is ast.ValueType.SCALAR else node.lhs)
        if kept.bounds and isinstance(side, ast.BinaryExpr) and side.op in ast.COMPARISONS:
            side = kept.bounds[0][0]  # of x > 5 < 9, x itself is held
        return ((side, values),)

    def _bare(self, node: ast.BinaryExpr, left: Facts, right: Facts) -> None:
        """Remark on a counter that is compared. `x > 0` inside of more asks whether it ever counted, which is a fair question."""
        for side, other in ((left, right), (right, left)):
            if not side.counter or other.counter or node.op in ("==", "!=") or other.shape != NOTHING:
                continue
            if other.values.point == 0 and node is not self._top:
                continue
            why = f"{side.counter} is a counter: it only grows until its process restarts, and so does what is compared"
            self._say(node, "raw-counter", f"{why}; compare rate() or increase() of it", "")

    def _set(self, node: ast.BinaryExpr, left: Facts, right: Facts) -> Facts:
        if node.op == "or":
            return Facts(
                left.values.hull(right.values),
                left.shape.either(right.shape),
                counter=left.counter or right.counter,
                gauge=left.gauge and right.gauge,
                summed=left.summed or right.summed,
                constant=left.constant and right.constant,
                never=left.never and right.never,
            )
        never = left.never or (right.never and node.op == "and")
        if not never and not right.never:
            never = self._apart(node, left, right)
        if never or node.matching is None or node.matching.on or node.matching.labels:
            return replace(left, never=never, bounds=left.bounds if node.op == "unless" else ())
        return self._narrowed(node, left, right)

    def _narrowed(self, node: ast.BinaryExpr, left: Facts, right: Facts) -> Facts:
        """Return the left side of a plain `and` or `unless`, and remark where both hold one expression apart."""
        bounds = list(left.bounds)
        for each, values in right.bounds:
            index = next((index for index, (known, _) in enumerate(bounds) if known == each), None)
            if index is None:
                bounds.append((each, values))
                continue
            before = bounds[index][1]
            met = before.meet(values)
            if _named(each) and self._impossible(node, each, before, values):
                return replace(left, never=True)
            bounds[index] = (each, met)
        return replace(left, bounds=left.bounds if node.op == "unless" else tuple(bounds[:_MOST_BOUNDS]))

    def _impossible(self, node: ast.BinaryExpr, each: ast.Expr, before: Interval, values: Interval) -> bool:
        if node.op == "and" and before.meet(values).empty:
            message = f"this can never match: {each} would be {before} and {values} at once"
        elif node.op == "unless" and before.within(values) and _only_compares(node.rhs):
            message = f"this can never match: unless removes {each} where it is {values}, and it is {before}"
        else:
            return False
        self._say(node, "never-matches", message, "")
        return True


_NEEDS_RATE: Final = words(
    "avg_over_time sum_over_time min_over_time max_over_time quantile_over_time stddev_over_time stdvar_over_time "
    "mad_over_time deriv predict_linear double_exponential_smoothing delta idelta"
)


_RATES: Final = words("rate irate increase delta idelta deriv histogram_quantile")
_VECTORS: Final = (ast.ValueType.VECTOR, ast.ValueType.MATRIX)
_BY_KIND: Final[dict[type[ast.Expr], Callable[[Analysis, Any], Facts]]] = {
    ast.VectorSelector: Analysis._selector,
    ast.MatrixSelector: Analysis._matrix,
    ast.NumberLiteral: Analysis._number,
    ast.ParenExpr: Analysis._inner,
    ast.SubqueryExpr: Analysis._subquery,
    ast.UnaryExpr: Analysis._sign,
    ast.AggregateExpr: Analysis._aggregate,
    ast.Call: Analysis._call,
    ast.BinaryExpr: Analysis._binary,
}


def _only_compares(node: ast.Expr) -> bool:
    inner = ast.unwrapped(node)
    return isinstance(inner, ast.BinaryExpr) and inner.op in ast.COMPARISONS


def _named(node: ast.Expr) -> bool:
    """Say whether every selector names its metric, so that equal labels are the same series."""
    return all(each.name for each in ast.walk(node) if isinstance(each, ast.VectorSelector))


def _never(node: ast.BinaryExpr, left: Interval, right: Interval) -> tuple[str, str]:
    """Return the message and the suggestion of a comparison that is never true."""
    what = "is always 0" if node.return_bool else "can never match"
    message = f"this comparison {what}: the left side is {left}, the right side {right}"
    for side, limit, of in ((left, right.point, node.lhs), (right, left.point, node.rhs)):
        if limit is None:
            continue
        if side.low == 0 and side.high == 1 and 1 < limit <= 100:
            return f"{message}; a share is a fraction of 1", f"{limit / 100:g}"
        inner = ast.unwrapped(of)
        if isinstance(inner, ast.AggregateExpr) and inner.op == "count" and limit <= 1:
            return f"{message}; where there is nothing, count() gives nothing: use absent()", ""
        if isinstance(inner, ast.Call) and inner.name.startswith("absent"):
            return f"{message}; where there is something, {inner.name}() gives nothing", ""
    return message, ""
