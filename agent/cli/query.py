"""Print what a running agent answers: a table of series, a line of a range, what a reload changed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from agent.cli.client import call
from agent.cli.screen import Screen
from agent.errors import InvalidInput
from agent.model import Labels, parse_duration
from agent.sparklines import sparkline

_WIDTH = 60


@dataclass(frozen=True, slots=True)
class When:
    """When to ask for: at an instant, over a `span` (a duration) that ends there, or from `start` to `end` by `step`."""

    at: str = ""
    span: str = ""
    start: str = ""
    end: str = ""
    step: str = ""

    def form(self) -> dict[str, str]:
        """Return the parameters that the API takes; raise InvalidInput where they do not go together."""
        if self.span and self.start:
            message = "give --range, or --start, --end and --step"
            raise InvalidInput(message)
        if self.start or self.end or self.step:
            if not (self.start and self.end and self.step):
                message = "--start, --end and --step go together"
                raise InvalidInput(message)
            return {"start": self.start, "end": self.end, "step": self.step}
        if not self.span:
            return {"time": self.at} if self.at else {}
        try:
            length = parse_duration(self.span) / 1000
            end = float(self.at) if self.at else time.time()
        except ValueError as error:
            raise InvalidInput(str(error)) from error
        return {"start": f"{end - length:.3f}", "end": f"{end:.3f}", "step": f"{max(length / _WIDTH, 0.001):.3f}"}


def show_query(url: str, expression: str, when: When, *, explain: bool = False, as_json: bool = False) -> None:
    """Ask and print the answer, or with `explain` what the answer takes."""
    console = Screen()
    form = when.form()
    path = "/api/v1/explain" if explain else "/api/v1/query_range" if "start" in form else "/api/v1/query"
    data = call(url, path, {"query": expression} | form)
    if as_json:
        console.print_json(json.dumps(data))
    elif explain:
        from agent.cli.explain import explained

        console.print(explained(data, console.width))
    else:
        console.print(render(data))


def render(data: Mapping[str, Any]) -> Table | Text:
    """Return the answer as a table, or as text where it is one number or string, or nothing."""
    kind, result = data["resultType"], data["result"]
    if kind in ("scalar", "string"):
        return Text(str(result[1]))
    if not result:
        return Text("no series; the selectors match nothing now", style="dim")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("series", overflow="fold")
    table.add_column("value", justify="right" if kind == "vector" else "left", no_wrap=True)
    if kind == "matrix":
        table.add_column("last", justify="right")
    for each in result:
        name = Text(str(Labels(each["metric"])))
        if kind == "vector":
            table.add_row(name, each["value"][1])
        else:
            values = [float(value) for _, value in each["values"]]
            table.add_row(name, sparkline(values), each["values"][-1][1])
    return table


def reload_files(url: str, *, as_json: bool = False) -> None:
    """Have the agent read its files and say what that changed; raise BurnlineError with every problem where it refused."""
    answer = call(url, "/-/reload")
    if as_json:
        Screen().print_json(json.dumps(answer))
    else:
        Screen(soft_wrap=True).print(
            f"reloaded; changed: {answer['said']}", style="green", markup=False, highlight=False
        )
