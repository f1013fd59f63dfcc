"""Why a message that has waited need not be sent any more, in words. What goes into it is handed in; nothing is changed."""

from __future__ import annotations

from agent.notify.incidents import Incident
from agent.notify.loudness import QUIET, got_out
from agent.notify.notification import Channel
from agent.notify.outbox import Outbox
from agent.notify.reasons import Reason
from agent.notify.rows import Row
from agent.notify.table import AlertTable


def needless(row: Row, incident: Incident | None, outbox: Outbox, table: AlertTable, at_ms: int) -> str:
    """Say why a row need not be sent, or nothing: all it tells of is over, and no message about the end will follow.

    `incident` is the row's, where that is not over. Somebody may have taken it, too: then nobody is woken to find them.
    """
    if _rings_for_nothing(row, outbox, at_ms):
        return "it was over before it could be sent; others were told of that, and no phone rings for it"
    if all(row.states.values()):
        return ""
    if incident and incident.ack and not row.acknowledged_by and _woken_for_nothing(row, incident):
        return f"{incident.ack.by} acknowledged it before this could be sent"
    told = incident.told.get(row.target.key) if incident else None
    if told and told.recipient.send_resolved:
        return ""
    for fingerprint, over in row.states.items():
        alert = table.get(fingerprint)
        if not over and alert and not alert.resolved_at(at_ms):
            return ""
    return "it was over before it could be sent, and this target does not hear of ends"


def _rings_for_nothing(row: Row, outbox: Outbox, at_ms: int) -> bool:
    """Say whether a row would ring a phone that no page had reached, only for an end that others were told of quietly."""
    if row.reason != Reason.FIRED_AND_RESOLVED or row.target.channel is not Channel.SMS:
        return False
    heard: dict[str, dict[str, bool]] = {}
    for each in outbox.rows(incident=row.incident):
        if each.target.channel in QUIET and got_out(each, at_ms):
            heard.setdefault(each.target.key, {}).update(each.states)
    return any(all(states.get(each) for each in row.states) for states in heard.values())


def _woken_for_nothing(row: Row, incident: Incident) -> bool:
    """Say whether a message that has waited is only there to find somebody who takes the incident: a step, or a text."""
    step = next((each for each in incident.steps if each.number == row.escalation_step), None)
    return step.until == "ack" if step else row.target.channel is Channel.SMS
