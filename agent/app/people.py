"""The agent as its people see it: who is on call, who has what, and what a link in a message grants. It decides nothing.

Fulfils web.people's Protocol by asking the dispatcher, in the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from agent import notify
from agent.errors import InvalidInput
from agent.model import Matcher, format_duration
from agent.notify import Action, Directory, Dispatcher, Grant, IncidentStory, RowState, parse_matchers
from agent.notify.messages import Content, clock_in, describe, moment_in
from agent.schema import suggest
from agent.web import people as web

_MOST_TOLD: Final = 12
_HOUR_MS: Final = 3_600_000
_UNDECIDED: Final = (RowState.PENDING, RowState.SUPERSEDED)


class People:
    """Fulfils `web.people.People` for one dispatcher."""

    def __init__(
        self,
        dispatcher: Callable[[], Dispatcher],
        clock: Callable[[], int],
        woken: Callable[[], None],
        names_of: Callable[[str], Sequence[str]] = lambda fingerprint: (fingerprint,),
        known: Callable[[str], bool] = lambda _fingerprint: False,
    ) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._woken = woken
        self._names_of = names_of
        self._known = known

    def now_ms(self) -> int:
        """Return the agent's clock."""
        return self._clock()

    def parse_filter(self, text: str) -> Sequence[Matcher]:
        """Read matchers in either grammar."""
        return parse_matchers(text).matchers

    def on_call(self, at_ms: int, team: str, weeks: int) -> Sequence[web.OnCallView]:
        """Return who is on call at an instant."""
        found = notify.on_call(self._dispatcher().routing.directory, at_ms, team=team, weeks=weeks)
        return [_on_call(each) for each in found]

    def calendar(self, team: str, person: str, weeks: int) -> str:
        """Return the shifts as a calendar."""
        directory = self._dispatcher().routing.directory
        return notify.calendar(directory, self._clock(), team=team, person=person, weeks=weeks)

    def incidents(self) -> Sequence[web.IncidentView]:
        """Return the open incidents."""
        return [_incident(each) for each in self._dispatcher().view(self._clock()).incidents()]

    async def acknowledge(self, meant: web.Meant, by: str, comment: str, for_ms: int) -> Sequence[web.TakenView]:
        """Take over what is meant."""
        done = [
            each
            for name in self._names_of(meant.fingerprint)
            for each in self._dispatcher().acknowledge(
                by,
                self._clock(),
                fingerprint=name,
                incident=meant.incident,
                matchers=meant.matchers,
                comment=comment,
                for_ms=for_ms,
            )
        ]
        await self._on_disk()
        return [_taken(each) for each in done]

    def why_none(self, meant: web.Meant) -> str:
        """Say whether what is meant is unknown, or there is nothing to take over."""
        view = self._dispatcher().view(self._clock())
        if meant.incident:
            near = suggest(meant.incident, [each.id for each in view.incidents()])
            return f"no open incident has the id {meant.incident}{near}; `burnline ack` alone lists them"
        if meant.matchers:
            return "no open incident has an alert that matches; `burnline ack` alone lists them"
        if self._known(meant.fingerprint) or view.messages(fingerprint=meant.fingerprint):
            return "the alert is over, or nobody was told of it yet: there is nothing to acknowledge"
        return f"no alert with fingerprint {meant.fingerprint} is known; `burnline ack` alone lists what is open"

    async def give_back(self, meant: web.Meant, by: str, comment: str) -> Sequence[web.TakenView]:
        """Give back what is meant."""
        done = [
            each
            for name in self._names_of(meant.fingerprint)
            for each in self._dispatcher().unacknowledge(
                by,
                self._clock(),
                fingerprint=name,
                incident=meant.incident,
                matchers=meant.matchers,
                comment=comment,
            )
        ]
        await self._on_disk()
        return [_taken(each) for each in done]

    def link(self, token: str) -> web.LinkView:
        """Return what a link shows."""
        dispatcher, now_ms = self._dispatcher(), self._clock()
        grant = dispatcher.links.read(token)
        story = dispatcher.incident(grant.incident, now_ms)
        if story is None:
            return web.LinkView(web.LinkState.FORGOTTEN, str(grant.action), grant.incident, grant.by)
        return _link(grant, story, self._zone(grant.by), dispatcher.routing.settings.ack_timeout_ms, now_ms)

    async def follow(self, token: str, by: str, comment: str, for_ms: int) -> None:
        """Do what a link grants."""
        dispatcher, now_ms = self._dispatcher(), self._clock()
        grant = dispatcher.links.read(token)
        if grant.expired(now_ms):
            message = "This link has expired; open the link of the newest message."
            raise InvalidInput(message)
        story = dispatcher.incident(grant.incident, now_ms)
        if story is None or story.over:
            message = "It is over: nothing is left to do."
            raise InvalidInput(message)
        if grant.action is Action.ACKNOWLEDGE:
            dispatcher.acknowledge(by, now_ms, incident=grant.incident, comment=comment, via="a link", for_ms=for_ms)
            await self._on_disk()
        elif story.silence is None:
            said = comment or f"from the link of incident {grant.incident}"
            ends_ms = now_ms + (for_ms or _HOUR_MS)
            _, written = dispatcher.silences.create(story.matchers(), now_ms, ends_ms, by, said, now_ms)
            await asyncio.wrap_future(written)
            self._woken()

    async def _on_disk(self) -> None:
        """Wait until what was acknowledged is on the disk: an answer that says so is kept."""
        self._woken()
        written = self._dispatcher().acknowledgements_written
        if written is not None:
            await asyncio.wrap_future(written)

    def _zone(self, name: str) -> str:
        routing = self._dispatcher().routing
        person = routing.directory.people.get(name)
        return str(person.timezone if person else routing.settings.timezone)


