"""One alerting rule at an instant: query, what absent series mean, `step`, recovered values, ALERTS, handing over.

It keeps the journal true to what it does. Where it raises, the rule's alerts are as they were; only a passed limit forgets
them, as in Prometheus.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from agent.model import Alert, Labels, Row
from agent.rules.absence import Knowledge, judge, no_data_alert, since_restart
from agent.rules.answers import Query, pairs_of
from agent.rules.falsity import EVERYTHING
from agent.rules.keeping import Keeper
from agent.rules.outputs import alert_series
from agent.rules.running import RunningGroup, RunningRule, Settings
from agent.rules.sending import to_send
from agent.rules.spec import NoData
from agent.rules.states import (
    Absence,
    ActiveAlert,
    LimitExceeded,
    Observation,
    State,
    Transition,
    is_no_data,
    step,
)

Sink = Callable[[Row], object]
"""Takes the rows that rules write, at once, so that the next rule of the group sees them."""
Notify = Callable[[list[Alert], int], object]
"""Takes the alerts that are to be routed at an instant (ms)."""

VALUE: Final = "value"
"""The annotation that words an alert's value for messages, as `{{ $value | humanizePercentage }}` does."""
_INHERITED: Final = "the condition holds; the rule got other labels by a reload, and the time that it has held counts"


class Alerting:
    """What alerting rules need beside their own state: where to ask, to write, to keep and to hand over."""

    def __init__(self, query: Query, sink: Sink, notify: Notify, keeper: Keeper, turned: Notify | None = None) -> None:
        self._query, self._sink, self._notify, self._keeper = query, sink, notify, keeper
        self._turned = turned

    def evaluate(
        self,
        group: RunningGroup,
        rule: RunningRule,
        at_ms: int,
        knowledge: Knowledge,
        settings: Settings,
        transitions: list[Transition],
    ) -> None:
        """Evaluate a rule and add what changed to `transitions`."""
        assert rule.expander is not None
        vector = pairs_of(self._query(rule.expression, at_ms - group.offset_ms))
        if not vector and rule.is_idle:
            return
        observed = rule.expander.observe(vector, at_ms, self._query) if vector else []
        if rule.no_data is NoData.ALERT:
            missing = no_data_alert(rule, present=bool(observed), knowledge=knowledge, at_ms=at_ms)
            observed += [missing] if missing else []
        unknown = _unknown(rule, observed, knowledge, at_ms, settings) if rule.active else {}
        before, begun = _with_inherited(rule, observed, at_ms)
        try:
            after, made = step(rule.spec, before, observed, at_ms, limit=group.spec.limit, unknown=unknown)
        except LimitExceeded as error:
            transitions += self._keeper.forget(rule.key, rule.active.values(), at_ms, str(error))
            rule.active = {}
            raise
        made = begun + made
        if settings.recovered_value and any(each.after is State.INACTIVE for each in made):
            after = self._with_recovered(rule, after, at_ms, knowledge)
        self._keeper.stepped(rule.key, rule.active, after, made)
        turned = _turned(rule, after) if self._turned and rule.spec.keep_firing_for_ms else []
        rule.active = after
        transitions += made
        try:
            if rule.restored:
                self._write(rule, at_ms - group.offset_ms)
        finally:
            self._send(group, rule, at_ms, settings)
            if self._turned and turned:
                self._turned([to_send(alert, at_ms, group.interval_ms, settings) for alert in turned], at_ms)

    def _write(self, rule: RunningRule, at_ms: int) -> None:
        row = rule.output.row(alert_series(rule.spec.name, rule.active.values()), at_ms)
        if row is not None:
            self._sink(row)

    def _with_recovered(
        self,
        rule: RunningRule,
        after: Mapping[Labels, ActiveAlert],
        at_ms: int,
        knowledge: Knowledge,
    ) -> dict[Labels, ActiveAlert]:
        """Return `after` with the value that each alert resolved now has recovered to, where it can be asked."""
        assert rule.expander is not None
        over = [alert for alert in after.values() if alert.resolved_at_ms == at_ms and not is_no_data(alert.labels)]
        vector = knowledge.ask(rule.recovery) if over and rule.recovery else None
        series = {rule.expander.labels(labels, value): (labels, value) for labels, value in vector or ()}
        told = {}
        for alert in over:
            recovered = series.get(alert.labels)
            if recovered is not None and not math.isnan(recovered[1]):
                (seen,) = rule.expander.observe([recovered], at_ms, self._query)
                told[alert.labels] = replace(
                    alert, recovered=seen.value, annotations=_worded(alert.annotations, seen.annotations)
                )
        return {**after, **told}

    def _send(self, group: RunningGroup, rule: RunningRule, at_ms: int, settings: Settings) -> None:
        due = [alert for alert in rule.active.values() if alert.needs_sending(at_ms, settings.resend_delay_ms)]
        if not due:
            return
        self._notify([to_send(alert, at_ms, group.interval_ms, settings) for alert in due], at_ms)
        sent = [replace(alert, last_sent_at_ms=at_ms) for alert in due]
        rule.active.update((alert.labels, alert) for alert in sent)
        self._keeper.put(rule.key, sent)


def _turned(rule: RunningRule, after: Mapping[Labels, ActiveAlert]) -> list[ActiveAlert]:
    """Return the firing alerts whose condition ended just now, or holds again, while `keep_firing_for` keeps them."""
    known = ((rule.active.get(labels), alert) for labels, alert in after.items() if alert.state is State.FIRING)
    return [
        alert
        for before, alert in known
        if before and (before.keep_firing_since_ms is None) is not (alert.keep_firing_since_ms is None)
    ]


def _worded(before: Labels, after: Labels) -> Labels:
    """Return an alert's annotations with the value as the rule words it now; all others stay, as in Prometheus."""
    return before.merged({VALUE: after[VALUE]}) if VALUE in before and VALUE in after else before


def _unknown(
    rule: RunningRule, observed: list[Observation], knowledge: Knowledge, at_ms: int, settings: Settings
) -> dict[Labels, Absence]:
    """Return the absent alerts that are not simply over. Without absent ones nothing is asked."""
    present = {each.labels for each in observed}
    absent = [
        alert
        for labels, alert in rule.active.items()
        if labels not in present and alert.state is not State.INACTIVE and not is_no_data(labels)
    ]
    found: dict[Labels, Absence] = {}
    if absent and rule.no_data is not NoData.UNSAID:
        found = judge(rule, absent, present, knowledge, at_ms, settings.no_data_grace_ms)
    return {**found, **since_restart(rule, present, knowledge, at_ms, settings)}


def _with_inherited(
    rule: RunningRule, observed: list[Observation], at_ms: int
) -> tuple[Mapping[Labels, ActiveAlert], list[Transition]]:
    """Return the rule's alerts, and among them as pending those that the same rule had under other labels."""
    inherited, rule.inherited = rule.inherited, {}
    if not inherited:
        return rule.active, []
    begun, transitions = {}, []
    for each in observed:
        since_ms = inherited.get(EVERYTHING.key(each.labels, rule.inherited_but))
        if since_ms is not None and each.labels not in rule.active:
            begun[each.labels] = ActiveAlert(each.labels, each.annotations, each.value, State.PENDING, since_ms)
            transitions.append(Transition(State.INACTIVE, State.PENDING, each.labels, each.value, at_ms, _INHERITED))
    return {**rule.active, **begun}, transitions
