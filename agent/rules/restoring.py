"""After a restart: take alerts back from the journal, and do not mistake missing samples for good news.

While the store is still empty an expression gives nothing. A restored alert is held as it was until its series is seen
again, or is known not to fulfil the condition, or the grace is over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from agent.journal import Delete
from agent.model import Labels, format_duration
from agent.rules.keeping import Keeper
from agent.rules.records import ALERT_KIND, GROUP_KIND, RuleKey, read_alert, read_groups
from agent.rules.running import RunningGroup, RunningRule, Settings
from agent.rules.states import ActiveAlert, State, Transition


def take_back(
    groups: Iterable[RunningGroup], records: Callable[[str], Mapping[str, Any]], keeper: Keeper
) -> dict[RuleKey, list[ActiveAlert]]:
    """Give the rules their alerts of the journal; return the alerts whose rule is gone."""
    groups = list(groups)
    rules = {rule.key: rule for group in groups for rule in group.rules if rule.spec.is_alert}
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
        rule.active[alert.labels] = alert
        if alert.state is not State.INACTIVE:
            rule.unseen.add(alert.labels)
    evaluated = read_groups(records(GROUP_KIND))
    for group in groups:
        group.resumed_from_ms = evaluated.pop(str(group.key), None)
        group.recorded = group.resumed_from_ms is not None
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


def _delay(rule: RunningRule, pending: Iterable[ActiveAlert], by_ms: int, keeper: Keeper) -> None:
    shifted = [replace(alert, active_at_ms=alert.active_at_ms + by_ms) for alert in pending]
    rule.active = {**rule.active, **{alert.labels: alert for alert in shifted}}
    keeper.put(rule.key, shifted)


def hold(
    rule: RunningRule,
    observed: Collection[Labels],
    known: Callable[[], Collection[Labels]],
    at_ms: int,
    settings: Settings,
    keeper: Keeper,
) -> dict[Labels, ActiveAlert]:
    """Return the restored alerts about which nothing is known yet; they stay as they are.

    `known` gives the labels for which there are samples that do not fulfil the condition.
    """
    if not rule.unseen or rule.held_since_ms is None:
        return {}
    waited_ms = at_ms - rule.held_since_ms
    back = [rule.active[labels] for labels in rule.unseen if labels in observed and labels in rule.active]
    if waited_ms:
        _delay(rule, [alert for alert in back if alert.state is State.PENDING], waited_ms, keeper)
    rule.unseen -= {alert.labels for alert in back}
    if waited_ms >= settings.restore_grace_ms:
        rule.unseen = set()
    elif rule.unseen:
        rule.unseen -= set(known())
    return {labels: rule.active[labels] for labels in rule.unseen if labels in rule.active}
