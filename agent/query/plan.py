"""Plans: an expression compiled once to steps, which compute themselves.

Equal subexpressions are one step, so each is computed once per query wherever it stands; arithmetic on literals is done
while compiling; a step whose value is the same at every instant is computed at one. What depends only on the series
(selection, groups, joins) is cached with the series set, whose identity changes when the store's series do, so a plan
holds no samples and threads may share it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from agent.query import ast
from agent.query.aggregation import aggregate
from agent.query.binary import binary
from agent.query.evaluate import Value, evaluate, implementation, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import EMPTY, Frame, drop_names, mapped
from agent.query.functions.extended import extended, extension_of
from agent.query.native.arithmetic import negate
from agent.query.native.hints import unhinted
from agent.query.operators import computed
from agent.query.selecting import Ranges, over_frame, select_instant, select_range, subquery_steps


@dataclass(slots=True, eq=False)
class Step:
    """One distinct subexpression, and what computes it.

    expr: the node where it stands first; operation: its computation, which evaluates the node's operands itself, so that
    it may look at how they are written; inputs: the steps of its operands; constant: its value is the same at every
    instant; literal: its value, where that is known without any instant; shared: more than one step needs it;
    chained: its first operand is an operator in the same row (`a + b + c`), computed before it and handed to it.
    """

    expr: ast.Expr
    operation: Callable[..., Value | Ranges]
    inputs: tuple[Step, ...] = ()
    constant: bool = False
    literal: float | None = None
    shared: bool = False
    chained: bool = False

    def run(self, evaluation: Evaluation) -> Value | Ranges:
        """Return the value at every step of `evaluation`; raise QueryError."""
        count = len(evaluation.steps)
        if self.literal is not None:
            return np.full(count, self.literal)
        if self.constant and count > 1 and self.expr.type is not ast.ValueType.MATRIX:
            return _repeated(self.run(evaluation.at(evaluation.steps[:1])), count)
        step, waiting = self, []
        while step.chained and step not in step._held(evaluation):
            waiting.append(step)
            step = step.inputs[0]
        allowance = evaluation.query.allowance
        reserved = allowance.held
        value = step._computed(evaluation)
        while waiting:  # a row of operators is a loop, so that none is too long for the stack
            value = waiting.pop()._computed(evaluation, value)
            allowance.held = reserved + _size(value)
        return value

    def _held(self, evaluation: Evaluation) -> dict[Step, Value | Ranges]:
        """Where the value of a shared step waits for the others that need it; windows at many instants are for these only."""
        return evaluation.query.held if self.constant and len(evaluation.steps) == 1 else evaluation.held

    def _computed(self, evaluation: Evaluation, *before: Value | Ranges) -> Value | Ranges:
        query, allowance = evaluation.query, evaluation.query.allowance
        allowance.pulse()
        held = self._held(evaluation) if self.shared else None
        if held is not None and self in held:
            return held[self]
        if query.watch is not None:
            query.watch.begins(self)
        reserved = allowance.held
        value = self.operation(evaluation, self.expr, *before)
        size = _size(value)
        allowance.held = reserved + size
        if query.watch is not None:
            query.watch.ends(self, value)
        if held is not None:
            held[self] = value
            allowance.kept += size
        return value


def _size(value: Value | Ranges) -> int:
    """Return the bytes that a value holds, leaving out what native histograms hold."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Frame):
        return value.values.nbytes + (0 if value.present is None else value.present.nbytes)
    if isinstance(value, Ranges):
        return sum(each.values.nbytes + (0 if each.valid is None else each.valid.nbytes) for each in value.windows)
    return 0


