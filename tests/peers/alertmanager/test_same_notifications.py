"""Random stories through a real Alertmanager 0.25 and through our strict mode: the same notifications in the same ticks.

Budget: 60 s of real time, all stories side by side. `python -m tests.peers.alertmanager` plays other seeds. What remains
different is in DIFFERENT, and, of the webhook's fields, in `comparison.DIFFERENT`.
"""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from tests.peers.alertmanager.comparison import differences
from tests.peers.alertmanager.hooks import Arrival
from tests.peers.alertmanager.play import Played, against_ours, play
from tests.peers.alertmanager.scenarios import HANG, REFUSE, Reload, Silence

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240), pytest.mark.xdist_group("peers")]

CHOSEN: Final = {
    3: "429 twice, a webhook that hangs, a silence that is changed and one that is ended",
    7: "a webhook that hangs, one that refuses connections, one that answers 500; a silence that is ended",
    8: "429 and 500, the limit of listed alerts",
    10: "a reload amid silences",
    11: "connections refused",
    12: "a reload while a webhook hangs and another answers 429",
    14: "a reload, 404 and 429: what failed for good comes again at the next tick",
    15: "no wait and old alerts: groups that flush at once; a repeat at each tick",
    4: "500 now and then, 429, old alerts that flush a group at once",
    20: "many messages of many groups, resolved and not",
    22: "no wait, two inhibit rules",
    23: "a reload that makes groups anew, silences",
    28: "a webhook that hangs while another answers 404: the tick of both waits",
    32: "two inhibit rules, 404 and 429, silences",
    42: "no wait, two inhibit rules, a message at nearly every tick",
    45: "a webhook that hangs, silences, two inhibit rules",
    47: "a reload while a webhook hangs and another refuses connections now and then",
}
"""Seed → what is in its story; `python -m tests.peers.alertmanager.seeds` found that two Alertmanagers agree on each."""

DIFFERENT: Final = {
    "partly loaded groups": (
        "after a reload Alertmanager flushes an old group while its alerts, and those that inhibit them, are still being"
        " loaded: what is in the message, and whether one comes, is up to its scheduler. Ours are loaded first"
    ),
    "empty group_by": "`group_by: []` below the root inherits in Alertmanager 0.25 and means one group since; ours is the latter",
    "restart": "Alertmanager loses its alerts with the process; ours are in the journal, and groups keep their beat",
}
"""Difference → what it is. No chosen story has one of them."""


@pytest.fixture(scope="module")
def played(tmp_path_factory, peer) -> dict[int, Played]:
    """Play the chosen stories; those that differ once more where a moment may have decided, or chance has a part in a reload."""
    sides = against_ours(peer("prometheus-alertmanager", "prometheus-alertmanager"))
    found: dict[int, Played] = {}
    again = list(CHOSEN)
    for attempt in range(3):
        folder = tmp_path_factory.mktemp(f"same-notifications-{attempt}")
        found |= {each.scenario.seed: each for each in asyncio.run(play(again, sides, folder))}
        again = [seed for seed in again if _worth_another(found[seed])]
        if not again:
            break
    return found


def _worth_another(each: Played) -> bool:
    reloads = any(isinstance(action, Reload) for action in each.scenario.actions)
    return bool(differences(*each.hooks)) and (each.by_chance or reloads)


def test_the_same_notifications_reach_each_webhook_in_the_same_ticks(played):
    assert {seed: found for seed, each in played.items() if (found := differences(*each.hooks))} == {}


def test_the_stories_have_what_they_are_to_compare(played):
    """Otherwise the test above would compare nothing."""
    arrivals = [each for story in played.values() for hook in story.hooks[1].hooks.values() for each in hook.arrivals]
    assert len(arrivals) > 250
    assert {each.status for each in arrivals} >= {200, 404, 429, 500, HANG}
    assert {each.body["status"] for each in arrivals} == {"firing", "resolved"}
    assert any(each.body["truncatedAlerts"] for each in arrivals)
    faults = [each.status for story in played.values() for each in story.scenario.faults]
    assert REFUSE in faults
    for kind in (Silence, Reload):
        assert sum(isinstance(each, kind) for story in played.values() for each in story.scenario.actions) > 3


def test_a_notification_that_is_missing_late_or_says_something_else_is_found(played):
    story = played[20]
    hook = max(story.hooks[1].hooks.values(), key=lambda each: len(each.arrivals))
    kept = hook.arrivals
    first = kept[0]
    try:
        for changed in (
            kept[1:],
            [Arrival(first.at_ms + 900, first.body, first.status), *kept[1:]],
            [Arrival(first.at_ms, {**first.body, "receiver": "nobody"}, first.status), *kept[1:]],
        ):
            hook.arrivals = changed
            assert len(differences(*story.hooks)) == 1
    finally:
        hook.arrivals = kept
