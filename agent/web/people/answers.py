"""What the routes about people answer, as JSON: values of this door in, plain dictionaries out."""

from __future__ import annotations

from typing import Any

from agent.web.people.values import IncidentView, OnCallView, TakenView
from agent.web.states import instant_text


def taken_json(taken: TakenView) -> dict[str, Any]:
    """Return who has an incident (or had it, where it was given back)."""
    return {
        "incident": taken.incident,
        "receiver": taken.receiver,
        "by": taken.by,
        "at": instant_text(taken.at_ms),
        "until": instant_text(taken.until_ms),
        "comment": taken.comment,
        "before": taken.before,
        "fingerprints": list(taken.fingerprints),
    }


def incident_json(each: IncidentView) -> dict[str, Any]:
    """Return one open incident."""
    return {
        "incident": each.id,
        "receiver": each.receiver,
        "labels": dict(each.labels),
        "started": instant_text(each.started_ms),
        "fingerprints": list(each.fingerprints),
        "told": list(each.told),
        "acknowledgement": taken_json(each.taken) if each.taken else None,
        "next": {"at": instant_text(each.next_at_ms), "whom": each.next_step} if each.next_step else None,
    }


def on_call_json(each: OnCallView) -> dict[str, Any]:
    """Return who stands for a team."""
    return {
        "team": each.team,
        "onCall": list(each.people),
        "insteadOf": list(each.instead_of),
        "until": instant_text(each.until_ms) if each.until_ms else None,
        "next": list(each.next_people),
        "shifts": [
            {
                "people": list(shift.people),
                "from": instant_text(shift.begins_ms),
                "until": instant_text(shift.ends_ms),
                "insteadOf": list(shift.instead_of),
            }
            for shift in each.shifts
        ],
    }
