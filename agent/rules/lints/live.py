"""What a server that holds samples says of rules: metrics that it never saw, labels that differ, joins that meet nothing.

Logic only: the server is a Protocol, and whoever calls says how many questions are asked at once.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from agent.errors import QueryError
from agent.model import Matcher, MatchOp, format_duration
from agent.query import ast
from agent.rules.expressions import parsed
from agent.rules.lints.findings import Finding
from agent.rules.spec import Group, Rule, RuleSet

T = TypeVar("T")
R = TypeVar("R")

_NEAR: Final = 0.75
_NEAR_METRIC: Final = 0.88
"""Names of metrics share their prefixes and suffixes."""
_SHORT, _NEAR_SHORT = 5, 0.65
"""Two letters changed about are a third of a short word."""
_PART: Final = re.compile(r"_(bucket|sum|count|total)$")
_DIGITS: Final = re.compile(r"\d")
_SHOWN_VALUES: Final = 5
_SHOWN_BUCKETS: Final = 20
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|Inf)")
_OWN: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
"""What rules write themselves, and only while an alert is active."""


class Server(Protocol):
    """A Prometheus-compatible server. Raises QueryError where it refuses a question, BurnlineError where it is not there."""

    def count(self, expression: str) -> int:
        """Return how many series an expression gives now."""

    def labels_of(self, expression: str) -> Sequence[str]:
        """Return the label names of one series that an expression gives now, none where it gives none."""

    def names(self) -> Sequence[str]:
        """Return the names of all metrics that were ever seen."""

    def label_names(self, selector: str) -> Sequence[str]:
        """Return the label names of the series of a selector, whenever they were."""

    def values(self, label: str, selector: str) -> Sequence[str]:
        """Return the values of a label among the series of a selector, whenever they were."""


class Spread(Protocol):
    """Asks many questions, some of them at a time, and gives the answers in the questions' order."""

    def __call__(self, what: str, ask: Callable[[T], R], questions: Sequence[T]) -> list[R]:
        """Call `ask` with each of `questions`; `what` is shown while it lasts."""


@dataclass
class _Use:
    """A selector as it stands in a rule; `excused` says that it may well find nothing: absent(), or, unless."""

    group: Group
    rule: Rule
    node: ast.VectorSelector
    excused: bool


_Join = tuple[Group, Rule, ast.BinaryExpr]


@dataclass
class _Gathered:
    uses: dict[str, list[_Use]] = field(default_factory=dict)
    joins: list[_Join] = field(default_factory=list)


def live(rules: RuleSet, server: Server, spread: Spread, declared: Collection[str] = ()) -> list[Finding]:
    """Return what `server` says of the rules, first of their selectors, then of joins and of the whole.

    `declared` are metrics that targets say they have, whether or not there is a series yet.
    """
    gathered = _gather(rules)
    texts = list(gathered.uses)
    counts = dict(zip(texts, spread("selectors", _asked(server.count), texts), strict=True))
    empty = [text for text in texts if counts[text] == 0]
    recorded = {rule.name: rule for _, rule in rules.rules if rule.record}
    explain = _Explainer(server, recorded, tuple(server.names()) if empty else (), declared)
    said = spread("what is missing", lambda text: explain(gathered.uses[text][0].node), empty)
    met = [each for each in gathered.joins if all(counts[_text(node)] for node in _selectors(each[2]))]
    return [
        *_missing(gathered, dict(zip(empty, said, strict=True))),
        *_joins(met, server, spread),
        *_outcomes(rules, server, spread),
    ]


def _missing(gathered: _Gathered, said: Mapping[str, _Said]) -> list[Finding]:
    """Say what is missing, once of each rule, where it stands first."""
    findings = [
        _at(use.group, use.rule, use.node, each.code, each.message, each.suggestion)
        for text, each in said.items()
        for use in gathered.uses[text]
        if not use.excused or each.suggestion
    ]
    findings.sort(key=lambda each: (each.place.line, each.place.column), reverse=True)
    return list({(each.place.source, each.rule_line, each.message): each for each in findings}.values())


def _joins(joins: Sequence[_Join], server: Server, spread: Spread) -> Iterator[Finding]:
    messages = spread("joins", lambda each: _join(server, each[2]), joins)
    for (group, rule, node), message in zip(joins, messages, strict=True):
        if message:
            yield _at(group, rule, node, "live-no-join", message)


