"""Whether a part of the agent works, measured by what it has got done: pure functions of instants.

A thing that is done again and again (a target that is scraped, a group that is evaluated) works while it was done within
three of its turns. Nothing is believed before it was done once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.model import format_duration

TURNS: Final = 3
"""So many turns may pass without one that was done …"""
SPARE_MS: Final = 15_000
"""… and so much time, for turns that are short."""
MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Vital:
    """One part: `trouble` says why it does not work, `waits` for what it still waits after a start; both "" where it works."""

    part: str
    trouble: str = ""
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that is done every `every_ms`, last at `last_ms` (0: not yet)."""

    name: str
    every_ms: int
    last_ms: int


class Watch:
    """Judges the progress of one part. It remembers since when it knows of each thing, for what is new has its first turns."""

    def __init__(self, part: str, verb: str) -> None:
        self.part = part
        self._verb = verb
        self._known: dict[str, int] = {}

    def look(self, things: Iterable[Progress], at_ms: int) -> Vital:
        """Return how the part does at an instant."""
        things = list(things)
        self._known = {each.name: min(at_ms, self._known.get(each.name, at_ms)) for each in things}
        late = [each for each in things if self._late(each, at_ms)]
        if late:
            late.sort(key=lambda each: (each.last_ms, each.name))
            named = "; ".join(self._words(each, at_ms) for each in late[:MOST_NAMED])
            more = f"; and {len(late) - MOST_NAMED} more" if len(late) > MOST_NAMED else ""
            return Vital(self.part, trouble=f"{named}{more}")
        fresh = [each for each in things if not each.last_ms]
        if fresh:
            return Vital(self.part, waits=f"{fresh[0].name} has not been {self._verb} yet")
        return Vital(self.part)

    def _late(self, each: Progress, at_ms: int) -> bool:
        # A clock that was set back leaves what was done before in its future: that is no lateness.
        return at_ms - (each.last_ms or self._known[each.name]) > TURNS * each.every_ms + SPARE_MS

    def _words(self, each: Progress, at_ms: int) -> str:
        every = format_duration(each.every_ms)
        if not each.last_ms:
            return f"{each.name} has never been {self._verb}, although that is due every {every}"
        ago = format_duration((at_ms - each.last_ms) // 1000 * 1000)
        return f"{each.name} was last {self._verb} {ago} ago, although that is due every {every}"
