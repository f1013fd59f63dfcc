"""`burnline alerts`: what is active, or with --history what was, from a running agent or from its folder."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from agent.cli.alerts_tables import alerts_table, fitting, history_table, listed_alerts, listed_history
from agent.cli.client import call
from agent.cli.screen import Screen
from agent.errors import InvalidInput
from agent.model import Matcher, MatchOp, match_all, parse_duration

_MATCHER: Final = re.compile(r"(?P<name>[^=!~{}\s]+)\s*(?P<op>=~|!~|!=|=)\s*(?P<value>.*)", re.DOTALL)


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
    console.print(fitting(console, history_table(lines), listed_history(lines)))
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
        console.print(fitting(console, alerts_table(kept), listed_alerts(kept)))
    else:
        console.print("no alert is pending or firing" + (" among these" if kept != alerts else ""), style="dim")


def _offline_alerts(storage: Path) -> list[dict[str, Any]]:
    from agent.app import kept_alerts, offline
    from agent.web import alert_details_json

    with offline(storage) as reader:
        return [alert_details_json(each) for each in kept_alerts(reader.records)]
