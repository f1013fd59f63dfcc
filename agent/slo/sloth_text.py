"""Writes SLOs as sloth's files: `prometheus/v1`, and Kubernetes objects with our additions in an annotation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.model import format_duration
from agent.slo.block import ANNOTATION
from agent.slo.model import (
    LEAST_EVENTS,
    Alert,
    Alerting,
    Calendar,
    Events,
    Exclusion,
    Good,
    Plugin,
    RatioTimeslices,
    Raw,
    Rolling,
    Slo,
    Source,
    Timeslices,
)
from agent.slo.sloth import API_VERSION, KIND, VERSION, not_good
from agent.slo.times import instant_text, time_zone
from agent.slo.yaml_text import documents_text, given, number

_DAY_MS: Final = 86_400_000
_NO_OBJECT_NAME: Final = re.compile(r"[^a-z0-9.-]+")


def sloth_text(slos: Sequence[Slo]) -> str:
    """Return `prometheus/v1` documents, one for each service."""
    return documents_text(_document(each) for each in _by(slos, lambda slo: slo.service))


def kubernetes_text(slos: Sequence[Slo]) -> str:
    """Return PrometheusServiceLevel objects: those that the SLOs came from, else one for each service."""
    return documents_text(_object(each) for each in _by(slos, _object_of))


def _by(slos: Sequence[Slo], key: Any) -> list[list[Slo]]:
    groups: dict[Any, list[Slo]] = {}
    for each in slos:
        groups.setdefault(key(each), []).append(each)
    return list(groups.values())


def _object_of(slo: Slo) -> tuple[str, ...]:
    return (
        (slo.service, slo.written.namespace, slo.written.name)
        if slo.source is Source.KUBERNETES
        else (slo.service, "", "")
    )


def _document(slos: list[Slo]) -> dict[str, Any]:
    labels, block = _shared([each.labels for each in slos]), _shared([block_of(each) for each in slos])
    return {
        "version": VERSION,
        "service": slos[0].service,
        **given(labels=labels),
        "slos": [_slo(each, labels, _without(block_of(each), block), camel=False) for each in slos],
        **given(burnline=block),
    }


def _object(slos: list[Slo]) -> dict[str, Any]:
    first, labels, block = slos[0], _shared([each.labels for each in slos]), _shared([block_of(each) for each in slos])
    own = {each.name: _without(block_of(each), block) for each in slos}
    said = block | given(slos={name: each for name, each in own.items() if each})
    annotations = dict(first.written.annotations) | ({ANNOTATION: documents_text([said])} if said else {})
    name = first.written.name or _NO_OBJECT_NAME.sub("-", first.service.lower())
    metadata = {"name": name} | given(
        namespace=first.written.namespace, labels=dict(first.written.labels), annotations=annotations
    )
    spec = {
        "service": first.service,
        **given(labels=labels),
        "slos": [_slo(each, labels, {}, camel=True) for each in slos],
    }
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def _shared(given_each: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what several SLOs all say, so that it is written once."""
    first, *others = given_each
    if not others:
        return {}
    return {
        name: value
        for name, value in first.items()
        if name != "good_query" and all(name in each and each[name] == value for each in others)
    }


def _without(block: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name not in shared}


def _slo(slo: Slo, shared: Mapping[str, str], block: Mapping[str, Any], *, camel: bool) -> dict[str, Any]:
    return {
        "name": slo.name,
        "objective": number(slo.objective),
        **given(description=slo.description, labels=_without(slo.labels, shared)),
        "sli": _sli(slo, camel=camel),
        "alerting": _alerting(slo.alerting, camel=camel),
        **given(burnline=dict(block)),
    }


def _sli(slo: Slo, *, camel: bool) -> dict[str, Any]:
    error, total, ratio = (
        ("errorQuery", "totalQuery", "errorRatioQuery")
        if camel
        else ("error_query", "total_query", "error_ratio_query")
    )
    match slo.indicator:
        case Events(error_query=errors, total_query=all_events):
            return {"events": {error: errors, total: all_events}}
        case Good(good_query=good, total_query=all_events):
            return {"events": {error: not_good(good, all_events), total: all_events}}
        case Raw(error_ratio_query=query):
            return {"raw": {ratio: query}}
        case Plugin(id=name, options=options):
            return {"plugin": {"id": name, **given(options=dict(options))}}
        case _:
            return {}


def _alerting(alerting: Alerting, *, camel: bool) -> dict[str, Any]:
    page, ticket = ("pageAlert", "ticketAlert") if camel else ("page_alert", "ticket_alert")
    said = given(name=alerting.name, labels=dict(alerting.labels), annotations=dict(alerting.annotations))
    alerts = {page: _alert(alerting.page), ticket: _alert(alerting.ticket)}
    return said | {name: value for name, value in alerts.items() if value}


def _alert(alert: Alert) -> dict[str, Any]:
    return given(disable=alert.disabled, labels=dict(alert.labels), annotations=dict(alert.annotations))


def block_of(slo: Slo, *, own_words: bool = False) -> dict[str, Any]:
    """Return the `burnline:` block of an SLO; with `own_words`, without what the format around it says itself."""
    said: dict[str, Any] = {}
    if not own_words:
        said |= _window(slo) | _budgeting(slo)
    if slo.min_events != LEAST_EVENTS:
        said["min_events"] = slo.min_events
    said |= given(
        exclusions=[_exclusion(each) for each in slo.exclusions],
        group_by=list(slo.group_by),
        budget_policy=[{"below": number(each.below), "action": each.action} for each in slo.budget_policy],
        depends_on=list(slo.depends_on),
    )
    if isinstance(slo.indicator, Good) and not own_words:
        said["good_query"] = slo.indicator.good_query
    return said


def _window(slo: Slo) -> dict[str, Any]:
    match slo.window:
        case Rolling(period_ms=None):
            return {}
        case Rolling(period_ms=int(period)):
            days, rest = divmod(period, _DAY_MS)
            return {"slo_period": format_duration(period) if rest else f"{days}d"}
        case Calendar(unit=unit, count=count, time_zone=zone, start=start):
            extra = given(count=count if count > 1 else 0, time_zone=zone if zone != "UTC" else "", start=start)
            return {"calendar": {"unit": unit, **{name: value for name, value in extra.items() if value}}}
        case _:
            raise AssertionError(slo.window)


def _budgeting(slo: Slo) -> dict[str, Any]:
    match slo.budgeting:
        case Timeslices(slice_ms=length, target=target):
            return {"budgeting": {"method": "timeslices", "slice": format_duration(length), "target": number(target)}}
        case RatioTimeslices(slice_ms=length):
            return {"budgeting": {"method": "ratio_timeslices", "slice": format_duration(length)}}
        case _:
            return {}


def _exclusion(each: Exclusion) -> dict[str, Any]:
    zone = given(time_zone=each.time_zone if each.time_zone != "UTC" else "")
    if each.cron:
        return {"reason": each.reason, "cron": each.cron, "duration": format_duration(each.duration_ms), **zone}
    local = time_zone(each.time_zone)
    assert each.start_ms is not None
    assert each.end_ms is not None
    span = {"start": instant_text(each.start_ms, local), "end": instant_text(each.end_ms, local)}
    return {"reason": each.reason, **span, **zone}


def unspeakable(slo: Slo, _: Sequence[Slo]) -> str:
    """Return why an SLO cannot be a sloth file at all, "" where it can."""
    return "it is a composite, and sloth knows no SLO that is made of others" if slo.parts else ""
