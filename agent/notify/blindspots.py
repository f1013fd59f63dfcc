"""Whether a channel that fails would be told of by another one: a look at the routes at load. Pure; it sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.model import Labels
from agent.notify.notification import Channel
from agent.notify.routing import ReceiverPlan, Route

FAILING: Final = "DeliveryFailing"
"""The shipped alert about a channel that fails (rules/burnline.yml)."""


def blind_spots(root: Route, receivers: Mapping[str, ReceiverPlan]) -> Iterator[tuple[Route, str]]:
    """Give the routes by which the alert about a failing channel would leave by that channel alone, and a sentence.

    Where only one channel is in use at all there is nothing better, and nothing is said.
    """
    used = {channel for name in receivers for channel in _channels(name, receivers)}
    if len(used) < 2:
        return
    for channel in sorted(used):
        routes = root.match(Labels.of(alertname=FAILING, severity="critical", channel=str(channel)))
        told = {each for route in routes for each in _channels(route.receiver, receivers)}
        if told == {channel}:
            receiver = routes[0].receiver
            message = (
                f"when {channel} fails, the alert that says so ({FAILING}) leaves by {channel} alone; "
                f'give receiver "{receiver}" an on_failure that uses another channel'
            )
            yield routes[0], message


def _channels(receiver: str, receivers: Mapping[str, ReceiverPlan]) -> set[Channel]:
    """Return the channels by which a receiver tells people: at once, by its steps, and where those fail."""
    found: set[Channel] = set()
    seen: set[str] = set()
    while receiver and receiver not in seen and (plan := receivers.get(receiver)):
        seen.add(receiver)
        steps = (destination for step in plan.steps for destination in step.destinations)
        found |= {each.channel for each in (*plan.destinations, *steps)}
        receiver = plan.on_failure
    return found - {Channel.LOG}