def _outcomes(rules: RuleSet, server: Server, spread: Spread) -> Iterator[Finding]:
    asked = [(group, rule) for group, rule in rules.rules if parsed(rule.expr).type is ast.ValueType.VECTOR]
    outcomes = spread("rules", lambda each: _outcome(server, each[1]), asked)
    for (group, rule), outcome in zip(asked, outcomes, strict=True):
        if outcome:
            yield _at(group, rule, parsed(rule.expr), *outcome)


def _gather(rules: RuleSet) -> _Gathered:
    gathered = _Gathered()
    for group, rule in rules.rules:
        waiting: list[tuple[ast.Expr, bool]] = [(parsed(rule.expr), False)]
        while waiting:
            node, excused = waiting.pop()
            if isinstance(node, ast.VectorSelector):
                gathered.uses.setdefault(_text(node), []).append(_Use(group, rule, node, excused))
            if isinstance(node, ast.BinaryExpr) and node.matching is not None and node.op not in ("or", "unless"):
                gathered.joins.append((group, rule, node))
            waiting.extend((child, excused or _excuses(node, child)) for child in reversed(ast.children(node)))
    return gathered


def _excuses(node: ast.Expr, child: ast.Expr) -> bool:
    if isinstance(node, ast.Call):
        return node.name in ("absent", "absent_over_time")
    return isinstance(node, ast.BinaryExpr) and (node.op == "or" or (node.op == "unless" and child is node.rhs))


def _text(node: ast.VectorSelector) -> str:
    """Return the selector alone, as it finds series now."""
    return str(ast.VectorSelector(node.name, node.matchers))


def _selectors(node: ast.Expr) -> Iterator[ast.VectorSelector]:
    return (each for each in ast.walk(node) if isinstance(each, ast.VectorSelector))


def _asked(count: Callable[[str], int]) -> Callable[[str], int]:
    """Return a count that is -1 where the server cannot say: the rule as a whole will tell why."""

    def asked(text: str) -> int:
        try:
            return count(text)
        except QueryError:
            return -1

    return asked


@dataclass(frozen=True, slots=True)
class _Said:
    code: str
    message: str
    suggestion: str = ""


class _Explainer:
    """Says why a selector finds nothing."""

    def __init__(
        self, server: Server, recorded: Mapping[str, Rule], names: Sequence[str], declared: Collection[str]
    ) -> None:
        self._server = server
        self._recorded = recorded
        self._names = names
        self._known = frozenset(names)
        self._declared = declared

    def __call__(self, node: ast.VectorSelector) -> _Said:
        if node.name and node.name not in self._known:
            return self._no_metric(node.name)
        metric = f'{{__name__="{node.name}"}}' if node.name else ""
        for matcher in node.matchers:
            if metric and matcher.name != "__name__" and not matcher.matches(""):
                said = self._no_label(node.name, metric, matcher)
                if said is not None:
                    return said
        return _Said("live-no-series", f"{_text(node)} matches no series now; there were some, or parts of it match")

    def _no_metric(self, name: str) -> _Said:
        rule = self._recorded.get(name)
        if rule is not None:
            return _Said("live-no-series", f"{name} is recorded at {rule.place} and not known to the server yet")
        if name in _OWN:
            return _Said("live-no-series", f"{name} has no series: no alert was ever active")
        if name in self._declared or _PART.sub("", name) in self._declared:
            return _Said("live-no-series", f"a target declares {name} and has no series of it yet")
        return _Said(
            "live-no-metric", f"the server has never seen a metric {name}", _nearest(name, self._names, _NEAR_METRIC)
        )

    def _no_label(self, name: str, metric: str, matcher: Matcher) -> _Said | None:
        values = self._server.values(matcher.name, metric)
        if not values:
            labels = [each for each in self._server.label_names(metric) if each != "__name__"]
            has = f"; it has {', '.join(labels)}" if labels else ""
            message = f'no series of {name} has a label "{matcher.name}"{has}'
            return _Said("live-no-label", message, _nearest(matcher.name, labels))
        if any(matcher.matches(value) for value in values):
            return None
        if matcher.name == "le" and matcher.op is MatchOp.EQUAL:
            return _no_bucket(name, matcher.value, values)
        shown = ", ".join(f'"{value}"' for value in values[:_SHOWN_VALUES])
        more = f" and {len(values) - _SHOWN_VALUES} more" if len(values) > _SHOWN_VALUES else ""
        near = _nearest(matcher.value, values) if matcher.op is MatchOp.EQUAL else ""
        message = f"no series of {name} ever had {matcher}: the label {matcher.name} was {shown}{more}"
        return _Said("live-no-value" if near else "live-no-series", message, near)


