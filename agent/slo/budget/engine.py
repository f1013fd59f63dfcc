"""The budget engine: a row of events in, every budget's windows, burn tiers and what is left out, for all SLOs at once.

It knows no clock, no store and no network: `row` is called with an instant and what happened since the one before, and what has
to outlive the process goes to a `Kept`. A replay is the same engine with another `Deltas`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from agent.errors import InvalidInput, StorageError
from agent.model import Labels, format_duration, format_rfc3339
from agent.slo.budget.audit import Audit
from agent.slo.budget.chunks import BAD, MISSED, QUANTITIES, TOTAL, Sums
from agent.slo.budget.counters import Deltas
from agent.slo.budget.exclusions import intervals
from agent.slo.budget.gaps import AWAY_MS, spread
from agent.slo.budget.judging import Judge, over
from agent.slo.budget.keeping import Keeper, Kept
from agent.slo.budget.layout import Layout
from agent.slo.budget.meter import Meter
from agent.slo.budget.objective import Burn, Key, Objective, Unit
from agent.slo.budget.pace import Pace
from agent.slo.budget.past import Slot, amendment, apart, between_checkpoints, in_slices
from agent.slo.budget.readings import Amounts, Floats, Readings
from agent.slo.budget.reckoning import Reckoning, certain
from agent.slo.budget.remembered import Stood, packed
from agent.slo.budget.retiring import idle
from agent.slo.budget.ring import DAY_MS, FOLD_MS, HOUR_MS, Amendment, Ring
from agent.slo.budget.sampling import Sampler
from agent.slo.budget.silence import Silence
from agent.slo.budget.slices import Slicer
from agent.slo.budget.stretch import Stretch
from agent.slo.budget.tally import Seen, Tally
from agent.slo.budget.tracks import MOST_GROUPS, MOST_RETIRED, Tracks

INTERVAL_MS: Final = 15_000
PERIOD_MS: Final = 30 * DAY_MS
KEPT_MS: Final = 400 * DAY_MS
"""How long the sums are kept at least, whatever the periods: a year and a month, so that a report of any month can be asked for
a year later. Beyond the longest period they stand on the hour, which takes about 50 kB of an objective in all."""
PATIENCE: Final = 4
"""Intervals after which the time between two rows, or without a word from a target, is a gap in what is known."""


@dataclass(frozen=True, slots=True)
class Change:
    """A tier that opened or closed at a row; `reading` is the instant's `Readings`, `number` the budget's place in it."""

    key: Key
    burn: Burn
    opened: bool
    at_ms: int
    reading: Readings
    number: int


class Engine:
    """Keeps the budgets of `objectives`, which are of different ids.

    interval_ms: how often the slowest target is heard of; kept: where rows outlive the process, None for nowhere (a replay);
    retires: groups without an event for long make room for others (`Tracks`), else all that ever were are read.
    Raises StorageError where what was kept cannot be read; where a row cannot be written, it counts all the same, `trouble`
    says why, and it is written with the next one.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        *,
        interval_ms: int = INTERVAL_MS,
        default_period_ms: int = PERIOD_MS,
        kept: Kept | None = None,
        most_groups: int = MOST_GROUPS,
        most_retired: int = MOST_RETIRED,
        retires: bool = True,
    ) -> None:
        self.objectives = tuple(objectives)
        self.interval_ms = interval_ms
        self.trouble = ""
        self.halted = ""
        """Why time stands still: the clock was set back further than is believed; empty while it goes on."""
        self._default_ms = default_period_ms
        self.retired: tuple[Key, ...] = ()
        """The groups that retired at the newest row."""
        self._retires = retires
        self._tracks = Tracks(self.objectives, most_groups, most_retired)
        longest = max((each.period_ms for each in self.objectives), default=default_period_ms)
        fine = max(longest, default_period_ms) + HOUR_MS
        self._ring = Ring(max(fine, KEPT_MS), fine_ms=fine, edges=self._edges)
        group_by = [each.slo.group_by for each in self.objectives]
        self._meter = Meter([each.counted for each in self.objectives], group_by, self._tracks)
        self._sampler = Sampler(self._tracks)
        self._of = {each.slo.id: number for number, each in enumerate(self.objectives)}
        self._said_of_bad: tuple[Mapping[int, str], Mapping[str, str]] = {}, {}
        self._audit = Audit()
        self._pace = Pace(self.objectives)
        self._keeper = Keeper(kept) if kept is not None else None
        self._stood: Mapping[Key, Stood] = {}
        self._stands = b""
        self._silence = Silence()
        self._newest = np.zeros((2, 0))
        self._restore()
        # A budget that is new beside those that were kept is known of from now on, and not since they are.
        self._tracks.now_ms = self._ring.last_ms or 0
        for number, objective in enumerate(self.objectives):
            if not objective.slo.group_by:
                self._tracks.of(number, Labels(), alive=True)
        self._lay_out()
        self._stands = packed(self._latest)

    @property
    def nbytes(self) -> int:
        """Bytes of what grows with time."""
        return self._ring.nbytes

    @property
    def first_ms(self) -> int | None:
        """The oldest instant of which anything is known."""
        return self._ring.first_ms

    @property
    def last_ms(self) -> int | None:
        """The instant of the newest row."""
        return self._ring.last_ms

    def row(self, at_ms: int, deltas: Deltas) -> tuple[Change, ...]:
        """Count what happened since the row before, and return which tiers opened and closed.

        A second row of one instant joins the first; a clock that was set back is described at `Ring.add`.
        """
        before = self._ring.last_ms
        tally = self._count(at_ms, deltas)
        self.halted = self._halted(at_ms)
        if self.halted:
            _halt(tally, self.halted)
        changes = tuple(self._judged(at_ms, tally))
        self.retired = ()
        # Once an hour, which nobody waits for: to look for it takes as long as a window.
        if self._retires and before is not None and before // HOUR_MS < at_ms // HOUR_MS:
            self.retired = self._retire(at_ms)
        if self._keeper is not None and ((stands := packed(self._latest)) != self._stands or self.retired):
            self._stands = stands
            self._keep(())
        return changes

    def count(self, at_ms: int, deltas: Deltas) -> None:
        """Count as `row` does and judge nothing, for who only wants sums: what is open, and what is known, stays as it was."""
        self._count(at_ms, deltas)

    def _count(self, at_ms: int, deltas: Deltas) -> Tally:
        before = self._ring.last_ms
        elapsed = 1 if before is None else max(at_ms - before, 0)
        self._tracks.now_ms = at_ms if before is None else before
        if before is None:
            self._tracks.begin(at_ms - 1)
        tally = self._meter.read(deltas.increases())
        # Over a gap nobody looked: a ratio that is asked now says nothing of it.
        looked = elapsed if elapsed <= self._longest_ms else self.interval_ms
        for number, objective in enumerate(self.objectives):
            if objective.sampled is not None:
                ratios = deltas.ratios(objective.slo.id)
                tally = self._sampler.sample(tally, number, objective, ratios, looked)
        self._audit.withhold(tally)
        tally = self._returned(tally)
        groups = [self._tracks.groups(each.slo.id) for each in self.objectives if each.slo.group_by]
        self._silence.let_go(tally, groups, elapsed, self._longest_ms)
        self._audit.settle(tally)
        self._pace.judge(tally, elapsed, self._tracks.all)
        if self._tracks.version != self._laid_out:
            self._lay_out()
        amounts = self._amounts(tally, elapsed)
        self._newest = amounts[[BAD, TOTAL]]
        counted: Mapping[int, int] | None = None
        if self._ring.folds(at_ms, amounts[MISSED]):
            undone, counted = self._slicer.taken_back(self._ring, at_ms)
            amounts = amounts + undone
        if before is None:
            # What the first row brings has to lie after a checkpoint to be in a window.
            rows = [(at_ms - 1, np.zeros_like(amounts)), (at_ms, amounts)]
        elif elapsed > max(AWAY_MS, self._longest_ms):
            rows = spread(before, at_ms, amounts, self.interval_ms)
        else:
            rows = [(at_ms, amounts)]
        for each_ms, each in rows:
            self._ring.add(each_ms, each)
        ended = self._slicer.ended(self._ring, before, at_ms, counted)
        if ended is not None:
            self._ring.add(at_ms, ended)
            rows.append((at_ms, ended))
            self._newest = self._newest + ended[[BAD, TOTAL]]
        self._keep(rows)
        return tally

    def read(self, at_ms: int, *, excluding: bool = True) -> Readings:
        """Return all budgets at an instant: that of the newest row, or an earlier one, as it would have been read then.

        Without `excluding`, as if nothing were excluded. Of an earlier instant it is not known what was silent then.
        """
        if at_ms == self._latest.at_ms and excluding:
            return self._latest
        found = self._reckoned(at_ms, excluding=excluding)
        ratio = found.windows.ratio
        sure = certain(found.windows, self._layout.min_events)
        return replace(found, ratio=ratio, certain=sure, open=over(self._layout, ratio, sure))

    def between(self, from_ms: int, until_ms: int, *, excluding: bool = True) -> Stretch:
        """Return what happened from an instant until another, of all budgets, whatever their periods; exact as windows are.

        Those of groups that retired are among them, as long as they are remembered.

        Time that is beyond the newest row, or before anything was known, is part of the stretch and was not seen. Without
        `excluding`, as if nothing were excluded. Raises InvalidInput where `until_ms` is before `from_ms`.
        """
        if until_ms < from_ms:
            message = f"cannot add up what happened from {from_ms} until {until_ms}: it ends before it begins"
            raise InvalidInput(message)
        last_ms = self._ring.last_ms or until_ms
        pending = np.zeros(len(self._whole))
        pending[~self._whole.retired] = self._pending(last_ms)
        reckoning = Reckoning(self._ring, self._whole, last_ms, pending, excluding=excluding)
        start, end = (self._ring.sums(each).at_ms for each in (from_ms, until_ms))
        return Stretch(self._whole, from_ms, until_ms, start, end, reckoning.between(from_ms, until_ms))

    def backfill(self, key: Key, slots: Iterable[Slot]) -> int:
        """Take the past of a budget from elsewhere, before anything was known of it, and return how many slots were taken.

        Slots are taken in order of their ends; those that overlap another, or what is known already, are not. A budget of which
        nothing has come in yet is made. Time between slots stays unknown, and coverage says so.
        """
        return self.backfill_all({key: slots})[key]

    def backfill_all(self, past: Mapping[Key, Iterable[Slot]]) -> dict[Key, int]:
        """Take the past of several budgets at once; return how many slots were taken of each."""
        self._tracks.now_ms = self._ring.last_ms or 0
        amendments: list[Amendment] = []
        found: dict[Key, int] = {}
        first_ms = self._ring.first_ms
        for key, slots in past.items():
            track = self._tracks.of(self._of[key.slo], key.group)
            born = self._tracks.all[track].born_ms or first_ms
            taken = apart(slots, born)
            found[key] = len(taken)
            if taken:
                made = [amendment(track, taken, born)]
                own = self._tracks.find(self._tracks.all[track].key, Unit.SLICES)
                if own is not None and (whole := in_slices(taken, self.objectives[self._of[key.slo]])):
                    made.append(amendment(own, whole, born))
                for each in made:
                    self._tracks.all[each.track] = replace(self._tracks.all[each.track], born_ms=each.start_ms)
                amendments += made
        self._ring.widen(len(self._tracks))
        if amendments:
            self._ring.amend_all(amendments)
            self._ring.seal()
            self._keep(())
            self._silence.widen(len(self._tracks))
        self._lay_out()
        return found

    def known_from_ms(self, slo: str) -> int | None:
        """Return from when on anything is known of an SLO, of its oldest group; None where nothing is."""
        if self._ring.first_ms is None:
            return None
        return min((self._tracks.all[each].born_ms for each in self._tracks.groups(slo)), default=None)

    def slots(self, key: Key) -> list[Slot]:
        """Return all that is known of a budget's events (or time) as slots, one per checkpoint, for another engine's `backfill`.

        Of what came in after a gap the events are there and the gap is not: coverage stays what it was.
        """
        track = self._tracks.find(key, self.objectives[self._of[key.slo]].unit)
        if track is None or self._ring.last_ms is None:
            return []
        return between_checkpoints(*self._ring.history(track), self._tracks.all[track].born_ms)

    @property
    def newest(self) -> Sums:
        """What the newest row brought each budget of the layout, in the budget's unit: bad and all, of shape (2, budgets)."""
        found = np.zeros((2, len(self._layout)))
        known = self._layout.tracks < self._newest.shape[1]
        found[:, known] = self._newest[:, self._layout.tracks[known]]
        return found

    def _edges(self, from_ms: int, until_ms: int) -> Iterator[int]:
        """Give the instants at which time begins or ceases not to count: windows are exact there, however old they are."""
        for exclusions in {each.slo.exclusions for each in self.objectives}:
            for interval in intervals(exclusions, from_ms, until_ms):
                yield from interval

    def _keep(self, rows: Sequence[tuple[int, Sums]]) -> None:
        """Write rows down. A disk that is full must not stop what pages people."""
        if self._keeper is None:
            return
        try:
            self._keeper.keep(self._ring, self._tracks, rows, self._stands, self._audit.pending, self._audit.distrusted)
            self.trouble = ""
        except StorageError as error:
            self.trouble = str(error)

    def _restore(self) -> None:
        if self._keeper is None:
            return
        found = self._keeper.restored()
        for track in found.tracks:
            self._tracks.add(track)
        self._ring.widen(len(self._tracks))
        self._ring.load(found.chunks)
        for at_ms, amounts in found.rows:
            grown = np.zeros((QUANTITIES, self._ring.tracks))
            grown[:, : amounts.shape[1]] = amounts
            self._ring.add(at_ms, grown)
        self._audit.restore(found.pending, found.distrusted)
        self._stood = found.stood

    def _lay_out(self) -> None:
        """Make the arrays of a new set of budgets, and begin them as they stand."""
        before = getattr(self, "_latest", None)
        self._ring.widen(len(self._tracks))
        self._laid_out, self._retired = self._tracks.version, np.asarray(self._tracks.retired, dtype=np.intp)
        self._layout = self._whole = Layout(self.objectives, self._tracks)
        if len(self._retired):
            self._whole = Layout(self.objectives, self._tracks, whole=True)
        self._slicer = Slicer(self._layout)
        self._judge = Judge(self._layout)
        at_ms = self._ring.last_ms
        if at_ms is not None and len(self._layout):
            self._judge.begin(self._reckoning(at_ms).windows(), at_ms)
        if before is not None:
            self._judge.carry(before)
        else:
            self._judge.remember(self._stood)
            for number in np.flatnonzero(self._judge.seen == Seen.INVALID).tolist():
                self._pace.doubt(int(self._layout.sources[number]), self._tracks.all)
            self._stood = {}
        self._latest = self._reckoned(at_ms or 0)

    def _halted(self, at_ms: int) -> str:
        """Say why a row did not move time on, empty where it did; the same words until it does."""
        last_ms = self._ring.last_ms
        if last_ms is None or at_ms >= last_ms:
            return ""
        newest, most = format_rfc3339(last_ms), format_duration(FOLD_MS)
        return (
            f"the agent's clock was set back by more than {most} from {newest}, the instant of the newest count: "
            f"time stands still for budgets until it is within {most} of that. Set the clock right"
        )

    def _returned(self, tally: Tally) -> Tally:
        """Give groups that retired a place again where something happens in them; without one it is OTHER's."""
        happened = tally.amounts[:, self._retired].any(axis=0) | (tally.seen[self._retired] == Seen.INVALID)
        for track in self._retired[happened].tolist():
            key = self._tracks.all[track].key
            place = self._tracks.of(self._of[key.slo], key.group, alive=True)
            if place != track:
                tally = tally.widened(len(self._tracks))
                tally.move(track, place)
        return tally

    def _retire(self, at_ms: int) -> tuple[Key, ...]:
        """Let groups retire in which nothing happened for long, and forget those of before that are too many."""
        known = ~np.isin(self._judge.seen, (Seen.NO_DATA, Seen.INVALID))
        alarmed = {*np.flatnonzero(self._judge.open.any(axis=0)).tolist()}
        quiet = idle(self._ring, self._layout, known, at_ms, self._default_ms)
        found = [each for each in quiet if each not in alarmed]
        if not found:
            return ()
        keys = tuple(self._layout.keys[each] for each in found)
        self._tracks.retire(self._layout.sources[found].tolist(), at_ms)
        remembered = self._tracks.remembered()
        if len(remembered) < len(self._tracks):
            for each in (self._ring, self._tracks, self._meter, self._sampler, self._silence, self._audit, self._pace):
                each.keep_only(remembered)
            self._newest = self._newest[:, remembered]
        self._meter.place_anew()
        self._lay_out()
        return keys

    def _amounts(self, tally: Tally, elapsed: int) -> Sums:
        """Return the row as it is added: events, and the time that nothing was known of."""
        found = np.zeros((QUANTITIES, len(self._tracks)))
        found[[BAD, TOTAL]] = tally.amounts
        found[MISSED] = self._silence.missed(tally, elapsed, self._longest_ms)
        own = self._whole.tracks != self._whole.sources
        found[MISSED, self._whole.tracks[own]] = found[MISSED, self._whole.sources[own]]
        return found

    @property
    def _longest_ms(self) -> int:
        """For how long nothing may be heard without a gap in what is known."""
        return PATIENCE * self.interval_ms

    def _judged(self, at_ms: int, tally: Tally) -> Iterator[Change]:
        """Judge a row, and give which tiers opened and closed."""
        self._judge.hear(at_ms, tally, self._unmatched)
        reckoning = self._reckoning(at_ms)
        windows = reckoning.windows()
        turned = self._judge.judge(at_ms, windows)
        self._latest = self._as_judged(reckoning, windows)
        for tier, number in zip(*np.nonzero(turned), strict=True):
            burn, is_open = self._layout.objectives[number].burns[tier], bool(self._latest.open[tier, number])
            yield Change(self._layout.keys[number], burn, is_open, at_ms, self._latest, int(number))

    def _unmatched(self, number: int) -> str:
        """Say that no target has the series of a budget, empty where one has.

        What was counted before a restart had a series, though no target that is up has it now.
        """
        if not np.isnan(self._latest.left[number]):
            return ""
        return self._meter.unmatched(self._of[self._layout.keys[number].slo], int(self._layout.sources[number]))

    def _reckoning(self, at_ms: int, *, excluding: bool = True) -> Reckoning:
        return Reckoning(self._ring, self._layout, at_ms, self._pending(at_ms), excluding=excluding)

    def _reckoned(self, at_ms: int, *, excluding: bool = True) -> Readings:
        """Return the windows that end at an instant, with what is remembered beside them."""
        reckoning = self._reckoning(at_ms, excluding=excluding)
        return self._as_judged(reckoning, reckoning.windows())

    def _as_judged(self, reckoning: Reckoning, windows: Amounts) -> Readings:
        period, starts, ends = reckoning.period(self._default_ms)
        judge = self._judge
        found = Readings(
            at_ms=reckoning.at_ms,
            layout=self._layout,
            windows=windows,
            period=period,
            period_start_ms=starts,
            period_end_ms=ends,
            ratio=judge.ratio,
            certain=judge.certain,
            seen=judge.seen,
            seen_since_ms=judge.since_ms,
            open=judge.open,
            open_since_ms=judge.open_since_ms,
            words=judge.words,
            never_bad=self._never_bad(),
        )
        unseen = np.flatnonzero((found.seen == Seen.WAITING) & np.isnan(found.left)).tolist()
        return replace(found, words={**judge.words, **self._unseen(unseen)}) if unseen else found

    def _unseen(self, numbers: Iterable[int]) -> dict[int, str]:
        """Say of budgets of which nothing was heard yet that this is all there is to say, and why, by number."""
        of = [(each, self._of[self._layout.keys[each].slo], int(self._layout.sources[each])) for each in numbers]
        return {each: f"not seen yet: {self._meter.unseen(slo, track)}" for each, slo, track in of}

    def _never_bad(self) -> Mapping[str, str]:
        """Return what the meter says of SLOs without a series of bad events, by id; made anew where it says something else."""
        if self._meter.never_bad is not self._said_of_bad[0]:
            of = self._meter.never_bad
            self._said_of_bad = of, {self.objectives[number].slo.id: text for number, text in of.items()}
        return self._said_of_bad[1]

    def _pending(self, at_ms: int) -> Floats:
        """Return for how long nothing was heard of each budget, though that is no gap yet."""
        if at_ms != self._ring.last_ms or len(self._silence.ms) < len(self._tracks):
            return np.zeros(len(self._layout))
        # Of a slow target that answered last time it is taken for granted that it will.
        return np.where(self._judge.seen == Seen.VALUE, 0.0, self._silence.ms[self._layout.sources])


def _halt(tally: Tally, why: str) -> None:
    """Say of every track that nothing is known of now; what is invalid stays so."""
    unseen = tally.seen != Seen.INVALID
    tally.seen[unseen] = Seen.NO_DATA
    tally.words |= dict.fromkeys(np.flatnonzero(unseen).tolist(), why)
