"""`burnline ack` and `burnline unack`: take over what is open, give it back, and see who has what.

What is meant is said by an alert's fingerprint, an incident's id, or matchers; each is found by how it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from agent.cli.client import call
from agent.cli.screen import Screen
from agent.cli.silence import read_matchers, shown_time
from agent.model import format_duration

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
_INCIDENT: Final = re.compile(r"[0-9a-f]{10}")


def meant_by(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each request is to say: one for every fingerprint and incident, and one for all matchers together.

    Raises InvalidInput with how to write a matcher.
    """
    found: list[dict[str, Any]] = []
    matchers = []
    for text in texts:
        if _FINGERPRINT.fullmatch(text):
            found.append({"fingerprint": text})
        elif _INCIDENT.fullmatch(text):
            found.append({"incident": text})
        else:
            matchers.append(text)
    if matchers:
        found.append({"matchers": [str(each) for each in read_matchers(matchers)]})
    return found


def acknowledge(url: str, texts: Sequence[str], by: str, comment: str, duration: str, *, as_json: bool) -> None:
    """Take over what is meant, and say until when and from whom; raise BurnlineError where nothing is open."""
    said = {"by": by, "comment": comment, "for": duration}
    done = [
        each
        for meant in meant_by(texts)
        for each in call(url, "/api/v1/incidents/ack", meant | said, as_json=True)["acknowledged"]
    ]
    if as_json:
        Screen().print_json(json.dumps({"acknowledged": done}))
        return
    _say(f"acknowledged by {by}; nobody else will be woken for it", "green")
    for each in _once(done):
        before = f"; {each['before']} had it before" if each["before"] not in ("", by) else ""
        _say(f"{each['incident']} ({_alerts(each)} of {each['receiver']}) until {_time(each['until'])}{before}")


def give_back(url: str, texts: Sequence[str], by: str, comment: str, *, as_json: bool) -> None:
    """Give back what is meant, and say who had it; raise BurnlineError where nobody has anything of it."""
    said = {"by": by, "comment": comment}
    done = [
        each
        for meant in meant_by(texts)
        for each in call(url, "/api/v1/incidents/unack", meant | said, as_json=True)["givenBack"]
    ]
    if as_json:
        Screen().print_json(json.dumps({"givenBack": done}))
        return
    _say("given back: the escalation starts over", "yellow")
    for each in _once(done):
        _say(f"{each['incident']} ({_alerts(each)} of {each['receiver']}), which {each['by']} had")


def show_incidents(url: str, *, as_json: bool) -> None:
    """Print what is open: since when, what, who was told, who has it and what comes next."""
    found = call(url, "/api/v1/incidents", method="GET")["incidents"]
    console = Screen()
    if as_json:
        console.print_json(json.dumps({"incidents": found}))
        return
    people = [each for each in found if not _only_logged(each)]
    if people:
        console.print(incidents_table(people, datetime.now(UTC)))
    else:
        console.print("nothing is open: nobody was told of anything that is not over", style="dim", highlight=False)
    if logged := len(found) - len(people):
        _say(f"{logged:,} more went to the log alone (--json lists them)", "dim")


def incidents_table(incidents: Iterable[Mapping[str, Any]], now: datetime) -> Table:
    """Return open incidents, the oldest first: of each what it is and since when, who has it, who was told, what comes next."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for each in incidents:
        labels = dict(each["labels"])
        named = [labels.pop("alertname", ""), *(f"{name}={value}" for name, value in labels.items())]
        what = Text(" ".join(filter(None, named)) or each["receiver"], style="bold")
        what.append(f" ({_alerts(each)} of {each['receiver']}) since {_time(each['started'])}", style="not bold dim")
        table.add_row(each["incident"], what)
        taken, coming = each["acknowledgement"], each["next"]
        who = Text("nobody has it", style="red")
        if taken:
            who = Text(f"{taken['by']} has it until {_time(taken['until'])}", style="green")
            who.append(f": {taken['comment']}" if taken["comment"] else "", style="dim")
        table.add_row("", who)
        table.add_row("", Text(f"told: {', '.join(each['told']) or 'nobody yet'}"))
        if coming:
            table.add_row("", Text(f"next: {coming['whom']} {_in(coming['at'], now)}"))
    return table


def _only_logged(each: Mapping[str, Any]) -> bool:
    """Say whether there is nobody who could have it: it was told to the log, and no step follows."""
    told = each["told"]
    return (
        bool(told) and all(whom.startswith("log:") for whom in told) and not (each["next"] or each["acknowledgement"])
    )


def _once(done: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return each incident once, also where several of the arguments mean it."""
    return list({each["incident"]: each for each in done}.values())


def _alerts(each: Mapping[str, Any]) -> str:
    number = len(each["fingerprints"])
    return "1 alert" if number == 1 else f"{number:,} alerts"


def _time(text: str) -> str:
    return shown_time(datetime.fromisoformat(text))


def _in(text: str, now: datetime) -> str:
    seconds = round((datetime.fromisoformat(text) - now).total_seconds())
    unit = 1 if seconds < 60 else 60
    return f"in {format_duration(round(seconds / unit) * unit * 1000)}" if seconds > 0 else "now"


def _say(text: str, style: str = "") -> None:
    Screen(soft_wrap=True).print(text, style=style, markup=False, highlight=False)
