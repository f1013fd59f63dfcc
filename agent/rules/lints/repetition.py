"""Rules that say what another says already."""

from __future__ import annotations

from collections.abc import Iterator

from agent.rules.lints.findings import Remark
from agent.rules.lints.subject import Subject
from agent.rules.spec import Rule, static_labels


class Repetition:
    """Remembers the rules that were seen."""

    def __init__(self) -> None:
        self._rules: dict[tuple[object, ...], Rule] = {}
        self._conditions: dict[tuple[object, ...], Rule] = {}

    def __call__(self, subject: Subject) -> Iterator[Remark]:
        """Find the same rule, or another alert with the same condition."""
        rule = subject.rule
        labels = static_labels(subject.group, rule)
        expression = " ".join(rule.expr.split())
        identity = (rule.is_alert, rule.name, labels, expression if rule.is_alert else "")
        first = self._rules.setdefault(identity, rule)
        if first is not rule:
            yield Remark(rule.place, "duplicate", f"the same rule stands at {first.place} already; delete one")
        if not rule.is_alert:
            return
        condition = (expression, rule.for_ms or 0, rule.keep_firing_for_ms or 0, labels)
        first = self._conditions.setdefault(condition, rule)
        if first.name != rule.name:
            message = f'"{first.name}" at {first.place} has the same condition, `for` and labels: both fire together'
            yield Remark(rule.place, "same-condition", f"{message}; keep one")
