"""The same evaluator and the same router on a virtual clock: what would have happened, and who would have been told.

A `Rehearsal` drives the real dispatcher without a network and without waiting. It knows neither the store nor a clock:
samples and instants are given to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.replay.account import FLAP_MS, Failing, Report, RuleAccount, RuleId, Spell, Telling, counted, telling_of
    from agent.replay.choosing import chosen, run_in_ms, with_interval
    from agent.replay.comparing import Comparison, compared
    from agent.replay.fetching import Ask, fetch, requests
    from agent.replay.instants import Recorded
    from agent.replay.lives import Life
    from agent.replay.outcome import Failure, FileOutcome, Line, Mark, TestOutcome
    from agent.replay.page import report_page
    from agent.replay.plain import report_json
    from agent.replay.rehearsal import Rehearsal
    from agent.replay.replaying import Asked, begins_ms, replay
    from agent.replay.routing_files import rehearsed_directory, rehearsed_routing
    from agent.replay.routing_tests.coverage import untested
    from agent.replay.routing_tests.running import check_routing_tests, run_routing_tests
    from agent.replay.told import Told, Withheld
    from agent.replay.unit import Bench, Samples, check_tests, run_tests
    from agent.replay.words import differences, duration, failures, headline, is_short, moment, telling_labels, times


__all__ = [
    "FLAP_MS",
    "Ask",
    "Asked",
    "Bench",
    "Comparison",
    "Failing",
    "Failure",
    "FileOutcome",
    "Life",
    "Line",
    "Mark",
    "Recorded",
    "Rehearsal",
    "Report",
    "RuleAccount",
    "RuleId",
    "Samples",
    "Spell",
    "Telling",
    "TestOutcome",
    "Told",
    "Withheld",
    "begins_ms",
    "check_routing_tests",
    "check_tests",
    "chosen",
    "compared",
    "counted",
    "differences",
    "duration",
    "failures",
    "fetch",
    "headline",
    "is_short",
    "moment",
    "rehearsed_directory",
    "rehearsed_routing",
    "replay",
    "report_json",
    "report_page",
    "requests",
    "run_in_ms",
    "run_routing_tests",
    "run_tests",
    "telling_labels",
    "telling_of",
    "times",
    "untested",
    "with_interval",
]

__getattr__ = lazy(
    __name__,
    {
        "page": ("report_page",),
        "account": (
            "FLAP_MS",
            "Failing",
            "Report",
            "RuleAccount",
            "RuleId",
            "Spell",
            "Telling",
            "counted",
            "telling_of",
        ),
        "choosing": (
            "chosen",
            "run_in_ms",
            "with_interval",
        ),
        "comparing": (
            "Comparison",
            "compared",
        ),
        "fetching": (
            "Ask",
            "fetch",
            "requests",
        ),
        "instants": ("Recorded",),
        "lives": ("Life",),
        "outcome": (
            "Failure",
            "FileOutcome",
            "Line",
            "Mark",
            "TestOutcome",
        ),
        "plain": ("report_json",),
        "rehearsal": ("Rehearsal",),
        "replaying": (
            "Asked",
            "begins_ms",
            "replay",
        ),
        "routing_files": (
            "rehearsed_directory",
            "rehearsed_routing",
        ),
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
        "words": (
            "differences",
            "duration",
            "failures",
            "headline",
            "is_short",
            "moment",
            "telling_labels",
            "times",
        ),
    },
)
