"""What changed since an incident's last message, in words for its thread. Pure functions over the kept state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.model import Alert
from agent.notify.messages.escape import one_line
from agent.notify.messages.wording import counted
from agent.notify.notification import Notification
from agent.notify.reasons import Reason

_KEPT: Final = 200
_NAMED: Final = 5
_NEVER_TELL: Final = ("alertname", "severity", "sloth_severity", "channels")
"""Labels that are told otherwise and never set an alert apart from its like."""
_RANK: Final = {"": 0, "info": 1, "warning": 2, "critical": 3}


def remember(notification: Notification) -> dict[str, Any]:
    """Return what the next message needs to know of this one, as plain JSON."""
    return {
        "firing": [alert.fingerprint for alert in notification.firing[:_KEPT]],
        "firing_count": len(notification.firing),
        "severity": notification.severity,
        "acknowledged_by": notification.acknowledged_by,
    }


def rises(notification: Notification, previous: Mapping[str, Any]) -> bool:
    """Say whether the incident became worse than it was when it was last told."""
    if notification.status == "resolved":
        return False
    return _RANK.get(notification.severity, 0) > _RANK.get(str(previous.get("severity", "")), 0)


def falls(notification: Notification, previous: Mapping[str, Any]) -> bool:
    """Say whether the worst of the incident is over, and something milder still fires."""
    if notification.status == "resolved":
        return False
    return _RANK.get(notification.severity, 0) < _RANK.get(str(previous.get("severity", "")), 0)


def change(notification: Notification, previous: Mapping[str, Any]) -> str:
    """Return the change in plain words, for the template to escape: who joined, who is over, or just why it is told again."""
    if notification.status == "resolved":
        return "all resolved"
    before = set(previous.get("firing") or ())
    counted_all = int(previous.get("firing_count") or 0) <= _KEPT
    joined = [alert for alert in notification.firing if alert.fingerprint not in before] if counted_all else []
    now = {alert.fingerprint for alert in notification.firing}
    over = [alert for alert in notification.resolved if alert.fingerprint in before and alert.fingerprint not in now]
    told = []
    if notification.acknowledged_by and not previous.get("acknowledged_by"):
        told.append(f"Acknowledged by {one_line(notification.acknowledged_by, 80)}")
    rose, fell = rises(notification, previous), falls(notification, previous)
    if rose:
        told.append(f"Severity rose to {notification.severity}")
    if fell:
        told.append(f"Severity fell to {notification.severity}: it is not over yet")
    if (rose or fell) and notification.group_labels.get("alertname"):
        joined, over = [], []  # all have one name: they are how severe one problem is, and take turns
    if joined:
        told.append(f"{counted(len(joined), 'new alert')}: {_names(joined, notification)}")
    if over:
        told.append(f"{len(over)} over: {_names(over, notification)}")
    if said := notification.options.get("change"):
        return "\n".join((*told, one_line(str(said), 300)))
    reason = one_line(notification.reason, 120)
    if (rose and reason == Reason.MORE_SEVERE) or (fell and reason == Reason.LESS_SEVERE):
        return "\n".join(told)
    why = f" ({reason})" if reason.casefold() not in (each.casefold() for each in told) else ""
    told.append(f"{counted(len(notification.firing), 'alert')} firing{why}")
    return "\n".join(told)


def _names(alerts: list[Alert], notification: Notification) -> str:
    """Name alerts, each by its instance or, where it has none, by the labels that not all alerts of the message share."""
    common = set(notification.common_labels)
    shown = [_name(alert, common) for alert in alerts[:_NAMED]]
    return ", ".join(shown) + (f" and {len(alerts) - _NAMED} more" if len(alerts) > _NAMED else "")


def _name(alert: Alert, common: set[str]) -> str:
    if instance := alert.labels.get("instance"):
        return one_line(f"{alert.name} on {instance}", 120)
    own = [f"{name}={value}" for name, value in alert.labels.pairs if name not in common and name not in _NEVER_TELL]
    return one_line(" ".join((alert.name, *own)), 120)
