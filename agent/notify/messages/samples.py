"""Made-up notifications on which every template is tried when it is loaded: firing, resolved, mixed, huge, empty.

They are no test data: they exist so that a typo in a template is an error at load and not at three in the morning.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.model import Alert, Labels
from agent.notify.notification import Channel, Notification, Target

_AT_MS = 1_767_621_720_000
_MINUTE_MS = 60_000


def sample_alert(instance: str, *, resolved: bool = False, **labels: str) -> Alert:
    """Return a plausible alert on `instance`, over since a minute ago, and recovered, where `resolved`."""
    return Alert(
        labels=Labels(
            {
                "alertname": "HighErrorRate",
                "severity": "critical",
                "service": "rag",
                "instance": instance,
                **labels,
            }
        ),
        annotations=Labels(
            {
                "summary": "7.3% of queries fail",
                "description": "More than one query in twenty failed over the last five minutes.",
                "value": "0.8%" if resolved else "7.3%",
                "threshold": "5%",
                "runbook_url": "/runbooks/high-error-rate",
            }
        ),
        starts_at_ms=_AT_MS - 12 * _MINUTE_MS,
        ends_at_ms=_AT_MS - _MINUTE_MS if resolved else 0,
        generator_url="/alert/0123456789abcdef",
        value=0.008 if resolved else 0.073,
    )


def sample_notification(alerts: tuple[Alert, ...], status: str = "firing", *, test: bool = True) -> Notification:
    """Wrap `alerts` into a notification to a Slack channel, marked as a test."""
    return Notification(
        idempotency_key=f"sample-{status}",
        incident="sample",
        group_key='{}:{alertname="HighErrorRate"}',
        receiver="sample",
        target=Target(Channel.SLACK, "#sample"),
        alerts=alerts,
        group_labels=Labels.of(alertname="HighErrorRate"),
        at_ms=_AT_MS,
        reason="first notification" if status == "firing" else "all alerts resolved",
        external_url="http://127.0.0.1:9477",
        options={"test": True} if test else {},
    )


def sample_notifications() -> tuple[Notification, ...]:
    """Return one notification of each shape that a template meets."""
    return tuple(named_samples().values())


def named_samples() -> Mapping[str, Notification]:
    """Return them by name: firing, resolved, mixed, huge, bare (an alert without a label), empty (no alert)."""
    firing, over = sample_alert("a:8000"), sample_alert("b:8000", resolved=True)
    huge = tuple(sample_alert(f"node-{n}:9100", blob="x" * 2_000, alertname=f"Alert{n % 7}") for n in range(60))
    bare = Alert(labels=Labels(), annotations=Labels(), starts_at_ms=0)
    return {
        "firing": sample_notification((firing,)),
        "resolved": sample_notification((over,), "resolved"),
        "mixed": sample_notification((firing, over)),
        "huge": sample_notification(huge),
        "bare": sample_notification((bare,)),
        "empty": sample_notification((), "empty"),
    }
