"""What a row makes of the sums: which tiers are open, since when, and what is held where nothing is known.

The sums are the engine's; here is what is remembered of each budget beside them, as arrays over those of one layout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent.slo.budget.layout import Layout
from agent.slo.budget.objective import Key
from agent.slo.budget.readings import Amounts, Floats, Readings
from agent.slo.budget.reckoning import certain
from agent.slo.budget.remembered import Stood
from agent.slo.budget.tally import Seen, Tally

_UNHEARD: Final = "nothing was heard of the targets of its series"


class Judge:
    """Judges the B budgets of a layout row by row: `hear` takes what a row knows of each, then `judge` its sums.

    seen, since_ms: (B,); words: of those of which nothing is known; ratio, certain: (windows, B), those that decide; open,
    open_since_ms: (tiers, B).
    """

    def __init__(self, layout: Layout) -> None:
        count = len(layout)
        self._layout = layout
        self.seen = np.zeros(count, dtype=np.int8)
        self.since_ms = np.zeros(count, dtype=np.int64)
        self.words: dict[int, str] = {}
        self.open = np.zeros(layout.long.shape, dtype=bool)
        self.open_since_ms = np.zeros(layout.long.shape, dtype=np.int64)
        self.ratio, self.certain = (np.full((len(layout.windows_ms), count), np.nan) for _ in range(2))

    def begin(self, windows: Amounts, at_ms: int) -> None:
        """Begin as the sums stand at an instant."""
        self.ratio, self.certain = windows.ratio, certain(windows, self._layout.min_events)
        self.open = over(self._layout, self.ratio, self.certain)
        self.open_since_ms = np.where(self.open, at_ms, 0)

    def carry(self, before: Readings) -> None:
        """Keep what the budgets of another layout are remembered by, those that are in both."""
        pairs = [
            (new, before.layout.numbers[key])
            for new, key in enumerate(self._layout.keys)
            if key in before.layout.numbers
        ]
        if pairs and before.layout.windows_ms == self._layout.windows_ms:
            new, old = (np.asarray(each, dtype=np.intp) for each in zip(*pairs, strict=True))
            self.seen[new], self.since_ms[new] = before.seen[old], before.seen_since_ms[old]
            self.ratio[:, new], self.certain[:, new] = before.ratio[:, old], before.certain[:, old]
            tiers = min(len(self.open), len(before.open))
            self.open[:tiers, new] = before.open[:tiers, old]
            self.open_since_ms[:tiers, new] = before.open_since_ms[:tiers, old]
            self.words = {a: before.words[b] for a, b in pairs if b in before.words}

    def remember(self, stood: Mapping[Key, Stood]) -> None:
        """Take up how the budgets stood before a restart: what was unknown or held then is as it was."""
        for key, each in stood.items():
            number = self._layout.numbers.get(key)
            if number is None:
                continue
            if each.seen != Seen.WAITING:
                self.seen[number], self.since_ms[number], self.words[number] = each.seen, each.since_ms, each.words
            for row, window in enumerate(self._layout.windows_ms):
                if window in each.ratios:
                    self.ratio[row, number], self.certain[row, number] = each.ratios[window]
            self.open[:, number] = over(self._layout, self.ratio, self.certain)[:, number]
            for tier, burn in enumerate(self._layout.objectives[number].burns):
                if self.open[tier, number]:
                    self.open_since_ms[tier, number] = each.open_since.get(burn.name, self.since_ms[number])

    def hear(self, at_ms: int, tally: Tally, unmatched: Callable[[int], str]) -> None:
        """Remember what a row says of each budget, and since when; a row on which nothing was heard says nothing.

        unmatched: says of a budget that no target has its series, empty where one has or had.
        """
        now = tally.seen[self._layout.sources]
        now = np.where(now == Seen.WAITING, self.seen, now).astype(np.int8)
        turned = now != self.seen
        # After a clock was set back, nothing has lasted since an instant that is still to come.
        self.since_ms = np.where(turned | (self.since_ms > at_ms), at_ms, self.since_ms)
        self.seen = now
        unknown = (now == Seen.NO_DATA) | (now == Seen.INVALID)
        self.words = {number: self._why(number, tally, unmatched) for number in np.flatnonzero(unknown).tolist()}

    def judge(self, at_ms: int, windows: Amounts) -> NDArray[np.bool_]:
        """Judge the sums of a row that was heard, and return which tiers turned; what is not known stays as it was."""
        quiet = windows.total == 0
        busy = np.take_along_axis(windows.total, self._layout.holds, axis=0) > 0
        held = quiet & busy & self._shorts_of_open()
        unknown = (self.seen == Seen.NO_DATA) | (self.seen == Seen.INVALID)
        self.ratio = np.where(unknown | held, self.ratio, windows.ratio)
        self.certain = np.where(unknown, self.certain, certain(windows, self._layout.min_events))
        was, self.open = self.open, over(self._layout, self.ratio, self.certain)
        self.open_since_ms = self._told_since(was, at_ms)
        return np.not_equal(was, self.open)

    def _told_since(self, was: NDArray[np.bool_], at_ms: int) -> NDArray[np.int64]:
        """Return since when people are told of each open tier, (tiers, budgets); `was`: those that were open at the row before.

        All tiers of a severity are one alert, which is as old as its oldest stretch without a break: a slow tier that stays
        when the quick one ends is no new page.
        """
        found = np.zeros_like(self.open_since_ms)
        for of in (self._layout.pages, ~self._layout.pages):
            known = was & of & (self.open_since_ms > 0)
            begun = np.where(known, self.open_since_ms, at_ms).min(axis=0, initial=at_ms)
            found = np.where(self.open & of, begun, found)
        return found

    def _shorts_of_open(self) -> NDArray[np.bool_]:
        """Say which windows are the short ones of open tiers, (windows, budgets).

        Silence ends nothing that is open, and opens nothing either: of a busy day the long window forgets the good events
        first, and hours after the last request a few old errors would be all that is left of it.
        """
        found = np.zeros(self.ratio.shape, dtype=bool)
        for short, is_open in zip(self._layout.short, self.open, strict=True):
            found[short[is_open], np.flatnonzero(is_open)] = True
        return found

    def _why(self, number: int, tally: Tally, unmatched: Callable[[int], str]) -> str:
        """Return why nothing is known of a budget: what the row says, else what was said before."""
        track = int(self._layout.sources[number])
        if track in tally.words:
            return tally.words[track]
        return unmatched(number) or self.words.get(number, "") or _UNHEARD


def over(layout: Layout, ratio: Floats, sure: Floats) -> NDArray[np.bool_]:
    """Say which tiers are open, (tiers, budgets): over the long window, for certain, and still over the short one."""
    threshold = layout.factor * layout.budget
    long = np.take_along_axis(ratio, layout.long, axis=0)
    short = np.take_along_axis(ratio, layout.short, axis=0)
    known = np.take_along_axis(sure, layout.long, axis=0)
    return np.asarray((long > threshold) & (short > threshold) & (known > threshold))
