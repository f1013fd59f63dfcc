"""Numbers, instants, secrets and cells print and compare as they must."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent.model
from agent.model import (
    ABSENT_NAN,
    STALE_NAN,
    Alert,
    Columns,
    Labels,
    Secret,
    absent_row,
    format_float,
    format_rfc3339,
    is_absent,
    is_missing,
    is_stale,
    parse_float,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-7, "1e-07"),
        (1.5e-7, "1.5e-07"),
        (1e-6, "0.000001"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.234e22, "1.234e+22"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (-0.0, "-0"),
        (5e-324, "5e-324"),
    ],
)
def test_a_float_prints_as_prometheus_answers_it(value, expected):
    assert expected == format_float(value)


@given(st.floats())
def test_a_printed_float_reads_back_the_same(value):
    back = parse_float(format_float(value))

    assert back == value or (math.isnan(back) and math.isnan(value))


def test_underscores_are_no_part_of_a_sample_value():
    with pytest.raises(ValueError, match="not a number"):
        parse_float("1_000")


def test_an_instant_prints_with_milliseconds():
    assert format_rfc3339(1_767_603_600_007) == "2026-01-05T09:00:00.007Z"
    assert format_rfc3339(1 << 60) == "9999-12-31T23:59:59.999Z", (
        "one time that is no date must break no list and no message"
    )


def test_the_three_kinds_of_nan_stay_apart_through_copies():
    cells = np.array([1.0, STALE_NAN, ABSENT_NAN, math.nan])[[0, 1, 2, 3]].reshape(2, 2)

    assert [[False, True], [False, False]] == is_stale(cells).tolist()
    assert [[False, False], [True, False]] == is_absent(cells).tolist()
    assert [[False, True], [True, False]] == is_missing(cells).tolist()
    assert is_absent(absent_row(3)).all()


def test_columns_only_grow():
    columns = Columns([Labels.of(a="1")])

    assert columns.column(Labels.of(a="2")) == 1
    assert columns.column(Labels.of(a="1")) == 0
    assert columns.find(Labels.of(a="3")) is None
    assert len(columns) == 2


def test_a_secret_shows_itself_only_when_asked():
    secret = Secret("hunter2")

    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert not Secret("")


def test_an_alert_is_over_from_its_end_on():
    alert = Alert(Labels.of(alertname="A", i="1"), Labels(), 1_000, ends_at_ms=2_000)

    assert alert.fingerprint == "caaaffbd9ccf039f"
    assert not alert.resolved_at(1_999)
    assert alert.resolved_at(2_000)
    assert not Alert(Labels(), Labels(), 1_000).resolved_at(10**15)


def test_the_door_names_exactly_what_is_public():
    assert all(getattr(agent.model, name) is not None for name in agent.model.__all__)
    assert list(agent.model.__all__) == sorted(
        agent.model.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n)
    )
