"""Prometheus' own scripts pass, at least as many as ever before; and the runner that says so can say no."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.query import MemoryQueryable
from tests.conformance.promqltest import TOGETHER, Stored, run_file, run_text

FLOOR = int(Path(__file__).with_name("floor.txt").read_text())
"""The most cases that ever passed. Raise it with what you add; never lower it."""
LOAD = 'load 1m\n  x_total{a="b"} 0+60x10\n  y 1 2 3 4 5\n\n'


@pytest.mark.parametrize(
    "storage", [MemoryQueryable, TOGETHER, Stored], ids=["by timestamps", "one gappy block", "stored"]
)
def test_as_many_cases_pass_as_ever(shared, storage):
    """The number of passed cases is at or above the committed floor, and nothing fails."""
    reports = [run_file(path, storage) for path in sorted((shared / "promqltest").glob("*.test"))]
    flaws = [f"{report.name}:{each.line}: {each.expr}: {each.flaw}" for report in reports for each in report.failures]
    assert flaws == []
    assert sum(report.passed for report in reports) >= FLOOR


def test_the_command_prints_totals_last(shared):
    """A line per file, the totals as the last line, exit 0."""
    files = [str(shared / "promqltest" / name) for name in ("literals.test", "staleness.test")]
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.conformance.promqltest", *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("literals.test: ")
    assert lines[-1].endswith(" passed, 0 failed")


@pytest.mark.parametrize(
    "case",
    [
        "eval instant at 5m y\n  y 4\n",
        "eval instant at 4m y\n  z 5\n",
        "eval instant at 4m y\n",
        "eval instant at 4m y\n  y 5\n  z 5\n",
        "eval instant at 4m y\n  y 5.0001\n",
        "eval instant at 4m 1 + 1\n  3\n",
        'eval instant at 4m "a"\n  expect string "b"\n',
        "eval instant at 4m y\n  expect fail\n",
        "eval instant at 4m y + on() {__name__=~'x_total|y'}\n  {} 10\n",
        "eval instant at 4m topk(NaN, y)\n  expect fail msg: Something else\n",
        "eval instant at 4m topk(NaN, y)\n  expect fail regex: ^Something\n",
        "eval instant at 4m rate(y[5m])\n  expect no_info\n  {} 0.0166667\n",
        "eval instant at 4m rate(x_total[5m])\n  expect info\n  {a='b'} 1\n",
        "eval instant at 4m rate(y[5m])\n  expect info msg: PromQL info: something else\n  {} 0.0166667\n",
        "eval instant at 4m sort(y)\n  expect warn\n  y 5\n",
        "eval range from 0 to 2m step 1m y\n  y 1 2\n",
        "eval range from 0 to 2m step 1m y\n  y 1 2 4\n",
        "eval range from 0 to 2m step 1m y\n  y 1 _ 3\n",
        "eval range from 0 to 2m step 1m y\n  y 1 2 3\n  z 1 2 3\n",
        "eval instant at 4m y[2m]\n  expect range vector from 3m to 4m step 1m\n  y 4 4\n",
        "eval instant at 4m sort_desc({__name__=~'x_total|y'})\n  expect ordered\n  y 5\n  x_total{a='b'} 240\n",
        "eval instant at 4m nonsense(\n",
        "evil instant at 4m y\n",
    ],
)
def test_the_runner_fails_what_is_wrong(case):
    """Each of these expectations is false, and is reported as one failure."""
    assert len(run_text("case", LOAD + case).failures) == 1


@pytest.mark.parametrize(
    "case",
    [
        "eval instant at 4m y\n  y 5\n",
        "eval instant at 4m y\n  y 5.000001\n",
        "eval instant at 4m nothing\n",
        "eval instant at 4m 1 + 1\n  2\n",
        'eval instant at 4m "a"\n  expect string `a`\n',
        "eval instant at 4m topk(NaN, y)\n  expect fail msg: Parameter value is NaN\n",
        "eval_fail instant at 4m topk(NaN, y)\n",
        "eval_fail instant at 4m topk(NaN, y)\n  expected_fail_message Parameter value is NaN\n",
        "eval instant at 4m rate(y[5m])\n  expect info\n  {} 0.01666667\n",
        "eval range from 0 to 2m step 1m y\n  y 1 2 3\n",
        "eval range from 0 to 10m step 5m x_total\n  x_total{a='b'} 0+300x2\n",
        "eval instant at 4m y[2m]\n  expect range vector from 3m to 4m step 1m\n  y 4 5\n",
        "clear\neval instant at 4m y\n",
    ],
)
def test_the_runner_passes_what_is_right(case):
    """The same kinds of expectations, true."""
    report = run_text("case", LOAD + case)
    assert [each.flaw for each in report.failures] == []
    assert report.passed == 1


def test_what_is_out_of_scope_is_named():
    """Cases that touch series with start timestamps are left out, and only those."""
    text = "load 1m\n  s@st 0 0\n  f 1x5\n\neval instant at 1m s\n  s 1\n\neval instant at 1m f\n  f 1\n"
    report = run_text("case", text)
    assert (report.passed, dict(report.skipped), report.failures) == (1, {"start timestamps": 1}, [])


HISTOGRAMS = "load 1m\n  h {{schema:0 count:3 sum:5 buckets:[1 2]}}+{{count:1 buckets:[1]}}x3\n\n"


@pytest.mark.parametrize(
    ("case", "flaws"),
    [
        ("eval instant at 1m h\n  h {{schema:0 count:4 sum:5 buckets:[2 2 0]}}\n", 0),
        ("eval instant at 1m h\n  h {{count:4 sum:5 buckets:[2 2] counter_reset_hint:not_reset}}\n", 0),
        ("eval range from 0 to 1m step 1m h\n  h {{count:3 sum:5 buckets:[1 2]}}+{{count:1 buckets:[1]}}x1\n", 0),
        ("eval instant at 1m h\n  h {{count:4 sum:5 buckets:[2 2] counter_reset_hint:reset}}\n", 1),
        ("eval instant at 1m h\n  h {{count:4 sum:5 buckets:[2 3]}}\n", 1),
        ("eval instant at 1m h\n  h {{count:4 sum:5 buckets:[2 2] offset:1}}\n", 1),
        ("eval instant at 1m h\n  h {{schema:1 count:4 sum:5 buckets:[2 2]}}\n", 1),
        ("eval instant at 1m h\n  h {{count:4 sum:5 z_bucket:1 buckets:[2 2]}}\n", 1),
        ("eval instant at 1m h\n  h {{count:4 sum:5 n_buckets:[2 2]}}\n", 1),
        ("eval instant at 1m h\n  h 4\n", 1),
        ("eval instant at 1m histogram_count(h)\n  {} {{count:4}}\n", 1),
    ],
)
def test_histograms_are_compared_field_by_field(case, flaws):
    """A histogram is the one expected but for empty buckets; its reset hint counts where one is expected."""
    assert len(run_text("case", HISTOGRAMS + case).failures) == flaws


def test_classic_histograms_load_as_native_ones_too():
    """`load_with_nhcb` makes x of x_bucket, x_count and x_sum, with the classic bounds as its own."""
    text = 'load_with_nhcb 1m\n  x_bucket{le="1"} 2 3\n  x_bucket{le="+Inf"} 5 9\n  x_sum 8 8\n\n'
    own = "schema:-53 sum:8 custom_values:[1]"
    want = f"{{{{{own} count:5 buckets:[2 3]}}}} {{{{{own} count:9 buckets:[3 6]}}}}"
    report = run_text("case", f"{text}eval range from 0 to 1m step 1m x\n  x {want}\n")
    assert [each.flaw for each in report.failures] == []
