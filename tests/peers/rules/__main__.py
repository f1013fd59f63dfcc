"""Hunt for differences: `python -m tests.peers.rules --seed 7 --rules 300 --seconds 33`."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import structlog

from tests.peers.rules.comparison import differences, differences_sent
from tests.peers.rules.ours import Ours
from tests.peers.rules.scenarios import scenario
from tests.peers.rules.theirs import RESTARTS, Player


def main() -> int:
    """Play one seed and print where the two sides differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.rules", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=33)
    parser.add_argument("--restarts", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--show", type=int, default=30, help="how many differences to print")
    parser.add_argument("--keep", help="write the rules of a seed that differs to this file")
    parser.add_argument("--failures", action="store_true", help="print why our rules failed that differ")
    given = parser.parse_args()
    program = shutil.which("prometheus")
    if program is None:
        print("prometheus is not installed; the Debian package prometheus has it")
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    made = scenario(given.seed, given.rules, given.seconds)
    with tempfile.TemporaryDirectory() as folder:
        played = Player(program, made, Path(folder)).play(given.seconds, RESTARTS if given.restarts else ())
    ours = Ours(made, played)
    found = differences(played, ours) + differences_sent(played, ours)
    print(*found[: given.show], sep="\n")
    if found and given.failures:
        print(*(each for each in ours.failures if each[1] in "".join(found)), sep="\n")
    samples = sum(map(len, played.outputs.values()))
    evaluations = sum(map(len, played.instants.values()))
    print(
        f"seed {given.seed}: {samples} samples of {evaluations} evaluations, {len(played.sent)} alerts sent,", end=" "
    )
    print(f"{len(ours.failures)} failures of ours, {len(played.torn)} torn, {len(found)} differences")
    if found and given.keep:
        Path(given.keep).write_text(made.text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
