"""What a message says, as one value that every channel's template reads. It decides nothing about layout or escaping.

Everything in it is bounded and on clean lines, however large or strange the labels were; links are absolute or empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from agent.model import RESOLVED_REASON, Alert, Labels
from agent.notify.messages.escape import clip, one_line, paragraph, web_link
from agent.notify.messages.wording import SHORT_SEVERITY, clock, counted, moment, number, span, zone
from agent.notify.notification import Notification
from agent.notify.reasons import Reason

SHOWN_ALERTS: Final = 10
SHOWN_LABELS: Final = 12
_WHERE: Final = ("service", "job", "namespace", "cluster", "instance", "sloth_service")
_RANK: Final = {"critical": 0, "warning": 1, "info": 2}
_HIDDEN_LABELS: Final = ("alertname", "severity", "channels")
_SAYS_ITSELF: Final = ("sloth_severity",)
"""Labels whose value needs no name: the page or the ticket of an objective."""


@dataclass(frozen=True, slots=True)
class AlertText:
    """One alert in words; empty strings where there is nothing to say."""

    name: str
    status: str
    severity: str
    where: str
    """What tells this alert from the others of its group: `instance=a, mount=/`; `page` or `ticket` of an objective."""
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
    """The last value; of what is over the one that it recovered to, empty where that is not known."""
    threshold: str
    """What the value should not pass; empty where no annotation says it."""
    since: str
    since_local: str
    """As `since`, in the reader's zone alone: `15:02 CET`."""
    since_utc: str
    since_ms: int
    ended: str
    ended_local: str
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
    ack_link: str
    """The page with the button that acknowledges; empty as `ack` is, and where no phone could open it."""
    ack_code: str
    """The digits that acknowledge in a reply to a text message, or ""."""
    silence_link: str
    acknowledged_by: str
    escalation_step: int
    also_told: tuple[str, ...]
    instead_of: str
    """Whom this could not reach, where it is sent in place of another message: `slack:#alerts`."""
    reason: str
    receiver: str
    person: str
    test: bool
    sent: str


class _Group:
    """A notification's alerts, looked at once: sets of ten thousand pass here."""

    def __init__(self, notification: Notification) -> None:
        self.firing = notification.firing
        self.resolved = notification.resolved
        self.alerts = self.firing or self.resolved
        """What the message is about: the firing ones, or all where it is over."""
        worst_first = sorted(self.firing, key=_rank)
        self.ordered = (*worst_first, *self.resolved)
        self.lead = _lead(worst_first or self.resolved, newest=notification.reason.startswith(Reason.NEW_ALERTS))
        self.common = notification.common_labels
        self.annotations = notification.common_annotations

    def annotation(self, *names: str) -> tuple[str, bool]:
        """Return the first of the annotations that is there, and whether all alerts share it; else the lead's."""
        for name in names:
            if self.annotations.get(name):
                return self.annotations.get(name), True
        for name in names:
            if self.lead and self.lead.annotations.get(name):
                return self.lead.annotations.get(name), False
        return "", True

    def value(self) -> str:
        """Return the value where all alerts have the same: of what is over the one that it recovered to."""
        values = {_value(alert, over=not self.firing) for alert in self.alerts}
        return values.pop() if len(values) == 1 else ""

    def distinct(self, label: str, limit: int) -> list[str]:
        """Return the different values of a label among the alerts, sorted, each on one line."""
        return sorted(one_line(value, limit) for value in {alert.labels.get(label) for alert in self.alerts} if value)


def _lead(ordered: Sequence[Alert], *, newest: bool) -> Alert | None:
    """Return the alert that speaks for all: the first, or among those that are as bad the newest, where it is the news."""
    if not ordered or not newest:
        return ordered[0] if ordered else None
    worst = (each for each in ordered if _rank(each) == _rank(ordered[0]))
    return max(worst, key=lambda alert: alert.starts_at_ms)


def _rank(alert: Alert) -> int:
    return _RANK.get(alert.labels.get("severity"), 3)


