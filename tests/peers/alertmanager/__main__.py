"""Hunt for differences: `python -m tests.peers.alertmanager --seeds 1-12`."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.peers.alertmanager.comparison import differences
from tests.peers.alertmanager.play import against_itself, against_ours, play
from tests.peers.alertmanager.scenarios import Scenario


def seeds_of(text: str) -> list[int]:
    """Return the seeds of `3,7-9`."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def main() -> int:
    """Play some seeds and print where the two sides differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.alertmanager", description=__doc__)
    parser.add_argument("--seeds", type=seeds_of, default=[1])
    parser.add_argument("--itself", action="store_true", help="play two Alertmanagers against each other")
    parser.add_argument("--show", action="store_true", help="print the story and all that arrived")
    given = parser.parse_args()
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        print("prometheus-alertmanager is not installed; the Debian package of this name has it")
        return 2
    sides = against_itself(program) if given.itself else against_ours(program)
    with tempfile.TemporaryDirectory() as folder:
        played = asyncio.run(play(given.seeds, sides, Path(folder)))
    wrong = 0
    for each in played:
        found = differences(*each.hooks, each.names)
        wrong += bool(found)
        arrived = [sum(len(hook.arrivals) for hook in hooks.hooks.values()) for hooks in each.hooks]
        print(f"seed {each.scenario.seed}: {arrived[0]} and {arrived[1]} requests, {len(found)} differences")
        if given.show:
            _show(each.scenario)
        print(*(f"  {line}" for line in found), sep="\n" if found else "", end="\n" if found else "")
    print(f"{wrong} of {len(played)} seeds differ; the machine was late by {played[0].lag_ms} ms at worst")
    return 1 if wrong else 0


def _show(story: Scenario) -> None:
    print(Scenario.text(story.config, {name: name for name in story.hooks}))
    print(*story.actions, *story.faults, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
