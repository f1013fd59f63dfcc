"""What the engine needs of a store, as a Protocol: the store never hears of this room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from agent.model import Block, Matcher


class Queryable(Protocol):
    """Where the engine reads samples."""

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Block]:
        """Return the series that fulfil all `matchers`, with at least their samples in (start_ms, end_ms].

        Each series is in exactly one block. A block's `labels` is the same tuple object again while its set of series is
        unchanged, since what is computed from labels is cached under its identity.
        """
        ...

    def cells(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, pulse: Callable[[], None] | None = None
    ) -> int:
        """Return how many cells `select` would give, without reading them: a query asks before it takes the memory.

        Finding the series may take long where a matcher is a long regular expression: `pulse` is called for each value
        that it is held against, and raises when time is up.
        """
        ...
