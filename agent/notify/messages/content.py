"""What a message says, as one value that every channel's template reads. It decides nothing about layout or escaping.

Everything in it is bounded and on clean lines, however large or strange the labels were; links are absolute or empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from agent.model import Alert, Labels
from agent.notify.messages.escape import clip, one_line, paragraph, web_link
from agent.notify.messages.wording import SHORT_SEVERITY, clock, counted, moment, number, span, zone
from agent.notify.notification import Notification

SHOWN_ALERTS: Final = 10
SHOWN_LABELS: Final = 12
_WHERE: Final = ("service", "job", "namespace", "cluster", "instance")
_RANK: Final = {"critical": 0, "warning": 1, "info": 2}
_HIDDEN_LABELS: Final = ("alertname", "severity", "channels")


@dataclass(frozen=True, slots=True)
class AlertText:
    """One alert in words; empty strings where there is nothing to say."""

    name: str
    status: str
    severity: str
    where: str
    """What tells this alert from the others of its group: `instance=a, mount=/`."""
    summary: str
    description: str
    value: str
    threshold: str
    since: str
    lasted: str
    runbook: str
    page: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Content:
    """One message in words. `status` is firing or resolved; counts are of alerts; times read `15:02 CET (14:02 UTC)`."""

    status: str
    severity: str
    """critical, warning, info, or another label value; "alert" where there is none."""
    short_severity: str
    """CRIT, WARN, INFO; OK once resolved."""
    title: str
    """The alert's name, or how many of which."""
    where: str
    """The service (or job, …) that all alerts share."""
    summary: str
    brief: str
    """The summary without the service's name in front, for where `where` stands already."""
    description: str
    value: str
    threshold: str
    """What the value should not pass; empty where no annotation says it."""
    since: str
    since_utc: str
    since_ms: int
    ended: str
    ended_utc: str
    ended_ms: int
    """When the last alert ended; the time of sending where one still fires."""
    lasted: str
    firing_count: int
    resolved_count: int
    instances: tuple[str, ...]
    instance_count: int
    alerts: tuple[AlertText, ...]
    more: int
    """How many alerts are not among `alerts`."""
    labels: tuple[tuple[str, str], ...]
    """The labels that all alerts share, without alertname, severity, channels and what `where` says already."""
    runbook: str
    """An http(s) link, or ""."""
    runbook_hint: str
    """The runbook as it was written where no link could be made of it."""
    page: str
    dashboard: str
    ack: str
    """The command that acknowledges; empty once resolved or acknowledged."""
    acknowledged_by: str
    escalation_step: int
    also_told: tuple[str, ...]
    reason: str
    receiver: str
    person: str
    test: bool
    sent: str


def describe(notification: Notification, timezone: str = "") -> Content:
    """Put a notification into words; an option `timezone` (the reader's own) wins over `timezone`.

    Options read here: `timezone`, `also_told` (names of who else was told), `test` (a drill, marked as such).
    """
    where_clock = zone(str(notification.options.get("timezone") or timezone))
    lead = _lead(notification)
    common = notification.common_labels
    alerts = notification.firing or notification.resolved
    since_ms = min((alert.starts_at_ms for alert in alerts), default=notification.at_ms)
    ended_ms = max((alert.ends_at_ms for alert in notification.resolved), default=notification.at_ms)
    over = notification.status == "resolved"
    instances = sorted({one_line(alert.labels.get("instance"), 80) for alert in alerts if alert.labels.get("instance")})
    severity = notification.severity or one_line(common.get("severity"), 40) or "alert"
    runbook = _shared_annotation(notification, lead, "runbook_url")
    shown = _ordered(notification)
    where = next((one_line(common.get(name), 60) for name in _WHERE if common.get(name)), "")
    return Content(
        status=notification.status,
        severity=severity,
        short_severity="OK" if over else SHORT_SEVERITY.get(severity, severity.upper()[:8]),
        title=_title(notification),
        where=where,
        summary=_summary(notification, lead),
        brief=_brief(_summary(notification, lead), common),
        description=_description(notification, lead),
        value=_value(lead) if lead and len({_value(alert) for alert in alerts}) == 1 else "",
        threshold=one_line(lead.annotations.get("threshold"), 40) if lead else "",
        since=moment(since_ms, notification.at_ms, where_clock),
        since_utc=clock(since_ms, notification.at_ms, zone("")),
        since_ms=since_ms,
        ended=moment(ended_ms, notification.at_ms, where_clock) if over else "",
        ended_utc=clock(ended_ms, notification.at_ms, zone("")) if over else "",
        ended_ms=ended_ms if over else notification.at_ms,
        lasted=span((ended_ms if over else notification.at_ms) - since_ms),
        firing_count=len(notification.firing),
        resolved_count=len(notification.resolved),
        instances=tuple(instances[:SHOWN_ALERTS]),
        instance_count=len(instances),
        alerts=tuple(_alert(alert, notification, where_clock) for alert in shown[:SHOWN_ALERTS]),
        more=max(0, len(shown) - SHOWN_ALERTS),
        labels=_labels(common, where),
        runbook=web_link(runbook, notification.external_url),
        runbook_hint=one_line(runbook, 200),
        page=_page(notification, lead),
        dashboard=web_link(
            _shared_annotation(notification, lead, "dashboard_url"),
            notification.external_url,
        ),
        ack=f"burnline ack {lead.fingerprint}" if lead and not over and not notification.acknowledged_by else "",
        acknowledged_by=one_line(notification.acknowledged_by, 80),
        escalation_step=notification.escalation_step,
        also_told=tuple(one_line(str(name), 80) for name in list(notification.options.get("also_told") or ())[:10]),
        reason=one_line(notification.reason, 200),
        receiver=one_line(notification.receiver, 80),
        person=one_line(notification.target.person, 80),
        test=bool(notification.options.get("test")),
        sent=moment(notification.at_ms, notification.at_ms, where_clock),
    )


