"""Twenty kills at random instants lose nobody's last word and repeat at most one message each. Budget: two minutes."""

from __future__ import annotations

import os
import time

import pytest

from tests.chaos.storm import Storm

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.xdist_group("chaos")]

KILLS = int(os.environ.get("BURNLINE_CHAOS_KILLS", "20"))


async def test_whatever_instant_the_agent_is_killed_everybody_ends_up_with_how_things_stand(tmp_path):
    seed = int(os.environ.get("BURNLINE_CHAOS_SEED", time.time_ns() % 1_000_000))
    tally = await Storm(tmp_path, seed).run(KILLS)
    print(tally)
    assert tally.kills == KILLS
    assert tally.wrong == [], tally
    assert tally.repeated <= tally.kills, tally
    assert tally.written > 10 * KILLS, "nothing was going on while the agent was killed"
