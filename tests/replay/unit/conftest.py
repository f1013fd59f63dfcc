"""A file of unit tests, run as the command runs it."""

from __future__ import annotations

import textwrap
import time

import pytest

from agent.app import Bench
from agent.replay import run_tests


@pytest.fixture
def run(tmp_path):
    """Return a function that writes a test file (and rules.yml) and returns its outcome."""

    def runs(tests: str, rules: str = "", **keywords):
        (tmp_path / "rules.yml").write_text(textwrap.dedent(rules), encoding="utf-8")
        path = tmp_path / "test.yml"
        path.write_text(textwrap.dedent(tests), encoding="utf-8")
        return run_tests(path, Bench(), stopwatch=time.perf_counter, **keywords)

    return runs


@pytest.fixture
def failures(run):
    """Return a function that runs a file and returns its failures as text, file-level problems first."""

    def failed(tests: str, rules: str = "", **keywords):
        outcome = run(tests, rules, **keywords)
        return [*outcome.problems, *(str(each) for test in outcome.tests for each in test.failures)]

    return failed
