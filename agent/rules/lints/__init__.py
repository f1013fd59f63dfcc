"""What an SRE would want to be told about rules that are valid: findings with a place and a code, never errors.

A check is a function of one rule (`Subject`) that gives remarks, and an entry of the tables below; its code is a row of
`findings.py`. Nothing here reads a file or asks a server: what is outside comes in as a `LintSetting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from agent.rules.lints import conduct
from agent.rules.lints.findings import CODES, Code, Finding, Remark, Severity
from agent.rules.lints.ignoring import Accepted
from agent.rules.lints.names import names
from agent.rules.lints.operators import operators
from agent.rules.lints.repetition import Repetition
from agent.rules.lints.selections import selections
from agent.rules.lints.subject import LintSetting, Records, Routes, Subject
from agent.rules.lints.trial import Trial
from agent.rules.spec import Group, Rule, RuleSet

__all__ = ["CODES", "Accepted", "Code", "Finding", "LintSetting", "Routes", "Severity", "lint"]

Check = Callable[[Subject], Iterator[Remark]]

_EVERY_RULE: Final[tuple[Check, ...]] = (selections, operators, names)
_ALERTS: Final[tuple[Check, ...]] = (
    conduct.missing,
    conduct.runbook_file,
    conduct.runbook_scheme,
    conduct.severity,
    conduct.labels,
    conduct.short_for,
    conduct.dropped_labels,
    conduct.routed_nowhere,
)


def lint(
    rules: RuleSet,
    *,
    scrape_interval_ms: int = 15_000,
    evaluation_interval_ms: int | None = None,
    setting: LintSetting | None = None,
) -> list[Finding]:
    """Return the findings in the order of the files.

    `evaluation_interval_ms` is the default of groups without an interval; None means that a scrape evaluates them.
    `setting` says these and more.
    """
    setting = setting or LintSetting(scrape_interval_ms, evaluation_interval_ms)
    records, repetition, trial = Records(rules, setting), Repetition(), Trial()
    findings: list[Finding] = []
    for group, rule in rules.rules:
        subject = Subject(group, rule, setting, records)
        checks: tuple[Check, ...] = (*_EVERY_RULE, repetition)
        if rule.is_alert:
            checks += (*_ALERTS, trial)
        remarks = [remark for check in checks for remark in check(subject)]
        remarks.sort(key=lambda each: (each.place.line, each.place.column))
        findings += [_finding(group, rule, remark) for remark in remarks]
    return findings


def _finding(group: Group, rule: Rule, remark: Remark) -> Finding:
    line = rule.place.line
    return Finding(remark.place, str(group.name), rule.name, remark.code, remark.message, remark.suggestion, line)
