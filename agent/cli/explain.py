"""The plan of a query as a tree in the terminal: a line per node, what it does, what it took, and which one took most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from agent.cli.screen import Screen

_BAR: Final = 10
_NARROW: Final = 72
"""Columns that the numbers beside the tree take."""
_LEAST: Final = 16
"""Columns that words get at the least, however deep their node is."""


def explained(data: Mapping[str, Any], width: int = 120) -> Group:
    """Return the answer of /api/v1/explain as a tree with aligned columns and a line of totals; `width` of the terminal."""
    lines = list(_lines(data["root"], "", ""))
    total = sum(node["seconds"] for _, _, node in lines) or 1.0
    slowest = max((node for _, _, node in lines), key=lambda node: node["seconds"])
    room = max(40, width - _NARROW)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("what it does", no_wrap=True, overflow="ellipsis", max_width=room)
    for name in ("series", "samples"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("how", no_wrap=True)
    table.add_column("own time", justify="right", no_wrap=True)
    table.add_column("share", no_wrap=True)
    for first, rest, node in lines:
        share = node["seconds"] / total
        marked = node is slowest and len(lines) > 1
        words = Text(node["does"], style="bold" if marked else "")
        if not node["inputs"]:
            words.append(f"  {node['expr']}", style="cyan")
        table.add_row(
            _beside(words, first, rest + ("│  " if node["inputs"] else ""), room),
            "" if node["series"] is None else f"{node['series']:,}",
            f"{node['samples']:,}" if node["samples"] else "",
            _how(node),
            _milliseconds(node["seconds"]) if node["how"] != "shared" else "",
            _share(share, marked=marked) if node["how"] != "shared" else Text(),
        )
    return Group(table, Text(), _totals(data))


def _beside(words: Text, first: str, rest: str, room: int) -> Text:
    """Return the words in as many lines as they need, the first behind `first`, the others behind `rest`."""
    lines = words.wrap(Screen(), max(_LEAST, room - max(len(first), len(rest))))
    return Text("\n").join(Text(rest if number else first, style="dim") + line for number, line in enumerate(lines))


def _lines(node: Mapping[str, Any], first: str, rest: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Give each node with the branches of the tree before its first line and before what follows it, parents first."""
    yield first, rest, node
    for number, each in enumerate(node["inputs"], 1):
        last = number == len(node["inputs"])
        yield from _lines(each, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def _how(node: Mapping[str, Any]) -> Text:
    if node["how"] == "shared":
        return Text("same as above", style="green")
    if node["how"] == "literal":
        return Text("a number", style="dim")
    once = "at one instant, " if node["how"] == "computed once" else ""
    if node["built"]:
        return Text(f"{once}index built", style="yellow")
    return Text(f"{once}index cached" if node["series"] is not None else once.rstrip(", "), style="dim")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.2f} ms"


def _share(share: float, *, marked: bool) -> Text:
    bar = "█" * round(share * _BAR)
    text = Text(f"{share:4.0%} ") + Text(bar, style="red" if marked else "blue")
    return text.append(" slowest", style="red") if marked else text


def _totals(data: Mapping[str, Any]) -> Text:
    steps = "1 instant" if data["steps"] == 1 else f"{data['steps']:,} steps"
    plan = "plan cached" if data["planned"] else "compiled for this query"
    peak = data["peak_bytes"]
    memory = f"{peak / 2**20:,.1f} MB" if peak >= 2**20 else f"{peak / 2**10:,.1f} kB"
    parts = (_milliseconds(data["seconds"]), steps, f"{data['samples']:,} samples", f"{memory} at most", plan)
    return Text("total  ", style="bold").append("  ·  ".join(parts), style="")
