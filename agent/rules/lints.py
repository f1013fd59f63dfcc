"""What an SRE would want to be told about rules that are valid: findings with a place, never errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.model import format_duration
from agent.rules.expressions import rate_ranges
from agent.rules.spec import Group, Rule, RuleSet, static_labels
from agent.schema import Place

_VALUE = re.compile(r"\{\{[^}]*(?:\$value|\.Value)\b")
SCRAPES_IN_A_RANGE: Final = 4
"""A rate's range should hold this many scrapes, so that one that fails leaves enough."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark on a rule. `code` is a short name by which it can be filtered."""

    place: Place
    group: str
    rule: str
    code: str
    message: str

    def __str__(self) -> str:
        return f'{self.place}: group "{self.group}", rule "{self.rule}": {self.message} ({self.code})'


def lint(
    rules: RuleSet, *, scrape_interval_ms: int = 15_000, evaluation_interval_ms: int | None = None
) -> list[Finding]:
    """Return the findings in the order of the files.

    `evaluation_interval_ms` is the default of groups without an interval; None means that a scrape evaluates them.
    """
    findings: list[Finding] = []
    seen: dict[tuple[str, ...], Rule] = {}
    for group, rule in rules.rules:
        interval = group.interval_ms or evaluation_interval_ms or scrape_interval_ms
        found = [*_short_ranges(rule, scrape_interval_ms), *_duplicate(seen, group, rule)]
        if rule.is_alert:
            found += [*_missing(group, rule), *_labels(rule), *_short_for(rule, interval)]
        findings += [Finding(place, str(group.name), rule.name, code, message) for place, code, message in found]
    return findings


Remark = tuple[Place, str, str]


def _missing(group: Group, rule: Rule) -> Iterator[Remark]:
    if not group.labels_of(rule).get("severity"):
        yield rule.place, "no-severity", 'the alert has no label "severity", so no route can go by it'
    for name, why in (
        ("summary", "so its message has no first line"),
        ("runbook_url", "so whoever is woken is not told what to do"),
    ):
        if not rule.annotations.get(name):
            yield rule.place, f"no-{name.removesuffix('_url')}", f'the alert has no annotation "{name}", {why}'


def _labels(rule: Rule) -> Iterator[Remark]:
    for name, value in rule.labels.items():
        if _VALUE.search(value):
            yield (
                value.place,
                "value-in-label",
                (
                    f'label "{name}" depends on the value: each new value is a new alert, and `for` begins again; '
                    "use an annotation"
                ),
            )
        if name == "alertname":
            yield value.place, "alertname-label", "the label alertname is always the rule's name; this value is ignored"


def _short_for(rule: Rule, interval_ms: int) -> Iterator[Remark]:
    if rule.for_ms and rule.for_ms < interval_ms:
        yield (
            rule.place,
            "short-for",
            (
                f"`for` {format_duration(rule.for_ms)} is shorter than the evaluation interval "
                f"{format_duration(interval_ms)}; it acts like {format_duration(interval_ms)}"
            ),
        )


def _short_ranges(rule: Rule, scrape_interval_ms: int) -> Iterator[Remark]:
    least = SCRAPES_IN_A_RANGE * scrape_interval_ms
    for function, range_ms, line, column in rate_ranges(rule.expr):
        if range_ms < least:
            yield (
                rule.expr.locate(line, column),
                "short-range",
                (
                    f"{function}() over {format_duration(range_ms)} holds fewer than {SCRAPES_IN_A_RANGE} scrapes of "
                    f"{format_duration(scrape_interval_ms)}; one failed scrape leaves a gap"
                ),
            )


def _duplicate(seen: dict[tuple[str, ...], Rule], group: Group, rule: Rule) -> Iterator[Remark]:
    identity = (rule.name, str(static_labels(group, rule)), str(rule.expr) if rule.is_alert else "")
    first = seen.setdefault(identity, rule)
    if first is not rule:
        yield rule.place, "duplicate", f"the same rule stands at {first.place} already"
