"""The same evaluator and the same router on a virtual clock: what would have happened, and who would have been told.

A `Rehearsal` drives the real dispatcher without a network and without waiting. It knows neither the store nor a clock:
samples and instants are given to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.replay.lives import Life
    from agent.replay.outcome import Failure, FileOutcome, Line, Mark, TestOutcome
    from agent.replay.rehearsal import Rehearsal
    from agent.replay.routing_files import rehearsed_routing
    from agent.replay.routing_tests.coverage import untested
    from agent.replay.routing_tests.running import check_routing_tests, run_routing_tests
    from agent.replay.told import Told, Withheld
    from agent.replay.unit import Bench, Samples, check_tests, run_tests

__all__ = [
    "Bench",
    "Failure",
    "FileOutcome",
    "Life",
    "Line",
    "Mark",
    "Rehearsal",
    "Samples",
    "TestOutcome",
    "Told",
    "Withheld",
    "check_routing_tests",
    "check_tests",
    "rehearsed_routing",
    "run_routing_tests",
    "run_tests",
    "untested",
]

__getattr__ = lazy(
    __name__,
    {
        "lives": ("Life",),
        "outcome": (
            "Failure",
            "FileOutcome",
            "Line",
            "Mark",
            "TestOutcome",
        ),
        "rehearsal": ("Rehearsal",),
        "routing_files": ("rehearsed_routing",),
        "routing_tests.coverage": ("untested",),
        "routing_tests.running": (
            "check_routing_tests",
            "run_routing_tests",
        ),
        "told": (
            "Told",
            "Withheld",
        ),
        "unit": (
            "Bench",
            "Samples",
            "check_tests",
            "run_tests",
        ),
    },
)