def _no_bucket(name: str, wanted: str, bounds: Sequence[str]) -> _Said:
    """Say which buckets there are. The same bound may be spelt otherwise; else the nearest one that is not below is named."""
    known = sorted(
        {bound: float(bound) for bound in bounds if _NUMBER.fullmatch(bound)}.items(), key=lambda each: each[1]
    )
    shown = ", ".join(f'"{bound}"' for bound, _ in known[:_SHOWN_BUCKETS]) + (
        " …" if len(known) > _SHOWN_BUCKETS else ""
    )
    near = ""
    if _NUMBER.fullmatch(wanted):
        near = next((bound for bound, value in known if float(wanted) <= value < math.inf), "")
    return _Said("live-no-value", f'{name} has no bucket le="{wanted}"; its buckets end at {shown}', near)


def _nearest(wrong: str, known: Sequence[str], cutoff: float = _NEAR) -> str:
    """Return what `wrong` is a slip of, "" where nothing is near. Other digits are another thing and no slip: 500 is not 504."""
    digits = _DIGITS.findall(wrong)
    folded = {each.lower(): each for each in known if _DIGITS.findall(each) == digits}
    cutoff = cutoff if len(wrong) > _SHORT else _NEAR_SHORT
    near = difflib.get_close_matches(wrong.lower(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else ""


def _join(server: Server, node: ast.BinaryExpr) -> str:
    """Say that both sides have series of which none meet, "" where some do."""
    matching = node.matching
    assert matching is not None
    sides = (ast.ParenExpr(_unfiltered(node.lhs)), ast.ParenExpr(_unfiltered(node.rhs)))
    met = ast.VectorMatching(ast.Card.MANY_TO_MANY, matching.on, matching.labels)
    try:
        if server.count(str(ast.BinaryExpr("and", sides[0], sides[1], matching=met))):
            return ""
        if not all(server.count(str(side)) for side in sides):
            return ""
        left, right = (set(server.labels_of(str(side))) - {"__name__"} for side in sides)
    except QueryError:
        return ""  # the rule as a whole says what is wrong

    def compared(labels: set[str]) -> set[str]:
        return {each for each in labels if (each in matching.labels) == matching.on}

    only = [
        f"only the {side} has {', '.join(sorted(names))}"
        for side, names in (("left", compared(left) - compared(right)), ("right", compared(right) - compared(left)))
        if names
    ]
    why = "; ".join(only) or f"the values of {', '.join(sorted(compared(left)))} differ"
    return f'both sides of "{node.op}" have series and none of them meet: {why}'


def _unfiltered(node: ast.Expr) -> ast.Expr:
    """Return what a comparison with a number compares: whether it is true just now does not matter."""
    inner = ast.unwrapped(node)
    while isinstance(inner, ast.BinaryExpr) and inner.op in ast.COMPARISONS and inner.matching is None:
        inner = ast.unwrapped(inner.lhs if inner.lhs.type is ast.ValueType.VECTOR else inner.rhs)
    return inner


def _outcome(server: Server, rule: Rule) -> tuple[str, str] | None:
    """Return code and message of what the whole expression gives now."""
    try:
        found = server.count(str(rule.expr))
    except QueryError as error:
        return "live-failed", f"the server cannot evaluate it: {error}"
    if not rule.is_alert or not found:
        return None
    times = "once" if found == 1 else f"{found} times"
    state = f"would be pending {times} now, and fire after {format_duration(rule.for_ms)}" if rule.for_ms else ""
    return "live-fires", f"the alert {state or f'would fire {times} now'}"


def _at(group: Group, rule: Rule, node: ast.Expr, code: str, message: str, suggestion: str = "") -> Finding:
    place = rule.expr.locate(node.pos.line, node.pos.column)
    return Finding(place, str(group.name), rule.name, code, message, suggestion, rule.place.line)
