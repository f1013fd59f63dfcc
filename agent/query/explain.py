"""What a query did, node by node: how many series and samples, from which cache, and how long. For people to read.

A `Recorder` watches the steps of one evaluation on a clock that it is given; `explanation` lays what it saw over the
expression. A row of one operator is one node, and so is what stands at several places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.query import ast
from agent.query.evaluate import Value
from agent.query.explain_words import joined, words
from agent.query.frame import Frame, builds
from agent.query.limits import Allowance
from agent.query.plan import Plan, Step
from agent.query.selecting import Ranges


@dataclass(frozen=True, slots=True)
class Explained:
    """One node of a query that was evaluated.

    expr: PromQL; does: the same in words; series: of its value, None for a number; samples: cells that it read or made
    itself; how: "computed", "computed once" (at one instant for all steps), "shared" (computed where it stood first) or
    "literal"; built: indexes over the series that were not cached and had to be made; seconds: its own, without inputs.
    """

    expr: str
    does: str
    series: int | None
    samples: int
    how: str
    built: int
    seconds: float
    inputs: tuple[Explained, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A whole query: its nodes, and the totals. `steps` is how many instants, `planned` whether it was compiled before."""

    root: Explained
    steps: int
    samples: int
    peak_bytes: int
    seconds: float
    planned: bool


@dataclass(slots=True)
class _Measured:
    """What one step took, in units of the clock, without the steps within it."""

    time: float = 0
    samples: int = 0
    built: int = 0
    series: int | None = None


@dataclass(slots=True)
class Recorder:
    """Watches the steps of one evaluation; `clock` counts seconds."""

    clock: Callable[[], float]
    allowance: Allowance
    seen: dict[Step, _Measured] = field(default_factory=dict)
    _open: list[tuple[float, int, int]] = field(default_factory=list)
    _within: list[_Measured] = field(default_factory=lambda: [_Measured()])

    def begins(self, step: Step) -> None:  # noqa: ARG002 (of the protocol)
        """Start counting for `step`."""
        self._within.append(_Measured())
        self._open.append((self.clock(), self.allowance.samples, builds.count))

    def ends(self, step: Step, value: Value | Ranges) -> None:
        """Stop counting for `step`, and leave what it took out of the step around it."""
        since, samples, built = self._open.pop()
        took = (self.clock() - since, self.allowance.samples - samples, builds.count - built)
        inner, outer = self._within.pop(), self._within[-1]
        own = self.seen.setdefault(step, _Measured())
        own.time += took[0] - inner.time
        own.samples += took[1] - inner.samples
        own.built += took[2] - inner.built
        own.series = len(value.series) if isinstance(value, Frame | Ranges) else None
        outer.time += took[0]
        outer.samples += took[1]
        outer.built += took[2]


def explanation(plan: Plan, recorder: Recorder) -> Explained:
    """Return the nodes of a plan that `recorder` watched."""
    return _Tree(plan, recorder).node(plan.expr)


class _Tree:
    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        self._steps, self._seen = plan.steps, recorder.seen
        self._shown: set[Step] = set()

    def node(self, expr: ast.Expr) -> Explained:
        """Return the node of `expr`, and those below it."""
        expr = ast.unwrapped(expr)
        step = self._steps[id(expr)]
        if step.literal is not None:
            return Explained(str(expr), words(expr), None, 0, "literal", 0, 0.0)
        if step in self._shown:
            series = self._seen[step].series if step in self._seen else None
            return Explained(str(expr), words(expr), series, 0, "shared", 0, 0.0)
        links = joined(expr) if isinstance(expr, ast.BinaryExpr) else []
        steps = [self._steps[id(each)] for each in links] or [step]
        self._shown.update(steps)
        parts = [self._seen[each] for each in steps if each in self._seen]
        operands = [links[-1].lhs, *(each.rhs for each in reversed(links))] if links else _operands(expr)
        return Explained(
            str(expr),
            words(expr),
            parts[0].series if parts else None,
            sum(each.samples for each in parts),
            "computed once" if step.constant else "computed",
            sum(each.built for each in parts),
            sum(each.time for each in parts),
            tuple(self.node(each) for each in operands if self._steps[id(each)].literal is None),
        )


def _operands(expr: ast.Expr) -> tuple[ast.Expr, ...]:
    """Return what a node needs; a range selector reads by itself."""
    return () if isinstance(expr, ast.MatrixSelector) else ast.children(expr)
