"""What came of tests, as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agent.replay import FileOutcome, TestOutcome


def as_json(outcomes: Sequence[FileOutcome]) -> str:
    """Return `{"passed": …, "files": […]}`; instants are milliseconds since the test's start."""
    document = {"passed": all(each.passed for each in outcomes), "files": [_file(each) for each in outcomes]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _file(outcome: FileOutcome) -> dict[str, Any]:
    return {
        "file": outcome.source,
        "passed": outcome.passed,
        "problems": list(outcome.problems),
        "warnings": list(outcome.warnings),
        "skipped": outcome.skipped,
        "tests": [_test(test) for test in outcome.tests],
    }


def _test(test: TestOutcome) -> dict[str, Any]:
    return {
        "name": test.name,
        "line": test.place.line,
        "passed": test.passed,
        "seconds": round(test.seconds, 6),
        "warnings": list(test.warnings),
        "failures": [
            {"place": str(each.place), "title": each.title, "diff": [str(line) for line in each.lines]}
            for each in test.failures
        ],
        "alerts": [
            {
                "labels": dict(life.labels),
                "changes": [{"at_ms": at_ms - test.start_ms, "state": str(state)} for at_ms, state in life.changes],
            }
            for life in test.lives
        ],
    }
