"""The budgets of an agent: one engine over what the journal keeps, made anew when other objectives come.

`count` is called in the rules' lane and waits for the disk; everything else any thread may ask. Without SLOs there is no engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import structlog

from agent.app.budgets.promises import Promises
from agent.app.budgets.states import Troubles, troubles_of
from agent.errors import StorageError
from agent.rules import GroupKey
from agent.slo import SloSet

if TYPE_CHECKING:
    from agent.app.budgets.keeping import JournalKept
    from agent.app.budgets.sampling import Ask
    from agent.journal import Journal
    from agent.slo import Setting
    from agent.slo.budget import (
        Change,
        CompositeReading,
        Engine,
        Increases,
        Key,
        Objective,
        Readings,
        Recorder,
        Slot,
        Stretch,
    )

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Counted:
    """What a row came to."""

    readings: Readings
    changes: tuple[Change, ...]
    troubles: Troubles
    retired: tuple[Key, ...] = ()
    """Groups that gave up their places at it."""


class Budgets:
    """All budgets. `take_over` gives them their objectives, `count` a row; `read` says how they are.

    `ask` answers the queries of sampled SLOs, as `answering` makes it for the rules; `sink` takes the rows of `slo:*` series.
    """

    def __init__(self, journal: Journal, *, ask: Ask, sink: Callable[..., object], version: str) -> None:
        self._journal, self._ask, self._sink, self._version = journal, ask, sink, version
        self._promises = Promises()
        self._engine: Engine | None = None
        self._recorder: Recorder | None = None
        self._kept: JournalKept | None = None
        self._unread = ""
        self._latest: Readings | None = None
        self._recorded_ms: int | None = None
        self._since_ms = 0
        self._slo_of: Mapping[GroupKey, str] = {}
        self._burning: tuple[int, frozenset[str]] | None = None
        """The instant of the newest row that is recorded, and the SLOs of which a tier is open."""
        self._lock = threading.Lock()

    # --- what can be asked ---

    @property
    def slos(self) -> SloSet:
        """The SLOs of the files in force."""
        return self._promises.slos

    @property
    def setting(self) -> Setting:
        """How they are compiled: the default period, the windows."""
        if self._promises.setting is not None:
            return self._promises.setting
        from agent.slo import Setting  # only an agent with SLOs pays for it

        return Setting()

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The SLOs that have a budget, as the engine runs them."""
        return self._promises.objectives

    @property
    def latest(self) -> Readings:
        """The readings of the newest row; any thread may look at them."""
        return self._latest if self._latest is not None else self._running.read(0)

    def read(self, at_ms: int, *, excluding: bool = True) -> Readings:
        """Return all budgets at an instant. It waits for a row that is being counted: call it in a thread."""
        with self._lock:
            return self._running.read(at_ms, excluding=excluding)

    def between(self, from_ms: int, until_ms: int, *, excluding: bool = True) -> Stretch:
        """Return what happened in a stretch of the past, of all budgets. It waits as `read` does."""
        with self._lock:
            return self._running.between(from_ms, until_ms, excluding=excluding)

    def composites(self, readings: Readings) -> list[CompositeReading]:
        """Return the SLOs that are made of others, as of `readings`; those without a part that is whole are left out."""
        from agent.slo.budget import composite

        whole = {key.slo for key in readings.layout.keys if not key.group}
        made = [slo for slo in self.slos.slos if slo.parts and all(part.id in whole for part in slo.parts)]
        return [composite(slo, [readings]) for slo in made]

    def is_quiet(self, group: GroupKey, at_ms: int) -> bool:
        """Say whether the alerts of a group surely have nothing to say: no tier of their SLO is open by what they would read.

        They would find that out by a dozen selectors each; of a thousand SLOs that is most of the time that rules take.
        """
        slo, newest = self._slo_of.get(group), self._burning
        return slo is not None and newest is not None and newest[0] <= at_ms and slo not in newest[1]

    @property
    def troubles(self) -> Troubles:
        """Return of which SLOs nothing is known, or nothing can be right, by the newest row."""
        if not self.objectives:
            return Troubles()
        return troubles_of(self.latest, self.objectives, self._since_ms)

    @property
    def began_ms(self) -> int | None:
        """The instant of the first row that is known of, None where there is none."""
        return self._engine.first_ms if self._engine is not None else None

    def known_from_ms(self, slo: str) -> int | None:
        """Return from when on anything is known of an SLO, None where nothing is."""
        with self._lock:
            return self._engine.known_from_ms(slo) if self._engine is not None else None

    @property
    def nbytes(self) -> int:
        """Bytes of what the engine remembers."""
        return self._engine.nbytes if self._engine is not None else 0

    @property
    def trouble(self) -> str:
        """Why budgets are not safe on the disk, empty where they are."""
        return self._unread or (self._engine.trouble if self._engine is not None else "")

    @property
    def halted(self) -> str:
        """Why time stands still for budgets, empty while it goes on."""
        return self._engine.halted if self._engine is not None else ""

    @property
    def marks(self) -> Mapping[str, int]:
        """Of each target the timestamp of the last page that is counted, as the journal has it."""
        return self._kept.marks if self._kept is not None else {}

    # --- the verbs ---

    def take_over(self, promises: Promises, at_ms: int) -> None:
        """Count for other objectives from now on; where they are the same, the engine goes on. Call it in a thread, alone."""
        same = promises.counts_like(self._promises)
        with self._lock:
            self._promises, self._slo_of = promises, promises.slo_of
            if same:
                return
            self._burning = None
            if not promises.objectives:
                self._end(at_ms)
                return
            self._engine, self._since_ms = self._made(promises), at_ms
            self._latest = self._engine.read(at_ms if self._engine.last_ms is None else self._engine.last_ms)

    def count(self, at_ms: int, increases: Iterable[Increases], marks: Mapping[str, int], interval_ms: int) -> Counted:
        """Count a row, judge it and record its series. It waits for the disk."""
        from agent.app.budgets.sampling import RowDeltas

        with self._lock:
            engine = self._running
            if self._kept is not None:
                self._kept.marks = marks
            engine.interval_ms = interval_ms
            trouble, halted = engine.trouble, engine.halted
            changes = engine.row(at_ms, RowDeltas(at_ms, increases, self._promises.objectives, self._ask, interval_ms))
            self._latest = readings = engine.read(at_ms)
            if engine.trouble and engine.trouble != trouble:
                _log.error("budgets are counted and not written down", why=engine.trouble)
            if engine.halted != halted:
                _log.error("time stands still for budgets", why=engine.halted) if engine.halted else _log.info(
                    "time goes on for budgets", at_ms=at_ms
                )
            if self._recorder is not None and at_ms != self._recorded_ms:
                self._recorded_ms = at_ms  # a second row of an instant would not be stored, nor what ends in it
                self._sink(self._recorder.row(readings))
                burning = np.flatnonzero(readings.open.any(axis=0)).tolist()
                self._burning = at_ms, frozenset(readings.layout.keys[number].slo for number in burning)
        return Counted(readings, changes, self.troubles, engine.retired)

    def backfill(self, past: Mapping[Key, Sequence[Slot]]) -> Mapping[Key, int]:
        """Take the past of budgets that there are; return how many slots were taken of each. It waits for the disk."""
        with self._lock:
            if self._engine is None or self._engine.last_ms is None:
                return {}
            ids = {each.slo.id for each in self._engine.objectives}
            taken = self._engine.backfill_all({key: slots for key, slots in past.items() if key.slo in ids and slots})
            self._latest = self._engine.read(self._engine.last_ms)
            return taken

    @property
    def _running(self) -> Engine:
        if self._engine is None:
            from agent.slo.budget import Engine

            return Engine(())
        return self._engine

    @property
    def recorder(self) -> Recorder | None:
        """Who writes the `slo:*` series, None before there were SLOs."""
        return self._recorder

    def _end(self, at_ms: int) -> None:
        self._engine, self._latest, self._unread = None, None, ""
        if self._recorder is not None:
            self._sink(self._recorder.ending(at_ms))

    def _made(self, promises: Promises) -> Engine:
        """Return an engine over what is kept; what cannot be read is left as it is, and said."""
        from agent.app.budgets.keeping import JournalKept
        from agent.slo.budget import Engine, Recorder

        self._recorder = self._recorder or Recorder(self._version)
        self._kept = self._kept or JournalKept(self._journal)
        period_ms = self.setting.period_ms
        try:
            made = Engine(promises.objectives, default_period_ms=period_ms, kept=self._kept)
        except StorageError as error:
            self._unread = f"{error}; budgets begin anew in memory, and what was kept is left as it is"
            _log.error("the budgets that were kept cannot be read", why=str(error))
            return Engine(promises.objectives, default_period_ms=period_ms)
        self._unread = ""
        return made
