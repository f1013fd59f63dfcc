"""One incident from its beginning to now: what it says, who was told, who has it, what comes next. Values; nothing changes.

It is put together from what runs and, once the incident is over, from its messages, as long as these are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.model import Alert, Labels, Matcher, MatchOp
from agent.notify.notification import Channel, Notification, Target
from agent.notify.rows import Row
from agent.notify.silences import Silence, Silences
from agent.notify.views import Acknowledged, IncidentView, StepView, View


@dataclass(frozen=True, slots=True)
class IncidentStory:
    """One incident. `message` is what would be said of it now; `rows` are its messages, oldest first."""

    id: str
    over: bool
    message: Notification
    rows: tuple[Row, ...]
    acknowledged: Acknowledged | None = None
    next_step: StepView | None = None
    silence: Silence | None = None
    """The silence that holds back all that fires, the one that ends last."""

    def matchers(self) -> tuple[Matcher, ...]:
        """Return matchers of a silence for it: the labels of its group, or what all its alerts share."""
        group = Labels({name: value for name, value in self.message.group_labels.pairs if value})
        chosen = group or self.message.common_labels
        return tuple(Matcher(name, MatchOp.EQUAL, value) for name, value in chosen.pairs)


def story_of(incident: str, view: View, silences: Silences, external_url: str) -> IncidentStory | None:
    """Return the story of an incident, or None where nothing is known of it any more."""
    rows = tuple(view.messages(incident=incident))
    running = next((each for each in view.incidents() if each.id == incident), None)
    if running is not None:
        return _running(running, view, silences, rows, external_url)
    if not rows:
        return None
    last = rows[-1]
    alerts = {alert.fingerprint: alert for row in rows for alert in row.alerts}
    said = _message(incident, last.receiver, last.group_labels, alerts.values(), view.at_ms, external_url)
    return IncidentStory(incident, True, said, rows)


def _running(
    running: IncidentView, view: View, silences: Silences, rows: tuple[Row, ...], external_url: str
) -> IncidentStory:
    found = [each for fingerprint in running.fingerprints if (each := view.find(fingerprint))]
    firing = [each for each in found if not each.alert.resolved_at(view.at_ms)]
    alerts = [each.alert for each in firing or found]
    said = _message(running.id, running.receiver, running.group_labels, alerts, view.at_ms, external_url)
    ids = set.intersection(*(set(each.silenced_by) for each in firing)) if firing else set()
    holding = [silence for each in ids if (silence := silences.get(each))]
    lasting = max(holding, key=lambda each: each.ends_at_ms, default=None)
    return IncidentStory(running.id, not firing, said, rows, running.acknowledged, running.next_step, lasting)


def _message(
    incident: str, receiver: str, labels: Labels, alerts: Iterable[Alert], at_ms: int, external_url: str
) -> Notification:
    return Notification(
        idempotency_key=incident,
        incident=incident,
        group_key="",
        receiver=receiver,
        target=Target(Channel.LOG, "log"),
        alerts=tuple(alerts),
        group_labels=labels,
        at_ms=at_ms,
        reason="",
        external_url=external_url,
    )
