"""`burnline oncall`: who is on call now and next, the shifts to come, and all of it as a calendar.

From a running agent, or from files without one; from files nothing secret is read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.table import Table
from rich.text import Text

from agent.cli.client import FILES, call, read_text
from agent.cli.kinds import kind_of
from agent.cli.routes import read_routing
from agent.cli.screen import Screen
from agent.cli.silence import moment, shown_time
from agent.notify import Directory, calendar


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose shifts, as of when (as somebody types it), and how many weeks ahead; 0 weeks: only who is on call."""

    team: str = ""
    person: str = ""
    at: str = ""
    weeks: int = 0


def show_on_call(url: str, config_file: Path | None, asked: Asked, *, as_json: bool) -> None:
    """Print who is on call and who is next, and the shifts where weeks or one team are asked for."""
    at = moment(asked.at, datetime.now(UTC)) if asked.at else datetime.now(UTC)
    weeks = asked.weeks or (4 if asked.team or asked.person else 1)
    teams = _teams(url, config_file, asked.team, at, weeks)
    console = Screen()
    if as_json:
        console.print_json(json.dumps({"teams": teams}))
        return
    if not teams:
        console.print("no teams: escalation.yml names none, so nobody takes turns", style="dim", highlight=False)
        return
    console.print(on_call_table(teams))
    if asked.weeks or asked.team or asked.person:
        console.print()
        shifts = shifts_table(teams, asked.person)
        nobody = f"{asked.person or 'nobody'} has no shift in these weeks"
        console.print(shifts if shifts.row_count else Text(nobody, style="dim"))


def print_calendar(url: str, config_file: Path | None, asked: Asked) -> None:
    """Print the shifts as iCalendar text, its lines ended as that format wants it."""
    weeks = asked.weeks or 8
    if config_file is None:
        given = {"team": asked.team, "person": asked.person, "weeks": str(weeks)}
        text = read_text(url, f"/api/v1/oncall.ics?{urlencode({key: each for key, each in given.items() if each})}")
    else:
        at_ms = int(datetime.now(UTC).timestamp() * 1000)
        text = calendar(read_directory(config_file), at_ms, team=asked.team, person=asked.person, weeks=weeks)
    sys.stdout.buffer.write(text.encode())


def read_directory(path: Path) -> Directory:
    """Read the people and teams of an escalation.yml, or of the one that a burnline.yml or alertmanager.yml goes with."""
    if kind_of(path) != "escalation":
        return read_routing(path)[0].directory
    from agent.replay import rehearsed_directory

    return rehearsed_directory(path, os.environ)


def _teams(url: str, config_file: Path | None, team: str, at: datetime, weeks: int) -> Sequence[Mapping[str, Any]]:
    if config_file is None:
        given = {"team": team, "time": at.isoformat(timespec="seconds"), "weeks": str(weeks)}
        path = f"/api/v1/oncall?{urlencode({key: each for key, each in given.items() if each})}"
        found: Sequence[Mapping[str, Any]] = call(url, path, method="GET", instead=FILES)["teams"]
        return found
    from agent.app import on_call_json

    return on_call_json(read_directory(config_file), int(at.timestamp() * 1000), team, weeks)


def on_call_table(teams: Sequence[Mapping[str, Any]]) -> Table:
    """Return a line for each team: who stands for it, until when, who is next."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("team", "on call", "until", "next"):
        table.add_column(name, no_wrap=name == "until")
    for each in teams:
        table.add_row(
            Text(each["team"], style="bold"),
            _people(each["onCall"], each["insteadOf"]),
            Text(_time(each["until"])) if each["until"] else Text("they take no turns", style="dim"),
            Text(" and ".join(each["next"])),
        )
    return table


def shifts_table(teams: Sequence[Mapping[str, Any]], person: str) -> Table:
    """Return the shifts of the teams, of one person where one is named, by when they begin."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("from", "until", "team", "who"):
        table.add_column(name, no_wrap=name in ("from", "until"))
    shifts = [(each["team"], shift) for each in teams if each["until"] for shift in each["shifts"]]
    for team, shift in sorted(shifts, key=lambda pair: (pair[1]["from"], pair[0])):
        if not person or person in shift["people"]:
            who = _people(shift["people"], shift["insteadOf"])
            table.add_row(_time(shift["from"]), _time(shift["until"]), Text(team), who)
    return table


def _people(names: Sequence[str], instead_of: Sequence[str]) -> Text:
    text = Text(" and ".join(names))
    return text.append(f" instead of {' and '.join(instead_of)}", style="dim") if instead_of else text


def _time(text: str) -> str:
    return shown_time(datetime.fromisoformat(text))
