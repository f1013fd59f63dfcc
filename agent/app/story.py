"""All that is known of one alert, put together from the rules, the routing and the journal, for its page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent import notify, rules, web
from agent.app import views
from agent.app.expressions import condition_of
from agent.journal import Event
from agent.model import Labels

if TYPE_CHECKING:
    from agent.app.agent import Agent

_MOST_MESSAGES = 100


async def alert_detail(agent: Agent, fingerprint: str, told: views.Told) -> web.AlertDetail | None:
    """Return the story of the alert with this fingerprint (of its own labels, or of those it was sent with), or None."""
    found = agent.evaluator.find(fingerprint)
    if found is not None:
        group, rule, alert = found
        view = views.alert_view(alert, told)
        sent = agent.as_sent(alert.labels).fingerprint()
        events = await _transitions(agent, alert.labels.fingerprint())
        return _detail(agent, view, sent, events, group, rule)
    seen = agent.dispatcher.view(agent.clock())
    known = seen.find(fingerprint)
    rows = seen.messages(fingerprint=fingerprint)
    told_of = (each for row in reversed(rows) for each in row.alerts if each.fingerprint == fingerprint)
    last = known.alert if known else next(told_of, None)
    if last is None:
        return await _forgotten(agent, fingerprint)
    own, events = await _before_sending(agent, last.labels)
    over = last.resolved_at(agent.clock())
    view = web.AlertView(
        labels=own,
        annotations=last.annotations,
        state=web.AlertState.RESOLVED if over else web.AlertState.FIRING,
        active_at_ms=last.starts_at_ms,
        value=float("nan") if last.value is None else last.value,
        fired_at_ms=last.starts_at_ms,
        resolved_at_ms=last.ends_at_ms if over else 0,
    )
    return _detail(agent, view, fingerprint, events)


async def own_fingerprint(agent: Agent, fingerprint: str) -> str:
    """Return the fingerprint by which the rules know an alert, given that or the one of the labels it was sent with."""
    found = agent.evaluator.find(fingerprint)
    if found is not None:
        return found[2].labels.fingerprint()
    known = agent.dispatcher.view(agent.clock()).find(fingerprint)
    return (await _before_sending(agent, known.alert.labels))[0].fingerprint() if known else fingerprint


async def _before_sending(agent: Agent, sent: Labels) -> tuple[Labels, list[Event]]:
    """Return the labels that an alert had in the rules, which no longer know it, and its transitions: the journal decides."""
    candidates = list(agent.before_sending(sent))
    for labels in candidates:
        events = await _transitions(agent, labels.fingerprint())
        if events:
            return labels, events
    return candidates[0], []


async def _forgotten(agent: Agent, fingerprint: str) -> web.AlertDetail | None:
    """Return what the history alone knows: an old link must still help."""
    events = await _transitions(agent, fingerprint)
    if not events:
        return None
    last = events[-1]
    fired = [each.at_ms for each in events if each.value["to"] == "firing"]
    view = web.AlertView(
        labels=Labels(last.value["labels"]),
        annotations=Labels(),
        state=web.AlertState.RESOLVED if fired else web.AlertState.INACTIVE,
        active_at_ms=events[0].at_ms,
        value=float("nan"),
        fired_at_ms=fired[-1] if fired else 0,
        resolved_at_ms=last.at_ms,
    )
    return _detail(agent, view, fingerprint, events)


async def _transitions(agent: Agent, fingerprint: str) -> list[Event]:
    return await asyncio.to_thread(agent.journal.events, rules.TRANSITION_KIND, fingerprint, limit=200)


def _detail(
    agent: Agent,
    view: web.AlertView,
    sent: str,
    events: list[Event],
    group: rules.GroupStatus | None = None,
    rule: rules.RuleStatus | None = None,
) -> web.AlertDetail:
    seen = agent.dispatcher.view(agent.clock())
    rows: list[notify.Row] = seen.messages(fingerprint=sent)[-_MOST_MESSAGES:]
    return web.AlertDetail(
        alert=view,
        expression=rule.expression if rule else "",
        condition=condition_of(rule.expression) if rule else "",
        for_ms=rule.for_ms if rule else 0,
        group=group.key.name if group else "",
        file=group.key.file if group else "",
        transitions=[views.transition_view(each) for each in events],
        deliveries=[views.delivery_view(each) for each in rows],
        next_steps=views.next_steps(seen.incidents(), sent),
        people=tuple(agent.dispatcher.routing.directory.people),
    )
