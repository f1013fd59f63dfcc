"""Plain JSON for the journal, and back: alerts, targets, and the Protocol of the journal that this room needs."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from agent.journal import Event, Write
from agent.model import Alert, Labels
from agent.notify.notification import Channel, Target


class Book(Protocol):
    """What this room needs of the journal."""

    def write(self, *writes: Write) -> Future[None]:
        """Queue writes as one transaction."""
        ...

    def records(self, kind: str) -> dict[str, Any]:
        """Return all records of a kind, by key."""
        ...

    def events(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return the newest events of a kind, oldest first."""
        ...


def alert_from_json(data: Mapping[str, Any]) -> Alert:
    """Read an alert back."""
    return Alert(
        labels=Labels(data["labels"]),
        annotations=Labels(data["annotations"]),
        starts_at_ms=data["starts_at_ms"],
        ends_at_ms=data["ends_at_ms"],
        generator_url=data["generator_url"],
        updated_at_ms=data["updated_at_ms"],
        value=data["value"],
        kept=data.get("kept", False),
    )


def target_to_json(target: Target) -> dict[str, str]:
    """Write a target down; its address holds no secret."""
    plain = {"channel": str(target.channel), "address": target.address, "person": target.person}
    return {**plain, "account": target.account} if target.account else plain


def target_from_json(data: Mapping[str, str]) -> Target:
    """Read a target back."""
    return Target(Channel(data["channel"]), data["address"], data["person"], data.get("account", ""))
