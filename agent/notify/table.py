"""The alerts that are known now: repeated ones are merged, silent ones end by themselves, all of them outlive a restart.

Semantics: Alertmanager's types.Alert.Merge and api/v2's defaults (research §1.9).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.journal import Delete, Put
from agent.model import Alert
from agent.notify.ordering import Place, alert_order
from agent.notify.records import alert_from_json

KIND = "notify.alert"


@dataclass(slots=True)
class Known:
    """An alert, and whether its end is only our guess for the case that we never hear of it again."""

    alert: Alert
    timeout: bool
    order: Place
    _open: Alert | None = None

    def shown(self) -> Alert:
        """Return the alert with an open end, as messages show it while it fires; made when it is first asked for."""
        if self._open is None:
            known = self.alert
            self._open = Alert(
                known.labels,
                known.annotations,
                known.starts_at_ms,
                0,
                known.generator_url,
                known.updated_at_ms,
                known.value,
                known.kept,
            )
        return self._open


class AlertTable:
    """Alerts by fingerprint."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Alert]:
        """Give the alerts that are known when it is asked; any thread may."""
        return (known.alert for known in [*self._known.values()])

    def get(self, fingerprint: str) -> Alert | None:
        """Return the alert, or None."""
        known = self._known.get(fingerprint)
        return known.alert if known else None

    def fires(self, fingerprint: str, at_ms: int) -> bool:
        """Say whether the alert is known and not over at an instant."""
        known = self._known.get(fingerprint)
        return known is not None and not 0 < known.alert.ends_at_ms <= at_ms

    def heard_ms(self, fingerprint: str) -> int:
        """Return when an alert was last heard of, 0 where it is not known."""
        known = self._known.get(fingerprint)
        return known.alert.updated_at_ms if known else 0

    def order(self, fingerprint: str) -> Place:
        """Return the place of a known alert in messages."""
        return self._known[fingerprint].order

    def in_order(self, fingerprints: Iterable[str]) -> list[Known]:
        """Return what is known of these alerts, in the order in which messages list them."""
        known = self._known
        found = [known[each] for each in fingerprints if each in known]
        found.sort(key=_order)
        return found

    def merge(
        self, alert: Alert, at_ms: int, resolve_timeout_ms: int, *, forget_said_ends: bool = False
    ) -> tuple[Alert, bool]:
        """Take an alert in; return what is known of it now, and whether that is worth writing down.

        No end means it ends when the timeout passes unheard. That it is still firing is not written down each time it is
        said: after a restart it is given time to be said again. An end that was said outlasts repetitions without one; with
        `forget_said_ends` only the first.
        """
        timeout = alert.ends_at_ms == 0
        starts_at_ms = alert.starts_at_ms or (at_ms if timeout else alert.ends_at_ms)
        ends_at_ms = at_ms + resolve_timeout_ms if timeout else alert.ends_at_ms
        old = self._known.get(alert.fingerprint)
        if old and starts_at_ms < old.alert.ends_at_ms and old.alert.starts_at_ms < ends_at_ms:
            ends_at_ms, guessed = _later_end(old, ends_at_ms, at_ms, timeout=timeout)
            timeout = timeout if forget_said_ends else guessed
            starts_at_ms = min(old.alert.starts_at_ms, starts_at_ms)
        made = Alert(
            alert.labels,
            alert.annotations,
            starts_at_ms,
            ends_at_ms,
            alert.generator_url,
            at_ms,
            alert.value,
            alert.kept,
        )
        order = old.order if old else alert_order(made)
        self._known[alert.fingerprint] = Known(made, timeout, order)
        return made, old is None or _is_news(old, made, at_ms, timeout=timeout)

    def drop(self, fingerprint: str) -> Delete:
        """Forget an alert."""
        self._known.pop(fingerprint, None)
        return Delete(KIND, fingerprint)

    def record(self, fingerprint: str) -> Put:
        """Return the write that keeps an alert."""
        known = self._known[fingerprint]
        return Put(KIND, fingerprint, {"alert": known.alert, "timeout": known.timeout})

    def prolong(self, at_ms: int, grace_ms: int) -> None:
        """Give alerts whose expected end has passed while nobody could repeat them `grace_ms`; nobody said that they are over."""
        for fingerprint, known in self._known.items():
            alert = known.alert
            if alert.updated_at_ms < alert.ends_at_ms <= at_ms:
                prolonged = replace(alert, ends_at_ms=at_ms + grace_ms)
                self._known[fingerprint] = Known(prolonged, known.timeout, known.order)

    def set_back(self, by_ms: int, heard_ms: int = 0) -> list[Put]:
        """Follow a clock that was set back: an end that is our guess goes back with it. Return what to write.

        Only of alerts that were heard of after `heard_ms`: given what the clock says now, those of before it was set back.
        """
        moved = []
        for fingerprint, known in self._known.items():
            alert = known.alert
            if known.timeout and heard_ms < alert.updated_at_ms < alert.ends_at_ms:
                alert = replace(
                    alert,
                    starts_at_ms=min(alert.starts_at_ms, alert.updated_at_ms) - by_ms,
                    ends_at_ms=alert.ends_at_ms - by_ms,
                    updated_at_ms=alert.updated_at_ms - by_ms,
                )
                self._known[fingerprint] = Known(alert, known.timeout, known.order)
                moved.append(self.record(fingerprint))
        return moved

    def restore(self, records: Mapping[str, Any], at_ms: int, grace_ms: int) -> None:
        """Read back what was known. An alert whose end was only expected, and passed while we were away, gets `grace_ms`.

        Nobody said that it is over; whoever watches it will say so, or the grace passes.
        """
        for fingerprint, data in records.items():
            alert = alert_from_json(data["alert"])
            if alert.updated_at_ms < alert.ends_at_ms:
                alert = replace(alert, ends_at_ms=max(alert.ends_at_ms, at_ms + grace_ms))
            self._known[fingerprint] = Known(alert, data["timeout"], alert_order(alert))


def _order(known: Known) -> Place:
    return known.order


def _later_end(old: Known, ends_at_ms: int, at_ms: int, *, timeout: bool) -> tuple[int, bool]:
    """Return the end of an alert that goes on, and whether it is a guess: what was said outlasts what is guessed."""
    before_ms = old.alert.ends_at_ms
    if ends_at_ms <= at_ms:
        return (max(ends_at_ms, before_ms), timeout) if before_ms <= at_ms else (ends_at_ms, timeout)
    return (before_ms, False) if before_ms > ends_at_ms and not old.timeout else (ends_at_ms, timeout)


def _is_news(old: Known, made: Alert, at_ms: int, *, timeout: bool) -> bool:
    """Say whether more changed than the end that is expected, the value and when it was last heard of."""
    known = old.alert
    return (
        known.annotations != made.annotations
        or known.starts_at_ms != made.starts_at_ms
        or known.generator_url != made.generator_url
        or known.kept != made.kept
        or old.timeout != timeout
        or known.resolved_at(at_ms)
        or made.resolved_at(at_ms)
    )
