"""Writes API v2's answers: plain objects in Alertmanager's shapes, with every list that its schema requires."""

from __future__ import annotations

from typing import Any

from agent.model import Labels, Matcher, MatchOp, format_rfc3339
from agent.web.alertmanager.values import AlertView, GroupView, ReceiverView, SilenceView, StatusView


def status_json(status: StatusView) -> dict[str, Any]:
    """Return the status: an Alertmanager without a cluster."""
    return {
        "cluster": {"status": "disabled", "peers": []},
        "versionInfo": dict(status.versions),
        "config": {"original": status.config},
        "uptime": format_rfc3339(status.started_ms),
    }


def receiver_json(receiver: ReceiverView) -> dict[str, Any]:
    """Return a receiver, with labels only where its file gives it some."""
    if not receiver.labels:
        return {"name": receiver.name}
    return {"name": receiver.name, "labels": _labels(receiver.labels)}


def alert_json(view: AlertView) -> dict[str, Any]:
    """Return an alert. Without a generatorURL it has none, as there."""
    alert = view.alert
    shown: dict[str, Any] = {
        "annotations": _labels(alert.annotations),
        "endsAt": format_rfc3339(alert.ends_at_ms),
        "fingerprint": alert.fingerprint,
        "receivers": [receiver_json(each) for each in view.receivers],
        "startsAt": format_rfc3339(alert.starts_at_ms),
        "status": {
            "inhibitedBy": list(view.inhibited_by),
            "mutedBy": list(view.muted_by),
            "silencedBy": list(view.silenced_by),
            "state": "suppressed" if view.suppressed else "active",
        },
        "updatedAt": format_rfc3339(alert.updated_at_ms),
    }
    if alert.generator_url:
        shown["generatorURL"] = alert.generator_url
    return shown | {"labels": _labels(alert.labels)}


def group_json(group: GroupView) -> dict[str, Any]:
    """Return a group with its alerts."""
    return {
        "alerts": [alert_json(each) for each in group.alerts],
        "labels": _labels(group.labels),
        "receiver": receiver_json(group.receiver),
    }


def silence_json(silence: SilenceView) -> dict[str, Any]:
    """Return a silence, with annotations only where it has some."""
    shown = {
        "id": silence.id,
        "status": {"state": silence.state},
        "updatedAt": format_rfc3339(silence.updated_at_ms),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": format_rfc3339(silence.ends_at_ms),
        "matchers": [matcher_json(each) for each in silence.matchers],
        "startsAt": format_rfc3339(silence.starts_at_ms),
    }
    return shown | ({"annotations": _labels(silence.annotations)} if silence.annotations else {})


def matcher_json(matcher: Matcher) -> dict[str, Any]:
    """Return a matcher as Alertmanager's four fields."""
    return {
        "isEqual": matcher.op in (MatchOp.EQUAL, MatchOp.REGEX),
        "isRegex": matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX),
        "name": matcher.name,
        "value": matcher.value,
    }


def _labels(labels: Labels) -> dict[str, str]:
    return dict(labels.pairs)
