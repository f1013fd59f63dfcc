"""Where groups live on after the routing changed, or the agent started again: each alert gets its place, each place its group.

Pure but for the tables that are handed in. What no place is left for lives on until its alerts are over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.model import Alert, Labels
from agent.notify.decisions import Decision, Verdict
from agent.notify.group_table import GroupTable
from agent.notify.groups import Group, claim
from agent.notify.incidents import HEARD_AGAIN_MS
from agent.notify.messages.wording import span
from agent.notify.routing import Route
from agent.notify.table import AlertTable

Place = tuple[Route, Labels]


def adopt(
    old: Sequence[Group],
    groups: GroupTable,
    alerts: AlertTable,
    routes_of: Callable[[Alert], list[Route]],
    at_ms: int,
    *,
    restored: bool = False,
) -> tuple[list[Group], list[tuple[Place, list[Alert]]]]:
    """Find a place in the routing for every alert, and give each place the old group that fits it best.

    Return the old groups that no place is left for, and the places with alerts. Which alerts a restored group had is not
    written down: those that are known and belong to its place.
    """
    wanted: dict[tuple[int, Labels], tuple[Route, list[Alert]]] = {}
    for alert in alerts:
        for route in routes_of(alert):
            labels = route.group_labels(alert.labels)
            wanted.setdefault((route.index, labels), (route, []))[1].append(alert)
    taken = claim([(route, labels) for (_, labels), (route, _) in wanted.items()], old)
    groups.clear(alert.fingerprint for alert in alerts)
    left = []
    for group in old:
        place = taken.get(group.id)
        if restored:
            belong = wanted[place[0].index, place[1]][1] if place else ()
            group.fingerprints = dict.fromkeys(each.fingerprint for each in belong)
        if not _resettle(group, place, groups, alerts, at_ms, restored=restored):
            left.append(group)
    return left, [((route, labels), found) for (_, labels), (route, found) in wanted.items()]


def _resettle(
    group: Group, place: Place | None, groups: GroupTable, alerts: AlertTable, at_ms: int, *, restored: bool
) -> bool:
    """Give an old group its new place, or let it live on without one as long as somebody believes that it burns."""
    groups.number(group)
    believed = {each for told in (group.incident.told.values() if group.incident else ()) for each in told.firing}
    had = believed if restored and not place else group.fingerprints
    alive = {each for each in had if alerts.get(each)}
    over = {each for each in alive if (alert := alerts.get(each)) and alert.resolved_at(at_ms)}
    if place:
        route, group.labels = place
        group.route, group.receiver, group.key = route, route.receiver, route.group_key(group.labels)
        group.interval_ms = route.group_interval_ms
        keep = over
    else:
        group.route = None
        keep = alive & believed if believed else over & believed
        if not keep:
            return False
    groups.take(group, keep)
    return True


def hold_overdue(groups: GroupTable, at_ms: int) -> tuple[list[Decision], set[str]]:
    """Hold the steps that are overdue at the start: nobody is paged about what ended while nothing ran.

    Return what was decided, and the ids of the groups that wait to hear that one of their alerts still fires.
    """
    decisions, unheard = [], set()
    for group in groups:
        if (incident := group.incident) is None:
            continue
        for step in incident.hold_overdue(at_ms):
            words = f"step {step.number} was due while the agent was not running; "
            words += f"it waits up to {span(HEARD_AGAIN_MS)} to hear that this still fires"
            names = tuple(sorted(group.fingerprints))
            made = Decision(Verdict.HELD, at_ms, words, names, group.receiver, group.key, incident.id)
            decisions.append(replace(made, until_ms=step.held_until_ms))
            groups.touch(group)
        if any(step.held_until_ms > at_ms for step in incident.steps):
            unheard.add(group.id)
    return decisions, unheard
