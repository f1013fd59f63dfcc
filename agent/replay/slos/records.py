"""What a what-if reads: raw samples by matchers, and ratios of queries that cannot be counted. Whoever keeps samples fulfils it.

Which series the budgets of some objectives need follows from their terms; `up` and the start of each process come from `of_jobs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.model import METRIC_NAME, Block, Labels, Matcher, MatchOp
from agent.slo.budget import Objective

Series = tuple[Labels, NDArray[np.int64], NDArray[np.float64]]
"""A series of a query's answer: its labels, instants (ms) and values."""
Matchers = tuple[Matcher, ...]

UP: Final = "up"
_MOST_OF_A_NAME: Final = 4
"""So many selectors of one metric are asked apart; more are asked as one, and what is not needed is passed over."""
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


class Records(Protocol):
    """Recorded samples."""

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        """Return the samples with start ≤ timestamp ≤ end of the matching series; a store does."""
        ...

    def ratios(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Iterable[Series]:
        """Answer a query at start, start + step, … up to end; raise QueryError where it cannot be."""
        ...


def selectors(objectives: Iterable[Objective]) -> list[Matchers]:
    """Return what to select so that every counter that the objectives count is there, and few others."""
    of_name: dict[str, list[Matchers]] = {}
    for objective in objectives:
        if (counted := objective.counted) is not None:
            for term in (*counted.bad, *counted.total):
                wanted = tuple(map(_widened, term.matchers))
                of_name.setdefault(term.name, []).append(wanted)
    found: list[Matchers] = []
    for name, every in of_name.items():
        distinct = list(dict.fromkeys(every))
        if not name or len(distinct) <= _MOST_OF_A_NAME:
            found += [each for each in distinct if not any(set(other) < set(each) for other in distinct)]
        else:
            found.append((_named(name),))
    return found


def of_jobs(name: str, jobs: Iterable[str]) -> Matchers:
    """Return what selects a metric of some jobs' targets."""
    return _named(name), Matcher("job", MatchOp.REGEX, "|".join(map(re.escape, sorted(jobs))))


def _named(name: str) -> Matcher:
    return Matcher(METRIC_NAME, MatchOp.EQUAL, name)


def _widened(matcher: Matcher) -> Matcher:
    """Let a bound of a bucket match however the number is written: `1` and `1.0` are the same bucket."""
    if matcher.name != "le" or matcher.op is not MatchOp.EQUAL or not _NUMBER.fullmatch(matcher.value):
        return matcher
    whole, _, rest = matcher.value.partition(".")
    rest = rest.rstrip("0")
    return Matcher("le", MatchOp.REGEX, rf"{whole}\.{rest}0*" if rest else rf"{whole}(\.0*)?")
