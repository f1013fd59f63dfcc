"""Names that Prometheus 3 takes and what came before it refuses."""

from __future__ import annotations

from collections.abc import Iterator

from agent.model import is_legacy_label_name, is_legacy_metric_name
from agent.rules.lints.findings import Remark
from agent.rules.lints.subject import Subject


def names(subject: Subject) -> Iterator[Remark]:
    """Look at the names that a rule gives: of its series, its labels, its annotations."""
    rule = subject.rule
    if rule.record and not is_legacy_metric_name(rule.name):
        message = f'the metric name "{rule.name}" is refused by Prometheus 2'
        yield Remark(rule.record.place, "utf8-name", f"{message}; keep to letters, digits, underscores and colons")
    for kind, given in (("label", subject.group.labels), ("label", rule.labels), ("annotation", rule.annotations)):
        for name, value in given.items():
            if not is_legacy_label_name(name):
                message = (
                    f'the {kind} name "{name}" is refused by Prometheus 2; keep to letters, digits and underscores'
                )
                yield Remark(value.place, "utf8-name", message)
