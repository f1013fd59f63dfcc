"""The real dispatcher on a virtual clock: alerts in, who would have been told what, when and why out.

Routing, grouping, inhibition, silences, quiet hours, escalation, retries and the outbox are the agent's own; only the
receivers and the journal are twins that neither send nor keep. No clock is read and nothing waits.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from agent.errors import InvalidInput, RetryLater
from agent.journal import MemoryJournal
from agent.model import Alert, Labels, Matcher, format_duration
from agent.notify import (
    Acknowledged,
    Channel,
    Decision,
    Dispatcher,
    Notification,
    Receipt,
    Routing,
    Silence,
    Verdict,
    View,
)
from agent.replay.told import Told, Withheld

AT_ONE_INSTANT: Final = 1_000
"""How often one instant may be run; more would mean that the clock stands still."""
_HOLDING: Final = frozenset({Verdict.SUPPRESSED, Verdict.DEDUPLICATED, Verdict.HELD})


@dataclass(frozen=True, slots=True)
class Outage:
    """A span in which a channel (`slack`) or transport (`oncall/slack/0`) takes nothing; its end is exclusive."""

    by: str
    from_ms: int
    until_ms: int


class Rehearsal:
    """One dispatcher from `at_ms` on. Call it from one thread, in which no event loop runs; close it at the end.

    What happened is in `told`, `withheld` and `decisions`, in order. `history=True` keeps the journal's events, which
    `events` returns, for an alert's whole story.
    """

    def __init__(self, routing: Routing, at_ms: int, *, external_url: str = "", history: bool = False) -> None:
        self.now_ms = at_ms
        self.told: list[Told] = []
        self.withheld: list[Withheld] = []
        self.decisions: list[Decision] = []
        self._outages: list[Outage] = []
        self._labels: dict[str, Labels] = {}
        self._silences: dict[str, str] = {}
        self._waiting: set[str] = set()
        self._journal = MemoryJournal(history=history)
        self._receivers = self._recorders(routing)
        # The jitter of retries is the same in every run.
        jitter = random.Random(0)  # noqa: S311 - jitter, not a secret
        self._dispatcher = Dispatcher(
            routing, self._journal, self._receivers, at_ms, external_url=external_url, random=jitter, log=_Silent()
        )
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def routing(self) -> Routing:
        """What is in force."""
        return self._dispatcher.routing

    @property
    def labels(self) -> tuple[Labels, ...]:
        """The labels of all alerts that were put, each once."""
        return tuple(self._labels.values())

    def next_due(self) -> int | None:
        """Return when something happens next by itself, or None."""
        return self._dispatcher.next_due()

    def put(self, alerts: Iterable[Alert], at_ms: int) -> list[Told]:
        """Take alerts in at an instant, after all that was due until then; return what was told on the way.

        What is due at the instant itself happens first, as in the agent, whose evaluations take time. An alert without an
        end is over when it is not repeated within `resolve_timeout`.
        """
        said = self.advance(at_ms)
        taken = tuple(alerts)
        self._labels.update((alert.fingerprint, alert.labels) for alert in taken)
        self._dispatcher.put(taken, at_ms)
        return said

    def advance(self, to_ms: int) -> list[Told]:
        """Do, each at its instant, all that is due until `to_ms` inclusive; return what was told. Raises InvalidInput."""
        if to_ms < self.now_ms:
            message = f"rehearsing at {to_ms} ms: the clock stands at {self.now_ms} already, and never goes back"
            raise InvalidInput(message)
        begun, runs = len(self.told), 0
        while (due_ms := self._dispatcher.next_due()) is not None and due_ms <= to_ms:
            runs = runs + 1 if due_ms <= self.now_ms else 0
            if runs > AT_ONE_INSTANT:
                raise RuntimeError(
                    f"the rehearsal's clock stands still at {self.now_ms} ms; this is a fault of Burnline"
                )
            self.now_ms = max(due_ms, self.now_ms)
            self._run()
        self.now_ms = to_ms
        return self.told[begun:]

    def acknowledge(
        self, by: str, at_ms: int, *, fingerprint: str = "", incident: str = "", matchers: Sequence[Matcher] = ()
    ) -> tuple[Acknowledged, ...]:
        """Take over the open incidents that are meant; empty where none is."""
        self.advance(at_ms)
        return self._dispatcher.acknowledge(by, at_ms, fingerprint=fingerprint, incident=incident, matchers=matchers)

    def silence(
        self, matchers: Sequence[Matcher], starts_at_ms: int, ends_at_ms: int, by: str, at_ms: int, comment: str = ""
    ) -> Silence:
        """Create a silence at an instant; raise InvalidInput where it would match everything or has ended."""
        self.advance(at_ms)
        made, _ = self._dispatcher.silences.create(tuple(matchers), starts_at_ms, ends_at_ms, by, comment, at_ms)
        self._silences[made.id] = f"{by}'s {comment}" if comment else f"{by}'s"
        return made

    def expire(self, silence_id: str, at_ms: int) -> None:
        """End a silence."""
        self.advance(at_ms)
        self._dispatcher.silences.expire(silence_id, at_ms)

    def reload(self, routing: Routing, at_ms: int) -> None:
        """Swap the routing, as a reload of the agent does."""
        self.advance(at_ms)
        self._loop.run_until_complete(self._dispatcher.reload(routing, self._recorders(routing), at_ms))

    def fail(self, by: str, from_ms: int, until_ms: int) -> None:
        """Let a channel (`slack`) or one transport (`oncall/slack/0`) take nothing for a while."""
        self._outages.append(Outage(by, from_ms, until_ms))

    def view(self) -> View:
        """Return what pages would show now."""
        return self._dispatcher.view(self.now_ms)

    def events(self, fingerprint: str) -> Iterator[Mapping[str, object]]:
        """Give what was decided and tried about an alert, oldest first; needs `history=True`."""
        for event in self._dispatcher.history(fingerprint, limit=100_000):
            yield {"at_ms": event.at_ms, **event.value}

    def close(self) -> None:
        """Let go of the loop; nothing more is sent. What happened can still be read."""
        self._loop.close()
        self._journal.close()

    def _run(self) -> None:
        """Decide what is due now, and send what is; the event loop runs only where something is sent."""
        decisions = self._dispatcher.flush(self.now_ms)
        self.decisions.extend(decisions)
        self.withheld.extend(self._withheld(each) for each in decisions if each.verdict in _HOLDING)
        if any(each.verdict in (Verdict.NOTIFIED, Verdict.ESCALATED) for each in decisions):
            self._note_waiting()
        due_ms = self._dispatcher.outbox.next_due()
        if due_ms is not None and due_ms <= self.now_ms:
            self._loop.run_until_complete(self._dispatcher.run_due(self.now_ms))

    def _recorders(self, routing: Routing) -> dict[str, _Recorder]:
        """Return one for each transport, and for each channel, by which messages go whose transport a reload took away."""
        return {each: _Recorder(each, self._take) for each in (*routing.channels, *map(str, Channel))}

    def _take(self, transport: str, notification: Notification) -> None:
        """Write a message down as told, or refuse it where its channel is said to be out."""
        ways = (transport, str(notification.target.channel))
        for outage in self._outages:
            if outage.by in ways and outage.from_ms <= self.now_ms < outage.until_ms:
                raise RetryLater(f"sending to {notification.target.key}: {outage.by} is out, as the rehearsal says")
        self._waiting.discard(notification.idempotency_key)
        self.told.append(Told(self.now_ms, transport, notification))

    def _withheld(self, decision: Decision) -> Withheld:
        return Withheld(
            decision.at_ms,
            str(decision.verdict),
            self._in_words(decision.reason),
            decision.receiver,
            tuple(self._labels[each] for each in decision.fingerprints if each in self._labels),
            decision.detail,
            decision.group_key,
        )

    def _in_words(self, reason: str) -> str:
        """Name the alert that inhibits and the people who silenced, where the reason gives their ids."""
        kind, separator, ids = reason.partition(": ")
        names = [
            self._silences.get(each) or self._labels.get(each, Labels()).get("alertname") for each in ids.split(", ")
        ]
        return f"{kind}{separator}{', '.join(names)}" if separator and all(names) else reason

    def _note_waiting(self) -> None:
        """Say of each new message that waits, which is for the end of somebody's quiet hours."""
        for row in self._dispatcher.outbox.pending():
            if row.next_at_ms <= self.now_ms or row.attempts or row.id in self._waiting:
                continue
            self._waiting.add(row.id)
            reason = row.error.partition(": ")[2] or f"the hours of {row.target.address}"
            why = f"{reason} for {format_duration((row.next_at_ms - self.now_ms) // 60_000 * 60_000)} more"
            alerts = tuple(alert.labels for alert in row.alerts)
            self.withheld.append(
                Withheld(self.now_ms, "waits", why, row.receiver, alerts, row.target.key, row.group_key)
            )


class _Recorder:
    """Fulfils Receiver and sends nowhere."""

    def __init__(self, transport: str, take: Callable[[str, Notification], None]) -> None:
        self._transport = transport
        self._take = take

    async def send(self, notification: Notification) -> Receipt:
        """Hand the message over; raise what that raises."""
        self._take(self._transport, notification)
        return Receipt(notification.idempotency_key)

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class _Silent:
    """A log for failures that only the rehearsal makes up."""

    def warning(self, event: str, /, **facts: object) -> None:
        """Drop it."""

    def error(self, event: str, /, **facts: object) -> None:
        """Drop it."""
