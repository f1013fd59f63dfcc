"""A what-if: versions of SLOs over recorded samples, all in one engine and one pass, and the report of it.

Each SLO is played twice, once without a least number of events, so it is known what few events held back. Interrupted, it tells
what is known so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agent.errors import InvalidInput
from agent.model import format_rfc3339
from agent.replay.slos.account import FALSE_BELOW, BudgetAccount, SloReport, VersionAccount
from agent.replay.slos.history import History, Step
from agent.replay.slos.prior import past_of
from agent.replay.slos.records import Records, selectors
from agent.replay.slos.stretches import interval_of
from agent.replay.slos.versions import Version
from agent.replay.slos.watching import Watch
from agent.slo.budget import Engine, Key, Objective, Readings, Unit

DAY_MS: Final = 86_400_000
INTERVAL_MS: Final = 15_000
MOST_ROWS: Final = 45_000
"""So many rows at most, where nothing else is said: a week of scrapes every 15 s."""

Progress = Callable[[int], None]
"""Told of virtual milliseconds that are done since it was told last."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be played, from one instant to another (ms). step_ms: how far apart rows are; None for the scrape interval,
    or as much more as `most_rows` need.
    """

    versions: Sequence[Version]
    from_ms: int
    until_ms: int
    step_ms: int | None = None
    false_below: float = FALSE_BELOW
    most_rows: int = MOST_ROWS

    @property
    def begins_ms(self) -> int:
        """From when on samples are read, so that the budgets of the longest period are known when it begins."""
        longest = max((each.period_ms for version in self.versions for each in version.objectives), default=DAY_MS)
        return self.from_ms - max(longest, 3 * DAY_MS)


@dataclass(frozen=True, slots=True)
class _Played:
    """One SLO of one version in the engine, under an id of its own; `anyway`: without a least number of events."""

    version: int
    original: Objective
    objective: Objective
    anyway: bool


def try_slos(wanted: Wanted, records: Records, progress: Progress = lambda _: None) -> SloReport:
    """Play and report; raise InvalidInput where there is nothing to play."""
    if wanted.until_ms <= wanted.from_ms:
        message = f"nothing lies between {format_rfc3339(wanted.from_ms)} and {format_rfc3339(wanted.until_ms)}"
        raise InvalidInput(message)
    play, interrupted = _Play(wanted, records), False
    try:
        play.run(progress)
    except KeyboardInterrupt:
        interrupted = True
    return play.report(interrupted=interrupted)


class _Play:
    """All versions in one engine. `run` it to the end, or as far as somebody lets it; `report` is of what it saw."""

    def __init__(self, wanted: Wanted, records: Records) -> None:
        self._wanted = wanted
        self._played = list(_played(wanted.versions))
        objectives = [each.objective for each in self._played]
        self._interval_ms = _interval(records, objectives, wanted)
        length_ms = wanted.until_ms - wanted.from_ms
        self._step_ms = step_ms = wanted.step_ms or _step(self._interval_ms, length_ms, wanted.most_rows)
        # The last row is at the end of the stretch.
        self._from_ms = wanted.until_ms - length_ms // step_ms * step_ms
        self._history = History(records, objectives, self._interval_ms)
        interval_ms = max(self._interval_ms, step_ms // 4)
        # The report is of every group that was met.
        self._engine = Engine(objectives, interval_ms=interval_ms, default_period_ms=DAY_MS, retires=False)
        self._watch: Watch | None = None

    def run(self, progress: Progress) -> None:
        """Fill the budgets with their past, then count and watch row by row."""
        wanted, engine = self._wanted, self._engine
        reached_ms = wanted.begins_ms

        def reached(at_ms: int) -> None:
            nonlocal reached_ms
            progress(at_ms - reached_ms)
            reached_ms = at_ms

        past = past_of(self._history, engine.objectives, wanted.begins_ms, self._from_ms - 1, reached)
        engine.row(self._from_ms, Step())
        past.fill(engine, reached)
        self._watch = Watch(engine, self._from_ms)
        for at_ms, row in self._history.rows(self._from_ms, wanted.until_ms, self._step_ms):
            self._watch.look(at_ms, engine.row(at_ms, row))
            reached(at_ms)

    def report(self, *, interrupted: bool) -> SloReport:
        """Return what is known so far."""
        wanted, history = self._wanted, self._history
        until_ms = self._engine.last_ms if self._engine.last_ms is not None else self._from_ms
        watch = self._watch or Watch(self._engine, self._from_ms)
        watch.ended(until_ms)
        found: list[list[BudgetAccount]] = [[] for _ in wanted.versions]
        for place, account in self._accounts(self._engine.read(until_ms), watch):
            found[place].append(account)
        notes = [note for version in wanted.versions for note in version.notes]
        notes += [f"A query could not be answered: {query}: {why}" for query, why in history.failures.items()]
        return SloReport(
            from_ms=self._from_ms,
            until_ms=until_ms,
            step_ms=self._step_ms,
            interval_ms=self._interval_ms,
            oldest_ms=history.oldest_ms,
            versions=tuple(
                VersionAccount(version.name, tuple(each)) for version, each in zip(wanted.versions, found, strict=True)
            ),
            false_below=wanted.false_below,
            notes=tuple(dict.fromkeys(notes)),
            interrupted=interrupted,
            newest_ms=history.newest_ms,
        )

    def _accounts(self, readings: Readings, watch: Watch) -> Iterator[tuple[int, BudgetAccount]]:
        """Give each budget as it went, with the number of its version; what is played twice is told once."""
        keys: dict[str, list[Key]] = {}
        for key in readings.layout.keys:
            keys.setdefault(key.slo, []).append(key)
        anyway = {(each.version, each.original.slo.id): each for each in self._played if each.anyway}
        for each in self._played:
            if not each.anyway:
                twin = anyway.get((each.version, each.original.slo.id))
                for key in keys.get(each.objective.slo.id, ()):
                    yield each.version, _account(each, twin, key, readings, watch)


def _account(played: _Played, twin: _Played | None, key: Key, readings: Readings, watch: Watch) -> BudgetAccount:
    """Return a budget under the name that people know; `twin` says what few events held back."""
    spells = watch.spells.get(key, [])
    others = watch.spells.get(Key(twin.objective.slo.id, key.group), []) if twin else []
    held = [one for one in others if not one.overlaps(of for of in spells if of.severity is one.severity)]
    own = Key(played.original.slo.id, key.group)
    return BudgetAccount(
        key=own,
        objective=played.original,
        reading=replace(readings.find(key), key=own, objective=played.original),
        spells=tuple(spells),
        held=tuple(held),
        no_data_ms=watch.silent_ms.get(key, 0),
        invalid_ms=watch.invalid_ms.get(key, 0),
        words=watch.words.get(key, ""),
    )


def _played(versions: Sequence[Version]) -> Iterator[_Played]:
    number = 0
    for place, version in enumerate(versions):
        for objective in version.objectives:
            least = objective.slo.min_events
            both = least > 0 and objective.budget_unit is Unit.EVENTS and objective.burns
            for anyway in (False, True) if both else (False,):
                slo = replace(objective.slo, name=f"{number}", min_events=0 if anyway else least)
                yield _Played(place, objective, replace(objective, slo=slo), anyway)
                number += 1


def _interval(records: Records, objectives: Sequence[Objective], wanted: Wanted) -> int:
    """Return how often targets are scraped, by the newest hours in which they were."""
    chosen = selectors(objectives)
    for back_ms in (0, DAY_MS, 7 * DAY_MS):
        until_ms = wanted.until_ms - back_ms
        found = interval_of(records, chosen, until_ms - DAY_MS // 4, until_ms) if chosen else None
        if found:
            return found
    return INTERVAL_MS


def _step(interval_ms: int, length_ms: int, most_rows: int) -> int:
    """Return the smallest multiple of the interval that needs no more rows than that."""
    return interval_ms * max(-(-length_ms // (interval_ms * most_rows)), 1)