def describe(notification: Notification, timezone: str = "") -> Content:
    """Put a notification into words; an option `timezone` (the reader's own) wins over `timezone`.

    Options read here: `timezone`, `also_told` (names of who else was told), `instead_of` (whom it could not reach), `test` (a
    drill, marked as such).
    """
    group = _Group(notification)
    lead, common, options, at_ms = group.lead, group.common, notification.options, notification.at_ms
    here = zone(str(options.get("timezone") or timezone))
    over = not group.firing
    since_ms = min((alert.starts_at_ms for alert in group.alerts), default=at_ms)
    ended_ms = max((alert.ends_at_ms for alert in group.resolved), default=at_ms) if over else at_ms
    severity = notification.severity or one_line(common.get("severity"), 40) or "alert"
    where = next((one_line(common.get(name), 60) for name in _WHERE if common.get(name)), "")
    summary, instances = _summary(group), group.distinct("instance", 80)
    runbook, dashboard = group.annotation("runbook_url")[0], group.annotation("dashboard_url")[0]
    description = paragraph(group.annotation("description")[0], 1500)
    names = {common.get(name) for name in _WHERE}
    return Content(
        status="resolved" if over else "firing",
        severity=severity,
        short_severity="OK" if over else SHORT_SEVERITY.get(severity, severity.upper()[:8]),
        title=_title(group, notification),
        where=where,
        summary=summary,
        brief=_brief(summary, names),
        description="" if description == summary else description,
        value=group.value(),
        threshold=one_line(lead.annotations.get("threshold"), 40) if lead else "",
        since=moment(since_ms, at_ms, here),
        since_local=clock(since_ms, at_ms, here),
        since_utc=clock(since_ms, at_ms, zone("")),
        since_ms=since_ms,
        ended=moment(ended_ms, at_ms, here) if over else "",
        ended_local=clock(ended_ms, at_ms, here) if over else "",
        ended_utc=clock(ended_ms, at_ms, zone("")) if over else "",
        ended_ms=ended_ms,
        lasted=span(ended_ms - since_ms),
        firing_count=len(group.firing),
        resolved_count=len(group.resolved),
        instances=tuple(instances[:SHOWN_ALERTS]),
        instance_count=len(instances),
        alerts=tuple(_alert(alert, notification, set(common), here) for alert in group.ordered[:SHOWN_ALERTS]),
        more=max(0, len(group.ordered) - SHOWN_ALERTS),
        labels=_labels(common, where),
        runbook=web_link(runbook, notification.external_url),
        runbook_hint=one_line(runbook, 200),
        page=_page(group, notification.external_url),
        dashboard=web_link(dashboard, notification.external_url),
        ack=f"burnline ack {lead.fingerprint}" if lead and not over and not notification.acknowledged_by else "",
        ack_link=notification.ack_url,
        ack_code=notification.ack_code,
        silence_link=notification.silence_url,
        acknowledged_by=one_line(notification.acknowledged_by, 80),
        escalation_step=notification.escalation_step,
        also_told=tuple(one_line(str(name), 80) for name in list(options.get("also_told") or ())[:10]),
        instead_of=one_line(str(options.get("instead_of") or ""), 80),
        reason=_reason(notification, group),
        receiver=one_line(notification.receiver, 80),
        person=one_line(notification.target.person, 80),
        test=bool(options.get("test")),
        sent=moment(at_ms, at_ms, here),
    )


def _reason(notification: Notification, group: _Group) -> str:
    """Say why the message is sent, and why it is over where that is known: a rule that was removed, say."""
    why = "" if group.firing else group.annotation(RESOLVED_REASON)[0]
    return one_line(f"{notification.reason}: {why}" if why else notification.reason, 200)


def _title(group: _Group, notification: Notification) -> str:
    names = sorted({one_line(name, 120) or "alert without a name" for name in {alert.name for alert in group.alerts}})
    if len(names) == 1:
        return names[0]
    if not names:
        return one_line(notification.group_labels.get("alertname"), 120) or "no alerts"
    return clip(f"{counted(len(group.alerts), 'alert')}: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}", 120)


def _summary(group: _Group) -> str:
    said, shared = group.annotation("summary", "message", "title")
    others = len(group.alerts) - 1
    return one_line(said, 280) + ("" if shared or others < 1 else f" (and {others} more)")


def _brief(summary: str, names: set[str]) -> str:
    """Return the summary without one of `names` in front, where something is left."""
    for name in names - {""}:
        for prefix in (f"{name}: ", f"{name} "):
            if summary.startswith(prefix) and len(summary) > len(prefix):
                return summary[len(prefix) :]
    return summary


def _value(alert: Alert, *, over: bool) -> str:
    """Return an alert's value as its annotation words it; of one that is over only where it is known what it recovered to."""
    if over and alert.value is None:
        return ""
    written = one_line(alert.annotations.get("value"), 40)
    return written or ("" if alert.value is None else number(alert.value))


def _labels(common: Labels, where: str) -> tuple[tuple[str, str], ...]:
    shown = [pair for pair in common.without(*_HIDDEN_LABELS).pairs if pair[1] != where][:SHOWN_LABELS]
    return tuple((one_line(name, 60), one_line(value, 120)) for name, value in shown)


def _page(group: _Group, base: str) -> str:
    """Return the page of the one alert, or the one that shows them all."""
    own = web_link(group.lead.generator_url, base) if group.lead else ""
    everything = web_link(base, "")
    return own if own and len(group.alerts) == 1 else (everything or own)


def _alert(alert: Alert, notification: Notification, common: set[str], here: tzinfo) -> AlertText:
    own = [(name, value) for name, value in alert.labels.pairs if name not in common and name not in _HIDDEN_LABELS]
    over = alert.resolved_at(notification.at_ms)
    return AlertText(
        name=one_line(alert.name, 120) or "alert without a name",
        status="resolved" if over else "firing",
        severity=one_line(alert.labels.get("severity"), 40),
        where=clip(", ".join(_named(name, value) for name, value in own[:5]), 200),
        summary=one_line(alert.annotations.get("summary"), 200),
        description=paragraph(alert.annotations.get("description"), 400),
        value=_value(alert, over=notification.at_ms >= alert.ends_at_ms > 0),
        threshold=one_line(alert.annotations.get("threshold"), 40),
        since=moment(alert.starts_at_ms, notification.at_ms, here),
        lasted=span((alert.ends_at_ms if over else notification.at_ms) - alert.starts_at_ms),
        runbook=web_link(alert.annotations.get("runbook_url"), notification.external_url),
        page=web_link(alert.generator_url, notification.external_url),
        fingerprint=alert.fingerprint,
    )


def _named(name: str, value: str) -> str:
    shown = one_line(value, 80)
    return shown if name in _SAYS_ITSELF else f"{one_line(name, 40)}={shown}"
