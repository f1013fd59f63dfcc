"""Native histograms as values: one sample that holds its own buckets, exponential or with bounds of its own.

Bucket i of a standard schema s holds (2^((i-1)·2^-s), 2^(i·2^-s)], mirrored for the negative side; schema CUSTOM holds the
counts between `bounds`, the last one up to +Inf. Arithmetic is the query's business.
Source: Prometheus' model/histogram.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

CUSTOM: Final = -53
"""The schema of a histogram with bounds of its own (NHCB)."""


class ResetHint(Enum):
    """What is known of a counter reset between the sample before and this one."""

    UNKNOWN = "unknown"
    RESET = "reset"
    NOT_RESET = "not_reset"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Buckets of one side: index int64 (B,), rising; counts float64 (B,), absolute, not cumulative."""

    index: NDArray[np.int64]
    counts: NDArray[np.float64]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Buckets):
            return NotImplemented
        return np.array_equal(self.index, other.index) and np.array_equal(self.counts, other.counts, equal_nan=True)

    def __hash__(self) -> int:
        return hash((self.index.tobytes(), self.counts.tobytes()))

    def __len__(self) -> int:
        return len(self.index)


NO_BUCKETS: Final = Buckets(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, slots=True)
class Histogram:
    """One native histogram sample. With schema CUSTOM only `positive` has buckets: index i counts up to bounds[i]."""

    schema: int = 0
    count: float = 0.0
    sum: float = 0.0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: Buckets = NO_BUCKETS
    negative: Buckets = NO_BUCKETS
    bounds: tuple[float, ...] = ()
    hint: ResetHint = field(default=ResetHint.UNKNOWN, compare=False)

    @property
    def custom(self) -> bool:
        """Whether the bounds are the histogram's own."""
        return self.schema == CUSTOM
