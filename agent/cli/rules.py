"""`burnline rules`: how the last evaluations of a running agent's rules went."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from rich.table import Table
from rich.text import Text

from agent.cli.client import call
from agent.cli.screen import Screen

_LOOKED_AT: Final = 60
_STYLES: Final = {"err": "bold red", "ok": "green", "unknown": "dim"}


def show_rules(
    url: str, names: Sequence[str], groups: Sequence[str], *, slow: bool = False, failing: bool = False, as_json: bool
) -> None:
    """Ask the agent for its rules and print them, in the files' order or the slowest first."""
    asked = [("evaluations", str(_LOOKED_AT)), ("exclude_alerts", "true")]
    asked += [("rule_name[]", name) for name in names] + [("rule_group[]", name) for name in groups]
    data = call(url, f"/api/v1/rules?{urlencode(asked)}", method="GET")
    console = Screen()
    if as_json:
        console.print_json(json.dumps(data))
        return
    rules = [(group["name"], rule) for group in data["groups"] for rule in group["rules"]]
    if failing:
        rules = [each for each in rules if each[1]["health"] == "err"]
    if slow:
        rules.sort(key=lambda each: -_longest(each[1]))
    console.print(rules_table(rules) if rules else Text("no such rules", style="dim"))


def rules_table(rules: Iterable[tuple[str, Mapping[str, Any]]]) -> Table:
    """Return (group, rule) pairs as a table: health, what the last evaluation read and gave, how long they took."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("rule", overflow="fold")
    table.add_column("health", no_wrap=True)
    for name in ("series", "samples", "gave", "took", "at most"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("error", overflow="fold")
    for group, rule in rules:
        last = rule["evaluations"][0] if rule["evaluations"] else None
        called = Text(rule["name"], style="bold").append(f" {group}", style="not bold dim")
        health = Text(rule["health"], style=_STYLES.get(rule["health"], ""))
        figures = (f"{last['series']:,}", f"{last['samples']:,}", f"{last['results']:,}") if last else ("", "", "")
        took = (_milliseconds(last["seconds"]), _milliseconds(_longest(rule))) if last else ("", "")
        table.add_row(called, health, *figures, *took, Text(rule.get("lastError", "")))
    return table


def _longest(rule: Mapping[str, Any]) -> float:
    return max((each["seconds"] for each in rule["evaluations"]), default=0.0)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.2f} ms"
