"""`burnline explain`: why somebody was told of an alert, or not, as a story in the terminal; from an agent or its folder."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agent.cli.alerts import parse_matcher
from agent.cli.client import call
from agent.cli.screen import Screen
from agent.errors import InvalidInput
from agent.model import parse_duration
from agent.web import span

_ID: Final = re.compile(r"[0-9a-f]{10}(?:[0-9a-f]{6}|(?:-\d+)?(?:-[0-9a-f]{6})*)")
_STATES: Final = {"firing": "bold red", "pending": "yellow", "resolved": "green", "inactive": "dim"}
_MOODS: Final = {"good": "green", "waits": "yellow", "bad": "red", "plain": ""}
_GLYPHS: Final = {"good": "✓", "waits": "…", "bad": "✗", "plain": "·"}
_NAMES: Final = 12
"""Columns of a link's name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: words that mean an alert, or a person; when, and how far back."""

    words: tuple[str, ...] = ()
    person: str = ""
    at: str = ""
    since: str = ""

    def at_ms(self, now_ms: int) -> int | None:
        """Return the instant to explain, None for now; raise InvalidInput."""
        return _instant(self.at, now_ms) if self.at else None

    def since_ms(self, end_ms: int) -> int | None:
        """Return from when on it is told, None where nobody said; raise InvalidInput."""
        if not self.since:
            return None
        try:
            return end_ms - parse_duration(self.since)
        except ValueError:
            return _instant(self.since, end_ms)


def _instant(text: str, now_ms: int) -> int:
    """Read RFC 3339, a time without a zone (this machine's), `18:30` (the last one), or seconds since the epoch."""
    if re.fullmatch(r"\d{9,11}(?:\.\d+)?", text):
        return round(float(text) * 1000)
    now = datetime.fromtimestamp(now_ms / 1000).astimezone()
    try:
        if re.fullmatch(r"\d\d?:\d\d(?::\d\d)?", text):
            hours, minutes, *seconds = map(int, text.split(":"))
            at = now.replace(hour=hours, minute=minutes, second=seconds[0] if seconds else 0, microsecond=0)
            at = at if at <= now else at - timedelta(days=1)
        else:
            at = datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        message = f'not a time: "{text}"; write it like 2026-01-05T18:30, 18:30, or 2h for --since'
        raise InvalidInput(message) from error
    return int(at.timestamp() * 1000)


def show_account(url: str, storage: Path | None, asked: Asked, *, as_json: bool) -> int:
    """Print why an alert, or somebody, was told or not; return 1 where nothing is known of them. Raises BurnlineError."""
    if bool(asked.words) == bool(asked.person):
        message = "say what to explain: an alert (its name and labels, a fingerprint, a message's id), or --person NAME"
        raise InvalidInput(message)
    now_ms = time.time_ns() // 1_000_000
    data = _offline(storage, asked, now_ms) if storage else _online(url, asked, now_ms)
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))  # noqa: T201 - for programs: no colours, no wrapping
    else:
        console = Screen(highlight=False)
        for part in _person(data) if asked.person else _explanation(data):
            console.print(part)
    return int(bool(data["suggestions"] and not data["told"] if asked.person else data["unknown"]))


def _online(url: str, asked: Asked, now_ms: int) -> Any:
    at_ms = asked.at_ms(now_ms)
    parameters = [("at", f"{at_ms / 1000:.3f}")] if at_ms is not None else []
    since_ms = asked.since_ms(at_ms or now_ms)
    parameters += [("since", f"{since_ms / 1000:.3f}")] if since_ms is not None else []
    if asked.person:
        return call(url, f"/api/v1/explain/person?{urlencode([('name', asked.person), *parameters])}", method="GET")
    parameters += [("id", asked.words[0])] if _is_id(asked) else [("match[]", _selector(asked))]
    return call(url, f"/api/v1/explain/alert?{urlencode(parameters)}", method="GET")


