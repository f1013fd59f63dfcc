"""`python -m tests.conformance.promqltest FILE…`: run promqltest files, print a line per file and the totals last.

`-v` also prints every failed case; `--together` keeps all series in one block with gaps, `--stored` in the real store. The
features that cases were left out for are listed before the totals. Exit 1 where a case failed.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from agent.query import MemoryQueryable
from tests.conformance.promqltest import TOGETHER, Storage, Stored, run_file

STORAGES: dict[str, Storage] = {"--together": TOGETHER, "--stored": Stored}


def main(arguments: list[str]) -> int:
    """Run the files named in `arguments`; return the exit code."""
    verbose = "-v" in arguments
    storage = next((STORAGES[each] for each in arguments if each in STORAGES), MemoryQueryable)
    files = [Path(each) for each in arguments if not each.startswith("-")]
    if not files:
        print(__doc__)
        return 2
    passed = failed = 0
    skipped: Counter[str] = Counter()
    for path in files:
        report = run_file(path, storage)
        print(report, flush=True)
        if verbose:
            for outcome in report.failures:
                print(f"  {path.name}:{outcome.line}: {outcome.expr}\n      {outcome.flaw}")
        passed += report.passed
        failed += len(report.failures)
        skipped += report.skipped
    for reason, count in skipped.most_common():
        print(f"skipped {count}: {reason}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
