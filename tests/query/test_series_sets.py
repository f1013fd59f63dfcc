"""Series sets are found again by the identity of the store's label tuples, and go when nobody can ask for them."""

from __future__ import annotations

import numpy as np

from agent.model import Block, Labels
from agent.query.evaluation import SeriesSets


def block(width, name="x"):
    labels = tuple(Labels.of(name_=name, n=str(number)) for number in range(width))
    return Block(labels, np.array([1], np.int64), np.ones((1, width)), True)


def test_the_same_tuples_are_the_same_set():
    """Equal labels in another tuple are another set: only the store knows that nothing changed."""
    sets, one, two = SeriesSets(), block(3), block(3)
    assert sets.of([one]) is sets.of([one])
    assert sets.of([one, two]) is sets.of([one, two])
    assert sets.of([one]) is not sets.of([two])


def test_a_selector_s_old_sets_go_when_it_selects_others():
    """All but a few: so churn of series does not fill the memory with what was."""
    sets, generations = SeriesSets(), [block(100 + number) for number in range(50)]
    found = [sets.of([each], "selector") for each in generations]
    assert sets.of([generations[-1]], "selector") is found[-1]
    assert sets.of([generations[0]], "selector") is not found[0]
    assert len(sets._sets) == 4
    assert sets._series == 100 + 147 + 148 + 149


def test_the_least_recently_used_go_first():
    """By number of sets and by number of series; the one that was just asked for stays, however large."""
    sets, blocks = SeriesSets(kept=2, kept_series=25), [block(10), block(10), block(10), block(90)]
    first, second = sets.of([blocks[0]], "a"), sets.of([blocks[1]], "b")
    assert sets.of([blocks[0]], "a") is first
    sets.of([blocks[2]], "c")
    assert sets.of([blocks[0]], "a") is first
    assert sets.of([blocks[1]], "b") is not second
    large = sets.of([blocks[3]], "d")
    assert sets.of([blocks[3]], "d") is large
    assert len(sets._sets) == 1
