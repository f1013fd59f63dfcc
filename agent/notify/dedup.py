"""Whether a group's destination is told something now: Alertmanager's truth table, each row with its reason.

A pure function over what was last told and what is now; source: research on notify/notify.go's needsUpdate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from agent.notify.reasons import Reason

NEVER_MS: Final = 10**15
"""A repeat interval that never passes: thirty thousand years."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one destination of a group was last told: fingerprints firing and resolved, and when.

    `muted` are alerts that it was told fire, and that were muted since: when they come back they are news. `repeats`: whether
    it is told again after a while; a way that is for worse alone is not.
    """

    firing: frozenset[str]
    resolved: frozenset[str]
    at_ms: int
    muted: frozenset[str] = frozenset()
    repeats: bool = True


def decide(
    entry: Entry | None,
    firing: frozenset[str],
    resolved: frozenset[str],
    *,
    send_resolved: bool,
    repeat_interval_ms: int,
    at_ms: int,
    strict: bool = False,
) -> Reason:
    """Return why to notify now, or why not.

    With `strict` a repeat is due only after more than the interval, as in Alertmanager; else when it is over, and an
    alert that was muted since it was told has a reason of its own.
    """
    if entry is None:
        return Reason.FIRST if firing else Reason.NOTHING_FIRING
    if new := firing - entry.firing:
        if not entry.firing and not entry.muted:
            return Reason.FIRST
        return Reason.NO_LONGER_MUTED if new <= entry.muted else Reason.NEW_ALERTS
    if not firing:
        over = entry.firing | (entry.muted & resolved)
        if not over:
            return Reason.NOTHING_FIRING
        return Reason.SOME_RESOLVED if entry.muted - resolved else Reason.ALL_RESOLVED
    if send_resolved and resolved - entry.resolved:
        return Reason.SOME_RESOLVED
    waited_ms = at_ms - entry.at_ms
    is_due = waited_ms > repeat_interval_ms or (waited_ms == repeat_interval_ms and not strict)
    return Reason.REPEAT if is_due and entry.repeats else Reason.NOTHING_NEW


def set_aside(entry: Entry, muted: frozenset[str]) -> Entry:
    """Return the entry with the alerts that are muted now set aside (the default mode only)."""
    known = entry.firing | entry.muted
    return replace(entry, firing=entry.firing - muted, muted=known & muted | (entry.muted - muted))


def told(
    entry: Entry | None, firing: frozenset[str], resolved: frozenset[str], at_ms: int, *, repeats: bool = True
) -> Entry:
    """Return the entry after a message about these alerts."""
    aside = entry.muted - firing - resolved if entry else frozenset()
    return Entry(firing, resolved, at_ms, aside, repeats)


def untold(entry: Entry, resolved: frozenset[str]) -> Entry:
    """Return the entry after a flush without a message (the default mode only).

    Alerts that are over leave it, so that they are news when they fire again.
    """
    return replace(entry, firing=entry.firing - resolved, muted=entry.muted - resolved)
