"""What rules read and what they write: the selectors of an expression, and which rules may feed them.

Pure functions of the files' text: nothing here knows which series there are. In doubt a producer may feed a selector.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agent.model import METRIC_NAME, Matcher, MatchOp
from agent.query import ast, evaluate_duration
from agent.rules.expressions import parsed
from agent.rules.spec import Group, Rule

_KEPT_EXPRESSIONS: Final = 2**16
_CLOCKS: Final = frozenset({"time", "start", "end", "predict_linear"})
_CALENDAR: Final = frozenset(
    {"day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"}
)
_ALERTS: Final = ("ALERTS", "ALERTS_FOR_STATE")
_TARGET_INFO: Final = Matcher(METRIC_NAME, MatchOp.EQUAL, "target_info")
_ANY_INFO: Final = Matcher(METRIC_NAME, MatchOp.REGEX, ".+_info")


@dataclass(frozen=True, slots=True)
class Selector:
    """Series that an expression reads: `matchers`, the metric's name among them, and when it looks at their samples.

    Of an evaluation at T those of the `window_ms` before T - `offset_ms`: the range and those of the subqueries around it,
    0 where the newest sample is looked up. `at` says that an @ moves them elsewhere.
    """

    matchers: tuple[Matcher, ...]
    window_ms: int = 0
    offset_ms: int = 0
    at: bool = False

    @property
    def name(self) -> str:
        """The metric's name where it is said with `=`, else ""."""
        named = (each.value for each in self.matchers if each.name == METRIC_NAME and each.op is MatchOp.EQUAL)
        return next(named, "")

    def refuses(self, labels: Mapping[str, str]) -> bool:
        """Say whether series that surely have `labels` ("" for a label that is surely absent) are not selected."""
        return any(each.name in labels and not each.matches(labels[each.name]) for each in self.matchers)


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression reads: its selectors in the order of the text, each once.

    `clocks` says that the instant itself is read (`time()`, `hour()`, `predict_linear`), so that the answer moves while no
    sample does. The edges of windows are no clock: what stands in them are samples.
    """

    selectors: tuple[Selector, ...] = ()
    clocks: bool = False


@functools.lru_cache(maxsize=_KEPT_EXPRESSIONS)
def reads(expression: str) -> Reads:
    """Return what an expression reads when it is evaluated at an instant; raise ParseError."""
    node = parsed(expression)
    clocks = any(isinstance(each, ast.Call) and _is_clock(each) for each in ast.walk(node))
    return Reads(tuple(dict.fromkeys(_selectors(node))), clocks)


def _is_clock(call: ast.Call) -> bool:
    if call.name == "timestamp":
        # Of a selector the samples' own time, of anything else that of the evaluation.
        return not isinstance(ast.unwrapped(call.args[0]), ast.VectorSelector)
    return call.name in _CLOCKS or (call.name in _CALENDAR and not call.args)


def _selectors(node: ast.Expr) -> Iterator[Selector]:
    """Give every selector; rows of operators may be thousands long, so the way down is a list and no recursion."""
    waiting: list[tuple[ast.Expr, Selector]] = [(node, Selector(()))]
    while waiting:
        node, around = waiting.pop()
        match node:
            case ast.VectorSelector():
                yield _inside(around, node.matchers, 0, node.offset, node.at)
            case ast.MatrixSelector(selector=each):
                yield _inside(around, each.matchers, node.range, each.offset, each.at)
            case ast.SubqueryExpr():
                waiting.append((node.expr, _inside(around, (), node.range, node.offset, node.at)))
            case ast.Call(name="info"):
                waiting.append((node.args[0], around))
                yield _info(node, around)
            case _:
                waiting.extend((child, around) for child in reversed(ast.children(node)))


def _inside(
    around: Selector, matchers: tuple[Matcher, ...], window: ast.Duration, offset: ast.Duration, at: object
) -> Selector:
    return Selector(
        matchers,
        around.window_ms + _instant(window),
        around.offset_ms + _instant(offset),
        around.at or at is not None,
    )


def _instant(duration: ast.Duration) -> int:
    """Return milliseconds in an instant query; 0 where the duration is impossible, for then the evaluation says so."""
    try:
        return evaluate_duration(duration, 0, 0)
    except ValueError:
        return 0


def _info(call: ast.Call, around: Selector) -> Selector:
    """Return what info() reads besides its first argument: the info series, at the time of the first selector in it."""
    wanted = ast.unwrapped(call.args[1]) if len(call.args) > 1 else None
    matchers = wanted.matchers if isinstance(wanted, ast.VectorSelector) else ()
    names = [each for each in matchers if each.name == METRIC_NAME]
    if not names:
        matchers = (_TARGET_INFO, *matchers)
    elif not any(each.op in (MatchOp.EQUAL, MatchOp.REGEX) for each in names):
        matchers = (_ANY_INFO, *matchers)
    first = next(_selectors(call.args[0]), Selector(()))
    return Selector(matchers, around.window_ms, first.offset_ms or around.offset_ms, first.at or around.at)


def may_feed(producer: Group, selector: Selector, rule: Rule | None = None) -> bool:
    """Say whether `selector` may select series that a group (or one `rule` of it) writes.

    A recording rule writes the metric it names; an alerting rule ALERTS and ALERTS_FOR_STATE. Labels that the file fixes
    are held against the matchers; those that come from samples or a template may be anything.
    """
    rules = producer.rules if rule is None else (rule,)
    return any(not selector.refuses(fixed) for each in rules for fixed in written(producer, each))


def written(group: Group, rule: Rule) -> list[dict[str, str]]:
    """Return the labels that are sure of what a rule writes, one set for each metric; "" for a label that it has not."""
    fixed = {name: value for name, value in group.labels_of(rule).items() if not rule.is_alert or "{{" not in value}
    if not rule.is_alert:
        return [{**fixed, METRIC_NAME: rule.name}]
    # An alert's state is its own: what stands in the file under that name is overwritten.
    fixed.pop("alertstate", None)
    return [{**fixed, METRIC_NAME: name, "alertname": rule.name} for name in _ALERTS]
