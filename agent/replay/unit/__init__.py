"""promtool's rule unit tests: read, run by the real evaluator on a virtual clock, compared, explained.

It refuses what promtool refuses, and gives its verdict. Store and engine are the caller's: `Bench` makes an empty one.
"""

from __future__ import annotations

from agent.replay.unit.files import Bench, run_tests
from agent.replay.unit.lives import Life
from agent.replay.unit.outcome import Failure, FileOutcome, Line, Mark, TestOutcome
from agent.replay.unit.reading import check_tests
from agent.replay.unit.running import Samples

__all__ = [
    "Bench",
    "Failure",
    "FileOutcome",
    "Life",
    "Line",
    "Mark",
    "Samples",
    "TestOutcome",
    "check_tests",
    "run_tests",
]
