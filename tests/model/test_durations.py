"""Durations read and print as Prometheus does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("100ms", 100),
        ("1d", 86_400_000),
        ("1w", 604_800_000),
        ("1y", 31_536_000_000),
    ],
)
def test_a_duration_is_read_as_milliseconds(text, expected_ms):
    assert expected_ms == parse_duration(text)


@pytest.mark.parametrize("text", ["", "5", "5M", "1.5h", "-5m", "30m1h", "5m5m", " 5m", "5m ", "1h 30m", "400y"])
def test_what_is_no_duration_is_refused_with_its_text(text):
    with pytest.raises(ValueError, match="duration") as error:
        parse_duration(text)
    assert f'"{text}"' in str(error.value)


@pytest.mark.parametrize(
    ("duration_ms", "expected"),
    [(0, "0s"), (90_000, "1m30s"), (604_800_000, "1w"), (9 * 86_400_000, "9d"), (129_600_000, "1d12h"), (1, "1ms")],
)
def test_a_duration_is_printed_in_its_shortest_form(duration_ms, expected):
    assert expected == format_duration(duration_ms)


@given(st.integers(min_value=0, max_value=200 * 31_536_000_000))
def test_printing_and_reading_loses_nothing(duration_ms):
    assert duration_ms == parse_duration(format_duration(duration_ms))
