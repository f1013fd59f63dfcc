"""`python -m tests.chaos --kills 200 [--seed N]`: the storm of test_kills, for as long as wanted."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.storm import Storm


def main() -> int:
    """Run one storm, print what became of it, and fail where it did not end as it must."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="burnline-chaos-") as folder:
        tally = asyncio.run(Storm(Path(folder), given.seed).run(given.kills))
    print(tally)
    print("\n".join(tally.wrong))
    return 1 if tally.wrong or tally.repeated > tally.kills else 0


if __name__ == "__main__":
    sys.exit(main())
