"""All benchmarks in one run, and benchmarks/README.md with what they came to. The text around the table is here too."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from agent import __version__
from benchmarks.measurement import Measurement, shown
from benchmarks.programs import version

README = Path(__file__).with_name("README.md")
QUICK = {
    "check": ["--alerts", "1000", "--times", "1"],
    "delay": ["--seconds", "20", "--groups", "5"],
    "disk": ["--hours", "2", "--apart", "0.5"],
    "growth": ["--most", "20000"],
    "ingest": ["--seconds", "20", "--warm-up", "5"],
    "rules": ["--interval", "5", "--seconds", "20", "--without", "10", "--warm-up", "15"],
    "page": ["--seconds", "60", "--short", "20"],
    "range": ["--hours", "1"],
    "ready": ["--hours", "2", "--starts", "2"],
    "replay": ["--hours", "3"],
    "slo": ["--rounds", "60", "--seconds", "20", "--without", "10", "--month", "5"],
    "memory": ["--seconds", "20", "--idle", "20"],
}
HEAD = """# Measurements

Written by `make bench`; each line is ours and the peer's, in one run, on the same data, on one machine, and the ratio is
ours / theirs: lower is better. One of them alone: `python -m benchmarks NAME` (`--help` says what can be asked for, `--json`
gives everything); its last line is the ratio of its first measurement. With `--into-table` it renews its lines here.

"""
PEERS = {
    "Prometheus": "prometheus",
    "promtool": "promtool",
    "node_exporter": "prometheus-node-exporter",
    "vm": "victoria-metrics",
    "Alertmanager": "prometheus-alertmanager",
}


def run_all(names: Sequence[str], date: str, *, quick: bool) -> None:
    """Run every benchmark and print it; write the table unless the windows were short."""
    found: list[Measurement] = []
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        parser = argparse.ArgumentParser()
        module.arguments(parser)
        for each in module.measure(parser.parse_args(QUICK.get(name, []) if quick else [])):
            print(each.text(), flush=True)
            found.append(each)
    text = document(found, date)
    if quick:
        print(text)
    else:
        README.write_text(text)


@dataclass(frozen=True, slots=True)
class Table:
    """What stands in the file of each measurement, by its name and in order: its row, its note, its further figures."""

    rows: dict[str, str]
    notes: dict[str, str]
    details: dict[str, list[str]]

    @classmethod
    def read(cls, text: str) -> Table:
        """Read a file as `document` writes it."""
        rows, notes, details = dict[str, str](), dict[str, str](), dict[str, list[str]]()
        above, _, below = text.partition("## In detail")
        for line in above.splitlines():
            if line.startswith("| ") and not line.startswith("| measured "):
                rows[line.split("|")[1].strip()] = line
            elif line.startswith("- **"):
                notes[line.partition("**")[2].partition("**: ")[0]] = line
        name = ""
        for line in below.splitlines():
            if line.endswith(":") and not line.startswith("|"):
                name = line.removesuffix(":")
                details[name] = ["", line, ""]
            elif line.startswith("|"):
                details[name].append(line)
        return cls(rows, notes, details)

    def renew(self, found: Sequence[Measurement]) -> None:
        """Take measurements in, each in its old place, new ones at the end."""
        for each in found:
            self.rows[each.name] = _line(each)
            self.notes[each.name] = f"- **{each.name}**: {each.what}{_how(each)}"
            if each.details:
                self.details[each.name] = _details(each)

    def text(self, date: str) -> str:
        """Return the file."""
        table = [
            "| measured | ours | peer | ratio | floor | aim | |",
            "|---|---|---|---|---|---|---|",
            *self.rows.values(),
        ]
        details = [line for block in self.details.values() for line in block]
        lines = [f"{date}. {machine()}", "", *table, "", *self.notes.values(), "", "## In detail", *details]
        return HEAD + "\n".join(lines) + "\n"


def document(found: Sequence[Measurement], date: str) -> str:
    """Return the file: where and when, the table, and the further figures of each line."""
    made = Table({}, {}, {})
    made.renew(found)
    return made.text(date)


def renew(found: Sequence[Measurement], date: str) -> None:
    """Write measurements into the file beside those that it has."""
    made = Table.read(README.read_text())
    made.renew(found)
    README.write_text(made.text(date))


def machine() -> str:
    """Return the machine's size and the versions of what ran."""
    memory = psutil.virtual_memory().total / 2**30
    kernel, _, _ = platform.release().partition("-")
    size = f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GB, Linux {kernel}"
    peers = [version(program) or program for program in PEERS.values() if shutil.which(program)]
    return f"{size}; Burnline {__version__}, Python {platform.python_version()}, numpy {np.__version__}; {', '.join(peers)}."


def _line(each: Measurement) -> str:
    bounds = [f"{bound:g}" if bound is not None else "" for bound in (each.floor, each.aim)]
    mark = {"aim reached": "✓", "floor kept, aim missed": "✓ (aim missed)", "FLOOR MISSED": "✗"}.get(each.mark, "")
    figures = [
        f"{shown(each.ours)} {each.unit}",
        f"{shown(each.theirs)} {each.unit} ({each.peer})",
        f"{each.ratio:.3f}",
    ]
    return f"| {' | '.join([each.name, *figures, *bounds, mark])} |"


def _how(each: Measurement) -> str:
    parts = [f"{who}: {how}" for who, how in (("ours", each.ours_how), (each.peer, each.theirs_how)) if how]
    return f" ({'; '.join(parts)})" if parts else ""


def _details(each: Measurement) -> list[str]:
    lines = [f"| {name} | {shown(value)} |" for name, value in each.details.items()]
    return ["", f"{each.name}:", "", "| | |", "|---|---|", *lines]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
