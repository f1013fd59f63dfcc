"""Run every benchmark and print one table: `python -m benchmarks [NAME…] [--json]`."""

from __future__ import annotations

import argparse
import importlib
import json

NAMES = ("parse",)


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NAMES), metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.names:
        result = importlib.import_module(f"benchmarks.{name}").measure()
        if arguments.json:
            print(json.dumps({"benchmark": name, **result}))
        else:
            print(f"{name}: {result['what']}\n  ours   {result['ours']:.4g} {result['unit']}")
            print(f"  {result['peer']} {result['theirs']:.4g} {result['unit']}")
        print(f"ratio: {result['ours'] / result['theirs']:.4f}")


if __name__ == "__main__":
    main()
