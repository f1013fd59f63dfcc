"""Routes that show the agent's state in Prometheus' shapes: rules, alerts, targets and build information."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from agent.errors import ParseError
from agent.model import Matcher, format_duration, format_float, format_rfc3339, match_all
from agent.web.envelope import ApiError, ErrorType, invalid, success
from agent.web.handles import Handles
from agent.web.parameters import Parameters, limit, read_parameters
from agent.web.room import handles_of
from agent.web.views import Acknowledgement, AlertState, AlertView, EvaluationView, RuleGroupView, RuleView, TargetView

_NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time, which clients take for "not yet"."""


def format_exponent(value: float) -> str:
    """Return Go's shortest `e` form, as /alerts shows values: 1 → `1e+00`, 0.125 → `1.25e-01`."""
    if not math.isfinite(value):
        return format_float(value)
    shortest = repr(value)
    digits = "".join(each for each in shortest.partition("e")[0] if each.isdigit()).strip("0")
    mantissa, _, exponent = f"{value:.{max(len(digits) - 1, 0)}e}".partition("e")
    return f"{mantissa}e{exponent}"


def instant_text(at_ms: int) -> str:
    """Return RFC 3339, or Go's zero time for 0."""
    return format_rfc3339(at_ms) if at_ms else _NEVER


def alert_json(alert: AlertView) -> dict[str, Any]:
    """Return an alert as Prometheus shows it."""
    shown: dict[str, Any] = {
        "labels": dict(alert.labels.pairs),
        "annotations": dict(alert.annotations.pairs),
        "state": alert.state.value,
        "activeAt": instant_text(alert.active_at_ms),
    }
    if alert.keep_firing_since_ms:
        shown["keepFiringSince"] = instant_text(alert.keep_firing_since_ms)
    if alert.no_data_since_ms:
        shown |= {"noDataSince": instant_text(alert.no_data_since_ms), "noDataReason": alert.no_data_why}
    shown["value"] = format_exponent(alert.value)
    return shown


async def alerts(request: web.Request) -> web.Response:
    """List pending and firing alerts; with `details` also what Prometheus' answer has no place for."""
    shown = alert_details_json if is_true(request.query.get("details", "")) else alert_json
    found = await handles_of(request).alerts()
    return await asyncio.to_thread(lambda: success({"alerts": [shown(alert) for alert in found]}))


def is_true(text: str) -> bool:
    """Say whether a parameter's text is one of those that Go takes for true."""
    return text.lower() in ("1", "t", "true")


def alert_details_json(alert: AlertView) -> dict[str, Any]:
    """Return an alert with its fingerprint, when it fired, who has it and what holds its messages back."""
    taken = alert.acknowledgement
    return alert_json(alert) | {
        "fingerprint": alert.fingerprint,
        "firedAt": instant_text(alert.fired_at_ms) if alert.fired_at_ms else None,
        "suppressed": alert.suppressed,
        "acknowledgement": acknowledgement_json(taken) if taken else None,
    }


def acknowledgement_json(made: Acknowledgement) -> dict[str, Any]:
    """Return who took an alert, when, and what they said."""
    return {"by": made.by, "at": instant_text(made.at_ms), "comment": made.comment}


async def rules(request: web.Request) -> web.Response:
    """List rule groups, filtered and in pages as newer Prometheus does it."""
    parameters = await read_parameters(request)
    handles = handles_of(request)
    groups = await handles.rules()
    return await asyncio.to_thread(_rules, groups, parameters, handles)


def _rules(found: Iterable[RuleGroupView], parameters: Parameters, handles: Handles) -> web.Response:
    groups, token = _page(_filtered(found, parameters, handles), parameters)
    with_alerts = not is_true(parameters.first("exclude_alerts"))
    most = limit(parameters, "evaluations")
    data: dict[str, Any] = {"groups": [_group_json(group, most, with_alerts=with_alerts) for group in groups]}
    if token:
        data["groupNextToken"] = token
    return success(data)


def _filtered(groups: Iterable[RuleGroupView], parameters: Parameters, handles: Handles) -> list[RuleGroupView]:
    kind = parameters.first("type").lower()
    if kind not in ("", "alert", "record"):
        raise invalid("type", f'not supported value "{kind}"')
    names, group_names, files = (set(parameters.all(key)) for key in ("rule_name[]", "rule_group[]", "file[]"))
    selectors = [_selector(text, handles) for text in parameters.all("match[]")]
    found = []
    for group in groups:
        if (group_names and group.name not in group_names) or (files and group.file not in files):
            continue
        kept = [
            rule
            for rule in group.rules
            if (not kind or rule.alerting == (kind == "alert"))
            and (not names or rule.name in names)
            and (not selectors or any(match_all(list(each), rule.labels) for each in selectors))
        ]
        if kept or not (kind or names or selectors):
            found.append(replace(group, rules=kept))
    return found


