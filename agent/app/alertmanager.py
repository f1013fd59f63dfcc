"""The agent as an Alertmanager: API v2's Protocol, fulfilled by asking the dispatcher. It decides nothing.

What `api/v2/api.go` does between its parsing and its answers is here: which alerts a question means, in which order, and what
makes a posted alert unacceptable.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterable, Sequence
from functools import cmp_to_key
from typing import Any, Final

from agent import notify
from agent.app.build import VERSION
from agent.model import Alert, Labels, Matcher, match_all
from agent.notify import Dispatcher, Silence, alert_order, file_without_secrets, parse_matcher
from agent.telemetry import Telemetry
from agent.web import alertmanager as v2

COMPATIBLE: Final = "0.34.0"
"""The Alertmanager release whose API this is; clients look at it before they ask for more."""


class Alertmanager:
    """Fulfils `web.alertmanager.Alertmanager` for one dispatcher, in the event loop's thread.

    `heard` is told of the alerts that are taken in: some of them may be heartbeats.
    """

    def __init__(
        self,
        dispatcher: Callable[[], Dispatcher],
        clock: Callable[[], int],
        telemetry: Telemetry,
        started_ms: int,
        heard: Callable[[Sequence[Alert], int], object] = lambda _alerts, _at_ms: None,
    ) -> None:
        self._heard = heard
        self._dispatcher = dispatcher
        self._clock = clock
        self._telemetry = telemetry
        self._started_ms = started_ms

    def now_ms(self) -> int:
        """Return the agent's clock."""
        return self._clock()

    def parse_filter(self, text: str) -> Sequence[Matcher]:
        """Read one matcher in either grammar."""
        return parse_matcher(text).matchers

    def status(self) -> v2.StatusView:
        """Return versions and the routing file. The six words are required."""
        versions = {
            "branch": "burnline",
            "buildDate": "",
            "buildUser": "burnline",
            "goVersion": f"python{platform.python_version()}",
            "revision": VERSION,
            "version": COMPATIBLE,
        }
        return v2.StatusView(self._started_ms, versions, file_without_secrets(self._dispatcher().routing))

    def receivers(self, matchers: Sequence[Matcher]) -> Sequence[v2.ReceiverView]:
        """Return the receivers in the order of their file."""
        shown = (self._receiver(name) for name in self._dispatcher().routing.receivers)
        return [each for each in shown if _named(each, matchers)]

    def alerts(self, wanted: v2.Wanted) -> Sequence[v2.AlertView]:
        """Return the alerts that are not over, by fingerprint."""
        seen = self._dispatcher().view(self._clock())
        found = []
        for each in seen.alerts():
            names = [route.receiver for route in self._dispatcher().routing.match(each.alert.labels)]
            shown = self._alert(each, names, each.muted_by if each.state == "suppressed" else ())
            if _meant(shown, wanted) and any(_wants(receiver, wanted) for receiver in shown.receivers):
                found.append(shown)
        return sorted(found, key=lambda each: each.alert.fingerprint)

    def groups(self, wanted: v2.Wanted) -> Sequence[v2.GroupView]:
        """Return the groups that have such alerts, by their labels and receivers."""
        at_ms = self._clock()
        seen = self._dispatcher().view(at_ms)
        groups = [each for each in seen.groups() if _wants(self._receiver(each.receiver), wanted)]
        names: dict[str, set[str]] = {}
        for group in groups:
            for each in group.alerts:
                names.setdefault(each.alert.fingerprint, set()).add(group.receiver)
        found = []
        for group in groups:
            if group.muted_by and not wanted.muted:
                continue
            shown = (
                self._alert(each, sorted(names[each.alert.fingerprint]), group.muted_by)
                for each in group.alerts
                if not each.alert.resolved_at(at_ms)
            )
            alerts = tuple(
                sorted((each for each in shown if _meant(each, wanted)), key=lambda each: alert_order(each.alert))
            )
            if alerts:
                found.append(v2.GroupView(group.labels, self._receiver(group.receiver), alerts))
        return sorted(found, key=_group_order)

    async def put(self, alerts: Sequence[Alert]) -> Sequence[tuple[int, str]]:
        """Take in what is acceptable; return what is wrong with the rest."""
        dispatcher, now_ms = self._dispatcher(), self._clock()
        timeout_ms = dispatcher.routing.settings.resolve_timeout_ms
        faults = [(number, why) for number, each in enumerate(alerts) if (why := _fault(each, now_ms, timeout_ms))]
        wrong = {number for number, _ in faults}
        taken = [each for number, each in enumerate(alerts) if number not in wrong]
        for each in taken:
            status = "resolved" if each.resolved_at(now_ms) else "firing"
            self._telemetry.alerts_received.labels(status, "v2").inc()
        self._telemetry.alerts_invalid.labels("v2").inc(len(faults))
        if taken:
            self._heard(taken, now_ms)
            await asyncio.wrap_future(dispatcher.put(taken, now_ms))
        return faults

    def silences(self, matchers: Sequence[Matcher]) -> Sequence[v2.SilenceView]:
        """Return the silences that have these very matchers: they are compared, not evaluated."""
        at_ms = self._clock()
        kept = self._dispatcher().silences.list(at_ms)
        return [_silence(each, at_ms) for each in kept if set(matchers) <= set(each.matchers)]

    def silence(self, silence_id: str) -> v2.SilenceView | None:
        """Return one silence."""
        found = self._dispatcher().silences.get(silence_id)
        return _silence(found, self._clock()) if found else None

    async def put_silence(self, wanted: v2.SilenceView) -> str | None:
        """Make or change a silence."""
        silences, now_ms = self._dispatcher().silences, self._clock()
        if wanted.id and silences.get(wanted.id) is None:
            return None
        made, written = silences.put(
            Silence(
                id=wanted.id,
                matchers=wanted.matchers,
                starts_at_ms=wanted.starts_at_ms,
                ends_at_ms=wanted.ends_at_ms,
                created_by=wanted.created_by,
                comment=wanted.comment,
                updated_at_ms=now_ms,
                annotations=wanted.annotations,
            ),
            now_ms,
        )
        await asyncio.wrap_future(written)
        self._dispatcher().changed()
        return made.id

    async def expire_silence(self, silence_id: str) -> bool:
        """End a silence."""
        silences = self._dispatcher().silences
        if silences.get(silence_id) is None:
            return False
        await asyncio.wrap_future(silences.expire(silence_id, self._clock()))
        self._dispatcher().changed()
        return True

    def _receiver(self, name: str) -> v2.ReceiverView:
        return v2.ReceiverView(name, self._dispatcher().routing.receiver(name).labels)

    def _alert(self, seen: notify.AlertView, receivers: Iterable[str], muted_by: tuple[str, ...]) -> v2.AlertView:
        shown = tuple(self._receiver(name) for name in receivers)
        return v2.AlertView(seen.alert, shown, seen.silenced_by, seen.inhibited_by, muted_by)


