"""`burnline silence`: make, list, change, end and import silences of a running agent, or of any Alertmanager.

It speaks Alertmanager's API v2. Before a silence is made it is said what it holds back, since a matcher with a typing error
holds back nothing, and nobody notices until the phone rings.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from rich.table import Table
from rich.text import Text

from agent.cli.client import call
from agent.cli.screen import Screen
from agent.errors import BurnlineError, InvalidInput
from agent.model import Matcher, MatchOp, format_duration, match_all, parse_duration
from agent.notify import parse_matchers, render_matchers
from agent.schema import suggest

_BARE: Final = re.compile(r"[\w:.\- ]+")
_OPERATORS: Final = {
    (True, False): MatchOp.EQUAL,
    (False, False): MatchOp.NOT_EQUAL,
    (True, True): MatchOp.REGEX,
    (False, True): MatchOp.NOT_REGEX,
}
_STYLES: Final = {"active": "bold green", "pending": "yellow", "expired": "dim"}
_SHORTEST_ID: Final = 4
_MOST_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class Span:
    """When a silence holds: from `start` (now) to `end`, or as long as `duration` says. Times as somebody types them."""

    duration: str = ""
    start: str = ""
    end: str = ""

    def times(self, now: datetime, begins: datetime | None = None) -> tuple[datetime, datetime]:
        """Return begin and end; raise InvalidInput. `begins` stands where no start is given."""
        start = moment(self.start, now) if self.start else begins or now
        if self.end and self.duration:
            raise InvalidInput("give --end or --duration, not both")
        end = moment(self.end, now) if self.end else max(start, now) + length(self.duration or "1h")
        if end <= max(start, now):
            raise InvalidInput(
                f"the silence would end at {shown_time(end)}, before it begins; give an end in the future"
            )
        return start, end


def length(text: str) -> timedelta:
    """Read a duration such as 2h or 1h30m; raise InvalidInput."""
    try:
        return timedelta(milliseconds=parse_duration(text))
    except ValueError as error:
        raise InvalidInput(f"--duration: {error}") from error


def moment(text: str, now: datetime) -> datetime:
    """Read a time: RFC 3339, one without a zone (then it is this machine's), `18:30` (the next one), or `+30m`."""
    if text.startswith("+"):
        return now + length(text[1:])
    if re.fullmatch(r"\d\d:\d\d", text):
        local = now.astimezone()
        try:
            at = local.replace(hour=int(text[:2]), minute=int(text[3:]), second=0, microsecond=0)
        except ValueError as error:
            raise InvalidInput(f'not a time of day: "{text}"; write it like 18:30') from error
        return at if at > local else at + timedelta(days=1)
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        message = f'not a time: "{text}"; write it like 2026-01-05T18:30, 18:30 or +30m'
        raise InvalidInput(message) from error


def read_matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Read matchers in either of Alertmanager's grammars, a bare word being an alert's name; raise InvalidInput."""
    found: list[Matcher] = []
    for text in texts:
        if _BARE.fullmatch(text):
            found.append(Matcher("alertname", MatchOp.EQUAL, text.strip()))
            continue
        try:
            reading = parse_matchers(text)
        except ValueError as error:
            message = (
                f"not a matcher: {text} ({error}); write it like severity=critical, 'job=~\"a|b\"' or an alert's name"
            )
            raise InvalidInput(message) from error
        if reading.warning:
            _say_aside(f"{text}: {reading.warning}")
        found.extend(reading.matchers)
    return tuple(found)


def add(url: str, texts: Sequence[str], span: Span, author: str, comment: str, *, as_json: bool) -> None:
    """Make a silence, and say what it holds back now."""
    matchers = read_matchers(texts)
    if not matchers:
        raise InvalidInput("say what to silence: an alert's name, or conditions such as job=rag 'instance=~\"db.*\"'")
    start, end = span.times(datetime.now(UTC))
    body = {
        "matchers": [matcher_json(each) for each in matchers],
        "startsAt": start.isoformat(),
        "endsAt": end.isoformat(),
        "createdBy": author,
        "comment": comment,
    }
    made = call(url, "/api/v2/silences", body, as_json=True)["silenceID"]
    alerts = call(url, "/api/v2/alerts", method="GET")
    if as_json:
        Screen().print_json(json.dumps({"silenceID": made}))
        return
    console = Screen(soft_wrap=True, highlight=False)
    console.print(Text(made, style="bold"))
    begins = "" if start <= datetime.now(UTC) else f"from {shown_time(start)} "
    console.print(Text(f"holds back {begins}until {shown_time(end)}: {render_matchers(matchers)}"))
    console.print(_held_words(matchers, alerts))


def _held_words(matchers: Sequence[Matcher], alerts: Sequence[Mapping[str, Any]]) -> Text:
    held = [each["labels"] for each in alerts if match_all(tuple(matchers), each["labels"])]
    if held:
        names = list(dict.fromkeys(labels.get("alertname", "?") for labels in held))
        shown = ", ".join(names[:_MOST_NAMES]) + (
            f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        )
        some = "1 alert that is" if len(held) == 1 else f"{len(held):,} alerts that are"
        return Text(f"that is {some} active now: {shown}", style="green")
    hints = []
    for each in matchers:
        known = sorted({alert["labels"].get(each.name, "") for alert in alerts} - {""})
        if each.op is MatchOp.EQUAL and known and each.value not in known and (near := suggest(each.value, known)):
            hints.append(f'{each.name}="{each.value}"{near}')
    return Text("; ".join(["no alert that is active now matches", *hints]), style="yellow")


def show(url: str, texts: Sequence[str], *, expired: bool, as_json: bool) -> None:
    """Print the silences that have these very matchers, those that are over only where they are asked for."""
    found = [each for each in _listed(url, read_matchers(texts)) if expired or each["status"]["state"] != "expired"]
    console = Screen()
    if as_json:
        console.print_json(json.dumps(found))
    elif found:
        console.print(silences_table(found, call(url, "/api/v2/alerts", method="GET"), datetime.now(UTC)))
    else:
        more = "" if expired else "; --expired shows those that are over"
        console.print(f"no silence holds or is to come{more}", style="dim", highlight=False)


def _listed(url: str, matchers: Sequence[Matcher]) -> list[Any]:
    asked = urlencode([("filter", render_matchers((each,))[1:-1]) for each in matchers])
    found: list[Any] = call(url, f"/api/v2/silences?{asked}", method="GET")
    return found


def silences_table(silences: Iterable[Mapping[str, Any]], alerts: Sequence[Mapping[str, Any]], now: datetime) -> Table:
    """Return silences as a table: state, what they hold back, until when, how many alerts that is now, who and why."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("state", "id", "until"):
        table.add_column(name, no_wrap=True)
    table.add_column("holds", justify="right", no_wrap=True)
    for name in ("matchers", "by", "comment"):
        table.add_column(name, overflow="fold")
    for each in silences:
        state = each["status"]["state"]
        matchers = tuple(_matcher(one) for one in each["matchers"])
        held = sum(each["id"] in alert["status"]["silencedBy"] for alert in alerts)
        when = datetime.fromisoformat(each["startsAt" if state == "pending" else "endsAt"])
        table.add_row(
            Text(state, style=_STYLES[state]),
            Text(each["id"][:8], style="bold"),
            Text(f"{'from ' if state == 'pending' else ''}{shown_time(when)}").append(_away(when, now), style="dim"),
            str(held or ""),
            Text(render_matchers(matchers)[1:-1], style="cyan"),
            Text(each["createdBy"]),
            Text(each["comment"]),
        )
    return table


def expire(url: str, ids: Sequence[str], texts: Sequence[str], *, as_json: bool) -> None:
    """End silences by their ids (the first characters are enough), or all that have these very matchers."""
    if bool(ids) == bool(texts):
        raise InvalidInput("say which: `burnline silence expire ID…`, or --matching MATCHER")
    known = [each for each in _listed(url, read_matchers(texts)) if each["status"]["state"] != "expired"]
    chosen = known if texts else [_found(each, known) for each in ids]
    if not chosen:
        raise InvalidInput("no silence that holds or is to come has these matchers; `burnline silence list` shows all")
    for each in chosen:
        call(url, f"/api/v2/silence/{each['id']}", method="DELETE")
    if as_json:
        Screen().print_json(json.dumps({"expired": [each["id"] for each in chosen]}))
        return
    for each in chosen:
        words = render_matchers(tuple(_matcher(one) for one in each["matchers"]))
        _say(f"expired {each['id'][:8]}: {words}")


def _found(text: str, known: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the silence whose id begins so; raise InvalidInput where it is not one."""
    near = [each for each in known if each["id"].startswith(text.lower())] if len(text) >= _SHORTEST_ID else []
    if len(near) == 1:
        return near[0]
    if near:
        raise InvalidInput(f"{text} could be {' or '.join(each['id'] for each in near)}; give more of it")
    others = suggest(text, [each["id"] for each in known] + [each["id"][:8] for each in known])
    message = f"no silence that holds or is to come has the id {text}{others}; `burnline silence list` shows them"
    raise InvalidInput(message)


def update(url: str, ids: Sequence[str], span: Span, author: str, comment: str, *, as_json: bool) -> None:
    """Change when silences end (or begin), who has them or why; what cannot be changed in place gets a new id."""
    if not (span.duration or span.start or span.end or comment or author):
        raise InvalidInput("say what to change: --duration, --start, --end, --comment or --author")
    known = [each for each in _listed(url, ()) if each["status"]["state"] != "expired"]
    made = []
    for old in [_found(each, known) for each in ids]:
        begins, ends = (datetime.fromisoformat(old[key]) for key in ("startsAt", "endsAt"))
        start, end = begins, ends
        if span.duration or span.start or span.end:
            kept = Span(span.duration, span.start, span.end or ("" if span.duration else ends.isoformat()))
            start, end = kept.times(datetime.now(UTC), begins)
        body = {key: old[key] for key in ("id", "matchers")} | {"annotations": old.get("annotations", {})}
        body |= {"startsAt": start.isoformat(), "endsAt": end.isoformat()}
        body |= {"createdBy": author or old["createdBy"], "comment": comment or old["comment"]}
        answer = call(url, "/api/v2/silences", body, as_json=True)["silenceID"]
        made.append(answer)
        if not as_json:
            place = "" if answer == old["id"] else f", in place of {old['id'][:8]}"
            _say(f"{answer[:8]} holds until {shown_time(end)}{place}")
    if as_json:
        Screen().print_json(json.dumps({"silenceIDs": made}))


def import_file(url: str, name: str, *, as_json: bool) -> int:
    """Make the silences of a JSON list, as `list --json` and `amtool -o json silence query` print it; return 1 on a failure.

    Those that are over are left out. A silence whose id the agent knows is changed, any other made anew.
    """
    listed = _read_list(name)
    known = {each["id"] for each in _listed(url, ())}
    made, failed, over = [], [], 0
    for number, each in enumerate(listed):
        if not isinstance(each, dict):
            failed.append(f"silence {number} is no JSON object")
            continue
        try:
            if datetime.fromisoformat(each["endsAt"]) <= datetime.now(UTC):
                over += 1
                continue
            keys = ("matchers", "startsAt", "endsAt", "createdBy", "comment", "annotations")
            body = {key: each[key] for key in keys if each.get(key) is not None}
            body |= {"id": each["id"]} if each.get("id") in known else {}
            made.append(call(url, "/api/v2/silences", body, as_json=True)["silenceID"])
        except KeyError as error:
            failed.append(f"silence {number} has no {error}")
        except (TypeError, ValueError) as error:
            failed.append(f"silence {number}: {error}")
        except BurnlineError as error:
            failed.append(f"silence {number}: {error}")
    if as_json:
        Screen().print_json(json.dumps({"silenceIDs": made, "over": over, "failed": failed}))
    else:
        _say(f"imported {len(made):,} of {len(listed):,}" + (f"; {over:,} are over" if over else ""))
        for line in failed:
            _say_aside(line)
    return 1 if failed else 0


def _read_list(name: str) -> list[Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        listed = json.loads(text)
    except OSError as error:
        raise InvalidInput(f"cannot read {name}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} is not JSON: {error}; `burnline silence list --json` writes such a file") from error
    listed = [listed] if isinstance(listed, dict) else listed
    if not isinstance(listed, list):
        raise InvalidInput(f"{name} holds no list of silences; `burnline silence list --json` writes one")
    return listed


def matcher_json(matcher: Matcher) -> dict[str, Any]:
    """Return a matcher as the API takes it."""
    equal, regex = next(key for key, op in _OPERATORS.items() if op is matcher.op)
    return {"name": matcher.name, "value": matcher.value, "isRegex": regex, "isEqual": equal}


def _matcher(data: Mapping[str, Any]) -> Matcher:
    return Matcher(data["name"], _OPERATORS[data.get("isEqual", True), data["isRegex"]], data["value"])


def shown_time(when: datetime) -> str:
    """Return an instant in the time zone of whoever reads."""
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def _away(when: datetime, now: datetime) -> str:
    """Return ` in 1h58m` or ` 3m ago`, rounded to what matters."""
    seconds = abs((when - now).total_seconds())
    if seconds < 60:
        return " now"
    unit = 60 if seconds < 2 * 86_400 else 3_600
    text = format_duration(max(1, round(seconds / unit)) * unit * 1000)
    return f" in {text}" if when > now else f" {text} ago"


def _say(text: str) -> None:
    Screen(soft_wrap=True).print(text, markup=False, highlight=False)


def _say_aside(text: str) -> None:
    Screen(stderr=True, soft_wrap=True).print(text, style="yellow", markup=False, highlight=False)
