"""Say on which seeds two real Alertmanagers agree: `python -m tests.peers.alertmanager.seeds --seeds 1-40`.

Where they do not, the story hangs on chance, mostly on how far a group is loaded when a reload flushes it.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.peers.alertmanager.__main__ import seeds_of
from tests.peers.alertmanager.comparison import differences
from tests.peers.alertmanager.play import Played, against_itself, play
from tests.peers.alertmanager.scenarios import Expire, Post, Reload, Scenario, Silence

AT_ONCE = 10


def content(story: Scenario) -> str:
    """Say in a few words what is in a story."""
    kinds = Counter(
        {Post: "posts", Silence: "silences", Expire: "expiries", Reload: "reloads"}[type(each)]
        for each in story.actions
    )
    faults = ", ".join(str(each.status) for each in story.faults)
    rules = len(story.config["inhibit_rules"])
    return f"{dict(kinds)}, {rules} inhibit rules, faults: {faults or 'none'}"


def main() -> int:
    """Play seeds against two Alertmanagers and print those on which they agree."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.alertmanager.seeds", description=__doc__)
    parser.add_argument("--seeds", type=seeds_of, default=seeds_of("1-20"))
    given = parser.parse_args()
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        print("prometheus-alertmanager is not installed; the Debian package of this name has it")
        return 2
    stable = []
    for start in range(0, len(given.seeds), AT_ONCE):
        with tempfile.TemporaryDirectory() as folder:
            played: list[Played] = asyncio.run(
                play(given.seeds[start : start + AT_ONCE], against_itself(program), Path(folder))
            )
        for each in played:
            requests = sum(len(hook.arrivals) for hook in each.hooks[0].hooks.values())
            same = not differences(*each.hooks, each.names)
            stable += [each.scenario.seed] if same else []
            verdict = "agree" if same else "DIFFER"
            print(f"seed {each.scenario.seed}: two {verdict} on {requests} requests; {content(each.scenario)}")
        print(f"stable so far: {stable}; the machine was late by {played[0].lag_ms} ms at worst", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
