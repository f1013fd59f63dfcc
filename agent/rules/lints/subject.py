"""What a check is given: one rule with its parsed expression and what is certain of it, and the setting around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from agent.query import ast
from agent.rules.expressions import parsed
from agent.rules.lints.facts import Analysis, Facts
from agent.rules.lints.findings import Remark
from agent.rules.lints.metrics import Kinds
from agent.rules.lints.shapes import Shape, selected
from agent.rules.spec import Group, Rule, RuleSet

_DEEPEST: Final = 24
"""How far recorded series are followed through the rules that record them; beyond, nothing is certain of them."""
_MOST_PRODUCERS: Final = 32
"""Of a metric that more rules record nothing is said: they would all have to be read for each selector."""


class Routes(Protocol):
    """What the checks ask of the routing: whom alerts reach. The command line gives it, where there is one."""

    @property
    def severities(self) -> Sequence[str]:
        """The severities that routes, escalation or quiet hours ask for."""

    def nowhere(self, known: Mapping[str, str], lacks: Callable[[str], bool]) -> str:
        """Return the receivers of alerts with these labels where none of them can send, "" where one can.

        `lacks` says of any other label whether the alerts surely have none.
        """


@dataclass(frozen=True, slots=True)
class LintSetting:
    """What the rules run in. `types` are the metrics' types by name, `missing` tells a file that is not there.

    `retention_ms` is how long samples are kept, None where nobody knows.
    """

    scrape_interval_ms: int = 15_000
    evaluation_interval_ms: int | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    routes: Routes | None = None
    retention_ms: int | None = None
    missing: Callable[[str, str], bool] | None = None
    """Called with the rule file's name and a relative path beside it."""

    def interval_ms(self, group: Group) -> int:
        """Return how often a group is evaluated."""
        return group.interval_ms or self.evaluation_interval_ms or self.scrape_interval_ms


class Subject:
    """One rule, read once: `nodes` are those of its expression, parents first."""

    __slots__ = ("analysis", "group", "labels", "nodes", "remarks", "rule", "setting")

    def __init__(self, group: Group, rule: Rule, setting: LintSetting, records: Records) -> None:
        self.group = group
        self.rule = rule
        self.setting = setting
        self.labels = group.labels_of(rule)
        self.remarks: list[Remark] = []
        self.nodes = list(ast.walk(parsed(rule.expr)))
        self.analysis = Analysis(self.nodes, records.kinds, records, self._say)

    def _say(self, node: ast.Expr, code: str, message: str, suggestion: str) -> None:
        place = self.rule.expr.locate(node.pos.line, node.pos.column)
        self.remarks.append(Remark(place, code, message, suggestion))

    def remark(self, node: ast.Expr, code: str, message: str, suggestion: str = "") -> Remark:
        """Make a remark at a node of the expression."""
        return Remark(self.rule.expr.locate(node.pos.line, node.pos.column), code, message, suggestion)

    @property
    def shape(self) -> Shape:
        """The labels of what the expression gives."""
        return self.analysis.whole.shape


class Records:
    """What is certain of recorded series, found when first asked for. A metric that is recorded by way of itself is unknown."""

    def __init__(self, rules: RuleSet, setting: LintSetting) -> None:
        self._producers: dict[str, list[tuple[Group, Rule]]] = {}
        for group, rule in rules.rules:
            if rule.record:
                self._producers.setdefault(rule.name, []).append((group, rule))
        self._known: dict[int, Facts] = {}
        self._asked: set[int] = set()
        self._setting = setting
        self.kinds = Kinds(self._names(rules), setting.types)

    @staticmethod
    def _names(rules: RuleSet) -> Iterator[str]:
        for _, rule in rules.rules:
            expression = str(rule.expr)
            if "_bucket" in expression or "_count" in expression or "_sum" in expression:
                selectors = (node for node in ast.walk(parsed(rule.expr)) if isinstance(node, ast.VectorSelector))
                yield from (node.name for node in selectors)

    def facts(self, node: ast.VectorSelector) -> Facts | None:
        """Return the facts of the recorded series that `node` selects, None where nothing is certain of them."""
        producers = self._producers.get(node.name, ())
        if not 0 < len(producers) <= _MOST_PRODUCERS:
            return None
        found: Facts | None = None
        for group, rule in producers:
            each = self._of(group, rule)
            if each is None:
                return None
            if _refuses(node, each.shape):
                continue
            found = each if found is None else _either(found, each)
        if found is None:
            return None
        shape = selected(node, found.shape)
        gauge = f"{node.name} is recorded from a gauge or a rate" if found.gauge else ""
        counter = node.name if found.counter else ""
        return Facts(found.values, shape, counter, gauge, found.summed)

    def _of(self, group: Group, rule: Rule) -> Facts | None:
        key = id(rule)
        if key in self._known:
            return self._known[key]
        if key in self._asked or len(self._asked) >= _DEEPEST:
            return None
        self._asked.add(key)
        whole = Subject(group, rule, self._setting, self).analysis.whole
        self._asked.discard(key)
        shape = whole.shape
        for name, value in group.labels_of(rule).items():
            shape = shape.with_label(name, value) if value else shape.without([name])
        found = self._known[key] = Facts(whole.values, shape, whole.counter, whole.gauge, whole.summed)
        return found


def _refuses(node: ast.VectorSelector, shape: Shape) -> bool:
    return any(not each.matches(shape.fixed[each.name]) for each in node.matchers if each.name in shape.fixed)


def _either(one: Facts, other: Facts) -> Facts:
    return Facts(
        one.values.hull(other.values),
        one.shape.either(other.shape),
        one.counter and other.counter,
        one.gauge and other.gauge,
        one.summed or other.summed,
    )
