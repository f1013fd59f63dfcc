"""Run a benchmark: `python -m benchmarks NAME [--json] [--seconds N …]`, or all of them into a table: `… all --date DATE`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from benchmarks.table import renew, run_all

NAMES = (
    "ingest",
    "rules",
    "delay",
    "page",
    "range",
    "memory",
    "disk",
    "growth",
    "ready",
    "parse",
    "check",
    "replay",
    "routing",
    "slo",
)


def main() -> None:
    """Run what the command line names; the last line printed is `ratio: <ours/theirs>` of the first measurement."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name in NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        verb = verbs.add_parser(name, help=module.__doc__.partition("\n")[0], description=module.__doc__)
        verb.add_argument("--json", action="store_true", help="print everything as one JSON object")
        verb.add_argument(
            "--into-table", metavar="DATE", help="renew its lines in benchmarks/README.md, as measured on that day"
        )
        module.arguments(verb)
    table = verbs.add_parser("all", help="run all and write benchmarks/README.md")
    table.add_argument("--date", required=True, help="as it shall stand in the table")
    table.add_argument("--quick", action="store_true", help="short windows; nothing is written")
    asked = parser.parse_args()
    if asked.name == "all":
        run_all(NAMES, asked.date, quick=asked.quick)
        return
    try:
        found = importlib.import_module(f"benchmarks.{asked.name}").measure(asked)
    except RuntimeError as error:
        sys.exit(f"{asked.name}: {error}")
    if asked.json:
        print(json.dumps([each.record() for each in found]))
    else:
        print(*(each.text() for each in found), sep="\n")
    if asked.into_table:
        renew(found, asked.into_table)
    print(f"ratio: {found[0].ratio:.4f}")


if __name__ == "__main__":
    main()
