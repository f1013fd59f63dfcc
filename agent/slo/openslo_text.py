"""Writes SLOs as OpenSLO v1, one document each; what OpenSLO has no word for goes into the annotation `burnline/spec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from agent.slo.block import ANNOTATION
from agent.slo.model import (
    Alert,
    Calendar,
    Events,
    Good,
    Occurrences,
    Plugin,
    RatioTimeslices,
    Raw,
    Rolling,
    Severity,
    Slo,
    Timeslices,
)
from agent.slo.openslo_alerts import OUR_TARGET, STANDARD
from agent.slo.openslo_objects import V1
from agent.slo.openslo_windows import calendar_duration, duration_text
from agent.slo.sloth_text import block_of
from agent.slo.times import begin_text
from agent.slo.yaml_text import documents_text, given, number

_DAY_MS: Final = 86_400_000


def openslo_text(slos: Sequence[Slo]) -> str:
    """Return `openslo/v1` documents; the parts of a composite stand in it."""
    inside = {part.id for each in slos for part in each.parts}
    by_id = {each.id: each for each in slos}
    return documents_text(_document(each, by_id) for each in slos if each.id not in inside)


def _document(slo: Slo, by_id: dict[str, Slo]) -> dict[str, Any]:
    block = block_of(slo, own_words=True)
    annotations = {ANNOTATION: documents_text([block])} if block else {}
    spec: dict[str, Any] = {**given(description=slo.description), "service": slo.service}
    if not slo.parts:
        spec["indicator"] = _indicator(slo)
    spec |= given(timeWindow=_window(slo))
    spec["budgetingMethod"] = type(slo.budgeting).__name__
    parts = [(by_id[part.id], part.weight) for part in slo.parts if part.id in by_id]
    spec["objectives"] = [
        _objective(part) | {"indicator": _indicator(part), "compositeWeight": number(weight)} for part, weight in parts
    ] or [_objective(slo)]
    spec |= given(alertPolicies=_policies(slo))
    metadata = {"name": slo.name, **given(labels=dict(slo.labels), annotations=annotations)}
    return {"apiVersion": V1, "kind": "SLO", "metadata": metadata, "spec": spec}


def _indicator(slo: Slo) -> dict[str, Any]:
    match slo.indicator:
        case Events(error_query=bad, total_query=total):
            ratio: dict[str, Any] = {"counter": True, "bad": _metric(bad), "total": _metric(total)}
        case Good(good_query=good, total_query=total):
            ratio = {"counter": True, "good": _metric(good), "total": _metric(total)}
        case Raw(error_ratio_query=query):
            ratio = {"rawType": "failure", "raw": _metric(query)}
        case _:
            ratio = {}
    return {"metadata": {"name": slo.name}, "spec": {"ratioMetric": ratio}}


def _metric(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _window(slo: Slo) -> list[dict[str, Any]]:
    match slo.window:
        case Rolling(period_ms=int(period)):
            return [{"duration": duration_text(period), "isRolling": True}]
        case Calendar() as window:
            calendar = {"startTime": begin_text(window), "timeZone": window.time_zone}
            return [{"duration": calendar_duration(window), "isRolling": False, "calendar": calendar}]
        case _:
            return []


def _objective(slo: Slo) -> dict[str, Any]:
    said: dict[str, Any] = {"targetPercent": number(slo.objective)}
    match slo.budgeting:
        case Timeslices(slice_ms=length, target=target):
            said |= {"timeSliceTarget": number(target), "timeSliceWindow": duration_text(length)}
        case RatioTimeslices(slice_ms=length):
            said["timeSliceWindow"] = duration_text(length)
        case _:
            pass
    return said


def _policies(slo: Slo) -> list[dict[str, Any]]:
    wanted = ((Severity.PAGE, slo.alerting.page), (Severity.TICKET, slo.alerting.ticket))
    return [_policy(slo, severity, alert) for severity, alert in wanted if not alert.disabled]


def _policy(slo: Slo, severity: Severity, alert: Alert) -> dict[str, Any]:
    threshold, lookback = STANDARD[severity][0]
    burning = {
        "kind": "burnrate",
        "op": "gt",
        "threshold": number(threshold),
        "lookbackWindow": lookback,
        "alertAfter": "0m",
    }
    condition = {
        "kind": "AlertCondition",
        "metadata": {"name": str(severity), **given(labels=dict(alert.labels), annotations=dict(alert.annotations))},
        "spec": {"severity": str(severity), "condition": burning},
    }
    target = {
        "kind": "AlertNotificationTarget",
        "metadata": {"name": OUR_TARGET},
        "spec": {"target": OUR_TARGET},
    }
    labels, annotations = dict(slo.alerting.labels), dict(slo.alerting.annotations)
    return {
        "kind": "AlertPolicy",
        "metadata": {"name": slo.alerting.name, **given(labels=labels, annotations=annotations)},
        "spec": {
            "alertWhenBreaching": True,
            "alertWhenResolved": True,
            "conditions": [condition],
            "notificationTargets": [target],
        },
    }


def unspeakable(slo: Slo, slos: Sequence[Slo]) -> str:
    """Return why an SLO cannot be OpenSLO at all, "" where it can."""
    if isinstance(slo.indicator, Plugin):
        return f'its SLI is a program for sloth, "{slo.indicator.id}"'
    expected = [f"{slo.id}-{number}" for number in range(len(slo.parts))]
    if [part.id for part in slo.parts] != expected or not {each.id for each in slos}.issuperset(expected):
        return f"its parts: OpenSLO numbers them {slo.id}-0 and on, and they stand in the same file"
    return _unspeakable_length(slo)


def losses(slo: Slo) -> list[str]:
    """Return what of an SLO OpenSLO cannot say: what belongs to alerts that are disabled, for nothing of those is written."""
    alerting = slo.alerting
    found = [
        f"labels and annotations of the {severity} alert, which is disabled"
        for severity, alert in ((Severity.PAGE, alerting.page), (Severity.TICKET, alerting.ticket))
        if alert.disabled and (alert.labels or alert.annotations)
    ]
    if (
        alerting.page.disabled
        and alerting.ticket.disabled
        and (alerting.name or alerting.labels or alerting.annotations)
    ):
        found.append("name, labels and annotations of its alerts, which are both disabled")
    return found


def _unspeakable_length(slo: Slo) -> str:
    period = slo.window.period_ms if isinstance(slo.window, Rolling) else None
    if period is not None and (period < _DAY_MS or not duration_text(period)):
        return "its period: OpenSLO counts windows in whole minutes, and a day is the least that is read"
    length = 0 if isinstance(slo.budgeting, Occurrences) else slo.budgeting.slice_ms
    if length > _DAY_MS or (length and not duration_text(length)):
        return "the length of its slices: OpenSLO counts in whole minutes, up to a day"
    return ""
