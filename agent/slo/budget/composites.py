"""SLOs made of others: the error ratio of the whole from those of its parts, each weighing as it was said to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.slo.budget.objective import Key
from agent.slo.budget.readings import Readings, WindowReading
from agent.slo.model import Slo


@dataclass(frozen=True, slots=True)
class CompositeReading:
    """A composite at an instant: ratio, burn and what is left as of `Reading`; None where nothing is known of any part.

    shares: the part of the burned budget that each part is to blame for, by id, adding up to 1; coverage: the parts' least.
    """

    slo: Slo
    at_ms: int
    ratio: float | None
    burn: float | None
    left: float | None
    coverage: float
    shares: dict[str, float]


def composite(slo: Slo, parts: Sequence[Readings], window_ms: int | None = None) -> CompositeReading:
    """Return a composite over a window that its parts have, None for each part's period.

    Raises KeyError for a part that is none of `parts`.
    """
    windows = {}
    for part in slo.parts:
        readings = next((each for each in parts if Key(part.id) in each.layout.numbers), None)
        if readings is None:
            raise KeyError(part.id)
        reading = readings.find(Key(part.id))
        windows[part.id] = reading.period if window_ms is None else reading.window(window_ms)
    return weighed(slo, windows, parts[0].at_ms if parts else 0)


def weighed(slo: Slo, windows: Mapping[str, WindowReading], at_ms: int) -> CompositeReading:
    """Return a composite of its parts' windows, by id.

    Each part's ratio weighs as `Part.weight` says, however much traffic it has. A part without traffic is left out, as it says
    nothing; one of which nothing is known lowers the coverage to 0. Raises KeyError for a part that is none of `windows`.
    """
    found = [(each, windows[each.id]) for each in slo.parts]
    coverage = min((window.coverage for _, window in found), default=0.0)
    busy = [(part, window.ratio) for part, window in found if window.ratio is not None]
    weights = sum(part.weight for part, _ in busy)
    if not weights:
        return CompositeReading(slo, at_ms, None, None, None, coverage, {})
    burned = np.asarray([part.weight * ratio for part, ratio in busy])
    ratio = float(burned.sum() / weights)
    ids = [part.id for part, _ in busy]
    shares = dict(zip(ids, (burned / burned.sum()).tolist(), strict=True)) if burned.sum() else {}
    return CompositeReading(slo, at_ms, ratio, ratio / slo.budget, 1 - ratio / slo.budget, coverage, shares)