def _offline(storage: Path, asked: Asked, now_ms: int) -> Any:
    from agent.app import explain_kept, explain_person_kept, offline
    from agent.web.explaining import Question, explanation_json, person_json

    at_ms = asked.at_ms(now_ms)
    since_ms = asked.since_ms(at_ms or now_ms)
    with offline(storage) as reader:
        if asked.person:
            return person_json(explain_person_kept(reader, asked.person, now_ms, since_ms, at_ms))
        id_ = asked.words[0] if _is_id(asked) else ""
        matchers = () if id_ else tuple(parse_matcher(text) for text in asked.words)
        return explanation_json(explain_kept(reader, Question(id_, matchers, at_ms, since_ms), now_ms))


def _is_id(asked: Asked) -> bool:
    return len(asked.words) == 1 and _ID.fullmatch(asked.words[0]) is not None


def _selector(asked: Asked) -> str:
    return "{" + ", ".join(str(parse_matcher(text)) for text in asked.words) + "}"


def _explanation(data: Mapping[str, Any]) -> Iterator[Any]:
    now = datetime.fromisoformat(data["at"])
    yield from _notes(data["notes"])
    if data["account"]:
        yield from _account(data["account"], now, past=data["past"])
    elif data["several"]:
        yield Text(f"{len(data['several'])} alerts are meant; say which by its fingerprint", style="bold")
        for each in data["several"]:
            yield Text()
            yield _title(each, now)
            yield Padding(_headline(each["headline"], now), (0, 0, 0, 2))
            yield Padding(Text(f"burnline explain {each['fingerprint']}", style="dim"), (0, 0, 0, 2))
    else:
        yield from _unknown(data["unknown"])


def _account(account: Mapping[str, Any], now: datetime, *, past: bool) -> Iterator[Any]:
    yield _title(account, now)
    yield _headline(account["headline"], now, style="bold ")
    yield Text()
    yield _chain(account["chain"], now, account["message"])
    if account["next"]:
        yield Text()
        yield _coming(account["next"], now, past=past)
    yield Text()
    yield Text(f"fingerprint {account['fingerprint']}", style="dim")
    if account["sentAs"] != account["fingerprint"]:
        yield Text(f"sent as {account['sentAs']}, with the external labels", style="dim")


def _title(account: Mapping[str, Any], now: datetime) -> Text:
    labels = account["labels"]
    text = Text(labels.get("alertname", "an alert without a name"), style="bold")
    text.append(
        "".join(f" {name}={value}" for name, value in labels.items() if name != "alertname"), style="not bold dim"
    )
    text.append("\n").append(account["state"], style=_STATES.get(account["state"], ""))
    if account["since"]:
        since = datetime.fromisoformat(account["since"])
        text.append(f" for {_lasted(now - since)}, since {_clock(since, now)}", style="not bold dim")
    return text


def _headline(cause: Mapping[str, Any], now: datetime, style: str = "") -> Text:
    words = cause["text"][:1].upper() + cause["text"][1:]
    return Text(words, style=f"{style}{_MOODS[cause['mood']]}".strip()).append_text(_until(cause["until"], now))


