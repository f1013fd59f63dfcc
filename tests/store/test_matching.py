"""Which series matchers choose, and what the label lists hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Columns, Labels, Matcher, Row, match_all
from agent.store import Store

SERIES = [
    Labels({"__name__": "http", "job": "rag", "code": "200"}),
    Labels({"__name__": "http", "job": "rag", "code": "500"}),
    Labels({"__name__": "http", "job": "web", "code": "200"}),
    Labels({"__name__": "up", "job": "rag"}),
    Labels({"__name__": "up", "job": "web"}),
    Labels({"__name__": "odd", "job": "a.b"}),
    Labels({"__name__": "odd", "job": "a\nb"}),
]


def filled(labels=tuple(SERIES)) -> Store:
    store = Store(retention_ms=10**9, max_memory_bytes=2**30)
    columns = Columns(labels)
    store.append(Row(columns, 1000, np.arange(float(len(columns)))))
    return store


def chosen(store: Store, *matchers: Matcher) -> set[Labels]:
    return {labels for block in store.select(matchers, 0, 9999) for labels in block.labels}


@pytest.mark.parametrize(
    ("name", "op", "value", "numbers"),
    [
        ("__name__", "=", "up", [3, 4]),
        ("__name__", "!=", "up", [0, 1, 2, 5, 6]),
        ("code", "=", "", [3, 4, 5, 6]),
        ("code", "!=", "", [0, 1, 2]),
        ("code", "=~", ".*", [0, 1, 2, 3, 4, 5, 6]),
        ("code", "=~", ".+", [0, 1, 2]),
        ("code", "!~", ".+", [3, 4, 5, 6]),
        ("code", "=~", "200|", [0, 2, 3, 4, 5, 6]),
        ("code", "!~", "200|", [1]),
        ("code", "=~", "200|404|500|200", [0, 1, 2]),
        ("code", "!~", "200|404", [1, 3, 4, 5, 6]),
        ("code", "=~", "2..", [0, 2]),
        ("code", "=~", "20", []),
        ("job", "=", "a.b", [5]),
        ("job", "=~", "a.b", [5, 6]),
        ("job", "=~", r"a\.b", [5]),
        ("nothing", "=", "", [0, 1, 2, 3, 4, 5, 6]),
        ("nothing", "!=", "x", [0, 1, 2, 3, 4, 5, 6]),
        ("nothing", "=", "x", []),
    ],
)
def test_one_matcher_chooses_these_series(name, op, value, numbers):
    """A matcher that matches "" also chooses series without the label; regexes are anchored, `.` matches a newline."""
    assert chosen(filled(), Matcher(name, op, value)) == {SERIES[number] for number in numbers}


def test_all_matchers_must_hold():
    """Several matchers, also on the same label, are joined by and."""
    store = filled()
    rag, good = Matcher("job", "=", "rag"), Matcher("code", "!=", "500")
    assert chosen(store, rag, good) == {SERIES[0], SERIES[3]}
    assert chosen(store, rag, Matcher("job", "=", "web")) == set()
    assert chosen(store, Matcher("code", "=~", "2.*"), Matcher("code", "!~", ".*1"), rag) == {SERIES[0]}


NAMES = st.sampled_from(["__name__", "job", "code", "zone"])
VALUES = st.sampled_from(["", "a", "b", "ab", "a|b", "c"])


@given(
    sets=st.lists(st.dictionaries(NAMES, VALUES, min_size=1), min_size=1, max_size=12),
    wanted=st.lists(
        st.builds(Matcher, NAMES, st.sampled_from(["=", "!=", "=~", "!~"]), VALUES | st.just("a.*")), max_size=3
    ),
)
def test_the_index_agrees_with_asking_every_series(sets, wanted):
    """The postings choose exactly what the matchers, asked one series at a time, choose."""
    labels = [each for each in map(Labels, sets) if len(each)]
    if not labels:
        return
    expected = {each for each in labels if match_all(wanted, each)}
    assert chosen(filled(labels), *wanted) == expected


def test_label_lists_are_sorted_and_follow_matchers_and_time():
    """Names, values and series are those of the matching series with samples in the range."""
    store = filled()
    late = Columns([Labels({"__name__": "late", "job": "batch", "zone": "z"})])
    store.append(Row(late, 50_000, np.ones(1)))
    assert store.label_names() == ["__name__", "code", "job", "zone"]
    assert store.label_names((Matcher("__name__", "=", "up"),)) == ["__name__", "job"]
    assert store.label_names((), 0, 2000) == ["__name__", "code", "job"]
    assert store.label_values("job") == ["a\nb", "a.b", "batch", "rag", "web"]
    assert store.label_values("code", (Matcher("job", "=", "web"),)) == ["200"]
    assert store.label_values("job", (), 40_000, 60_000) == ["batch"]
    assert store.label_values("nothing") == []
    assert store.series((Matcher("job", "=", "web"),)) == sorted([SERIES[2], SERIES[4]])
    assert store.series((Matcher("job", "=", "web"),), 2000, 9000) == []


def test_selections_are_bounded(monkeypatch):
    """Ten thousand different selectors do not stay in memory."""
    monkeypatch.setattr("agent.store.store.MAX_SELECTIONS", 8)
    store = filled()
    for number in range(100):
        assert chosen(store, Matcher("job", "!=", f"x{number}")) == set(SERIES)
    assert len(store._selections) == 8
