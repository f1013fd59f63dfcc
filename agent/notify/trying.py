"""Trying a receiver: a marked message of a made-up or an earlier problem to all whom it tells, sent or only shown.

It goes past routes, silences, limits and quiet hours: what is tried is whether the message can be made and gets through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from agent.errors import DeliveryError, InvalidInput, RetryLater
from agent.model import Alert, format_duration
from agent.notify.channels import ChannelSettings, LogChannel
from agent.notify.drill import marked
from agent.notify.messages import Renderer, named_samples
from agent.notify.notification import Channel, Notification, Probed, Receiver, Target
from agent.notify.receivers import make_receiver
from agent.notify.routing import Destination, Routing
from agent.schema import suggest

SECONDS = 60
"""How long one target may take."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one target. `said` is the provider's answer, or why there is none; `payload` is what a dry run shows."""

    when: str
    """`at once`, or `after 5m` for a step of escalation."""
    channel: str
    target: str
    person: str
    ok: bool
    said: str
    payload: str = ""


@dataclass(frozen=True, slots=True)
class Aim:
    """One target of a receiver, and the settings by which it is reached."""

    when: str
    destination: Destination
    target: Target


def sample_message(name: str, at_ms: int, external_url: str = "") -> Notification:
    """Return a made-up message as if its alerts were of now; raise InvalidInput where there is no such sample."""
    samples = named_samples()
    if name not in samples:
        message = f'no sample is called "{name}"; there are {", ".join(samples)}'
        raise InvalidInput(message)
    found = samples[name]
    later_ms = at_ms - found.at_ms
    alerts = tuple(_moved(alert, later_ms) for alert in found.alerts)
    reason = f"test: a made-up message ({name})"
    return replace(found, alerts=alerts, at_ms=at_ms, reason=reason, external_url=external_url or found.external_url)


def aims(routing: Routing, receiver: str, at_ms: int, severity: str, *, steps: bool = False) -> list[Aim]:
    """Return whom a receiver tells of a severity now, with `steps` also later; raise InvalidInput where there is no such one."""
    if receiver not in routing.receivers:
        known = sorted(routing.receivers)
        shown = ", ".join(known)
        message = f'no receiver is called "{receiver}"{suggest(receiver, known) or f"; there are {shown}"}'
        raise InvalidInput(message)
    plan, directory = routing.receivers[receiver], routing.directory
    moments = [("at once", plan.destinations)]
    moments += [(f"after {format_duration(step.after_ms)}", step.destinations) for step in plan.steps if steps]
    found = [
        Aim(when, each, target)
        for when, destinations in moments
        for each in destinations
        if each.chosen(severity, directory, at_ms)
        for target in each.targets(directory, at_ms, severity)
    ]
    return list({(aim.destination.transport, aim.target): aim for aim in reversed(found)}.values())[::-1]


async def try_receiver(
    routing: Routing,
    receiver: str,
    renderer: Renderer,
    told: Notification,
    *,
    dry_run: bool = False,
    steps: bool = False,
) -> list[Tried]:
    """Send `told`, marked as a test, to all whom `receiver` tells of its severity; with `dry_run` only show it."""
    found = aims(routing, receiver, told.at_ms, told.severity, steps=steps)
    one = _show if dry_run else _send
    messages = [_message(routing, receiver, aim, told, number) for number, aim in enumerate(found)]
    return await asyncio.gather(*(one(routing, renderer, aim, each) for aim, each in zip(found, messages, strict=True)))


async def probe_receivers(receivers: Sequence[tuple[str, Receiver]]) -> list[Tried]:
    """Ask each provider a harmless question; those that cannot be asked are left out. `channel` is the transport's name."""
    asked = [(transport, each) for transport, each in receivers if isinstance(each, Probed)]
    return list(await asyncio.gather(*(_ask(transport, each) for transport, each in asked)))


