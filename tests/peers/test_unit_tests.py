"""Random unit tests through promtool and through ours: the same verdict of every case, right or wrong."""

from __future__ import annotations

import re
import subprocess
import time

import pytest
import yaml

from agent.app import Bench
from agent.errors import ParseError
from agent.model import is_missing, parse_duration
from agent.query import parse_values
from agent.replay import run_tests
from tests.peers.unit_files import scenario

pytestmark = pytest.mark.peers
SEEDS = range(8)
_ALERT = re.compile(r"^    name: (t\d+),\n    alertname: (\w+), time: (\w+),", re.MULTILINE)
_EXPRESSION = re.compile(r'^    expr: "[^#]*# (\d+)", time: ', re.MULTILINE)
_OUR_ALERT = re.compile(r"^(A\d) at (\w+)")
_OUR_EXPRESSION = re.compile(r"^`[^#]*# (\d+)` at ")


def theirs(promtool, path):
    """Return the cases that promtool says failed: numbers of expressions, (test, alert, ms) of alerts."""
    done = subprocess.run(
        [promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=50
    )
    text = done.stdout + done.stderr
    found = {int(number) for number in _EXPRESSION.findall(text)}
    found |= {(test, name, parse_duration(at)) for test, name, at in _ALERT.findall(text)}
    marks = len(re.findall(r"^    (?:expr|alertname|rule): ", text, re.MULTILINE))
    assert marks == len(found), f"not every failure was understood:\n{text[:3000]}"
    assert bool(found) is bool(done.returncode), text[:3000]
    return found


def ours(path):
    """Return the cases that fail in ours."""
    outcome = run_tests(path, Bench(), stopwatch=time.perf_counter)
    assert not outcome.problems
    found = set()
    for test in outcome.tests:
        for failure in test.failures:
            if match := _OUR_EXPRESSION.match(failure.title):
                found.add(int(match[1]))
            else:
                match = _OUR_ALERT.match(failure.title)
                assert match, failure
                found.add((test.name, match[1], parse_duration(match[2])))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_every_case_has_promtools_verdict(tmp_path, peer, seed):
    promtool = peer("promtool", "prometheus")
    made = scenario(seed)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(made.rules))
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(made.tests, width=10_000))
    failed = theirs(promtool, path)
    assert ours(path) == failed
    # The slow reference says what is right, so nearly all that is left as it should be passes, and what is spoiled fails.
    assert made.cases - len(failed) == made.right > 50
    assert len(failed) > 30


FORMS = (
    *("", " ", "1", "+1", "-1", ".5", "5.", "1e3", "1e3x2", "010", "0x3", "Inf", "-inf", "_", "_x3 1", "_x0 1", "_ 5"),
    *("1 2 3", "2x3", "1+2x3", "1-2x3", "-1+0.5x2", "1 +1x2", "1x2 ", "stale", "1 stale 2", "0.1+0.1x6"),
    *("stalex3", "STALE", "1 2 # c", "1,2", "Infx3", "1+Infx2", "1-1", "1+1", "- 1", "1x", "1x2.5", "1+-1x2", "1e400"),
)
"""Ways to write a series, right and wrong."""


@pytest.mark.parametrize("text", FORMS)
def test_a_way_to_write_a_series_means_the_same_to_promtool_or_nothing_to_both(tmp_path, peer, text):
    promtool = peer("promtool", "prometheus")
    try:
        cells = parse_values(text).cells(8)[0]
    except ParseError:
        cells = None
    cases = [
        {
            "expr": "last_over_time(m[59s])",
            "eval_time": f"{minute}m",
            "exp_samples": []
            if cells is None or minute >= len(cells) or is_missing(cells)[minute]
            else [{"labels": "m", "value": float(cells[minute])}],
        }
        for minute in range(9)
    ]
    series = [{"series": "m", "values": text}]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": cases}
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(
        [promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=50
    )
    said = done.stdout + done.stderr
    assert ("parse error" in said) is (cells is None), said
    assert (done.returncode == 0) is (cells is not None), said
