"""What is fetched over the API is what was recorded: values, and where series ended, whatever the size of a stretch."""

from __future__ import annotations

import numpy as np
import pytest

from agent.errors import BurnlineError, TooMuch
from agent.model import Labels
from agent.query import Engine
from agent.replay import fetching
from agent.replay.fetching import fetch, requests, wanted
from tests.replay.played import MINUTE, START, Played, fill, memory_store, rule_set

RULES = """
groups:
  - name: g
    rules:
      - {alert: Low, expr: 'a{job="x"} < 2', for: 2m}
      - {alert: Gone, expr: 'absent(a{job="x", i="1"})'}
      - {alert: Fast, expr: 'rate(a[4m]) > 0.01'}
      - {alert: Down, expr: 'up == 0'}
"""
CELLS = [
    [1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1],
    [1, 2, 3, "stale", None, 1, 2, 3, 4, "stale", None, None],
    [5, 5, 5, "stale", None, 1, 1, 2, 2, 2, 2, 2],
]
SERIES = [
    Labels.of(__name__="up", job="x", instance="h:1"),
    Labels.of(__name__="a", job="x", instance="h:1", i="1"),
    Labels.of(__name__="a", job="x", instance="h:1", i="2"),
]


def served(store, *, closed=False, refuses=lambda query: False):
    """Return an API over a store: its answers as JSON would have them."""
    engine = Engine(store)

    def ask(query, at_ms):
        if refuses(query):
            raise TooMuch("http://x refused: too many samples")
        found = []
        for series in engine.instant(query, at_ms).value:
            points = [
                [at / 1000, repr(float(value))] for at, value in zip(series.timestamps, series.values, strict=True)
            ]
            found.append({"metric": dict(series.labels.pairs), "values": points})
        return found

    return ask


def recorded():
    store = memory_store()
    fill(store, SERIES, CELLS)
    fill(store, [Labels.of(__name__="a", recorded="by a rule")], [[7, 8, 9, None, None, 7]], start_ms=START + 1234)
    return store


def test_a_replay_over_the_api_is_one_over_the_store(monkeypatch):
    """The ends of series are found where their target was scraped without them, over the seams of stretches too."""
    for stretch_ms in (3 * MINUTE, 10**9):
        monkeypatch.setattr(fetching, "STRETCH_MS", stretch_ms)
        rules, copy = rule_set(RULES), memory_store()
        until = START + 20 * MINUTE
        fetched = fetch(served(recorded()), rules, START, until, copy)
        assert fetched.oldest_ms == START
        assert fetched.newest_ms == START + 11 * MINUTE
        here, there = Played(rules, recorded(), START, until), Played(rules, copy, START, until)
        assert sorted(there.transitions) == sorted(here.transitions)
        assert len(here.transitions) > 10


def test_what_is_refused_as_too_much_is_asked_in_halves():
    """A server that refuses long ranges is asked for shorter ones; a short one that is refused is an error that says how far."""
    copy = memory_store()
    fetch(
        served(recorded(), refuses=lambda query: "h" in query.partition("[")[2]),
        rule_set(RULES),
        START,
        START + 12 * MINUTE,
        copy,
    )
    assert len(copy.series(())) == 4
    with pytest.raises(BurnlineError, match=r"fetching .*too many samples \(nothing had come yet\)"):
        fetch(served(recorded(), refuses=lambda _: True), rule_set(RULES), START, START + MINUTE, memory_store())


@pytest.mark.parametrize("why", ["cannot reach http://x: Connection refused", "http://x refused: unauthorized"])
def test_whoever_would_not_answer_less_either_is_asked_once(why):
    """That nobody listens, or that a password is wrong, is no question of how much is asked for."""
    asked = []

    def ask(query, at_ms):
        asked.append(query)
        raise BurnlineError(why)

    with pytest.raises(BurnlineError, match=why):
        fetch(ask, rule_set(RULES), START, START + 12 * MINUTE, memory_store())
    assert len(asked) == 1


@pytest.mark.parametrize("answer", [[1, "2"], [{"metric": {"__name__": "up"}, "values": [["x", "y"]]}], {"a": 1}])
def test_an_answer_of_another_form_is_an_error(answer):
    """Something else than Prometheus' API answers there: that is said, without a traceback."""
    with pytest.raises(BurnlineError, match="has not the form of Prometheus' API"):
        fetch(lambda query, at_ms: answer, rule_set(RULES), START, START + MINUTE, memory_store())


def test_each_series_is_asked_for_once():
    """A selector that another one contains is not fetched, unless it reaches further back."""
    assert sorted(str(matchers[0]) for matchers in wanted(rule_set(RULES))) == ['__name__="a"', '__name__="up"']
    assert requests(rule_set(RULES), START, START + MINUTE) == 2


def test_values_come_through_to_the_bit():
    """Text is what travels; the number is the same."""
    store, copy = memory_store(), memory_store()
    fill(store, SERIES[:2], [[1, 1, 1], [0.1 + 0.2, float("inf"), 5e-324]])
    fetch(served(store), rule_set(RULES), START, START + 5 * MINUTE, copy)
    (block,) = copy.select((), START, START + 9 * MINUTE)
    column = [labels.get("__name__") for labels in block.labels].index("a")
    assert np.array_equal(block.values[:, column], [0.1 + 0.2, float("inf"), 5e-324])
