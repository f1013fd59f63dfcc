"""Play stories side by side: those of many seeds in the same seconds, each to one or two sides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.peers.alertmanager.hooks import Hooks, now_ms, sleep_until
from tests.peers.alertmanager.ours import Ours
from tests.peers.alertmanager.scenarios import LASTS_MS, QUIET, Expire, Post, Reload, Scenario, Silence, scenario
from tests.peers.alertmanager.theirs import Theirs

AGREED_LAG_MS = 60
"""A loop that was later than this may have put something after a tick that belongs before it."""
_STARTS_MS = 60
"""How long Alertmanager takes at least until it sweeps."""


class Side(Protocol):
    """Whoever a story is played to."""

    name: str

    def start(self, began_ms: int | None) -> int:
        """Start what blocks, and return since when groups are swept: that of the side before where this can be chosen."""
        ...

    async def open(self) -> None:
        """Be ready."""
        ...

    async def close(self) -> None:
        """End."""
        ...

    async def post(self, action: Post, start_ms: int) -> None:
        """Hand alerts over."""
        ...

    async def silence(self, action: Silence, start_ms: int) -> None:
        """Set a silence."""
        ...

    async def expire(self, action: Expire) -> None:
        """End a silence."""
        ...

    async def reload(self, action: Reload) -> None:
        """Change the configuration."""
        ...


MakeSide = Callable[[Scenario, Hooks, Path], Side]


@dataclass
class Played:
    """What a story became: the webhooks of both sides, when these began, and by how much the machine was late at worst."""

    scenario: Scenario
    hooks: tuple[Hooks, Hooks]
    names: tuple[str, str]
    began_ms: tuple[int, ...] = ()
    lag_ms: int = 0

    @property
    def by_chance(self) -> bool:
        """Say whether a moment may have decided what happened: the machine was late, or groups were swept amid events."""
        return self.lag_ms > AGREED_LAG_MS or any(each % 1000 not in QUIET for each in self.began_ms)


def against_ours(program: str) -> tuple[MakeSide, MakeSide]:
    """Return the sides of the comparison: a real Alertmanager and we."""
    return lambda *given: Theirs(program, *given), Ours


def against_itself(program: str) -> tuple[MakeSide, MakeSide]:
    """Return two real Alertmanagers."""
    return (lambda *given: Theirs(program, *given)), (lambda *given: Theirs(program, *given))


async def play(seeds: Sequence[int], sides: tuple[MakeSide, MakeSide], folder: Path) -> list[Played]:
    """Play the stories of all seeds at once; this takes a little more than LASTS_MS."""
    made = [scenario(seed, now_ms() + 20_000) for seed in seeds]
    played, cast = [], []
    try:
        for each in made:
            pair = tuple(Hooks(each.hooks, each.faults) for _ in sides)
            parts = [
                side(each, hooks, folder / f"{each.seed}-{number}") for number, (side, hooks) in _cast(sides, pair)
            ]
            played.append(Played(each, (pair[0], pair[1]), (parts[0].name, parts[1].name)))
            began_ms: list[int] = []
            await sleep_until(_quiet(now_ms()))
            for part, hooks in zip(parts, pair, strict=True):
                cast.append((each, part, hooks))
                began_ms.append(part.start(began_ms[-1] if began_ms else None))
                await hooks.open()
            played[-1].began_ms = tuple(began_ms)
        await asyncio.gather(*(part.open() for _, part, _ in cast))
        start_ms = now_ms() // 1000 * 1000 + 1000
        lateness = _Lateness()
        watching = asyncio.create_task(lateness.watch())
        await asyncio.gather(*(_play(each, part, hooks, start_ms) for each, part, hooks in cast))
        watching.cancel()
        for story in played:
            story.lag_ms = lateness.worst_ms
    finally:
        await asyncio.gather(*(part.close() for _, part, _ in cast))
        await asyncio.gather(*(hooks.close() for _, _, hooks in cast))
    return played


def _quiet(at_ms: int) -> int:
    """Return when to start a program next, so that it begins at a quiet fraction of a second: it takes a tenth, or two."""
    fraction, until = QUIET.start - _STARTS_MS, QUIET.stop - 2 * _STARTS_MS
    return at_ms if fraction <= at_ms % 1000 < until else at_ms + (fraction - at_ms) % 1000


def _cast(sides: tuple[MakeSide, MakeSide], hooks: tuple[Hooks, ...]) -> enumerate[tuple[MakeSide, Hooks]]:
    return enumerate(zip(sides, hooks, strict=True))


async def _play(story: Scenario, side: Side, hooks: Hooks, start_ms: int) -> None:
    hooks.begin(start_ms)
    for action in story.actions:
        await sleep_until(start_ms + action.at_ms)
        match action:
            case Post():
                await side.post(action, start_ms)
            case Silence():
                await side.silence(action, start_ms)
            case Expire():
                await side.expire(action)
            case Reload():
                await side.reload(action)
    await sleep_until(start_ms + LASTS_MS)


class _Lateness:
    """By how much a short sleep of this loop is too long at worst."""

    def __init__(self) -> None:
        self.worst_ms = 0

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            wake_ms = now_ms() + 10
            await asyncio.sleep(0.01)
            self.worst_ms = max(self.worst_ms, now_ms() - wake_ms)
