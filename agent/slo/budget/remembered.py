"""What of a judgement the sums do not say: since when tiers are open, and how a budget stood when it was last heard of.

Without it a restart would end the page of a service that does not answer, though nobody knows that it is better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from agent.model import Labels
from agent.slo.budget.formats import decoded, encoded
from agent.slo.budget.objective import Key
from agent.slo.budget.readings import Readings
from agent.slo.budget.tally import Seen

_FORMAT = 1
_Entry = tuple[str, list[tuple[str, str]], int, int, str, dict[str, int], dict[int, tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Stood:
    """How a budget stood.

    open_since: by tier; ratios: what decides and what is certain, by window: of all where the budget is unknown, else of those
    without traffic that an open tier holds.
    """

    seen: int
    since_ms: int
    words: str
    open_since: Mapping[str, int]
    ratios: Mapping[int, tuple[float, float]]


def packed(readings: Readings) -> bytes:
    """Pack the budgets of which there is something to remember; the same bytes as long as nothing turns."""
    return encoded(_FORMAT, list(_entries(readings)))


def unpacked(data: bytes) -> dict[Key, Stood]:
    """Return what `packed` wrote; raise StorageError for other bytes."""
    return {
        Key(slo, Labels(pairs)): Stood(seen, since_ms, words, open_since, ratios)
        for slo, pairs, seen, since_ms, words, open_since, ratios in decoded(
            data, list[_Entry], (_FORMAT,), "what was remembered of budgets"
        )
    }


def _entries(readings: Readings) -> Iterator[_Entry]:
    layout = readings.layout
    unknown = (readings.seen == Seen.NO_DATA) | (readings.seen == Seen.INVALID)
    for number in np.flatnonzero(unknown | readings.open.any(axis=0)).tolist():
        key, burns = layout.keys[number], layout.objectives[number].burns
        since = readings.open_since_ms[:, number].tolist()
        opened = {each.name: since[tier] for tier, each in enumerate(burns) if readings.open[tier, number]}
        pairs, seen = list(key.group.pairs), int(readings.seen[number])
        both = zip(readings.ratio[:, number].tolist(), readings.certain[:, number].tolist(), strict=True)
        ratios = dict(zip(layout.windows_ms, both, strict=True))
        if not unknown[number]:
            held = (readings.windows.total[:, number] == 0) & ~np.isnan(readings.ratio[:, number])
            ratios = {window: ratios[window] for window, kept in zip(layout.windows_ms, held, strict=True) if kept}
            yield key.slo, pairs, int(Seen.WAITING), 0, "", opened, ratios
            continue
        yield key.slo, pairs, seen, int(readings.seen_since_ms[number]), readings.words.get(number, ""), opened, ratios
