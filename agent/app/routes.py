"""The routing as people ask about it: the tree with its timers and whom its receivers tell, and who an alert would reach.

Plain JSON, for the API and for the command line alike. `route_test` plays the alert through the real router and its
escalation on a virtual clock; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from agent.app.views import shown_address
from agent.model import Alert, Labels
from agent.notify import Destination, Reason, Route, Routing, Target, Verdict, render_matchers
from agent.replay import Rehearsal, Told

_LONGEST_MS: Final = 7 * 24 * 3_600_000
_MOST_LINES: Final = 40
_TIMERS: Final = ("group_wait_ms", "group_interval_ms", "repeat_interval_ms")


def routes_json(routing: Routing, at_ms: int) -> dict[str, Any]:
    """Return the tree and what stands behind each receiver's name at an instant."""
    return {
        "route": _route(routing, routing.root, at_ms),
        "receivers": {name: receiver_json(routing, name, at_ms) for name in routing.receivers},
        "strict": routing.settings.strict,
        "at_ms": at_ms,
    }


def _route(routing: Routing, route: Route, at_ms: int) -> dict[str, Any]:
    muted = routing.muted_by(route, at_ms)
    return {
        "index": route.index,
        "receiver": route.receiver,
        "matchers": render_matchers(route.matchers)[1:-1],
        "continue": route.continue_,
        "group_by": ["..."] if route.group_by_all else sorted(route.group_by),
        **{name: getattr(route, name) for name in _TIMERS},
        "mute_time_intervals": list(route.mute_time_intervals),
        "active_time_intervals": list(route.active_time_intervals),
        "muted_now": f"{muted[0]} {muted[1]}" if muted else "",
        "place": f"{route.place}",
        "routes": [_route(routing, child, at_ms) for child in route.routes],
    }


def receiver_json(routing: Routing, name: str, at_ms: int) -> dict[str, Any]:
    """Return whom a receiver tells, at once and later."""
    plan = routing.receiver(name)
    return {
        "name": name,
        "labels": dict(plan.labels.pairs),
        "told": _whom(routing, plan.destinations, at_ms),
        "steps": [
            {"after_ms": step.after_ms, "until": step.until, "told": _whom(routing, step.destinations, at_ms)}
            for step in plan.steps
        ],
        "on_failure": plan.on_failure,
        "tells_nobody": routing.tells_nobody(name),
    }


def _whom(routing: Routing, destinations: Iterable[Destination], at_ms: int) -> list[dict[str, Any]]:
    found = []
    for each in destinations:
        team = str(each.entry.team or "") if each.entry else ""
        severities = _severities(routing, each, at_ms)
        targets = [to for severity in severities or ("",) for to in each.targets(routing.directory, at_ms, severity)]
        found.append(
            {
                "by": str(each.channel),
                "whom": [to.person or shown_address(to) for to in dict.fromkeys(targets)],
                "team": team,
                "severities": severities,
                "disabled": routing.disabled.get(each.transport, ""),
            }
        )
    return found


def _severities(routing: Routing, destination: Destination, at_ms: int) -> list[str]:
    """Return the severities that go by this way, `other` for all the rest; empty where all do."""
    known, entry = routing.directory.severities(), destination.entry
    if entry is None or not (entry.by_policy or entry.severities):
        return []
    known = tuple(dict.fromkeys((*entry.severities, *known))) if entry.severities else known
    return [each for each in known if destination.chosen(each, routing.directory, at_ms)]


def route_test(routing: Routing, labels: Labels, at_ms: int, *, external_url: str = "") -> dict[str, Any]:
    """Return which routes an alert that begins now would take, and every message until it has been repeated once.

    Runs for a moment without awaiting anything: call it in a thread. The alert is told as if nobody acknowledged it.
    """
    taken = routing.match(labels)
    return {
        "labels": dict(labels.pairs),
        "fingerprint": labels.fingerprint(),
        "routes": [_taken(routing, route, labels, at_ms) for route in taken],
        "receivers": [route.receiver for route in taken],
        "timeline": _timeline(routing, taken, labels, at_ms, external_url),
        "at_ms": at_ms,
    }


def _taken(routing: Routing, route: Route, labels: Labels, at_ms: int) -> dict[str, Any]:
    shown = _route(routing, route, at_ms)
    del shown["routes"]
    return shown | {
        "path": [_words(node) for node in _path(routing.root, route)],
        "group": dict(route.group_labels(labels).pairs),
        "to": receiver_json(routing, route.receiver, at_ms),
    }


def _path(node: Route, wanted: Route) -> list[Route]:
    """Return the nodes from one to another, both included; empty where the other is not below."""
    if node.index == wanted.index:
        return [node]
    for child in node.routes:
        if found := _path(child, wanted):
            return [node, *found]
    return []


def _words(route: Route) -> str:
    return render_matchers(route.matchers)[1:-1] or ("every alert" if route.index == 0 else "whatever comes here")


def _timeline(
    routing: Routing, taken: Iterable[Route], labels: Labels, at_ms: int, external_url: str
) -> list[dict[str, Any]]:
    until_ms = at_ms + min(_LONGEST_MS, max(_settled_ms(routing, route) for route in taken))
    alert = Alert(labels, Labels(), at_ms, until_ms + 1)
    with Rehearsal(routing, at_ms, external_url=external_url) as rehearsal:
        rehearsal.put([alert], at_ms)
        told = rehearsal.advance(until_ms)
        held = rehearsal.withheld
    lines = [_line(each, at_ms) for each in told]
    lines += [
        {
            "after_ms": each.at_ms - at_ms,
            "what": each.what,
            "receiver": each.receiver,
            "why": each.why,
            "to": each.target,
        }
        for each in held
        if each.what != Verdict.DEDUPLICATED or Reason.ALREADY_TOLD in each.why
    ]
    return sorted(lines, key=lambda line: line["after_ms"])[:_MOST_LINES]


def _settled_ms(routing: Routing, route: Route) -> int:
    """Return after how long a route has told all that it has to tell: its steps are through, and it was repeated once."""
    steps = [step.after_ms for step in routing.receiver(route.receiver).steps]
    repeated_ms = route.group_wait_ms + route.repeat_interval_ms + route.group_interval_ms
    return max(repeated_ms, route.group_wait_ms + max(steps, default=0))


def _line(told: Told, at_ms: int) -> dict[str, Any]:
    target: Target = told.notification.target
    return {
        "after_ms": told.at_ms - at_ms,
        "what": "told",
        "receiver": told.receiver,
        "by": told.by,
        "to": target.person or shown_address(target),
        "why": told.reason,
        "step": told.step,
    }
