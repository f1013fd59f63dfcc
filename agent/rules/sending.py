"""From an active alert to the Alert that the routing is handed: times, external labels, a link to the page about it."""

from __future__ import annotations

from typing import Final

from agent.model import RESOLVED_REASON, Alert, Labels
from agent.rules.running import Settings
from agent.rules.spec import NO_DATA_ANNOTATION
from agent.rules.states import ActiveAlert

_LIFETIMES: Final = 4
"""An alert that is not handed over again within this many intervals counts as over, as in Prometheus."""


def labels_as_sent(labels: Labels, settings: Settings) -> Labels:
    """Return an alert's labels with the external labels that it has not got itself."""
    return Labels({**settings.external_labels, **labels}) if settings.external_labels else labels


def to_send(alert: ActiveAlert, at_ms: int, interval_ms: int, settings: Settings, *, reason: str = "") -> Alert:
    """Return what the routing is told about a firing or resolved alert at `at_ms`."""
    labels = labels_as_sent(alert.labels, settings)
    annotations = alert.annotations.without(NO_DATA_ANNOTATION)
    resolved = alert.resolved_at_ms is not None
    until = alert.resolved_at_ms
    if until is None:
        until = at_ms + _LIFETIMES * max(interval_ms, settings.resend_delay_ms)
    return Alert(
        labels=labels,
        annotations=annotations.merged({RESOLVED_REASON: reason}) if reason else annotations,
        starts_at_ms=alert.active_at_ms if alert.fired_at_ms is None else alert.fired_at_ms,
        ends_at_ms=until,
        generator_url=f"{settings.external_url.rstrip('/')}/alert/{labels.fingerprint()}",
        updated_at_ms=at_ms,
        value=alert.recovered if resolved else alert.value,
        kept=not resolved and alert.keep_firing_since_ms is not None,
    )
