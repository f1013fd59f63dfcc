"""What no test reaches: routes that no alert of any test takes, and steps of escalation that never run.

A thing is named by a text that is the same in every file of tests of one routing: its place and what it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.model import Labels
from agent.notify import Route, Routing
from agent.replay.outcome import FileOutcome
from agent.replay.told import Told


def everything(routing: Routing) -> frozenset[str]:
    """Name all routes that can be taken, and all steps."""
    routes = {_route(route) for route in routing.root.walk()}
    steps = {
        _step(plan.name, number) for plan in routing.receivers.values() for number in range(1, len(plan.steps) + 1)
    }
    return frozenset(routes | steps)


def reached(routing: Routing, alerts: Iterable[Labels], told: Iterable[Told]) -> frozenset[str]:
    """Name the routes that these alerts take, and the steps that told somebody."""
    routes = {_route(route) for labels in alerts for route in routing.match(labels)}
    steps = {_step(each.receiver, each.step) for each in told if each.step}
    return frozenset(routes | steps)


def untested(outcomes: Iterable[FileOutcome]) -> list[str]:
    """Return the routes and steps that no test of these files reaches."""
    found = list(outcomes)
    ways = frozenset[str]().union(*(each.ways for each in found))
    return sorted(ways.difference(*(each.reached for each in found)))


def _route(route: Route) -> str:
    return f"{route.place}: the route {route.key} to {route.receiver}"


def _step(receiver: str, number: int) -> str:
    return f"escalation step {number} of {receiver}"
