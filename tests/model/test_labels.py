"""Label sets are values: sorted, equal by content, and fingerprinted as Alertmanager does."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Labels

NAMES = st.sampled_from(["a", "b", "job", "__name__", "le", "a.b"])
SETS = st.dictionaries(NAMES, st.text(max_size=5))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [({"alertname": "A", "i": "1"}, "caaaffbd9ccf039f"), ({}, "cbf29ce484222325")],
)
def test_the_fingerprint_is_what_a_real_alertmanager_gives(labels, expected):
    """Both were observed on Alertmanager 0.25."""
    assert expected == Labels(labels).fingerprint()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "{}"),
        ({"__name__": "up"}, "up"),
        ({"__name__": "up", "job": 'a"b'}, 'up{job="a\\"b"}'),
        ({"__name__": "a.b", "job": "x"}, '{"a.b", job="x"}'),
        ({"a.b": "1", "c": "\n"}, '{"a.b"="1", c="\\n"}'),
    ],
)
def test_labels_print_as_a_selector(labels, expected):
    assert expected == str(Labels(labels))


def test_an_empty_value_is_a_missing_label():
    assert Labels({"a": "", "b": "1"}) == Labels({"b": "1"})
    assert Labels({"b": "1"}).get("a") == ""


def test_merging_lays_over_and_an_empty_value_removes():
    merged = Labels.of(job="a", severity="warning").merged({"severity": "critical", "job": ""})

    assert Labels.of(severity="critical") == merged


@given(SETS, SETS)
def test_equality_hash_and_fingerprint_agree(left, right):
    one, two = Labels(left), Labels(right)

    assert (one == two) == (one.pairs == two.pairs)
    if one == two:
        assert hash(one) == hash(two)
        assert one.fingerprint() == two.fingerprint()


@given(SETS)
def test_order_of_insertion_does_not_matter(labels):
    assert Labels(labels) == Labels(dict(reversed(labels.items())))


@given(SETS)
def test_labels_survive_pickling(labels):
    assert Labels(labels) == pickle.loads(pickle.dumps(Labels(labels)))