def _silence(silence: Silence, at_ms: int) -> v2.SilenceView:
    return v2.SilenceView(
        id=silence.id,
        matchers=silence.matchers,
        starts_at_ms=silence.starts_at_ms,
        ends_at_ms=silence.ends_at_ms,
        created_by=silence.created_by,
        comment=silence.comment,
        annotations=silence.annotations,
        state=str(silence.state(at_ms)),
        updated_at_ms=silence.updated_at_ms,
    )


def _fault(alert: Alert, now_ms: int, timeout_ms: int) -> str:
    """Say why an alert cannot be taken in, with what a missing time stands for; nothing where it can."""
    if not alert.labels:
        return "at least one label pair required"
    ends_at_ms = alert.ends_at_ms or now_ms + timeout_ms
    if alert.starts_at_ms > ends_at_ms:
        return f"start time must be before end time, in {alert.labels}"
    return ""


def _meant(alert: v2.AlertView, wanted: v2.Wanted) -> bool:
    return (
        (wanted.active or alert.suppressed)
        and (wanted.silenced or not alert.silenced_by)
        and (wanted.inhibited or not alert.inhibited_by)
        and (wanted.muted or not alert.muted_by)
        and match_all(wanted.matchers, alert.alert.labels)
    )


def _wants(receiver: v2.ReceiverView, wanted: v2.Wanted) -> bool:
    if wanted.receiver and not wanted.receiver.matches(receiver.name):
        return False
    return _named(receiver, wanted.receiver_matchers)


def _named(receiver: v2.ReceiverView, matchers: Sequence[Matcher]) -> bool:
    """Say whether matchers fit a receiver's labels, of which its name is always one."""
    return not matchers or match_all(list(matchers), {**dict(receiver.labels.pairs), "name": receiver.name})


def _before(first: Labels, second: Labels) -> int:
    """Order label sets as Prometheus' model does: fewer labels first, then by the first pair that differs."""
    if len(first) != len(second):
        return len(first) - len(second)
    for one, other in zip(first.pairs, second.pairs, strict=True):
        if one[0] != other[0]:
            return 1 if one[0] < other[0] else -1  # whoever lacks the label is first
        if one[1] != other[1]:
            return -1 if one[1] < other[1] else 1
    return 0


_LABEL_ORDER: Final = cmp_to_key(_before)


def _group_order(each: v2.GroupView) -> Any:
    return _LABEL_ORDER(each.labels), each.receiver.name
