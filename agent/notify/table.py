"""The alerts that are known now: repeated ones are merged, silent ones end by themselves, all of them outlive a restart.

Semantics: Alertmanager's types.Alert.Merge and api/v2's defaults (research §1.9).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.journal import Delete, Put
from agent.model import Alert
from agent.notify.records import alert_from_json, alert_to_json

KIND = "notify.alert"


@dataclass(frozen=True, slots=True)
class Known:
    """An alert, and whether its end is only our guess for the case that we never hear of it again."""

    alert: Alert
    timeout: bool


class AlertTable:
    """Alerts by fingerprint."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Alert]:
        return (known.alert for known in self._known.values())

    def get(self, fingerprint: str) -> Alert | None:
        """Return the alert, or None."""
        known = self._known.get(fingerprint)
        return known.alert if known else None

    def merge(self, alert: Alert, at_ms: int, resolve_timeout_ms: int) -> Alert:
        """Take an alert in and return what is known of it now. No end means it ends when the timeout passes unheard."""
        timeout = alert.ends_at_ms == 0
        starts_at_ms = alert.starts_at_ms or (at_ms if timeout else alert.ends_at_ms)
        ends_at_ms = at_ms + resolve_timeout_ms if timeout else alert.ends_at_ms
        new = Known(replace(alert, starts_at_ms=starts_at_ms, ends_at_ms=ends_at_ms, updated_at_ms=at_ms), timeout)
        old = self._known.get(alert.fingerprint)
        merged = _merged(old, new, at_ms) if old and _overlap(old.alert, new.alert) else new
        self._known[alert.fingerprint] = merged
        return merged.alert

    def drop(self, fingerprint: str) -> Delete:
        """Forget an alert."""
        self._known.pop(fingerprint, None)
        return Delete(KIND, fingerprint)

    def record(self, fingerprint: str) -> Put:
        """Return the write that keeps an alert."""
        known = self._known[fingerprint]
        return Put(KIND, fingerprint, {"alert": alert_to_json(known.alert), "timeout": known.timeout})

    def prolong(self, at_ms: int, grace_ms: int) -> None:
        """Give alerts whose expected end has passed while nobody could repeat them `grace_ms`; nobody said that they are over."""
        for fingerprint, known in self._known.items():
            alert = known.alert
            if alert.updated_at_ms < alert.ends_at_ms <= at_ms:
                self._known[fingerprint] = replace(known, alert=replace(alert, ends_at_ms=at_ms + grace_ms))

    def restore(self, records: Mapping[str, Any], at_ms: int, grace_ms: int) -> None:
        """Read back what was known. An alert whose end was only expected, and passed while we were away, gets `grace_ms`.

        Nobody said that it is over; whoever watches it will say so, or the grace passes.
        """
        for fingerprint, data in records.items():
            alert = alert_from_json(data["alert"])
            if alert.updated_at_ms < alert.ends_at_ms:
                alert = replace(alert, ends_at_ms=max(alert.ends_at_ms, at_ms + grace_ms))
            self._known[fingerprint] = Known(alert, data["timeout"])


def _overlap(old: Alert, new: Alert) -> bool:
    return new.starts_at_ms <= old.ends_at_ms and old.starts_at_ms <= new.ends_at_ms


def _merged(old: Known, new: Known, at_ms: int) -> Known:
    alert, timeout = new.alert, new.timeout
    ends_at_ms = alert.ends_at_ms
    if alert.resolved_at(at_ms):
        if old.alert.resolved_at(at_ms):
            ends_at_ms = max(ends_at_ms, old.alert.ends_at_ms)
    elif old.alert.ends_at_ms > ends_at_ms and not old.timeout:
        ends_at_ms, timeout = old.alert.ends_at_ms, False
    starts_at_ms = min(old.alert.starts_at_ms, alert.starts_at_ms)
    return Known(replace(alert, starts_at_ms=starts_at_ms, ends_at_ms=ends_at_ms), timeout)
