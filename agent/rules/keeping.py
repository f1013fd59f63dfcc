"""Keep the journal true to the alerts: what changed is written, what is over is forgotten, every transition is an event.

It waits for nothing; a write that fails is said in the log, since only a restart would notice it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace

import structlog

from agent.journal import Delete, Put, Write
from agent.model import Labels
from agent.rules.records import (
    GROUP_KIND,
    RuleKey,
    append_transition,
    delete_alert,
    put_alert,
    put_group,
)
from agent.rules.running import RunningGroup
from agent.rules.states import ActiveAlert, State, Transition

Writer = Callable[..., "Future[None] | None"]
"""Takes the journal's writes (Put, Delete, Append) of one transaction; `Journal.write` is one."""

_log = structlog.get_logger()


class Keeper:
    """Writes what happens to alerts through a Writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, *writes: Write) -> None:
        """Hand over the writes of one transaction."""
        if writes:
            future = self._writer(*writes)
            if future is not None:
                future.add_done_callback(_say_failure)

    def stepped(
        self,
        key: RuleKey,
        before: Mapping[Labels, ActiveAlert],
        after: Mapping[Labels, ActiveAlert],
        transitions: Iterable[Transition],
    ) -> None:
        """Keep what an evaluation did to a rule's alerts; a new value alone is not written."""
        changed: list[Put | Delete] = [delete_alert(key, labels) for labels in before if labels not in after]
        for labels, alert in after.items():
            old = before.get(labels)
            if old is None or _lasting(old) != _lasting(alert):
                changed.append(put_alert(key, alert))
        self._write_transitions(key, list(transitions), changed)

    def put(self, key: RuleKey, alerts: Iterable[ActiveAlert]) -> None:
        """Keep alerts as they are now."""
        self.write(*(put_alert(key, alert) for alert in alerts))

    def forget(self, key: RuleKey, alerts: Iterable[ActiveAlert], at_ms: int, why: str) -> list[Transition]:
        """Keep the end of alerts that are followed no longer; return their transitions."""
        alerts = list(alerts)
        transitions = [
            Transition(alert.state, State.INACTIVE, alert.labels, alert.value, at_ms, why)
            for alert in alerts
            if alert.state is not State.INACTIVE
        ]
        self._write_transitions(key, transitions, [delete_alert(key, each.labels) for each in alerts])
        return transitions

    def _write_transitions(
        self, key: RuleKey, transitions: Sequence[Transition], changed: Sequence[Put | Delete]
    ) -> None:
        for each in transitions:
            change = f"{each.before} → {each.after}: {each.why}"
            _log.info("alert changed", rule=key.name, change=change, labels=str(each.labels), value=each.value)
        self.write(*(append_transition(key, each) for each in transitions), *changed)

    def moved(self, before: RuleKey, key: RuleKey, alerts: Iterable[ActiveAlert]) -> None:
        """Keep alerts under the rule's new place."""
        for alert in alerts:
            self.write(delete_alert(before, alert.labels), put_alert(key, alert))

    def evaluated(self, group: RunningGroup, at_ms: int) -> None:
        """Keep when a group with pending alerts was evaluated, so that a restart knows how long nobody looked."""
        pending = group.has_pending()
        if pending:
            self.write(put_group(group.key, at_ms))
        elif group.recorded:
            self.write(Delete(GROUP_KIND, str(group.key)))
        group.recorded = pending

    def forget_group(self, group: RunningGroup) -> None:
        """Forget when a group was evaluated."""
        if group.recorded:
            self.write(Delete(GROUP_KIND, str(group.key)))


def _lasting(alert: ActiveAlert) -> ActiveAlert:
    return replace(alert, value=0.0, annotations=Labels())


def _say_failure(future: Future[None]) -> None:
    error = future.exception()
    if error is not None:
        _log.error("the state of alerts could not be written; a restart may forget it", error=str(error))
