"""Distinct values are numpy's, and finding them loads no masked arrays."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.query.distinct import distinct


@given(st.lists(st.sampled_from([0.0, -0.0, 1.5, -2.0, float("nan"), float("inf")])))
def test_distinct_values_are_those_of_numpy(values):
    array = np.array(values, dtype=np.float64)
    assert np.array_equal(distinct(array), np.unique(array), equal_nan=True)


@given(st.lists(st.integers(-5, 5)))
def test_distinct_numbers_are_those_of_a_sorted_set(values):
    assert distinct(np.array(values, dtype=np.intp)).tolist() == sorted(set(values))


def test_questions_that_look_for_distinct_values_load_no_masked_arrays():
    program = """
import sys
from agent.query import Engine, MemoryQueryable
for text in ("quantile(2, vector(1))", "quantile_over_time(2, vector(1)[5m:1m])", "limit_ratio(2, vector(1))"):
    Engine(MemoryQueryable(())).instant(text, 0)
print("numpy.ma" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
