"""OpenSLO's alert policies as the alerts of an SLO: who is told how urgently, and under which name.

A policy has one condition over one window, and no pair of windows fits into it. So a policy says that an alert of its
severity is wanted; when it fires is decided by the burn-rate windows of that severity, and a warning says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agent.schema import Text, WrongText
from agent.slo import openslo_file as file
from agent.slo.model import Alert, Alerting, Severity
from agent.slo.notes import Notes

TARGETS_LABEL: Final = "notification_targets"
"""The label by which a route finds the notification targets of a policy, names with commas between them."""
OUR_TARGET: Final = "alertmanager"
"""The target that leaves it to the routes."""
_SEVERITIES: Final = {
    Severity.PAGE: ("page", "critical", "high", "sev1", "p1", "emergency"),
    Severity.TICKET: ("ticket", "warning", "medium", "low", "info", "sev2", "sev3", "p2", "p3"),
}
STANDARD: Final = {Severity.PAGE: ((14.4, "1h"), (6.0, "6h")), Severity.TICKET: ((3.0, "1d"), (1.0, "3d"))}
"""What one window can say of the tiers of a severity over 30 days, so that nobody has to be told that more is done."""
Get = Callable[[str, Text], Any]


def alerting_of(policies: tuple[file.AlertPolicy, ...], get: Get, notes: Notes) -> Alerting:
    """Return the alerts of an SLO; without policies nobody is told. `get` resolves names; raises WrongText."""
    name = ""
    wanted: dict[Severity, tuple[file.AlertPolicy, file.AlertCondition, dict[str, str]]] = {}
    for each in policies:
        policy = get("AlertPolicy", each.alert_policy_ref) if each.alert_policy_ref is not None else each
        condition = _condition(policy, get)
        assert condition.spec is not None
        severity = _severity(condition.spec.severity, notes)
        if severity in wanted:
            notes.passed_over(each.place, f"there is a policy of severity {severity} already; this one is passed over")
            continue
        if name and policy.metadata.name != name:
            notes.passed_over(
                each.place, f'the alerts of an SLO share one name; "{name}" is taken, not "{policy.metadata.name}"'
            )
        name = name or str(policy.metadata.name)
        _remark(policy, condition.spec, severity, notes)
        wanted[severity] = (policy, condition, _targets(policy, get))
    if wanted and not name:
        raise WrongText(Text("", policies[0].place).place, "the policy needs metadata.name; the alert is named so")
    return _joined(name, wanted)


def _condition(policy: file.AlertPolicy, get: Get) -> file.AlertCondition:
    if policy.spec is None or len(policy.spec.conditions) != 1:
        raise WrongText(policy.place, "a policy has one condition, inline or as conditionRef")
    condition = policy.spec.conditions[0]
    if condition.condition_ref is not None:
        condition = get("AlertCondition", condition.condition_ref)
    if condition.spec is None:
        raise WrongText(condition.place, "a condition needs spec with its severity, or conditionRef")
    if condition.spec.condition.kind != "burnrate":
        raise WrongText(
            condition.place, f'a condition of kind "{condition.spec.condition.kind}" is not known; burnrate is'
        )
    return condition


def _severity(text: Text, notes: Notes) -> Severity:
    for severity, words in _SEVERITIES.items():
        if text.lower() in words:
            return severity
    notes.warn(text.place, f'severity "{text}" is neither page nor ticket; ticket is taken')
    return Severity.TICKET


def _remark(policy: file.AlertPolicy, spec: file.AlertConditionSpec, severity: Severity, notes: Notes) -> None:
    assert policy.spec is not None
    condition = spec.condition
    said = (condition.threshold, condition.lookback_window)
    if any(each is not None for each in said) and said not in STANDARD[severity]:
        message = (
            f"the windows of severity {severity} decide when it fires; threshold and lookbackWindow are passed over"
        )
        notes.passed_over(condition.place, message)
    if condition.alert_after not in (None, "0m"):
        notes.passed_over(condition.place, "alertAfter is passed over; the short window ends what ceases")
    if condition.op in ("lt", "lte"):
        notes.passed_over(
            condition.place, f"op {condition.op} would tell of a budget that does not burn; it is passed over"
        )
    if policy.spec.alert_when_breaching is False:
        notes.passed_over(
            policy.place, "alertWhenBreaching is false; the alert fires when the budget burns all the same"
        )
    if policy.spec.alert_when_no_data:
        notes.passed_over(policy.place, "alertWhenNoData is passed over; SLONoData is an alert of its own")


def _targets(policy: file.AlertPolicy, get: Get) -> dict[str, str]:
    assert policy.spec is not None
    names = []
    for each in policy.spec.notification_targets:
        target = get("AlertNotificationTarget", each.target_ref) if each.target_ref is not None else each
        if target.metadata.name != OUR_TARGET:
            names.append(str(target.metadata.name))
    return {TARGETS_LABEL: ",".join(names)} if any(names) else {}


def _joined(
    name: str, wanted: dict[Severity, tuple[file.AlertPolicy, file.AlertCondition, dict[str, str]]]
) -> Alerting:
    """Put what all policies say into the common labels, and the rest into those of their severity."""
    labels = [_texts(policy.metadata.labels) | targets for policy, _, targets in wanted.values()]
    annotations = [_texts(policy.metadata.annotations) for policy, _, _ in wanted.values()]
    common, shared = _common(labels), _common(annotations)
    alerts = {severity: Alert(disabled=True) for severity in Severity}
    for number, (severity, (_, condition, _)) in enumerate(wanted.items()):
        own = {key: value for key, value in labels[number].items() if key not in common}
        said = {key: value for key, value in annotations[number].items() if key not in shared}
        alerts[severity] = Alert(
            labels=own | _texts(condition.metadata.labels), annotations=said | _texts(condition.metadata.annotations)
        )
    return Alerting(name, common, shared, alerts[Severity.PAGE], alerts[Severity.TICKET])


def _texts(given: Any) -> dict[str, str]:
    return {name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in given.items()}


def _common(given: list[dict[str, str]]) -> dict[str, str]:
    first, *others = given or [{}]
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}