def _chain(links: Sequence[Mapping[str, Any]], now: datetime, message: str) -> Table:
    """Return the links below one another, each with a sign of what it does, and the times of its lines in a column."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(width=_NAMES, no_wrap=True)
    table.add_column(overflow="fold")
    for link in links:
        mood = _MOODS[link["mood"]]
        text = Text(link["text"], style=mood or "default").append_text(_until(link["until"], now))
        table.add_row(Text(_GLYPHS[link["mood"]], style=mood), Text(link["name"], style="bold"), text)
        for line in link["lines"]:
            table.add_row("", _time(line, now), _line(line, now, message))
    return table


def _line(line: Mapping[str, Any], now: datetime, message: str) -> Text:
    asked = bool(message) and line["text"].endswith(f"· {message}")
    style = "reverse" if asked else _MOODS[line["mood"]] or "dim"
    return Text(line["text"].strip(), style=style).append_text(_until(line["until"], now))


def _time(line: Mapping[str, Any], now: datetime) -> Text:
    if not line["at"]:
        return Text()
    return Text(_clock(datetime.fromisoformat(line["at"]), now), style="dim", justify="right")


def _coming(coming: Sequence[Mapping[str, Any]], now: datetime, *, past: bool) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(width=_NAMES + 2, no_wrap=True)
    table.add_column(overflow="fold")
    title, said = ("then", "this came after") if past else ("next", "if nothing changes")
    table.add_row(Text(title, style="bold"), Text(said, style="dim"))
    for each in coming:
        at = datetime.fromisoformat(each["at"]) if each["at"] else None
        text = Text(each["what"])
        if at is not None:
            text.append(f" ({f'{_lasted(at - now)} later' if past else _away(at, now)})", style="dim")
        if each["unless"]:
            text.append(f", unless {each['unless']}", style="dim")
        table.add_row(Text(_clock(at, now) if at else "", style="cyan", justify="right"), text)
    return table


def _unknown(unknown: Mapping[str, Any]) -> Iterator[Any]:
    yield Text(unknown["text"][:1].upper() + unknown["text"][1:], style="bold")
    if unknown["suggestions"]:
        yield Text("known are: " + " · ".join(unknown["suggestions"]), style="yellow")
    if unknown["rules"]:
        yield Text()
        yield Text("rules that could give it:", style="dim")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        for each in unknown["rules"]:
            table.add_row(each["name"], each["text"])
        yield Padding(table, (0, 0, 0, 2))


def _person(data: Mapping[str, Any]) -> Iterator[Any]:
    now, since = datetime.fromisoformat(data["at"]), datetime.fromisoformat(data["since"])
    title = Text(data["person"], style="bold").append(f" since {_clock(since, now)}", style="not bold dim")
    yield title.append(f" · {', '.join(data['standing'])}" if data["standing"] else "", style="not bold cyan")
    yield from _notes(data["notes"])
    if data["suggestions"]:
        yield Text("known are: " + " · ".join(data["suggestions"]), style="yellow")
    yield from _matters(data["told"], "for this person", now)
    yield from _matters(data["others"], "fired, and was not for this person", now)
    if not data["told"] and not data["others"]:
        yield Text("nothing fired in these hours", style="dim")


def _matters(matters: Sequence[Mapping[str, Any]], title: str, now: datetime) -> Iterator[Any]:
    if not matters:
        return
    yield Text()
    yield Text(title, style="bold")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(width=_NAMES, no_wrap=True)
    table.add_column(overflow="fold")
    for each in matters:
        headline = each["headline"]
        name = Text(each["labels"].get("alertname", each["fingerprint"]), style="bold")
        others = [f"{key}={value}" for key, value in each["labels"].items() if key != "alertname"]
        name.append(f" {' '.join(others)}" if others else "", style="not bold dim")
        glyph = Text(_GLYPHS[headline["mood"]], style=_MOODS[headline["mood"]])
        table.add_row(glyph, Text(_clock(datetime.fromisoformat(each["at"]), now), style="dim", justify="right"), name)
        table.add_row("", "", _headline(headline, now))
        for message in each["messages"]:
            said = f"{message['channel']}: {message['state']} · {message['reason']} · {message['id']}"
            table.add_row("", _time(message, now), Text(said, style="dim"))
    yield table


def _notes(notes: Sequence[str]) -> Iterator[Text]:
    for each in notes:
        yield Text(f"note: {each}", style="italic")


def _until(text: str | None, now: datetime) -> Text:
    if not text:
        return Text()
    at = datetime.fromisoformat(text)
    return Text(f" until {_clock(at, now)} ({_away(at, now)})", style="dim")


def _clock(at: datetime, now: datetime) -> str:
    """Return a time in the zone of whoever reads, with its date where it is another day's."""
    local = at.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == now.astimezone().date() else f"{local:%d %b %H:%M}"


def _away(at: datetime, now: datetime) -> str:
    return f"in {_lasted(at - now)}" if at > now else f"{_lasted(now - at)} ago"


def _lasted(lasted: timedelta) -> str:
    return span(int(lasted.total_seconds() * 1000))