def _repeated(value: Value | Ranges, steps: int) -> Value | Ranges:
    """Return what was computed at one instant as it is at `steps` of them."""
    if isinstance(value, str | Ranges):
        return value
    if isinstance(value, Frame):
        shape = (steps, len(value.series))
        present = None if value.present is None else np.broadcast_to(value.present, shape)
        histograms = None if value.histograms is None else np.broadcast_to(value.histograms, shape)
        return Frame(value.series, np.broadcast_to(value.values, shape), present, histograms)
    return np.broadcast_to(value, (steps,))


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of an expression: `root`, and for each node (by its identity) the step that computes it.

    echoes: for the place of a shared step, the other places where it stands; what is noticed at one is noticed at all.
    """

    root: Step
    steps: dict[int, Step]
    echoes: dict[ast.Position, tuple[ast.Position, ...]]
    expr: ast.Expr
    """What was compiled; it keeps the identities of its nodes alive."""


def compile_plan(expr: ast.Expr) -> Plan:
    """Return the plan of `expr`."""
    compiler = _Compiler()
    order, waiting = [], [expr]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting.extend(ast.children(node))
    for node in reversed(order):
        compiler.add(node)
    echoes = {place: tuple(others) for place, others in compiler.echoes.items()}
    return Plan(compiler.steps[id(expr)], compiler.steps, echoes, expr)


class _Compiler:
    """Makes the steps of nodes, operands first; equal nodes get the same step."""

    def __init__(self) -> None:
        self.steps: dict[int, Step] = {}
        self.echoes: dict[ast.Position, list[ast.Position]] = {}
        self._known: dict[Hashable, Step] = {}
        self._needed: set[Step] = set()

    def add(self, node: ast.Expr) -> None:
        inputs = tuple(self.steps[id(child)] for child in ast.children(node))
        if isinstance(node, ast.ParenExpr) or (isinstance(node, ast.UnaryExpr) and node.op == "+"):
            self.steps[id(node)] = inputs[0]
            return
        key = (type(node), _own_part(node), *map(id, inputs))
        step = self._known.get(key)
        if step is None:
            step = self._known[key] = _step(node, inputs)
            for each in inputs:
                each.shared = each.shared or each in self._needed
                self._needed.add(each)
        elif step.expr.pos != node.pos:
            self.echoes.setdefault(step.expr.pos, []).append(node.pos)
        self.steps[id(node)] = step


def _own_part(node: ast.Expr) -> Hashable:
    """Return what tells `node` from others with the same operands."""
    match node:
        case ast.MatrixSelector():
            return node.range
        case ast.SubqueryExpr():
            return node.range, node.step, node.offset, node.at
        case ast.Call():
            return node.name
        case ast.AggregateExpr():
            return node.op, node.grouping, node.without
        case ast.BinaryExpr():
            return node.op, node.return_bool, node.matching
        case ast.UnaryExpr():
            return node.op
    return node


def _step(node: ast.Expr, inputs: tuple[Step, ...]) -> Step:
    step = Step(node, _operation(node), inputs, _is_constant(node, inputs), _literal(node, inputs))
    if isinstance(node, ast.BinaryExpr) and isinstance(node.lhs, ast.BinaryExpr):
        step.chained = step.literal is None is inputs[0].literal and step.constant is inputs[0].constant
    return step


def _operation(node: ast.Expr) -> Callable[..., Value | Ranges]:
    match node:
        case ast.VectorSelector():
            return select_instant
        case ast.MatrixSelector():
            return select_range
        case ast.SubqueryExpr():
            return _subquery
        case ast.Call():
            return extended if extension_of(node) else implementation(node.name)
        case ast.AggregateExpr():
            return aggregate
        case ast.BinaryExpr():
            return binary
        case ast.UnaryExpr():
            return _negative
    return _text


def _text(_: Evaluation, node: ast.StringLiteral) -> Value:
    return node.value


def _negative(evaluation: Evaluation, node: ast.UnaryExpr) -> Value:
    value = evaluate(node.expr, evaluation)
    assert not isinstance(value, str)
    if isinstance(value, Frame):
        natives = None if value.histograms is None else mapped(value.histograms, negate)
        negated = Frame(value.series, np.negative(value.values), value.present, natives)
        return drop_names(negated, delayed=evaluation.delayed)
    return np.negative(value)


def _subquery(evaluation: Evaluation, node: ast.SubqueryExpr) -> Ranges:
    ends, instants, span = subquery_steps(evaluation, node)
    if not len(instants):
        return Ranges(EMPTY, [])
    frame = vector(node.expr, evaluation.at(instants))
    evaluation.query.allowance.count(frame.values.size)
    if frame.histograms is not None:
        frame = replace(frame, histograms=mapped(frame.histograms, unhinted))
    found = over_frame(frame, instants, ends, span)
    for windows in found.windows:
        windows.allowance = evaluation.query.allowance
    return found


def _literal(node: ast.Expr, inputs: tuple[Step, ...]) -> float | None:
    """Return the value of a number, or of arithmetic on literals."""
    if isinstance(node, ast.NumberLiteral):
        return node.value
    values = [np.array(each.literal) for each in inputs if each.literal is not None]
    if len(values) < len(inputs):
        return None
    with np.errstate(all="ignore"):
        match node:
            case ast.BinaryExpr():
                return float(computed(node.op, values[0], values[1]))
            case ast.UnaryExpr():
                return -float(values[0])
    return None


_CALENDAR: Final = ("days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year")
_TIMED: Final = frozenset((*_CALENDAR, "info", "predict_linear", "time", "timestamp"))
"""Functions that look at the clock of the query."""


def _is_constant(node: ast.Expr, inputs: tuple[Step, ...]) -> bool:
    match node:
        case ast.VectorSelector() | ast.SubqueryExpr():
            return node.at is not None
        case ast.Call() if node.name in _TIMED:
            return False
    return all(each.constant for each in inputs)
