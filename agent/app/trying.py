"""Try a receiver of a running agent or of files, and ask the providers at the start whether they would take a message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import structlog

from agent.errors import InvalidInput
from agent.notify import (
    Notification,
    Receiver,
    Routing,
    Tried,
    probe_receivers,
    receivers_for,
    repeated_message,
    sample_message,
    try_receiver,
)
from agent.notify.messages import Renderer
from agent.telemetry import Telemetry

_log = structlog.get_logger("burnline.notify")


async def notify_test(
    routing: Routing,
    receiver: str,
    at_ms: int,
    *,
    sample: str = "firing",
    told: Notification | None = None,
    external_url: str = "",
    dry_run: bool = False,
    steps: bool = False,
) -> Mapping[str, Any]:
    """Send a marked message (of a made-up problem, or `told` again) to all whom a receiver tells; say what each answered.

    Raises InvalidInput where there is no such receiver or sample, TemplateError where our own templates are broken.
    """
    message = repeated_message(told, at_ms) if told else sample_message(sample, at_ms, external_url)
    renderer = await asyncio.to_thread(_renderer, routing)
    tried = await try_receiver(routing, receiver, renderer, message, dry_run=dry_run, steps=steps)
    return {"receiver": receiver, "dry_run": dry_run, "tried": [asdict(each) for each in tried]}


async def probe_files(routing: Routing) -> Mapping[str, Any]:
    """Ask every provider of a routing a harmless question; say what each answered, and which channels are disabled."""
    receivers = receivers_for(routing, await asyncio.to_thread(_renderer, routing))
    try:
        tried = await probe_receivers(list(receivers.items()))
    finally:
        for each in receivers.values():
            await each.close()
    tried += [Tried("", name, "", "", ok=False, said=f"disabled: {why}") for name, why in routing.disabled.items()]
    return {"tried": [asdict(each) for each in tried]}


async def probe_at_start(receivers: Mapping[str, Receiver], telemetry: Telemetry) -> None:
    """Ask the providers; what fails is said in the log and as a metric, and stops nothing."""
    for each in await probe_receivers(list(receivers.items())):
        telemetry.channel_probe.labels(each.channel).set(1 if each.ok else 0)
        if not each.ok:
            _log.warning("a channel does not work", channel=each.channel, why=each.said)


def note(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write down that a running agent's receiver was tried; return it."""
    for each in () if found["dry_run"] else found["tried"]:
        told = {name: each[name] for name in ("channel", "person", "ok", "said")}
        _log.info("a receiver was tried", receiver=found["receiver"], **told)
    return found


def earlier(rows: Mapping[str, Notification], name: str) -> Notification:
    """Return the message of this id, or of the only one that begins so; raise InvalidInput."""
    found = [each for id_, each in rows.items() if id_ == name] or [
        each for id_, each in rows.items() if id_.startswith(name)
    ]
    if len(found) == 1:
        return found[0]
    what = "no message is called" if not found else f"{len(found)} messages begin with"
    message = f'{what} "{name}"; the page of an alert, and `burnline explain`, show the ids of what was sent'
    raise InvalidInput(message)


def _renderer(routing: Routing) -> Renderer:
    return Renderer(routing.message_templates, go=routing.go, strict=routing.settings.strict)
