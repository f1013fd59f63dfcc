"""The meter reads the increases of counters as bad and all events per track, for all SLOs in one pass over a target's columns.

It judges what it reads: no data, more than one series where one was promised, values that are no numbers, and more bad events
than events are states with words, never numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.model import METRIC_NAME, Columns, Labels, MatchOp, absent_row, format_float, is_absent
from agent.slo.budget.chunks import BAD, TOTAL
from agent.slo.budget.counters import Increases
from agent.slo.budget.plans import Plan, Use, any_there, bad_heard, is_there
from agent.slo.budget.tally import Seen, Tally
from agent.slo.budget.tracks import Tracks
from agent.slo.shapes import Counted, Term

_KEPT_READS: Final = 1_000
_AWAY_MS: Final = 5 * 60_000
"""For how long good events wait for a replica that fails or is silent; then it is gone, and others have its requests."""
_BEGINNING_MS: Final = 2 * 60_000
"""For how long good events are waited for that were on no page yet: at the beginning, until who has them was scraped twice."""
_MOST: Final = 2.0**48
"""Events of one row that can be counted: beyond them sums would soon have no room for single ones (float64 ends at 2^53)."""


class Meter:
    """Reads for the counted ones of `shapes` (None: an SLO that is not); `group_by` names the labels of each one's groups.

    A group gets one of the `tracks` by a series of it that is on a page; of those that were there before, all are found again.
    """

    def __init__(self, shapes: Sequence[Counted | None], group_by: Sequence[tuple[str, ...]], tracks: Tracks) -> None:
        self._group_by = group_by
        self._tracks = tracks
        self._uses: dict[str, dict[tuple[str, str] | None, list[Use]]] = defaultdict(lambda: defaultdict(list))
        self._plans: dict[int, tuple[Columns, Plan]] = {}
        self._reads = 0
        self._results: dict[tuple[int, int], set[Labels]] = defaultdict(set)
        self._tracks_of: dict[int, set[int]] = defaultdict(set)
        self._without_bucket: dict[int, Term] = {}
        self.never_bad: Mapping[int, str] = {
            slo: " or ".join(dict.fromkeys(each.text for each in shape.bad))
            for slo, shape in enumerate(shapes)
            if shape
        }
        """What series of bad events are like, by number of an SLO of which none ever was on a page; made anew when one is."""
        self._answered = False
        """Whether any target's page was read."""
        self._shapes = shapes
        self._began_ms: int | None = None
        for slo, shape in enumerate(shapes):
            for side, terms in ((BAD, shape.bad), (TOTAL, shape.total)) if shape else ():
                for term in terms:
                    self._uses[term.name][_key(term)].append(Use(slo, side, term))
                    if term.bucket and term.sign < 0:
                        self._without_bucket[slo] = term

    def read(self, deltas: Iterable[Increases]) -> Tally:
        """Return the row that `deltas` make, of all tracks that there are when all new series are known."""
        self._forget()
        targets = [(each, self._plan(each)) for each in deltas]
        tally = Tally.of(len(self._tracks))
        failed: set[int] = set()
        unbounded = {track: term for slo, term in self._without_bucket.items() for track in self._tracks_of[slo]}
        live = np.zeros(len(self._tracks), dtype=bool)
        present: dict[tuple[int, int], set[Labels]] = {
            key: set() for key, found in self._results.items() if len(found) > 1
        }
        for each, plan in targets:
            columns, places, signs, of_total = plan.arrays
            if each.values is None:
                _silence(tally, places, each.why)
                failed.update(places.tolist())
                plan.failing_ms = self._tracks.now_ms if plan.failing_ms is None else plan.failing_ms
                plan.why = each.why
                continue
            self._answered, plan.failing_ms = True, None
            values = np.concatenate((each.values, absent_row(1)))[np.minimum(columns, len(each.values))]
            there = ~is_absent(values)
            live[places[there & of_total]] = True
            _silence(tally, places[of_total & ~there], "the series of its total are not on the page any more")
            tally.left.update(places[of_total & ~there].tolist())
            amounts = np.where(there, values, 0.0) * signs
            for side, chosen in ((BAD, ~of_total), (TOTAL, of_total)):
                tally.amounts[side] += np.bincount(places[chosen], amounts[chosen], minlength=len(live))
            self._note_present(plan, there, present)
            for (track, term), (own, whole) in plan.bounds.items():
                if not any_there(each.values, own) and any_there(each.values, whole):
                    unbounded[track] = term
        # One live target is enough: a sum goes on without the replica that is down. Not so where targets have a side each.
        tally.seen[live] = Seen.VALUE
        tally.words = {track: why for track, why in tally.words.items() if not live[track]}
        self._wait_for_bad(tally, targets, live)
        tally.left = {track for track in tally.left - failed if not live[track]}
        self._judge(tally, targets, present, unbounded)
        return tally

    def place_anew(self) -> None:
        """Find out again which column counts for which track: there are places for groups that shared one."""
        self._plans.clear()

    def keep_only(self, tracks: Sequence[int]) -> None:
        """Forget all tracks but these (rising): their places among them are their numbers from now on."""
        number = {old: new for new, old in enumerate(tracks)}
        self._plans.clear()
        results, tracks_of = self._results.items(), self._tracks_of.items()
        self._results = defaultdict(set, {(number[t], side): each for (t, side), each in results if t in number})
        self._tracks_of = defaultdict(set, {slo: {number[t] for t in each if t in number} for slo, each in tracks_of})

    def unmatched(self, slo: int, track: int) -> str:
        """Say what no series was ever like, of an SLO whose total never had one though targets answer; "" otherwise."""
        named = self._unmatched(slo, track)
        return f"no target has a series like {named}" if named else ""

    def unseen(self, slo: int, track: int) -> str:
        """Say why nothing was heard of an SLO until now: it takes two pages of a target to know by how much counters rose."""
        if self._shapes[slo] is None:
            return "its query was not asked"
        named = self._unmatched(slo, track)
        return f"no target that was scraped twice has a series like {named}" if named else "no target was scraped twice"

    def _unmatched(self, slo: int, track: int) -> str:
        shape = self._shapes[slo]
        if shape is None or not self._answered or self._results.get((track, TOTAL)):
            return ""
        return " or ".join(dict.fromkeys(each.text for each in shape.total))

    def _wait_for_bad(self, tally: Tally, targets: Sequence[tuple[Increases, Plan]], live: NDArray[np.bool_]) -> None:
        """Let tracks wait whose bad events other targets have than all events, as long as none that has them is heard.

        Errors of one replica count all the same while another fails. Good events that are not heard read as bad: they wait for
        those of a replica that fails, which may be back soon, and between two scrapes of a target that is asked less often.
        """
        now_ms, plans = self._tracks.now_ms, [plan for _, plan in self._plans.values()]
        for track in self._not_begun(now_ms):
            if live[track]:
                tally.seen[track] = Seen.WAITING
        recent = [each for each in plans if each.read == self._reads or now_ms - each.heard_ms < _AWAY_MS]
        failing = [each for each in recent if each.failing_ms is not None and each.bad_alone]
        asked = {bad for each in recent if each.failing_ms is None for bad in each.bad_alone}
        if not failing and not any(term.sign < 0 for _, term in asked):
            return
        heard = [each for of, plan in targets for each in bad_heard(of, plan)]
        together, elsewhere = ({bad for bad, whole in heard if whole}, {bad for bad, _ in heard})
        for track, term in asked - elsewhere:
            if live[track] and term.sign < 0:
                tally.seen[track] = Seen.WAITING
        for each in failing:
            gone = each.read != self._reads or now_ms - (each.failing_ms or 0) >= _AWAY_MS
            for track, term in each.bad_alone - together:
                goes_on = (track, term) in elsewhere | asked and (term.sign > 0 or gone)
                if live[track] and not goes_on:
                    tally.seen[track], tally.words[track] = Seen.NO_DATA, each.why

    def _not_begun(self, now_ms: int) -> list[int]:
        """Return the tracks whose good events are taken off and were never heard of, at the beginning."""
        if self._reads == 2:
            self._began_ms = (
                now_ms  # of the row before: after a restart the first row knows the last one of before alone
            )
        if self._began_ms is not None and now_ms - self._began_ms >= _BEGINNING_MS:
            return []
        known = {
            (track, use.term)
            for _, plan in self._plans.values()
            for track, use in zip(plan.tracks, plan.uses, strict=True)
        }
        good = ((slo, term) for slo, shape in enumerate(self._shapes) if shape for term in shape.bad if term.sign < 0)
        return [
            track
            for slo, term in good
            if not term.bucket
            for track in self._tracks_of[slo]
            if (track, term) not in known
        ]

    def _judge(
        self,
        tally: Tally,
        targets: Sequence[tuple[Increases, Plan]],
        present: _Present,
        unbounded: Mapping[int, Term],
    ) -> None:
        countable = np.abs(tally.amounts) <= _MOST
        for broken in np.flatnonzero(~countable.all(axis=0)).tolist():
            tally.refuse(broken, Seen.INVALID, _broken(broken, targets))
        for (track, _), results in present.items():
            if len(results) > 1:
                one, other = sorted(map(str, results))[:2]
                why = f"its query gives {len(results)} series, {one} and {other}: add them (sum), or name the label in group_by"
                tally.refuse(track, Seen.INVALID, why)
        for track, term in unbounded.items():
            if tally.seen[track] == Seen.VALUE and tally.amounts[TOTAL, track]:
                there = _bounds(term, targets)
                why = f"no series is {term.text}; {f'its buckets are le={there}' if there else 'it has no buckets'}"
                tally.refuse(track, Seen.INVALID, why)

    def _note_present(self, plan: Plan, there: NDArray[np.bool_], present: _Present) -> None:
        if present:
            for index in np.flatnonzero(there):
                found = present.get((plan.tracks[index], plan.uses[index].side))
                if found is not None:
                    found.add(plan.results[index])

    def _plan(self, of: Increases) -> Plan:
        columns = of.columns
        known, plan = self._plans.get(id(columns), (None, Plan()))
        if known is not columns:
            plan = Plan()
            self._plans[id(columns)] = (columns, plan)
        plan.read, plan.heard_ms = self._reads, self._tracks.now_ms
        new = [
            (column, use) for column in range(plan.width, len(columns)) for use in self._used(columns.labels[column])
        ]
        old = [each for each in plan.waiting if not (is_there(of, each[0]) and self._placed(plan, *each, of))]
        plan.waiting = old + [each for each in new if not self._placed(plan, *each, of)]
        plan.width = len(columns)
        return plan

    def _used(self, labels: Labels) -> Iterator[Use]:
        """Give the uses that a series may have: few, by its name and one label."""
        for name in (labels.get(METRIC_NAME), ""):
            keyed = self._uses.get(name)
            if keyed is not None:
                for key in (None, *labels.pairs):
                    yield from keyed.get(key, ())

    def _placed(self, plan: Plan, column: int, use: Use, of: Increases) -> bool:
        """Put a column where it counts, if it does; say no where that would make a group of a series that is on no page."""
        labels = of.columns.labels[column]
        counts, is_whole = use.term.matches(labels), _is_whole(use.term, labels)
        if not (counts or is_whole):
            return True
        group = Labels([(each, labels.get(each)) for each in self._group_by[use.slo]])
        if not (self._tracks.known(use.slo, group) or is_there(of, column)):
            return False
        track = self._tracks.of(use.slo, group)
        if use.term.bucket and use.term.sign < 0:
            # A deploy may bring other bounds: then there is the bucket of everything, and not the one that is taken off.
            plan.bounds.setdefault((track, use.term), (set(), set()))[0 if counts else 1].add(column)
        if counts:
            result = _apart_from(group, use.term.result(labels))
            plan.add(column, use, track, result)
            self._tracks_of[use.slo].add(track)
            self._results[track, use.side].add(result)
            if use.side == BAD and use.slo in self.never_bad:
                self.never_bad = {slo: text for slo, text in self.never_bad.items() if slo != use.slo}
            if use.term is self._without_bucket.get(use.slo):
                del self._without_bucket[use.slo]
        return True

    def _forget(self) -> None:
        """Forget the plans of columns that have not come for long: their producer is gone, or has others."""
        self._reads += 1
        if self._reads % _KEPT_READS == 0:
            self._plans = {
                key: (columns, plan)
                for key, (columns, plan) in self._plans.items()
                if plan.read > self._reads - _KEPT_READS
            }