def _selector(text: str, handles: Handles) -> Sequence[Matcher]:
    try:
        return handles.parse_selector(text)
    except ParseError as error:
        raise invalid("match[]", error) from error


def _page(groups: list[RuleGroupView], parameters: Parameters) -> tuple[list[RuleGroupView], str]:
    """Return the groups from `group_next_token` on, at most `group_limit`, and the token of the next page."""
    text, token = parameters.first("group_limit"), parameters.first("group_next_token")
    if not text:
        if token:
            raise invalid("group_limit", "group_limit needs to be set along with group_next_token")
        return groups, ""
    most = int(text) if text.isdecimal() else 0
    if most <= 0:
        raise invalid("group_limit", "group_limit needs to be a valid number, greater than 0")
    start = next((index for index, group in enumerate(groups) if not token or _token(group) == token), None)
    if start is None:
        if token:
            raise invalid("group_next_token", "invalid group_next_token; were rule groups changed?")
        return groups, ""
    rest = groups[start : start + most + 1]
    return rest[:most], _token(rest[most]) if len(rest) > most else ""


def _token(group: RuleGroupView) -> str:
    return hashlib.sha256(f"{group.file};{group.name}".encode()).hexdigest()[:40]


def _group_json(group: RuleGroupView, evaluations: int, *, with_alerts: bool) -> dict[str, Any]:
    return {
        "name": group.name,
        "file": group.file,
        "rules": [_rule_json(rule, evaluations, with_alerts=with_alerts) for rule in group.rules],
        "interval": group.interval_ms / 1000,
        "limit": group.limit,
        "evaluationTime": group.evaluation_seconds,
        "lastEvaluation": instant_text(group.last_evaluation_ms),
    }


def _rule_json(rule: RuleView, evaluations: int, *, with_alerts: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": rule.name, "query": rule.query, "labels": dict(rule.labels.pairs)}
    if rule.alerting:
        shown |= {
            "state": rule.state.value,
            "duration": rule.for_ms / 1000,
            "keepFiringFor": rule.keep_firing_for_ms / 1000,
            "annotations": dict(rule.annotations.pairs),
            "alerts": [alert_json(alert) for alert in rule.alerts if _is_active(alert)] if with_alerts else [],
        }
    shown["health"] = rule.health.value
    if rule.last_error:
        shown["lastError"] = rule.last_error
    if evaluations:
        shown["evaluations"] = [_evaluation_json(each) for each in rule.evaluations[:evaluations]]
    return shown | {
        "evaluationTime": rule.evaluation_seconds,
        "lastEvaluation": instant_text(rule.last_evaluation_ms),
        "type": "alerting" if rule.alerting else "recording",
    }


def _evaluation_json(evaluation: EvaluationView) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "at": instant_text(evaluation.at_ms),
        "seconds": evaluation.seconds,
        "series": evaluation.series,
        "samples": evaluation.samples,
        "results": evaluation.results,
    }
    return shown | ({"error": evaluation.error} if evaluation.error else {})


def _is_active(alert: AlertView) -> bool:
    return alert.state in (AlertState.PENDING, AlertState.FIRING)


async def targets(request: web.Request) -> web.Response:
    """List scrape targets; nothing is ever dropped by relabelling here."""
    state, pool = request.query.get("state", "").lower(), request.query.get("scrapePool", "")
    if state not in ("", "any", "active", "dropped"):
        raise ApiError(ErrorType.BAD_DATA, f'invalid parameter "state": not supported value "{state}"')
    found = [each for each in handles_of(request).targets() if not pool or each.job == pool]
    shown = [_target_json(each) for each in found] if state != "dropped" else []
    return success({"activeTargets": shown, "droppedTargets": [], "droppedTargetCounts": {}})


def _target_json(target: TargetView) -> dict[str, Any]:
    return {
        "discoveredLabels": dict(target.discovered.pairs),
        "labels": dict(target.labels.pairs),
        "scrapePool": target.job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": target.last_error,
        "lastScrape": instant_text(target.last_scrape_ms),
        "lastScrapeDuration": target.last_scrape_seconds,
        "health": target.health.value,
        "scrapeInterval": format_duration(target.interval_ms),
        "scrapeTimeout": format_duration(target.timeout_ms),
    }


async def buildinfo(request: web.Request) -> web.Response:
    """Name the API's version and who serves it; without `features`, by which Grafana would take us for Mimir."""
    info = handles_of(request).buildinfo()
    return success(
        {
            "version": info.compatible_version,
            "revision": f"burnline-{info.version}",
            "branch": "burnline",
            "buildUser": "",
            "buildDate": "",
            "goVersion": f"python {info.python_version}",
        }
    )
