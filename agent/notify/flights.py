"""Flights: one tick's messages of a group in strict mode, from the decision until the last of them arrived or failed.

Values and their plain JSON. Alertmanager calls this one run of the notification pipeline (dispatch.go's flush).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Flight:
    """What a tick set out to tell. While it is on, its group does not tick."""

    firing: frozenset[str]
    resolved: frozenset[str]
    over: dict[str, int]
    """The alerts that leave the group if all goes well, and when each was last heard of: one heard of since stays."""
    rows: dict[str, str] = field(default_factory=dict)
    """The messages that are out, by their id, with the key of the destination."""
    failed: set[str] = field(default_factory=set)
    """The destinations that were not reached."""

    def landed(self, row_id: str, *, arrived: bool) -> str:
        """Take a message in; return its destination if that has been told with it, or an empty text."""
        destination = self.rows.pop(row_id, "")
        if not arrived:
            self.failed.add(destination)
        told = destination not in self.failed and destination not in self.rows.values()
        return destination if told else ""


def flight_to_json(flight: Flight) -> dict[str, Any]:
    """Write a flight down, as values that do not change any more."""
    return {
        "firing": flight.firing,
        "resolved": flight.resolved,
        "over": dict(flight.over),
        "rows": dict(flight.rows),
        "failed": tuple(flight.failed),
    }


def flight_from_json(data: Mapping[str, Any]) -> Flight:
    """Read a flight back."""
    return Flight(
        frozenset(data["firing"]),
        frozenset(data["resolved"]),
        dict(data["over"]),
        dict(data["rows"]),
        set(data["failed"]),
    )
