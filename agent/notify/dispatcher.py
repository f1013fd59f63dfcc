"""The room's verb: `put` alerts, `tick` at the instants that `next_due` names, and people are told.

It joins triage (what to say to whom) with the sender (saying it), adds no decision of its own, and swaps both at a reload.
"""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Final

from agent.journal import Event
from agent.model import Alert, Matcher, Secret
from agent.notify.acks import Reply
from agent.notify.breaker import ProviderView
from agent.notify.decisions import Decision
from agent.notify.incident_story import IncidentStory, story_of
from agent.notify.links import Links
from agent.notify.notification import Delivery, Notification, Receiver
from agent.notify.outbox import Outbox
from agent.notify.records import Book
from agent.notify.routing import Route, Routing
from agent.notify.sender import Log, Sender
from agent.notify.silences import Silences
from agent.notify.triage import Triage
from agent.notify.views import Acknowledged, View
from agent.notify.vitals import delivery_trouble
from agent.telemetry import Telemetry

STRETCH_SECONDS: Final = 0.005
"""After as much work others on the event loop get a turn; a stretch that was begun is finished."""

RELOAD_SECONDS: Final = 5.0
"""How long a reload waits for what is under way by the old receivers; they are closed later where that takes longer."""


class Dispatcher:
    """One per agent. Its methods belong to the event loop's thread; `history` reads the disk and may run in another.

    `receivers` are looked up by transport, then by channel; see `receivers_for`. `at_ms` is now: what the journal holds is
    restored as of then. `now_ms` says when an attempt ended; without it attempts take no time, as tests want it.
    `link_key` signs the links in messages (settings.link_key wins); without either, messages have none.
    `log` hears of attempts that fail, in place of the agent's own log.
    """

    def __init__(
        self,
        routing: Routing,
        journal: Book,
        receivers: Mapping[str, Receiver],
        at_ms: int,
        *,
        external_url: str = "",
        link_key: Secret | None = None,
        telemetry: Telemetry | None = None,
        random: random_module.Random | None = None,
        now_ms: Callable[[], int] | None = None,
        log: Log | None = None,
    ) -> None:
        self._triage = Triage(routing, journal, at_ms, external_url=external_url, telemetry=telemetry)
        self._external_url, self._link_key = external_url, link_key or Secret("")
        self._take_links(routing)
        self._closing: set[asyncio.Task[None]] = set()
        outbox = self._triage.outbox
        spoken = {"log": log} if log else {}
        self._sender = Sender(
            outbox,
            receivers,
            limits=routing.limits,
            strict=routing.settings.strict,
            random=random,
            telemetry=telemetry,
            now_ms=now_ms,
            **spoken,
        )

    def _take_links(self, routing: Routing) -> None:
        """Make links as the settings in force say."""
        said = routing.settings
        self.links = Links(
            said.link_key or self._link_key,
            self._external_url,
            policy=said.links,
            lifetime_ms=said.link_lifetime_ms,
        )
        self._triage.outbox.linked = self.links.fill

    @property
    def routing(self) -> Routing:
        """What is in force."""
        return self._triage.routing

    @property
    def silences(self) -> Silences:
        """The silences: create, expire, list."""
        return self._triage.silences

    @property
    def outbox(self) -> Outbox:
        """The messages."""
        return self._triage.outbox

    @property
    def changed(self) -> Callable[[], None]:
        """What is called when something became due earlier than `next_due` said; it must only wake the loop."""
        return self._triage.changed

    @changed.setter
    def changed(self, callback: Callable[[], None]) -> None:
        self._triage.changed = callback

    def put(self, alerts: Iterable[Alert], at_ms: int) -> Future[None]:
        """Take alerts in: firing, repeated or over; the future is done when they are on the disk. See Triage.put."""
        return self._triage.put(alerts, at_ms)

    def routes_of(self, alert: Alert) -> Sequence[Route]:
        """Return the routes that an alert takes."""
        return self._triage.routes_of(alert)

    def next_due(self) -> int | None:
        """Return when `tick` has something to do next, or None."""
        dues = [due for due in (self._triage.next_due(), self._sender.next_due()) if due is not None]
        return min(dues, default=None)

    def follow(self, at_ms: int) -> None:
        """Take note of what time it is, every few seconds, so that a clock that is set back holds no message up."""
        self._triage.follow(at_ms)

    def flush(self, at_ms: int) -> list[Decision]:
        """Decide what is due and write the messages down, without sending them."""
        return self._triage.flush(at_ms)

    def tick(self, at_ms: int) -> list[Decision]:
        """Decide what is due and begin to send what is due, without waiting for it. Needs a running event loop."""
        self._triage.follow(at_ms)
        decisions = self._triage.flush(at_ms)
        self._sender.start_due(at_ms)
        return decisions

    async def work(self, at_ms: int) -> None:
        """Do what `tick` does in stretches of some milliseconds, so that a storm of alerts holds nothing else up."""
        await self.decide(at_ms)
        self._sender.start_due(at_ms)

    async def decide(self, at_ms: int) -> None:
        """Do the part of `work` that decides and writes messages down, without sending them."""
        self._triage.follow(at_ms)
        self._triage.begin(at_ms)
        began = monotonic()
        while self._triage.go_on():
            if monotonic() - began > STRETCH_SECONDS:
                await asyncio.sleep(0)
                began = monotonic()

    async def run_due(self, at_ms: int) -> int:
        """Do what `tick` does, and wait until all that is due at the instant was tried; return the number of attempts."""
        self._triage.flush(at_ms)
        return await self._sender.run_due(at_ms)

    def earlier_messages(self) -> dict[str, Notification]:
        """Return the messages that are remembered, by their ids."""
        return {row.id: self.outbox.message(row) for row in self.outbox.rows()}

    async def reload(self, routing: Routing, receivers: Mapping[str, Receiver], at_ms: int) -> None:
        """Swap routing and receivers; what survives keeps its log. The old receivers are closed when they are idle."""
        old, before = self._sender.receivers, self.routing
        changed = [
            name
            for name in {*before.channels, *routing.channels}
            if _settings(before, name) != _settings(routing, name)
        ]
        self._sender.reload(receivers, routing.limits, changed, at_ms, strict=routing.settings.strict)
        self._triage.reload(routing, at_ms)
        self._take_links(routing)
        stale = [each for each in old.values() if each not in receivers.values()]
        closing = asyncio.get_running_loop().create_task(self._put_away(stale), name="close receivers")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.wait({closing}, timeout=RELOAD_SECONDS)

    async def _put_away(self, receivers: Sequence[Receiver]) -> None:
        """Close receivers when nothing is under way by them: a message that is cut off may have arrived, and be sent again."""
        await self._sender.idle()
        await _close(receivers)

    async def close(self, at_ms: int) -> None:
        """Send what is due now, for a few seconds, and close the receivers. The rest is in the journal."""
        self._triage.flush(at_ms)
        await self._sender.finish(at_ms)
        await asyncio.gather(*self._closing)
        await _close(self._sender.receivers.values())

    def acknowledge(
        self,
        by: str,
        at_ms: int,
        *,
        fingerprint: str = "",
        incident: str = "",
        matchers: Sequence[Matcher] = (),
        comment: str = "",
        via: str = "",
        for_ms: int = 0,
    ) -> tuple[Acknowledged, ...]:
        """Take over the open incidents that are meant, see Triage.acknowledge; empty where none is."""
        return self._triage.acknowledge(
            by,
            at_ms,
            fingerprint=fingerprint,
            incident=incident,
            matchers=matchers,
            comment=comment,
            via=via,
            for_ms=for_ms,
        )

    def unacknowledge(
        self,
        by: str,
        at_ms: int,
        *,
        fingerprint: str = "",
        incident: str = "",
        matchers: Sequence[Matcher] = (),
        comment: str = "",
    ) -> tuple[Acknowledged, ...]:
        """Give back what was acknowledged: the chains start over; return who had it, empty where nobody."""
        return self._triage.unacknowledge(
            by, at_ms, fingerprint=fingerprint, incident=incident, matchers=matchers, comment=comment
        )

    @property
    def acknowledgements_written(self) -> Future[None] | None:
        """Done once the last acknowledgement, or its end, is on the disk; None before there was one."""
        return self._triage.acknowledgements_written

    def incident(self, incident: str, at_ms: int) -> IncidentStory | None:
        """Return one incident's story, open or over, or None where nothing is known of it any more."""
        return story_of(incident, self.view(at_ms), self.silences, self._external_url)

    def acknowledge_by_code(self, code: str, phone: str, at_ms: int, *, everything: bool = False) -> Reply:
        """Take over what `phone` (E.164) was told of, by the code that it was sent; the answer says what to reply.

        `everything` takes over all that the phone was told of.
        """
        return self._triage.acknowledge_by_code(code, phone, self.links, at_ms, everything=everything)

    def delivery(self, provider_id: str, delivery: Delivery, at_ms: int) -> bool:
        """Take note of what a provider says by itself of a message that it accepted; False where it knows no such one."""
        return self._triage.outbox.delivery(provider_id, delivery, at_ms)

    def providers(self, at_ms: int) -> tuple[ProviderView, ...]:
        """Return how each provider does that anything was sent to: its circuit, since when, and what failed last."""
        return self._sender.providers(at_ms)

    def troubles(self, at_ms: int) -> dict[str, str]:
        """Say in words what is wrong with the provider of each transport whose circuit is open."""
        return self._sender.troubles(self.routing.channels, at_ms)

    def trouble(self, at_ms: int) -> str:
        """Say what keeps a critical page from getting out at an instant, or nothing."""
        pending = (row for row in self.outbox.pending() if not self._sender.limited(row, at_ms))
        return delivery_trouble(self.routing, self._triage.next_due(), pending, self._sender.broken, at_ms)

    def view(self, at_ms: int) -> View:
        """Return what pages and the API ask about, as of an instant."""
        return self._triage.view(at_ms)

    def history(self, fingerprint: str, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return what was decided and tried about an alert, oldest first. It reads the disk: call it in a thread."""
        return self._triage.history(fingerprint, since_ms=since_ms, limit=limit)


def _settings(routing: Routing, transport: str) -> object:
    return routing.channels.get(transport), routing.disabled.get(transport)


async def _close(receivers: Iterable[Receiver]) -> None:
    await asyncio.gather(*(receiver.close() for receiver in {id(each): each for each in receivers}.values()))
