"""After a restart, or after the clock was set back: take alerts as they were, and count no time that nobody looked.

`take_back` reads the journal; `resume` prepares a group's first evaluation. What is unknown while the store is still empty
is `absence.since_restart`; restoring as Prometheus does is `for_state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from agent.journal import Delete
from agent.model import format_duration
from agent.rules.keeping import Keeper
from agent.rules.outputs import alert_series
from agent.rules.records import ALERT_KIND, GROUP_KIND, RuleKey, read_alert, read_groups
from agent.rules.running import RunningGroup, RunningRule, Settings
from agent.rules.states import ActiveAlert, State, Transition, is_no_data


def take_back(
    groups: Iterable[RunningGroup], records: Callable[[str], Mapping[str, Any]], keeper: Keeper, at_ms: int
) -> dict[RuleKey, list[ActiveAlert]]:
    """Give the rules their alerts of the journal; return the alerts whose rule is gone.

    An alert that was kept before the clock was set back has its times moved with it.
    """
    groups = list(groups)
    rules = {rule.key: rule for group in groups for rule in group.rules if rule.spec.is_alert}
    evaluated = read_groups(records(GROUP_KIND))
    orphans: dict[RuleKey, list[ActiveAlert]] = {}
    for key, record in records(ALERT_KIND).items():
        found = read_alert(key, record)
        if found is None:
            keeper.write(Delete(ALERT_KIND, key))
            continue
        rule_key, alert = found
        rule = rules.get(rule_key)
        if rule is None:
            orphans.setdefault(rule_key, []).append(alert)
            continue
        known_ms = max(*alert.times_ms, evaluated.get(str(rule_key.key), 0))
        alert = alert.moved(min(0, at_ms - known_ms))
        rule.active[alert.labels] = alert
        if alert.state is not State.INACTIVE and not is_no_data(alert.labels):
            rule.unseen.add(alert.labels)
    for rule in rules.values():
        # Whatever these alerts become, the series that they had before the restart go on or end with a marker.
        rule.output.live = frozenset(alert_series(rule.spec.name, rule.active.values()))
    for group in groups:
        since = evaluated.pop(str(group.key), None)
        group.resumed_from_ms = None if since is None else min(since, at_ms)
        group.recorded = since is not None
    keeper.write(*(Delete(GROUP_KIND, key) for key in evaluated))
    return orphans


def resume(group: RunningGroup, at_ms: int, settings: Settings, keeper: Keeper) -> list[Transition]:
    """Prepare the first evaluation after a restart: the time when nobody looked does not count towards `for`.

    Pending alerts of a group that was not evaluated for longer than the outage tolerance begin again.
    """
    since, group.resumed_from_ms = group.resumed_from_ms, None
    for rule in group.rules:
        if rule.unseen and rule.held_since_ms is None:
            rule.held_since_ms = at_ms
    if since is None:
        return []
    gap_ms = at_ms - since
    transitions: list[Transition] = []
    for rule in group.rules:
        pending = [alert for alert in rule.active.values() if alert.state is State.PENDING]
        if gap_ms > settings.outage_tolerance_ms:
            why = f"nothing was evaluated for {format_duration(gap_ms // 1000 * 1000)}; the alert begins again"
            transitions += keeper.forget(rule.key, pending, at_ms, why)
            gone = {alert.labels for alert in pending}
            rule.active = {labels: alert for labels, alert in rule.active.items() if labels not in gone}
            rule.unseen -= gone
        else:
            _delay(rule, pending, max(0, gap_ms - group.interval_ms), keeper)
    return transitions


def set_back(group: RunningGroup, by_ms: int, keeper: Keeper) -> None:
    """Move the times of all alerts of a group back, as the clock was: what was half an hour old still is."""
    for rule in group.rules:
        rule.active = {labels: alert.moved(-by_ms) for labels, alert in rule.active.items()}
        rule.inherited = {key: since_ms - by_ms for key, since_ms in rule.inherited.items()}
        rule.failing_since = {target: since_ms - by_ms for target, since_ms in rule.failing_since.items()}
        if rule.held_since_ms is not None:
            rule.held_since_ms -= by_ms
        keeper.put(rule.key, rule.active.values())


def _delay(rule: RunningRule, pending: Iterable[ActiveAlert], by_ms: int, keeper: Keeper) -> None:
    shifted = [
        replace(
            alert,
            active_at_ms=alert.active_at_ms + by_ms,
            no_data_since_ms=None if alert.no_data_since_ms is None else alert.no_data_since_ms + by_ms,
        )
        for alert in pending
    ]
    rule.active = {**rule.active, **{alert.labels: alert for alert in shifted}}
    keeper.put(rule.key, shifted)
