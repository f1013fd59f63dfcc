"""Drills of a running agent, as the API asks about them: plain values of what the room notify keeps. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from agent.errors import InvalidInput
from agent.model import Labels
from agent.notify import Drill, DrillOrder, Drills
from agent.schema import suggest
from agent.web import DrillWanted


class DrillDesk:
    """Fulfils `web.DrillHandles` for one agent, in the event loop's thread."""

    def __init__(self, drills: Callable[[], Drills], clock: Callable[[], int], woken: Callable[[], object]) -> None:
        self._drills, self._clock, self._woken = drills, clock, woken

    def begin(self, wanted: DrillWanted) -> Mapping[str, Any]:
        """Begin a drill."""
        made = self._drills().start(self._order(wanted), self._clock())
        self._woken()
        return self._shown(made)

    def drill(self, drill_id: str) -> Mapping[str, Any] | None:
        """Return how a drill stands now."""
        self._drills().look(self._clock())
        found = self._drills().find(drill_id)
        return self._shown(found) if found else None

    def drills(self) -> Mapping[str, Any]:
        """Return all drills."""
        drills = self._drills()
        return {
            "scheduled": [
                {"name": each.asked.name, "nextMs": drills.next_ms(each.asked.name), **_asked(each.asked)}
                for each in drills.schedules
            ],
            "drills": [self._shown(each) for each in drills.all()],
            "nowMs": self._clock(),
        }

    def _order(self, wanted: DrillWanted) -> DrillOrder:
        schedules = {each.asked.name: each.asked for each in self._drills().schedules}
        if wanted.name and wanted.name not in schedules:
            known = sorted(schedules)
            there = f"; there are {', '.join(known)}" if known else "; escalation.yml names none under drill"
            message = f'no drill is called "{wanted.name}"{suggest(wanted.name, known) or there}'
            raise InvalidInput(message)
        said = {
            name: value
            for name in ("receiver", "expect", "within_ms", "escalate")
            if (value := getattr(wanted, name)) is not None
        }
        if wanted.labels is not None:
            said["labels"] = Labels(wanted.labels)
        return replace(schedules.get(wanted.name, DrillOrder()), by=wanted.by or "the API", **said)

    def _shown(self, drill: Drill) -> Mapping[str, Any]:
        return {
            "id": drill.id,
            "name": drill.asked.name,
            **_asked(drill.asked),
            "by": drill.asked.by,
            "startedMs": drill.started_ms,
            "deadlineMs": drill.deadline_ms,
            "settlesMs": drill.settles_ms,
            "endedMs": drill.ended_ms,
            "result": drill.result,
            "why": drill.why,
            "acknowledgedBy": drill.acknowledged_by,
            "acknowledgedMs": drill.acknowledged_ms,
            "reached": [asdict(each) for each in drill.reached],
            "nowMs": self._clock(),
        }


def _asked(asked: DrillOrder) -> dict[str, Any]:
    return {
        "labels": dict(asked.labels.pairs),
        "receiver": asked.receiver,
        "expect": asked.expect,
        "withinMs": asked.within_ms,
        "escalate": asked.escalate,
    }