async def _ask(transport: str, receiver: Probed) -> Tried:
    try:
        async with asyncio.timeout(SECONDS):
            said = await receiver.probe()
    except DeliveryError as error:
        return Tried("", transport, "", "", ok=False, said=str(error))
    except TimeoutError:
        return Tried("", transport, "", "", ok=False, said=f"no answer within {SECONDS} s")
    return Tried("", transport, "", "", ok=True, said=said)


def _message(routing: Routing, receiver: str, aim: Aim, told: Notification, number: int) -> Notification:
    person = routing.directory.people.get(aim.target.person)
    options = {**aim.destination.options, "test": True, **({"timezone": str(person.timezone)} if person else {})}
    key = f"test-{told.at_ms}-{number}"
    by_program = aim.target.channel is Channel.WEBHOOK
    return replace(
        told,
        idempotency_key=key,
        incident=key,
        receiver=receiver,
        target=aim.target,
        alerts=tuple(marked(alert) for alert in told.alerts) if by_program else told.alerts,
        options=options,
        previous={},
        sequence=0,
        ack_url="",
        ack_code="",
        silence_url="",
    )


def _settings(routing: Routing, aim: Aim) -> ChannelSettings | None:
    transport = aim.destination.transport
    found = routing.channels.get(transport) or routing.channels.get(str(aim.target.channel))
    return LogChannel() if found is None and str(aim.target.channel) == "log" else found


async def _show(routing: Routing, renderer: Renderer, aim: Aim, message: Notification) -> Tried:
    from agent.notify.receivers.rehearsal import rehearse

    settings = _settings(routing, aim)
    if settings is None:
        return _told(aim, ok=False, said="the channel is not configured")
    try:
        payload = await rehearse(settings, renderer, message)
    except DeliveryError as error:
        return _told(aim, ok=False, said=str(error))
    why = routing.disabled.get(aim.destination.transport, "") or settings.missing()
    said = f"not sent, and could not be: {why}" if why else "not sent"
    return _told(aim, ok=True, said=said, payload=payload)


async def _send(routing: Routing, renderer: Renderer, aim: Aim, message: Notification) -> Tried:
    settings, why = _settings(routing, aim), routing.disabled.get(aim.destination.transport, "")
    if settings is None or why:
        return _told(aim, ok=False, said=f"the channel is disabled: {why}" if why else "the channel is not configured")
    receiver = make_receiver(settings, renderer)
    try:
        async with asyncio.timeout(SECONDS):
            receipt = await receiver.send(message)
    except DeliveryError as error:
        retry = "; in life it would be tried again" if isinstance(error, RetryLater) else ""
        return _told(aim, ok=False, said=f"{error}{retry}")
    except TimeoutError:
        return _told(aim, ok=False, said=f"no answer within {SECONDS} s")
    finally:
        await receiver.close()
    state = "delivered" if receipt.delivered else "accepted"
    return _told(aim, ok=True, said=f"{state}: {receipt.detail or receipt.provider_id}")


def _told(aim: Aim, *, ok: bool, said: str, payload: str = "") -> Tried:
    target = aim.target
    return Tried(aim.when, str(target.channel), str(target.address), str(target.person), ok, said, payload)


def _moved(alert: Alert, later_ms: int) -> Alert:
    return replace(
        alert,
        starts_at_ms=alert.starts_at_ms + later_ms,
        ends_at_ms=alert.ends_at_ms + later_ms if alert.ends_at_ms else 0,
    )


def repeated_message(told: Notification, at_ms: int) -> Notification:
    """Return an earlier message as a test of now; its alerts stay as they were then."""
    alerts = tuple(replace(alert, ends_at_ms=_then(alert, told)) for alert in told.alerts)
    return replace(
        told, alerts=alerts, at_ms=max(at_ms, told.at_ms), reason=f"test: told again ({told.idempotency_key})"
    )


def _then(alert: Alert, told: Notification) -> int:
    return alert.ends_at_ms if alert.resolved_at(told.at_ms) else 0


def failed(tried: Iterable[Tried]) -> bool:
    """Say whether anything did not get through."""
    return any(not each.ok for each in tried)
