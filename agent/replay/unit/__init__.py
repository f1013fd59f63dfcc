"""promtool's rule unit tests: read, run by the real evaluator on a virtual clock, compared, explained.

It refuses what promtool refuses, and gives its verdict. Store and engine are the caller's: a `Bench` makes an empty one.
"""

from __future__ import annotations

from agent.replay.unit.files import Bench, run_tests
from agent.replay.unit.reading import check_tests
from agent.replay.unit.running import Samples

__all__ = ["Bench", "Samples", "check_tests", "run_tests"]
