"""Alerts and notifications that the tests of messages, receivers and the inbox tell their stories with."""

from __future__ import annotations

from typing import Any

from agent.model import Alert, Labels
from agent.notify.notification import Channel, Notification, Target

AT_MS = 1_767_621_720_000  # 2026-01-05 14:02:00 UTC, a Monday
MINUTE_MS = 60_000

NASTY = {
    "newline": "first\r\nBcc: everyone@example.org\n\nbody",
    "mention": "<!channel> <!here|here> <@U012AB> @channel @everyone",
    "html": '<script>alert(1)</script><img src=x onerror="alert(1)">&amp;',
    "emoji": "🔥🔥 naïve — “quoted” …",
    "backticks": "`code` *bold* ~struck~ _it_",
    "controls": "a\x00b\x1bc\u2028d\u202ee",
    "huge": "x" * 100_000,
    "template": "{{ 7 * 7 }} {% raw %}",
}


def alert(
    instance: str = "a:8000",
    *,
    start: int = -4,
    end: int | None = None,
    recovered: float | None = None,
    **labels: str,
) -> Alert:
    """Return an alert that began `start` minutes from AT_MS and ended `end` minutes from it, at the value `recovered`."""
    annotations = {
        "summary": "rag: more than one query in ten fails",
        "description": "13.4% of the queries to rag failed in the last 5 minutes.",
        "value": "13.4%",
        "threshold": "10%",
        "runbook_url": "/runbooks/high-error-rate",
    }
    annotations |= {name[2:]: labels.pop(name) for name in list(labels) if name.startswith("a_")}
    wanted = {"alertname": "VeryHighErrorRate", "severity": "critical", "service": "rag", "instance": instance}
    return Alert(
        labels=Labels(wanted | labels),
        annotations=Labels(annotations),
        starts_at_ms=AT_MS + start * MINUTE_MS,
        ends_at_ms=0 if end is None else AT_MS + end * MINUTE_MS,
        generator_url="/alerts/caaaffbd9ccf039f",
        value=0.134 if end is None else recovered,
    )


def notification(*alerts: Alert, to: str = "#alerts", channel: Channel = Channel.SLACK, **more: Any) -> Notification:
    """Return a message about `alerts` to one target; `minute` moves it from AT_MS, `seq` numbers it."""
    minute, seq = more.pop("minute", 0), more.pop("seq", 0)
    fields: dict[str, Any] = {
        "idempotency_key": f"key-{seq}",
        "incident": "incident-1",
        "group_key": '{}:{alertname="VeryHighErrorRate"}',
        "receiver": "oncall",
        "target": Target(channel, to, more.pop("person", "ana")),
        "alerts": alerts,
        "group_labels": Labels.of(alertname="VeryHighErrorRate"),
        "at_ms": AT_MS + minute * MINUTE_MS,
        "reason": "first notification",
        "external_url": "https://burnline.example.org",
        "sequence": seq,
    }
    return Notification(**(fields | more))
