"""The alerts of rule files as a routing test uses them: labels and annotations come from the rule, values from the test.

So a test notices when a rule's severity or channels change, and need not repeat them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.model import Alert, Labels
from agent.replay.routing_tests.spec import AlertSpec
from agent.rules import Expander, Group, Rule, RuleSet, load_rules
from agent.schema import suggest


class KnownAlerts:
    """The alerting rules of some files by name; without files, a test says all of an alert itself."""

    def __init__(self, patterns: Sequence[str], folder: Path, external_labels: Labels) -> None:
        self._external = external_labels
        self._rules: dict[str, list[tuple[Group, Rule]]] = {}
        self._any = bool(patterns)
        self.rules = load_rules(patterns, folder) if patterns else RuleSet()
        for group in self.rules.groups:
            for rule in group.rules:
                if rule.alert:
                    self._rules.setdefault(rule.name, []).append((group, rule))

    def wrong(self, spec: AlertSpec) -> str:
        """Say why a test's alert cannot be made, or nothing."""
        if not spec.alert or not self._any:
            return ""
        found = self._meant(spec)
        if not found:
            known = sorted(self._rules)
            return f'no rule of rule_files is named "{spec.alert}"{suggest(spec.alert, known)}'
        if len(found) > 1:
            return f'{len(found)} rules are named "{spec.alert}"; say which by one of its labels, such as severity'
        return ""

    def make(self, spec: AlertSpec, at_ms: int, ends_at_ms: int, starts_at_ms: int) -> Alert:
        """Return a test's alert as rules would hand it over at `at_ms`; templates see the test's labels and value."""
        labels, annotations = Labels(spec.labels), Labels(spec.annotations)
        if spec.alert and self._any:
            group, rule = self._meant(spec)[0]
            expander = Expander(group, rule, external_labels=self._external, external_url="")
            value = 1.0 if spec.value is None else spec.value
            (seen,) = expander.observe([(labels, value)], at_ms, _no_answer)
            labels, annotations = seen.labels, seen.annotations.merged(spec.annotations)
        elif spec.alert:
            labels = labels.merged({"alertname": str(spec.alert)})
        return Alert(
            Labels({**self._external, **labels}),
            annotations,
            starts_at_ms,
            ends_at_ms,
            updated_at_ms=at_ms,
            value=spec.value,
        )

    def _meant(self, spec: AlertSpec) -> list[tuple[Group, Rule]]:
        """Return the rules of this name whose plain labels do not contradict the test's."""
        return [
            (group, rule)
            for group, rule in self._rules.get(str(spec.alert), ())
            if all(spec.labels.get(name, text) == text or "{{" in text for name, text in group.labels_of(rule).items())
        ]


class _Empty:
    labels: Sequence[Labels] = ()
    values: Sequence[float] = ()


def _no_answer(_: str, __: int) -> _Empty:
    """Answer a template's query: in a routing test there are no samples."""
    return _Empty()
