"""Prometheus' own unit-test files: the verdict of its promtool (3.14), file by file and test by test, with its reasons."""

from __future__ import annotations

import time

import pytest
import re2

from agent.app import Bench
from agent.replay import run_tests

pytestmark = pytest.mark.shared

PASSES = (
    "unittest",
    "long-period",
    "start-time-test",
    "no-test-group-interval",
    "at-modifier-test",
    "negative-offset-test",
)
FAILS = {
    "failing": ["Test at 0s: expected 1 firing, got none", "InstanceDown at 5m: expected none firing", "`test` at 0s"],
    "bad-input-series": ["bad-input-series.yml:3:64", "unexpected end of input inside braces"],
    "bad-promql": ["found duplicate series for the match group", "many-to-many matching not allowed"],
    "bad-rules-error-test": ['rule "joined" fails at 0s', "found duplicate series for the match group"],
    "bad-rules-syntax-test": ["bad-rules-syntax.yml:7:22", "unexpected end of input"],
    "rules_run": ["`test` at 0s"],
    "rules_run_no_fuzzy": ["`test_low` at 0s", "`test_high` at 0s"],
    "rules_run_extrafields": ['unknown key "ownership"', 'unknown key "namespace"'],
}
"""What fails, and what must be among the reasons."""
CHOSEN = (
    ("rules_run", "correct", True),
    ("rules_run", "wrong", False),
    ("rules_run", "correct|wrong", False),
    ("rules_run_fuzzy", "correct", True),
    ("rules_run_fuzzy", "wrong", False),
)
"""(file, --run, whether it passes)."""


@pytest.fixture
def ran(shared):
    def run(name, **keywords):
        return run_tests(shared / "promtool" / f"{name}.yml", Bench(), stopwatch=time.perf_counter, **keywords)

    return run


def reasons(outcome):
    return "\n".join([*outcome.problems, *(str(each) for test in outcome.tests for each in test.failures)])


@pytest.mark.parametrize("name", PASSES)
def test_what_passes_there_passes_here(ran, name):
    outcome = ran(name)
    assert outcome.passed, reasons(outcome)
    assert outcome.tests


@pytest.mark.parametrize("name", FAILS)
def test_what_fails_there_fails_here_for_the_same_reason(ran, name):
    outcome = ran(name)
    assert not outcome.passed
    for reason in FAILS[name]:
        assert reason in reasons(outcome)


@pytest.mark.parametrize(("name", "pattern", "passes"), CHOSEN)
def test_a_name_chooses_tests(ran, name, pattern, passes):
    outcome = ran(name, wanted=lambda test: re2.search(pattern, test) is not None)
    assert outcome.passed is passes
    assert len(outcome.tests) + outcome.skipped == 2


def test_unknown_keys_of_rule_files_can_be_passed_over(ran):
    assert ran("rules_run_extrafields", ignore_unknown=True).passed


def test_every_case_of_a_failing_file_is_judged(ran):
    first, second = ran("failing").tests
    assert [failure.title.split(" at ")[0] for failure in first.failures] == ["Test", "`test`"]
    assert [failure.title.split(" at ")[0] for failure in second.failures] == ["InstanceDown", "AlwaysFiring"]


def test_every_unit_test_file_is_judged_here(shared):
    judged = {*PASSES, *FAILS, *(name for name, _, _ in CHOSEN)}
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (shared / "promtool").glob("*.yml")}
    assert judged == {name for name, text in texts.items() if "\ntests:" in "\n" + text}
