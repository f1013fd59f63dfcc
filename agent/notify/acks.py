"""Acknowledging: somebody takes an incident over, gives it back, or is asked whether they still have it.

An acknowledgement stops the steps that wait for one and holds repeats back. It ends with the incident, when an alert joins
that it did not cover, or when it is given back; after its time whoever took the incident is reminded once, and repeats come
again. Whoever was told in a place that many read learns who has it. Each of these is a line in the history.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Final

from agent.errors import InvalidInput
from agent.model import Matcher, match_all
from agent.notify.decisions import Decision, Verdict
from agent.notify.groups import Group
from agent.notify.incidents import Ack, Incident
from agent.notify.links import Links
from agent.notify.messenger import Messenger
from agent.notify.table import AlertTable
from agent.notify.views import Acknowledged, acknowledged

WRONG_CODES: Final = 5
WRONG_CODES_MS: Final = 15 * 60_000
"""So many wrong codes from one phone within this time, and it is not listened to until they are older."""
_MOST_PHONES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Meant:
    """Which open incidents are meant: by an alert's fingerprint, their own id, or matchers on an alert's labels."""

    fingerprint: str = ""
    incident: str = ""
    matchers: tuple[Matcher, ...] = ()

    def includes(self, group: Group, table: AlertTable) -> bool:
        """Say whether a group's incident is meant."""
        if self.incident and group.incident and group.incident.id == self.incident:
            return True
        if self.fingerprint and self.fingerprint in group.fingerprints:
            return True
        alerts = (table.get(each) for each in group.fingerprints)
        return bool(self.matchers) and any(match_all(list(self.matchers), alert.labels) for alert in alerts if alert)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a code from a phone led to, and a sentence that can be sent back."""

    acknowledged: tuple[Acknowledged, ...]
    text: str


class Acks:
    """Acknowledges on behalf of `Triage`, whose groups, table and decisions it uses."""

    def __init__(
        self,
        groups: Callable[[], Iterable[Group]],
        table: AlertTable,
        messenger: Messenger,
        touched: Callable[[Group], object],
        decided: Callable[[list[Decision]], Future[None]],
        same_trouble: Callable[[Group, Sequence[Group], int], bool],
    ) -> None:
        self._groups = groups
        self._table = table
        self._messenger = messenger
        self._touched = touched
        self._decided = decided
        self._same_trouble = same_trouble
        self.written: Future[None] | None = None
        """Done once the last acknowledgement, or its end, is on the disk."""
        self._wrong: dict[str, deque[int]] = {}

    def take(
        self, meant: Meant, by: str, at_ms: int, until_ms: int, *, comment: str = "", via: str = ""
    ) -> tuple[Acknowledged, ...]:
        """Take over the incidents that are meant, and free ones of the same alerts; empty where none is meant."""
        done, decisions = [], []
        found = self._open(meant)
        beside = [(group, incident) for group, incident in self._beside(found, at_ms) if incident.ack is None]
        for group, incident in found + beside:
            before = incident.ack.by if incident.ack else ""
            noted = comment or (incident.ack.comment if incident.ack and before == by else "")
            ack = Ack(by, at_ms, until_ms, incident.known(group.fingerprints), noted, via, until_ms)
            incident.acknowledge(ack)
            self._touched(group)
            words = f"by {by}" + (f", by {via}" if via else "") + (f"; {before} had it before" if before else "")
            made = _decision(Verdict.ACKNOWLEDGED, at_ms, words, group, incident, comment)
            decisions.append(replace(made, until_ms=until_ms))
            if by != before or comment:
                said = f"acknowledged by {by}" + (f": {comment}" if comment else "")
                self._messenger.tell_taken(group, incident, self._table, said, at_ms)
            done.append(acknowledged(group, incident, ack, before))
        if done:
            self.written = self._decided(decisions)
        return tuple(done)

    def give_back(self, meant: Meant, by: str, at_ms: int, *, comment: str = "") -> tuple[Acknowledged, ...]:
        """End the acknowledgement of the incidents that are meant and have one: their chains start over."""
        done, decisions = [], []
        found = self._open(meant)
        taken = {(incident.ack.by, incident.ack.at_ms) for _, incident in found if incident.ack}
        beside = [each for each in self._beside(found, at_ms) if (ack := each[1].ack) and (ack.by, ack.at_ms) in taken]
        for group, incident in found + beside:
            if (ack := incident.ack) is None:
                continue
            done.append(acknowledged(group, incident, ack, ""))
            incident.lift(at_ms)
            self._touched(group)
            words = f"given back by {by}; {ack.by} had it"
            decisions.append(_decision(Verdict.ACK_ENDED, at_ms, words, group, incident, comment))
            self._messenger.tell_taken(group, incident, self._table, f"acknowledgement {words}", at_ms)
        if done:
            self.written = self._decided(decisions)
        return tuple(done)

    def take_by_code(
        self, code: str, phone: str, links: Links, at_ms: int, until_ms: int, *, everything: bool = False
    ) -> Reply:
        """Take over what a phone was told of, by the code that it was sent; say in words what that came to.

        With any code that is right, `everything` takes over all that this phone was told of and nobody has. A phone that
        sends codes again and again that it was never sent is not listened to for a while; one that answers late is.
        """
        wrong = self._wrong_lately(phone, at_ms)
        if len(wrong) >= WRONG_CODES:
            return Reply((), "Too many wrong codes. Wait a quarter of an hour, or use the link or burnline ack.")
        told = [(group, incident) for group, incident in self._open(None) if self._messenger.reached(incident, phone)]
        found = [(g, i) for g, i in told if links.is_code(code.strip(), i.id, phone)]
        if not found and any(links.is_code(code.strip(), each, phone) for each in self._messenger.told_of(phone)):
            return Reply((), "That is over already. Nothing was changed.")
        if not found:
            wrong.append(at_ms)
            words = f"a reply from {phone} with a code that is not of this incident"
            self._decided([_decision(Verdict.ACK_REFUSED, at_ms, words, *each) for each in told])
            return Reply((), "That is no code of anything that is open now; it may be over. Nothing was changed.")
        self._wrong.pop(phone, None)
        _, incident = max(found, key=lambda each: each[1].started_ms)
        by = self._messenger.owner(incident, phone)
        if everything:
            return self._take_all([each for _, each in told if not each.ack], by, at_ms, until_ms)
        if incident.ack and incident.ack.by != by:
            return Reply((), f"{incident.ack.by} has it already. Nothing was changed.")
        done = self.take(Meant(incident=incident.id), by, at_ms, until_ms, via="a reply by SMS")
        return Reply(done, "Acknowledged: it is yours. Nobody else will be woken for it.")

    def _take_all(self, incidents: list[Incident], by: str, at_ms: int, until_ms: int) -> Reply:
        if not incidents:
            return Reply((), "Everything you were told of is taken already. Nothing was changed.")
        done = {
            each.incident: each
            for incident in incidents
            for each in self.take(Meant(incident=incident.id), by, at_ms, until_ms, via="a reply by SMS")
        }
        words = "it is yours" if len(incidents) == 1 else f"all {len(incidents)} are yours"
        return Reply(tuple(done.values()), f"Acknowledged: {words}. Nobody else will be woken.")

    def _open(self, meant: Meant | None) -> list[tuple[Group, Incident]]:
        return [
            (group, group.incident)
            for group in self._groups()
            if group.incident and (meant is None or meant.includes(group, self._table))
        ]

    def _beside(self, found: list[tuple[Group, Incident]], at_ms: int) -> list[tuple[Group, Incident]]:
        """Return the other incidents that are about nothing but the alerts of these, or the same trouble as theirs.

        Whoever has an alert has it by whichever route it was told: another receiver's steps must not wake the next person.
        """
        taken = [group for group, _ in found]
        ids = {incident.id for _, incident in found}
        known = [set(group.fingerprints) for group, _ in found]
        return [
            (group, incident)
            for group, incident in self._open(None)
            if incident.id not in ids
            and (
                any(group.fingerprints and set(group.fingerprints) <= each for each in known)
                or self._same_trouble(group, taken, at_ms)
            )
        ]

    def _wrong_lately(self, phone: str, at_ms: int) -> deque[int]:
        if len(self._wrong) >= _MOST_PHONES:
            self._wrong = {key: each for key, each in self._wrong.items() if each and each[-1] > at_ms - WRONG_CODES_MS}
        wrong = self._wrong.setdefault(phone, deque(maxlen=WRONG_CODES))
        while wrong and wrong[0] <= at_ms - WRONG_CODES_MS:
            wrong.popleft()
        return wrong


def meant(fingerprint: str = "", incident: str = "", matchers: Sequence[Matcher] = ()) -> Meant:
    """Return which incidents are meant; raise InvalidInput where a matcher would match anything."""
    if matchers and all(each.matches("") for each in matchers):
        message = "cannot tell which incidents are meant: at least one matcher must not match the empty string"
        raise InvalidInput(message)
    return Meant(fingerprint, incident, tuple(matchers))


def _decision(verdict: Verdict, at_ms: int, words: str, group: Group, incident: Incident, detail: str = "") -> Decision:
    names = tuple(sorted(group.fingerprints))
    return Decision(verdict, at_ms, words, names, group.receiver, group.key, incident.id, detail)
