"""Alerts that the agent raises about itself, whatever rules are loaded: handed over, repeated, ended and kept like any other.

They are for what no rule can say: rules see numbers, and whoever is told that a file is broken needs its name and line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final

from agent.journal import Event, Write
from agent.model import Alert, Labels
from agent.rules import (
    TRANSITION_KIND,
    ActiveAlert,
    RuleKey,
    Settings,
    State,
    Transition,
    append_transition,
    to_send,
)

GROUP: Final = "burnline itself"
"""Under this name the history shows them; they are in no file."""
_RESEND_MS: Final = 60_000

Put = Callable[[list[Alert], int], object]


class OwnAlerts:
    """The agent's own alerts by their labels. `settings` gives what is added to an alert that is sent."""

    def __init__(
        self,
        *,
        put: Put,
        write: Callable[..., Future[None]],
        settings: Callable[[], Settings],
    ) -> None:
        self._put, self._write, self._settings = put, write, settings
        self._active: dict[Labels, ActiveAlert] = {}

    @property
    def active(self) -> Sequence[ActiveAlert]:
        """The alerts that fire."""
        return tuple(self._active.values())

    def fire(self, labels: Labels, annotations: Labels, at_ms: int, why: str, *, since_ms: int = 0) -> None:
        """Raise an alert, or tell one that fires already in other words; with `since_ms`, one that fired before a restart."""
        known = self._active.get(labels)
        if known is None and since_ms:
            fresh = ActiveAlert(labels, annotations, 1.0, State.FIRING, since_ms, fired_at_ms=since_ms)
        elif known is None:
            fresh = ActiveAlert(labels, annotations, 1.0, State.FIRING, at_ms, fired_at_ms=at_ms)
            self._keep(Transition(State.INACTIVE, State.FIRING, labels, 1.0, at_ms, why))
        else:
            fresh = replace(known, annotations=annotations)
        self._send(fresh, at_ms)
        self._active[labels] = fresh

    def end(self, labels: Labels, at_ms: int, why: str) -> None:
        """End an alert, if it fires."""
        known = self._active.pop(labels, None)
        if known is not None:
            self._end(known, at_ms, why)

    def repeat(self, at_ms: int) -> None:
        """Hand over again what fires, where that is due: an alert of which nothing is heard counts as over."""
        for alert in self._active.values():
            if alert.last_sent_at_ms is None or abs(at_ms - alert.last_sent_at_ms) >= _RESEND_MS:
                self._send(alert, at_ms)

    def settle(self, labels: Labels, events: Callable[..., Iterable[Event]], at_ms: int, why: str) -> None:
        """End an alert of the agent before this one, if its history does not say that it ended."""
        last: Any = None
        for event in events(TRANSITION_KIND, labels.fingerprint(), limit=1):
            last = event
        if last is not None and last.value.get("to") == State.FIRING:
            self._end(ActiveAlert(labels, Labels(), 1.0, State.FIRING, last.at_ms, fired_at_ms=last.at_ms), at_ms, why)

    def _end(self, alert: ActiveAlert, at_ms: int, why: str) -> None:
        over = replace(alert, state=State.INACTIVE, resolved_at_ms=at_ms)
        self._keep(Transition(State.FIRING, State.INACTIVE, alert.labels, None, at_ms, why))
        self._hand_over(to_send(over, at_ms, 0, self._settings(), reason=why), at_ms)

    def _send(self, alert: ActiveAlert, at_ms: int) -> None:
        self._hand_over(to_send(alert, at_ms, _RESEND_MS, self._settings()), at_ms)
        self._active[alert.labels] = replace(alert, last_sent_at_ms=at_ms)

    def _hand_over(self, alert: Alert, at_ms: int) -> None:
        self._put([replace(alert, value=None)], at_ms)  # there is no number that would say anything

    def _keep(self, transition: Transition) -> None:
        key = RuleKey("", GROUP, transition.labels.get("alertname"), "", 0)
        write: Write = append_transition(key, transition)
        self._write(write)
