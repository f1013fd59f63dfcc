"""Sums that can be trusted: fast where the terms allow it, compensated where they cancel or overflow.

Prometheus adds with Kahan's method as improved by Neumaier everywhere. Where all terms have one sign a plain or
pairwise sum is as good; only where terms cancel (|sum| far below the sum of |terms|) or overflow does order and
compensation matter, and there `Compensated` does, term by term, what Prometheus does.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from agent.query.frame import Bools, Floats

CANCELLED: Final = 1e-3
"""A sum below this share of the sum of magnitudes is added again with compensation."""


def doubtful(total: Floats, magnitude: Floats, finite: Floats | None = None) -> Bools:
    """Mark sums that cancelled, or whose finite terms may overflow on the way: then their order matters.

    Terms that are NaN or infinite give NaN and infinities in any order, if the others do not overflow; `finite` is the
    magnitude of those others, where there may be such terms.
    """
    marked = np.abs(total) < CANCELLED * magnitude
    return np.asarray(marked | ~np.isfinite(magnitude if finite is None else finite))


def neumaier(term: Floats, total: Floats, lost: Floats) -> tuple[Floats, Floats]:
    """Add `term` to `total` and what rounding lost to `lost`; an infinite total has lost nothing (kahansum.Inc)."""
    added = total + term
    larger = np.abs(total) >= np.abs(term)
    change = np.where(larger, (total - added) + term, (term - added) + total)
    return added, np.where(np.isinf(added), 0.0, lost + change)


class Compensated:
    """Running sums with compensation, one per cell of an array; `add` takes the next term of every cell."""

    __slots__ = ("lost", "total")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.total: Floats = np.zeros(shape)
        self.lost: Floats = np.zeros(shape)

    def add(self, term: Floats, mask: Bools | None = None) -> None:
        """Add `term` where `mask` is true."""
        total, lost = neumaier(term, self.total, self.lost)
        if mask is None:
            self.total, self.lost = total, lost
        else:
            self.total = np.where(mask, total, self.total)
            self.lost = np.where(mask, lost, self.lost)

    @property
    def value(self) -> Floats:
        """The sums."""
        return np.where(np.isinf(self.total), self.total, self.total + self.lost)


class CompensatedMean:
    """Running means as Prometheus computes them: a compensated sum, and an incremental mean once the sum overflows."""

    __slots__ = ("count", "incremental", "lost", "total")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.total: Floats = np.zeros(shape)
        self.lost: Floats = np.zeros(shape)
        self.count: Floats = np.zeros(shape)
        self.incremental: Bools = np.zeros(shape, np.bool_)

    def add(self, term: Floats, mask: Bools | None = None) -> None:
        """Take `term` into the mean where `mask` is true."""
        here = np.ones(self.total.shape, np.bool_) if mask is None else mask
        self.count = self.count + here
        count = np.maximum(self.count, 1.0)
        total, lost = neumaier(term, self.total, self.lost)
        turns = here & ~self.incremental & np.isinf(total) & (count > 1)
        before = np.maximum(count - 1.0, 1.0)
        mean = np.where(turns, self.total / before, self.total)
        rest = np.where(turns, self.lost / before, self.lost)
        self.incremental = self.incremental | turns
        share = (count - 1.0) / count
        stepped, stepped_lost = neumaier(term / count, share * mean, share * rest)
        self.total = np.where(here, np.where(self.incremental, stepped, total), self.total)
        self.lost = np.where(here, np.where(self.incremental, stepped_lost, lost), self.lost)

    @property
    def value(self) -> Floats:
        """The means."""
        count = np.maximum(self.count, 1.0)
        whole = np.where(np.isinf(self.total), self.total, self.total + self.lost)
        return np.where(
            self.incremental, whole, np.where(np.isinf(self.total), self.total, self.total / count + self.lost / count)
        )
