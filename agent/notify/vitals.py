"""Whether messages get out, as of an instant: work that waits, critical messages that wait, providers that critical ones need.

Pure: it is asked for what a heartbeat may claim, and so names what would keep a page from somebody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from agent.model import MatchOp, format_duration
from agent.notify.notification import Channel
from agent.notify.outbox import DEADLINE_MS
from agent.notify.routing import ReceiverPlan, Route, Routing
from agent.notify.rows import Row

LATE_MS: Final = 60_000
"""What was to be decided so long ago is not being decided."""
CRITICAL_MS: Final = 300_000
"""A critical message that has waited for so long does not get out."""
_CRITICAL: Final = "critical"

Broken = Callable[[str, Channel], bool]


def delivery_trouble(
    routing: Routing, next_due_ms: int | None, pending: Iterable[Row], broken: Broken, at_ms: int
) -> str:
    """Say what keeps a critical page from getting out, or nothing; `broken` says whether a transport's circuit is open.

    `pending` leaves out what waits for a limit alone: whom it is for was told of so much lately.
    """
    if next_due_ms is not None and 0 < next_due_ms < at_ms - LATE_MS:
        ago = format_duration((at_ms - next_due_ms) // 1000 * 1000)
        return f"what was to be decided {ago} ago has not been"
    waiting = [row for row in pending if row.priority == 0 and at_ms - _since_ms(row) > CRITICAL_MS]
    if waiting:
        oldest = min(waiting, key=_since_ms)
        ago = format_duration((at_ms - _since_ms(oldest)) // 1000 * 1000)
        why = f": {oldest.error}" if oldest.error else ""
        return f"a critical message to {oldest.target.shown} by {oldest.target.channel} has waited for {ago}{why}"
    for plan in critical_receivers(routing):
        ways = {(each.transport, each.channel) for each in plan.destinations if _critical(each.entry)}
        usable = {way for way in ways if _known(routing, way) not in routing.disabled}
        if ways and not usable:
            return f"the receiver {plan.name}, to which critical alerts go, has no channel that is not disabled"
        for transport, channel in sorted(usable):
            if broken(transport, channel):
                return f"{channel}, by which {plan.name} is told of critical alerts, does not work"
    return ""


def critical_receivers(routing: Routing) -> list[ReceiverPlan]:
    """Return the receivers that a critical alert can come to, as far as its severity decides."""
    names = dict.fromkeys(route.receiver for route in _open_to(routing.root, _CRITICAL))
    return [routing.receiver(name) for name in names]


def _open_to(route: Route, severity: str) -> Iterator[Route]:
    """Give the routes of a tree that an alert of a severity may end at; of its other labels nothing is known."""
    decided = [each for each in route.matchers if each.name == "severity"]
    if any(not each.matches(severity) for each in decided):
        return
    caught = False
    for child in route.routes:
        yield from _open_to(child, severity)
        only = all(each.name == "severity" and each.op in (MatchOp.EQUAL, MatchOp.REGEX) for each in child.matchers)
        if only and all(each.matches(severity) for each in child.matchers):
            caught = True
            if not child.continue_:
                break
    if not caught:
        yield route


def _critical(entry: object) -> bool:
    severities = getattr(entry, "severities", ())
    return not severities or _CRITICAL in severities


def _known(routing: Routing, way: tuple[str, Channel]) -> str:
    transport, channel = way
    return transport if transport in routing.channels or transport in routing.disabled else str(channel)


def _since_ms(row: Row) -> int:
    """Return since when a message waits: from the end of the hours that held it back, if any did."""
    return row.at_ms if row.within_tick else row.deadline_ms - DEADLINE_MS
