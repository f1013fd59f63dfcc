"""How loudly an incident's messages were heard: questions about its rows, which anybody may ask. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from agent.notify.notification import Channel
from agent.notify.rows import Row, RowState

QUIET: Final = frozenset(Channel) - {Channel.SMS, Channel.LOG}
"""The channels by which somebody is told quietly."""
_RINGING: Final = frozenset({Channel.SMS, Channel.PAGERDUTY})
_READ: Final = frozenset(Channel) - {Channel.LOG}


def got_out(row: Row, at_ms: int) -> bool:
    """Say whether a provider took the row, or is about to be asked for the first time."""
    return row.accepted or (row.state is RowState.PENDING and not row.attempts and row.next_at_ms <= at_ms)


def others_heard(row: Row, rows: Iterable[Row], at_ms: int) -> bool:
    """Say whether one of an incident's rows got out to somebody else as a page that is as hard to overhear as `row`."""
    others = (each for each in rows if each.target.key != row.target.key)
    return any(_is_loud_as(each, row) and got_out(each, at_ms) for each in others)


def _is_loud_as(row: Row, other: Row) -> bool:
    """Say whether a page is as hard to overhear as another: a channel or a mailbox rings nobody's phone."""
    return row.priority == 0 and row.target.channel in (_RINGING if other.target.channel in _RINGING else _READ)
