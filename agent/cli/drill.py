"""`burnline drill`: a page on purpose, followed in the terminal until it has arrived everywhere, or has not."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click
from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent.cli.client import call
from agent.cli.screen import Screen
from agent.errors import InvalidInput
from agent.model import format_duration, parse_duration

POLL_SECONDS: Final = 0.5
_STYLES: Final = {"ok": "green", "failed": "bold red", "waiting": "yellow", "passed": "bold green"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    name: str = ""
    labels: tuple[str, ...] = ()
    receiver: str = ""
    expect: str = ""
    within: str = ""
    escalate: bool = False


def run_drill(
    url: str, wanted: Wanted, *, wait: bool, as_json: bool, sleep: Callable[[float], object] = time.sleep
) -> int:
    """Begin a drill and follow it; return 0 where it passed (or is not waited for), 1 where it failed."""
    begun = call(url, "/api/v1/drills", _body(wanted), as_json=True)
    if not wait:
        click.echo(json.dumps(begun, indent=2, ensure_ascii=False) if as_json else f"drill {begun['id']} has begun")
        return 0
    console = Screen(highlight=False, stderr=as_json)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        found = begun
        while not found["result"]:
            live.update(Group(Spinner("dots", _progress(found)), _targets(found)))
            sleep(POLL_SECONDS)
            found = call(url, f"/api/v1/drills/{begun['id']}", method="GET")
    return _report(found, console, as_json=as_json)


def show_drill(url: str, drill_id: str, *, as_json: bool) -> int:
    """Print one drill; return 1 where it failed."""
    found = call(url, f"/api/v1/drills/{drill_id}", method="GET")
    return _report(found, Screen(highlight=False, stderr=as_json), as_json=as_json)


def list_drills(url: str, *, as_json: bool) -> int:
    """Print the drills that come by themselves and those that were."""
    found = call(url, "/api/v1/drills", method="GET")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    console = Screen(highlight=False)
    for each in found["scheduled"]:
        console.print(f"{each['name']}: next {_instant(each['nextMs'])}, expects {each['expect']}")
    table = Table("id", "drill", "began", "result", "by", "why", box=None, pad_edge=False)
    for each in found["drills"]:
        result = Text(each["result"] or "running", style=_STYLES.get(each["result"], "yellow"))
        by = each["by"] or "schedule"
        table.add_row(each["id"], each["name"], _instant(each["startedMs"]), result, Text(by), Text(each["why"]))
    if found["drills"]:
        console.print(table)
    elif not found["scheduled"]:
        console.print("no drill was made, and none comes by itself; escalation.yml can say so (docs/heartbeats.md)")
    return 0


def _body(wanted: Wanted) -> dict[str, Any]:
    labels = {}
    for each in wanted.labels:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise InvalidInput(f'not a label: "{each}"; write it like severity=critical')
        labels[name.strip()] = value.strip().strip('"')
    body: dict[str, Any] = {"name": wanted.name, "by": _whoami()}
    if labels:
        body["labels"] = labels
    for key in ("receiver", "expect", "escalate"):
        if getattr(wanted, key):
            body[key] = getattr(wanted, key)
    if wanted.within:
        try:
            body["within_ms"] = parse_duration(wanted.within)
        except ValueError as error:
            raise InvalidInput(f"--within: {error}") from error
    return body


def _whoami() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user: a container
        return "somebody"


def _report(found: Mapping[str, Any], console: Screen, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        console.print(_targets(found))
        if found["acknowledgedMs"]:
            after = _span(found["acknowledgedMs"] - found["startedMs"])
            console.print(Text(f"{found['acknowledgedBy']} acknowledged it after {after}"))
        result = found["result"] or "running"
        why = f": {found['why']}" if found["why"] else ""
        console.print(Text(f"drill {found['id']} {result}{why}", style=_STYLES.get(result, "yellow")))
    return 1 if found["result"] == "failed" else 0


def _progress(found: Mapping[str, Any]) -> Text:
    left = _span(found["deadlineMs"] - found["nowMs"])
    if not found["reached"]:
        waits = found["settlesMs"] - found["nowMs"]
        doing = f"its route tells nobody for {_span(waits)} yet (group_wait)" if waits > 0 else "waiting for messages"
    elif any(each["verdict"] == "waiting" for each in found["reached"]):
        doing = "waiting for messages to arrive"
    elif found["expect"] == "ack" and not found["acknowledgedMs"]:
        doing = "waiting for somebody to acknowledge"
    else:
        doing = "waiting for its other groups"
    return Text(f"drill {found['id']}: {doing}; {left} left")


def _targets(found: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in found["reached"]:
        who = f"{each['channel']} {each['target']}" + (f" ({each['person']})" if each["person"] else "")
        table.add_row(
            Text(each["verdict"], style=_STYLES[each["verdict"]]), Text(who), Text(_fate(each, found["startedMs"]))
        )
    return table


def _fate(each: Mapping[str, Any], started_ms: int) -> str:
    parts = [each["state"]]
    if each["sent_ms"]:
        parts[0] = f"sent after {_span(each['sent_ms'] - started_ms)}"
    if each["delivered_ms"]:
        parts[0] += f", delivered after {_span(each['delivered_ms'] - started_ms)}"
    elif each["sent_ms"] and each["verdict"] == "ok":
        parts[0] += ", and nobody has said whether it arrived"
    if each["attempts"] > 1:
        parts.append(f"{each['attempts']} attempts")
    if each["step"]:
        parts.append(f"step {each['step']}")
    if each["instead_of"]:
        parts.append(f"in place of {each['instead_of']}")
    if each["why"]:
        parts.append(each["why"])
    return "; ".join(parts)


def _span(span_ms: int) -> str:
    return format_duration(max(0, span_ms) // 1000 * 1000) if span_ms >= 10_000 else f"{max(0, span_ms) / 1000:.1f}s"


def _instant(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ms / 1000))
