"""`burnline heartbeat`: how the heartbeats of a running agent stand, and one sent to it from a job's last line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table
from rich.text import Text

from agent.cli.client import call
from agent.cli.screen import Screen
from agent.errors import InvalidInput
from agent.model import format_duration

_STYLES: Final = {"ok": "green", "sent": "green", "missing": "bold red", "failed": "bold red", "stopped": "bold red"}
_DAY_MS: Final = 86_400_000


def list_heartbeats(url: str, *, as_json: bool) -> int:
    """Print how all heartbeats stand; return 1 where one is missing, failed, stopped or does not get through."""
    found = call(url, "/api/v1/heartbeats", method="GET")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _show(found)
    states = {each["state"] for each in (*found["sent"], *found["received"])}
    return 1 if states & {"missing", "failed", "stopped", "failing"} else 0


def ping(url: str, name: str, word: str, message: str, token_file: Path | None, token: str) -> None:
    """Send a heartbeat to the agent and print what became of it."""
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InvalidInput(f"cannot read the token file {token_file}: {why}") from error
    path = f"/api/v1/heartbeat/{name}" + ("" if word == "ok" else f"/{word}")
    answer = call(url, path, text=message, token=token)
    click.echo(f"{answer['heartbeat']}: {answer['said']}")


def _show(found: dict[str, Any]) -> None:
    console = Screen(highlight=False)
    for part, why in found["troubles"].items():
        console.print(Text(f"{part} does not work: {why}", style="bold red"))
    now_ms = found["nowMs"]
    if found["sent"]:
        table = Table("sent", "state", "every", "last", "why", box=None, pad_edge=False)
        for each in found["sent"]:
            last = _ago(each["lastMs"], now_ms)
            table.add_row(
                each["name"], _state(each["state"]), format_duration(each["everyMs"]), last, Text(each["why"])
            )
        console.print(table)
    if found["received"]:
        table = Table("received", "state", "every", "grace", "last", "missing from", "said", box=None, pad_edge=False)
        for each in found["received"]:
            due = "now" if each["missingSinceMs"] else f"in {_span(each['deadlineMs'] - now_ms)}"
            spans = format_duration(each["everyMs"]), format_duration(each["graceMs"])
            last = _ago(each["lastMs"], now_ms)
            table.add_row(each["name"], _state(each["state"]), *spans, last, due, Text(each["message"][:80]))
        console.print(table)
    if not found["sent"] and not found["received"]:
        console.print("no heartbeats are configured; they stand in burnline.yml under heartbeats (docs/heartbeats.md)")


def _state(state: str) -> Text:
    return Text(state, style=_STYLES.get(state, "yellow"))


def _ago(at_ms: int, now_ms: int) -> str:
    return f"{_span(now_ms - at_ms)} ago" if at_ms else "never"


def _span(span_ms: int) -> str:
    """Return a span as it is read: seconds up to an hour, minutes up to a day, then hours."""
    unit_ms = 1_000 if span_ms < 3_600_000 else 60_000 if span_ms < _DAY_MS else 3_600_000
    return format_duration(max(0, span_ms) // unit_ms * unit_ms)
