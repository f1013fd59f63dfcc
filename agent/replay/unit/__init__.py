"""promtool's rule unit tests: read, run by the real evaluator on a virtual clock, compared, explained.

It refuses what promtool refuses, and gives its verdict. Store and engine are the caller's: a `Bench` makes an empty one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.replay.unit.files import Bench, run_tests
    from agent.replay.unit.reading import check_tests
    from agent.replay.unit.running import Samples

__all__ = ["Bench", "Samples", "check_tests", "run_tests"]

__getattr__ = lazy(
    __name__,
    {
        "files": (
            "Bench",
            "run_tests",
        ),
        "reading": ("check_tests",),
        "running": ("Samples",),
    },
)
