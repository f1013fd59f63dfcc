"""Where `alertmanager_compat: strict` differs from our default, in one place: two values of one record, and no logic.

Each field says what Alertmanager does where it is switched as in ALERTMANAGER; which code obeys it is a search away. What
needs other code and not only another answer is in `strict` (one flush), `flights` and `notification_log`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Semantics:
    """How groups live and how messages are tried."""

    one_pipeline: bool
    """A tick's messages are one pipeline. The group does not tick again before all of them arrived or failed; what was told
    is remembered of those that arrived, as of then; alerts that are over leave the group if none failed."""
    tries_within_tick: bool
    """A message is tried for as long as the tick lasts: group_interval, ten seconds at least. Then the next tick starts over,
    with what is true by then. Nothing is bundled, throttled or handed on except to an `on_failure`."""
    mutes_resolved: bool
    """What mutes an alert mutes its end as well: whoever was told that it fires hears nothing, and it is forgotten. When
    the muting ends, an alert that still fires is news for nobody before its repeat is due."""
    resolved_join: bool
    """An alert that is over already makes or joins groups; it is told of only to whoever was told that it fires."""
    old_alerts_hurry: bool
    """An alert older than group_wait that is repeated before its group's first flush brings that flush forward; otherwise
    only one that makes the group does."""
    reload_rebuilds: bool
    """A reload throws all groups away, with their timers and what is under way, and makes them anew from all alerts that are
    still known, ended ones too."""
    sweep_ms: int
    """A group whose alerts are all gone keeps its beat until the next sweep; a new alert joins it. 0: it ends at once."""
    keep_ended_ms: int
    """How often alerts that are over are forgotten; until then they merge with what overlaps them. 0: with their group."""
    forget_said_ends: bool
    """An alert's end that was said counts as a guess as soon as the alert was repeated without one: the next repetition
    replaces it by its own guess, though that is earlier."""
    log_key_by_position: bool
    """What was told is remembered of the receiver's n-th integration of a kind, not of whom it reaches."""


DEFAULT: Final = Semantics(
    one_pipeline=False,
    tries_within_tick=False,
    mutes_resolved=False,
    resolved_join=False,
    old_alerts_hurry=False,
    reload_rebuilds=False,
    sweep_ms=0,
    keep_ended_ms=0,
    forget_said_ends=False,
    log_key_by_position=False,
)
ALERTMANAGER: Final = Semantics(
    one_pipeline=True,
    tries_within_tick=True,
    mutes_resolved=True,
    resolved_join=True,
    old_alerts_hurry=True,
    reload_rebuilds=True,
    sweep_ms=30_000,
    keep_ended_ms=30 * 60_000,
    forget_said_ends=True,
    log_key_by_position=True,
)