def _ordered(notification: Notification) -> Sequence[Alert]:
    """Return the alerts as somebody should read them: firing before resolved, worst first."""
    return [
        *sorted(notification.firing, key=lambda alert: _RANK.get(alert.labels.get("severity"), 3)),
        *notification.resolved,
    ]


def _lead(notification: Notification) -> Alert | None:
    """Return the alert that speaks for the group: the worst firing one."""
    ordered = _ordered(notification)
    return ordered[0] if ordered else None


def _title(notification: Notification) -> str:
    alerts = notification.firing or notification.alerts
    names = sorted({one_line(alert.name, 120) or "alert without a name" for alert in alerts})
    if len(names) == 1:
        return names[0]
    if not names:
        return one_line(notification.group_labels.get("alertname"), 120) or "no alerts"
    return clip(f"{counted(len(alerts), 'alert')}: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}", 120)


def _shared_annotation(notification: Notification, lead: Alert | None, name: str) -> str:
    return notification.common_annotations.get(name) or (lead.annotations.get(name) if lead else "")


def _summary(notification: Notification, lead: Alert | None) -> str:
    shared = notification.common_annotations
    for name in ("summary", "message", "title"):
        if shared.get(name):
            return one_line(shared.get(name), 300)
    first = next((lead.annotations.get(each) for each in ("summary", "message", "title")), "") if lead else ""
    others = len(notification.firing or notification.alerts) - 1
    return one_line(first, 280) + (f" (and {others} more)" if first and others > 0 else "")


def _brief(summary: str, common: Labels) -> str:
    for name in _WHERE:
        for prefix in (f"{common.get(name)}: ", f"{common.get(name)} "):
            if common.get(name) and summary.startswith(prefix) and len(summary) > len(prefix):
                return summary[len(prefix) :]
    return summary


def _description(notification: Notification, lead: Alert | None) -> str:
    text = paragraph(_shared_annotation(notification, lead, "description"), 1500)
    return "" if text == _summary(notification, lead) else text


def _value(alert: Alert) -> str:
    written = one_line(alert.annotations.get("value"), 40)
    return written or ("" if alert.value is None else number(alert.value))


def _labels(common: Labels, where: str) -> tuple[tuple[str, str], ...]:
    shown = [pair for pair in common.without(*_HIDDEN_LABELS).pairs if pair[1] != where][:SHOWN_LABELS]
    return tuple((one_line(name, 60), one_line(value, 120)) for name, value in shown)


def _page(notification: Notification, lead: Alert | None) -> str:
    alerts = notification.firing or notification.alerts
    own = web_link(lead.generator_url, notification.external_url) if lead and lead.generator_url else ""
    everything = web_link(notification.external_url, "")
    return own if own and len(alerts) == 1 else (everything or own)


def _alert(alert: Alert, notification: Notification, where_clock: tzinfo) -> AlertText:
    common = {name for name, _ in notification.common_labels.pairs}
    own = [(name, value) for name, value in alert.labels.pairs if name not in common and name not in _HIDDEN_LABELS]
    over = alert.resolved_at(notification.at_ms)
    return AlertText(
        name=one_line(alert.name, 120) or "alert without a name",
        status="resolved" if over else "firing",
        severity=one_line(alert.labels.get("severity"), 40),
        where=clip(", ".join(f"{one_line(name, 40)}={one_line(value, 80)}" for name, value in own[:5]), 200),
        summary=one_line(alert.annotations.get("summary"), 200),
        description=paragraph(alert.annotations.get("description"), 400),
        value=_value(alert),
        threshold=one_line(alert.annotations.get("threshold"), 40),
        since=moment(alert.starts_at_ms, notification.at_ms, where_clock),
        lasted=span((alert.ends_at_ms if over else notification.at_ms) - alert.starts_at_ms),
        runbook=web_link(alert.annotations.get("runbook_url"), notification.external_url),
        page=web_link(alert.generator_url, notification.external_url),
        fingerprint=alert.fingerprint,
    )
