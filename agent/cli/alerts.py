"""`burnline alerts`: what is active, or with --history what was, from a running agent or from its folder."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from rich.table import Table
from rich.text import Text

from agent.cli.client import call
from agent.cli.screen import Screen
from agent.errors import InvalidInput
from agent.model import METRIC_NAME, Matcher, MatchOp, match_all, parse_duration

_MATCHER: Final = re.compile(r"(?P<name>[^=!~{}\s]+)\s*(?P<op>=~|!~|!=|=)\s*(?P<value>.*)", re.DOTALL)
_STYLES: Final = {"firing": "bold red", "pending": "yellow", "resolved": "green", "inactive": "dim"}

_SAID_BY_THE_ID: Final = ("sloth_id", "sloth_service", "sloth_slo")
"""Labels of an objective's alert that say again what `burnline_slo` says: of no use in a column."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which alerts to show: matchers on their labels as written, rules and groups by name, how far back and how many lines."""

    matchers: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    since: str = "24h"
    limit: int = 100

    def parsed(self) -> list[Matcher]:
        """Return the matchers; a bare word is an alert's name. Raises InvalidInput."""
        return [parse_matcher(text) for text in self.matchers]

    def since_ms(self, now_ms: int) -> int:
        """Return the instant from which on changes are shown; raise InvalidInput where the span cannot be read."""
        try:
            return now_ms - parse_duration(self.since)
        except ValueError as error:
            raise InvalidInput(f"--since: {error}") from error


def parse_matcher(text: str) -> Matcher:
    """Read `severity=critical`, `job=~"a|b"` or an alert's name; raise InvalidInput."""
    found = _MATCHER.fullmatch(text.strip())
    name, op, value = found.group("name", "op", "value") if found else ("alertname", "=", text.strip())
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not found and not re.fullmatch(r"[\w:.\- ]+", text):
        message = f'not a matcher: {text}; write it like severity=critical, job=~"a|b" or an alert\'s name'
        raise InvalidInput(message)
    try:
        return Matcher(name, MatchOp(op), value)
    except ValueError as error:
        raise InvalidInput(f"{text}: {error}") from error


def show_history(url: str, storage: Path | None, asked: Asked, *, as_json: bool) -> None:
    """Print changes of alerts' states, newest first, of the agent at `url` or of the folder `storage`."""
    matchers, since_ms = asked.parsed(), asked.since_ms(time.time_ns() // 1_000_000)
    if storage is None:
        data = call(url, f"/api/v1/alerts/history?{urlencode(_parameters(asked, matchers, since_ms))}", method="GET")
    else:
        data = _offline_history(storage, asked, matchers, since_ms)
    console = Screen()
    if as_json:
        console.print_json(json.dumps(data))
        return
    lines = data["transitions"]
    if not lines:
        console.print(f"no alert changed in the last {asked.since}", style="dim", highlight=False)
        return
    console.print(history_table(lines))
    if data.get("nextToken"):
        console.print(f"older ones are left out; --limit shows more than {len(lines)}", style="dim", highlight=False)


def _parameters(asked: Asked, matchers: Sequence[Matcher], since_ms: int) -> list[tuple[str, str]]:
    selector = [("match[]", f"{{{', '.join(str(each) for each in matchers)}}}")] if matchers else []
    return [
        *selector,
        *(("rule", name) for name in asked.rules),
        *(("group", name) for name in asked.groups),
        *(("state", name) for name in asked.states),
        ("start", f"{since_ms / 1000:.3f}"),
        ("limit", str(asked.limit)),
    ]


def _offline_history(storage: Path, asked: Asked, matchers: Sequence[Matcher], since_ms: int) -> dict[str, Any]:
    """Return what the API would answer, from the journal of a folder."""
    from agent.app import offline, read_history
    from agent.web import HistoryQuestion, history_json

    question = HistoryQuestion(
        selectors=[matchers] if matchers else [],
        rules=asked.rules,
        groups=asked.groups,
        states=asked.states,
        start_ms=since_ms,
        limit=asked.limit,
    )
    with offline(storage) as reader:
        return history_json(read_history(reader.newest, question))


def history_table(lines: Iterable[Mapping[str, Any]]) -> Table:
    """Return lines of the history as a table: when, which alert, from what to what, at which value, why."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("when", no_wrap=True)
    table.add_column("alert", overflow="fold")
    table.add_column("change", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for line in lines:
        change = Text(f"{line['from']} → ", style="dim").append(line["to"], style=_STYLES.get(line["to"], ""))
        value = "" if line["value"] is None else _short(line["value"])
        table.add_row(_local(line["at"]), _alert(line["labels"], line["rule"]), change, value, Text(line["reason"]))
    return table


def show_alerts(url: str, storage: Path | None, asked: Asked, *, as_json: bool) -> None:
    """Print the pending and firing alerts of the agent at `url`, or those that the folder `storage` keeps."""
    if asked.groups:
        message = "--group goes with --history; `burnline alerts` alone takes matchers, --rule and --state"
        raise InvalidInput(message)
    matchers = asked.parsed()
    alerts = _offline_alerts(storage) if storage else call(url, "/api/v1/alerts?details=true", method="GET")["alerts"]
    kept = [
        each
        for each in alerts
        if match_all(matchers, each["labels"])
        and (not asked.states or each["state"] in asked.states)
        and (not asked.rules or each["labels"].get("alertname") in asked.rules)
    ]
    console = Screen()
    if as_json:
        console.print_json(json.dumps({"alerts": kept}))
    elif kept:
        console.print(alerts_table(kept))
    else:
        console.print("no alert is pending or firing" + (" among these" if kept != alerts else ""), style="dim")


def _offline_alerts(storage: Path) -> list[dict[str, Any]]:
    from agent.app import kept_alerts, offline
    from agent.web import alert_details_json

    with offline(storage) as reader:
        return [alert_details_json(each) for each in kept_alerts(reader.records)]


def alerts_table(alerts: Iterable[Mapping[str, Any]]) -> Table:
    """Return alerts as a table: state, which alert, since when, its value, and who has it or what holds it back."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("state", no_wrap=True)
    table.add_column("alert", overflow="fold")
    table.add_column("since", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("who has it", overflow="fold")
    for each in alerts:
        taken = each.get("acknowledgement")
        who = f"acknowledged by {taken['by']}" if taken else each.get("suppressed") or ""
        state = Text(each["state"], style=_STYLES.get(each["state"], ""))
        since = each.get("firedAt") or each["activeAt"]
        table.add_row(state, _alert(each["labels"], ""), _local(since), _short(each["value"]), Text(who))
    return table


def _alert(labels: Mapping[str, str], rule: str) -> Text:
    hidden = {"alertname", METRIC_NAME}.union(_SAID_BY_THE_ID if "burnline_slo" in labels else ())
    others = ", ".join(f"{name}={value}" for name, value in labels.items() if name not in hidden)
    text = Text(labels.get("alertname") or rule, style="bold")
    return text.append(f" {others}", style="not bold dim") if others else text


def _local(text: str) -> str:
    """Return an instant of the API in the time zone of whoever reads."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"


def _short(text: str) -> str:
    return f"{float(text):.6g}"