def _link(grant: Grant, story: IncidentStory, zone: str, keep_ms: int, now_ms: int) -> web.LinkView:
    said, ack, silence = describe(story.message, zone), story.acknowledged, story.silence
    step = story.next_step
    return web.LinkView(
        state=_state(grant, story, now_ms),
        action=str(grant.action),
        incident=story.id,
        by=grant.by,
        title=said.title,
        where=said.where,
        severity=said.severity if said.severity != "alert" else "",
        summary=said.brief,
        since=said.since,
        lasted=said.lasted,
        ended=said.ended,
        firing=said.firing_count,
        alerts=_alerts(said),
        more=said.more,
        told=_told(story, zone, now_ms),
        taken_by=ack.by if ack else "",
        taken_at=moment_in(ack.at_ms, now_ms, zone) if ack else "",
        taken_until=moment_in(ack.until_ms, now_ms, zone) if ack and ack.until_ms > now_ms else "",
        comment=ack.comment if ack else "",
        next_step=" and ".join(step.whom) if step else "",
        matchers=tuple(str(each) for each in story.matchers()),
        silenced_until=moment_in(silence.ends_at_ms, now_ms, zone) if silence else "",
        silenced_by=silence.created_by if silence else "",
        keep_for=format_duration(keep_ms),
        runbook=said.runbook,
        page=said.page,
    )


def _state(grant: Grant, story: IncidentStory, now_ms: int) -> web.LinkState:
    """Say how things stand; that it is over counts before that the link is old."""
    if story.over:
        return web.LinkState.OVER
    if grant.expired(now_ms):
        return web.LinkState.EXPIRED
    if grant.action is Action.SILENCE and story.silence:
        return web.LinkState.SILENCED
    return web.LinkState.TAKEN if story.acknowledged else web.LinkState.OPEN


def _alerts(said: Content) -> tuple[str, ...]:
    return tuple(": ".join(part for part in (each.where or each.name, each.summary) if part) for each in said.alerts)


def _told(story: IncidentStory, zone: str, now_ms: int) -> tuple[web.ToldView, ...]:
    """Return each target once, with when it was told first, and what became of the newest message that is no longer waiting.

    The log is nobody.
    """
    found: dict[str, web.ToldView] = {}
    for row in story.rows:
        if row.target.channel is notify.Channel.LOG:
            continue
        first = found.get(row.target.key)
        at = first.at if first else clock_in(row.finished_at_ms or row.at_ms, now_ms, zone)
        if first and row.state in _UNDECIDED:
            continue
        who = row.target.person or row.target.address
        found[row.target.key] = web.ToldView(who, str(row.target.channel), at, str(row.state))
    return tuple(found.values())[:_MOST_TOLD]


def on_call_json(directory: Directory, at_ms: int, team: str, weeks: int) -> list[dict[str, Any]]:
    """Return what the API would answer with the people and teams of a file; raise InvalidInput."""
    return [web.on_call_json(_on_call(each)) for each in notify.on_call(directory, at_ms, team=team, weeks=weeks)]


def _on_call(each: notify.OnCall) -> web.OnCallView:
    shifts = tuple(web.ShiftView(one.people, one.begins_ms, one.ends_ms, one.instead_of) for one in each.shifts)
    return web.OnCallView(each.team, each.people, each.until_ms, each.next_people, shifts, each.instead_of)


def _taken(each: notify.Acknowledged) -> web.TakenView:
    return web.TakenView(
        each.incident, each.by, each.at_ms, each.until_ms, each.comment, each.receiver, each.fingerprints, each.before
    )


def _incident(each: notify.IncidentView) -> web.IncidentView:
    step = each.next_step
    return web.IncidentView(
        id=each.id,
        receiver=each.receiver,
        labels=tuple(each.group_labels.pairs),
        started_ms=each.started_ms,
        fingerprints=each.fingerprints,
        told=each.told,
        taken=_taken(each.acknowledged) if each.acknowledged else None,
        next_at_ms=step.due_ms if step else 0,
        next_step=" and ".join(step.whom) if step else "",
    )