_Present = dict[tuple[int, int], set[Labels]]
"""Where more than one result was ever seen: those that are on the pages of this row, by track and side."""


def _apart_from(group: Labels, result: Labels) -> Labels:
    """Return what of a result's labels is not its group's: by those alone two series of one group differ."""
    return Labels([pair for pair in result.pairs if pair not in group.pairs])


def _is_whole(term: Term, labels: Labels) -> bool:
    """Say whether a series is the bucket of everything beside one that is taken off."""
    return (
        bool(term.bucket)
        and term.sign < 0
        and labels.get("le") == "+Inf"
        and all(each.name == "le" or each.matches(labels.get(each.name)) for each in term.matchers)
    )


def _key(term: Term) -> tuple[str, str] | None:
    """Return a label pair that every series of the term has, so that few terms are asked about each series."""
    for each in term.matchers:
        if each.op is MatchOp.EQUAL and each.value and each.name not in (METRIC_NAME, "le"):
            return each.name, each.value
    return None


def _silence(tally: Tally, places: NDArray[np.intp], why: str) -> None:
    for track in sorted(set(places.tolist())):
        tally.seen[track] = Seen.NO_DATA
        tally.words.setdefault(track, why)


def _broken(track: int, targets: Sequence[tuple[Increases, Plan]]) -> str:
    """Say which series of a track is no number, or rose by more than can be counted."""
    for each, plan in targets:
        for place, column in zip(plan.tracks, plan.columns, strict=True):
            if place == track and each.values is not None and column < len(each.values):
                rose = float(each.values[column])
                if not is_absent(each.values[column]) and not abs(rose) <= _MOST:
                    series = each.columns.labels[column]
                    if not np.isfinite(rose):
                        return f"{series} is {format_float(rose)}"
                    return f"{series} rose by {rose:g} at once, and what rises so fast counts no events"
    return "its series together rose by more than can be counted"


def _bounds(term: Term, targets: Sequence[tuple[Increases, Plan]]) -> str:
    found = {
        labels.get("le")
        for each, _ in targets
        for column, labels in enumerate(each.columns.labels)
        if labels.get(METRIC_NAME) == term.name and labels.get("le")
        if each.values is not None and any_there(each.values, [column])
    }
    return ", ".join(sorted(found, key=float)[:12])
