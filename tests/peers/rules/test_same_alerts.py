"""Random rules through a real Prometheus and through ours: the same series and the same alerts. Budget: 60 s of real time.

What differs on purpose is the table `comparison.DIFFERENT`. `python -m tests.peers.rules` plays other seeds.
"""

from __future__ import annotations

import pytest

from agent.model import is_stale
from tests.peers.rules.comparison import differences, differences_sent
from tests.peers.rules.ours import Ours
from tests.peers.rules.scenarios import scenario
from tests.peers.rules.theirs import RESTARTS, Late, Player

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300), pytest.mark.xdist_group("peers")]

SEED, RULES, SECONDS, TRIES = 4, 250, 33, 3


@pytest.fixture(scope="module")
def both(tmp_path_factory, peer):
    """Give the scenario, what Prometheus did in it, and what we did."""
    made = scenario(SEED, RULES, SECONDS)
    for attempt in range(TRIES):
        try:
            player = Player(peer("prometheus", "prometheus"), made, tmp_path_factory.mktemp("same-alerts"))
            played = player.play(SECONDS, RESTARTS)
            break
        except Late:
            if attempt == TRIES - 1:
                raise
    return made, played, Ours(made, played)


def test_every_sample_that_rules_write_is_the_same_staleness_markers_included(both):
    _, played, ours = both
    assert differences(played, ours) == []


def test_the_same_alerts_are_handed_over_at_the_same_evaluations_with_the_same_times_and_texts(both):
    _, played, ours = both
    assert differences_sent(played, ours) == []


def test_the_scenario_has_every_kind_of_sample_and_of_failure(both):
    """Otherwise the tests above would compare nothing."""
    _, played, ours = both
    outputs = played.outputs
    for state in ("pending", "firing"):
        assert sum(len(points) for labels, points in outputs.items() if labels.get("alertstate") == state) > 500
    assert sum(is_stale(value) for points in outputs.values() for _, value in points) > 500
    reasons = " ".join(why for _, _, why in ours.failures)
    for reason in ("exceeded limit", "same labelset after applying", "many-to-many"):
        assert reason in reasons


def test_one_sample_that_is_missing_is_found(both):
    _, played, ours = both
    labels = next(labels for labels in ours.outputs if labels.name == "ALERTS" and len(ours.outputs[labels]) > 4)
    kept = ours.outputs[labels]
    try:
        ours.outputs[labels] = kept[:-2] + kept[-1:]
        assert len(differences(played, ours)) == 1
    finally:
        ours.outputs[labels] = kept
