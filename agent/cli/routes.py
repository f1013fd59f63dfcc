"""`burnline routes`: the routing tree with the people behind it, and who would be told of an alert, when and how.

From files, without a running agent and without a secret; or from the agent, with what is in force there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from agent.cli.client import FILES, call
from agent.cli.kinds import kind_of
from agent.cli.screen import Screen
from agent.errors import InvalidInput
from agent.model import Labels, format_duration
from agent.notify import Routing
from agent.schema import suggest

_TIMERS: Final = (("group_wait_ms", "wait"), ("group_interval_ms", "interval"), ("repeat_interval_ms", "repeat"))
_OTHER: Final = "other"
_STYLES: Final = {"slack": "magenta", "sms": "red", "email": "blue", "webhook": "cyan", "log": "dim"}


def show_routes(url: str, config_file: Path | None, *, as_json: bool) -> None:
    """Print the tree, and below it each receiver's people."""
    if config_file is None:
        data = call(url, "/api/v1/routes", method="GET", instead=FILES)
    else:
        from agent.app import routes_json

        data = routes_json(read_routing(config_file)[0], _now_ms())
    console = Screen()
    if as_json:
        console.print_json(json.dumps(data))
        return
    console.print(tree_of(data))
    console.print()
    console.print(receivers_table(data["receivers"].values()))


def show_test(url: str, config_file: Path | None, texts: Sequence[str], wanted: Sequence[str], *, as_json: bool) -> int:
    """Print who would be told of an alert with these labels; return 1 where its receivers are not those that are wanted."""
    labels = read_labels(texts)
    if config_file is None:
        parameters = [("label", f"{name}={value}") for name, value in labels.pairs]
        data = call(url, f"/api/v1/routes/test?{urlencode(parameters)}", method="GET", instead=FILES)
        names: list[str] = []
    else:
        from agent.app import route_test

        routing, external = read_routing(config_file)
        names = list(routing.receivers)
        data = route_test(routing, Labels({**external, **labels}), _now_ms())
    console = Screen()
    if as_json:
        console.print_json(json.dumps(data))
    else:
        for part in _tested(data):
            console.print(part)
    return _verified(data["receivers"], wanted, names) if wanted else 0


def read_routing(path: Path) -> tuple[Routing, Mapping[str, str]]:
    """Read the routing that a burnline.yml names, or an alertmanager.yml with the escalation.yml beside it.

    Returns it with the external labels. Nothing secret is read, and unset variables are empty. Raises InvalidInput.
    """
    from agent.replay import rehearsed_routing

    kind = kind_of(path)
    if kind == "configuration":
        from agent.config import Flags, load_config

        config = load_config(Flags(path), os.environ, Path.cwd())
        strict = config.file.notify.alertmanager_compat == "strict" or None
        routing = rehearsed_routing(config.routing_file, config.escalation_file, os.environ, strict=strict)
        return routing, config.file.global_.external_labels
    if kind != "routes":
        message = f"{path} holds {kind}; routes are in a burnline.yml or an alertmanager.yml"
        raise InvalidInput(message)
    beside = path.parent / "escalation.yml"
    return rehearsed_routing(path, beside if beside.is_file() else None, os.environ), {}


def read_labels(texts: Sequence[str]) -> Labels:
    """Read `severity=critical`, or an alert's bare name; raise InvalidInput with how to write it."""
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            name, value = "alertname", text
        if not name or name[-1:] in "!~" or value[:1] == "~":
            message = f'not a label: "{text}"; an alert has values, as in severity=critical, and no conditions'
            raise InvalidInput(message)
        value = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        if found.setdefault(name, value) != value:
            raise InvalidInput(
                f'the label "{name}" is given twice: {found[name]} and {value}; an alert has one of each'
            )
    if not found:
        raise InvalidInput("say which alert: its labels, as in HighErrorRate severity=critical job=rag")
    return Labels(found)


def tree_of(data: Mapping[str, Any]) -> Tree:
    """Return the routing tree; a node says what differs from its parent."""
    root = data["route"]
    tree = Tree(_node(root, None, data["receivers"]), guide_style="dim")
    _grow(tree, root, data["receivers"])
    return tree


def _grow(tree: Tree, route: Mapping[str, Any], receivers: Mapping[str, Any]) -> None:
    for child in route["routes"]:
        _grow(tree.add(_node(child, route, receivers)), child, receivers)


def _node(route: Mapping[str, Any], parent: Mapping[str, Any] | None, receivers: Mapping[str, Any]) -> Text:
    text = Text(route["matchers"] or ("every alert" if parent is None else "the rest"), style="cyan")
    text.append(" → ", style="dim")
    silent = receivers.get(route["receiver"], {}).get("tells_nobody")
    text.append(route["receiver"], style="bold red" if silent else "bold green")
    if silent:
        text.append(" (tells nobody)", style="red")
    for fact in _facts(route, parent):
        text.append(f" · {fact}", style="not bold dim")
    if route["continue"]:
        text.append(" · then goes on", style="yellow")
    if route["muted_now"]:
        text.append(f" · silent now: {route['muted_now'].replace('_', ' ')}", style="yellow")
    return text


def _facts(route: Mapping[str, Any], parent: Mapping[str, Any] | None) -> Iterator[str]:
    if parent is None or route["group_by"] != parent["group_by"]:
        names = route["group_by"]
        yield "each alert alone" if names == ["..."] else f"by {', '.join(names)}" if names else "all in one group"
    for key, word in _TIMERS:
        if parent is None or route[key] != parent[key]:
            yield f"{word} {format_duration(route[key])}"
    for key, word in (("mute_time_intervals", "not in"), ("active_time_intervals", "only in")):
        if route[key]:
            yield f"{word} {', '.join(route[key])}"


def receivers_table(receivers: Any) -> Table:
    """Return whom each receiver tells, at once and later."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("receiver", no_wrap=True, style="bold green")
    table.add_column("when", no_wrap=True)
    table.add_column("tells")
    for each in receivers:
        rows = [("at once", each["told"])] if each["told"] else []
        rows += [(f"after {format_duration(step['after_ms'])}", step["told"]) for step in each["steps"]]
        for number, (when, told) in enumerate(rows or [("", [])]):
            table.add_row("" if number else each["name"], when, _people(told))
        if each["on_failure"]:
            table.add_row("", "else", Text(each["on_failure"], style="green"))
    return table


def _people(told: Sequence[Mapping[str, Any]]) -> Text:
    """Return `ana (search) critical by slack, sms; else by slack · #rag-alerts by slack`: each once, with all channels."""
    ways: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in told:
        for whom in each["whom"] or ["nobody now"]:
            ways.setdefault((whom, each["team"]), []).append(each)
    text = Text()
    for (whom, team), channels in ways.items():
        text.append(" · " if text else "", style="dim")
        if {each["by"] for each in channels} == {"log"}:
            severities = " and ".join(channels[0].get("severities", ()))
            text.append("the log", style="dim").append(f" ({severities})" if severities else "", style="dim")
            continue
        text.append(whom).append(f" ({team})" if team else "", style="dim")
        for number, (severities, some) in enumerate(_by_severity(channels)):
            text.append("; " if number else " ", style="dim").append(f"{severities} " if severities else "")
            text.append_text(_channels(some))
    return text


def _channels(channels: Sequence[Mapping[str, Any]]) -> Text:
    text = Text("by ", style="dim")
    for number, each in enumerate(channels):
        text.append(", " if number else "", style="dim").append(each["by"], style=_STYLES.get(each["by"], "not dim"))
        text.append(" (disabled)" if each["disabled"] else "", style="not dim red")
    return text


def _by_severity(channels: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the channels of each severity that has its own; those with the same as `other` go with it, as `else`."""
    if not any(each.get("severities") for each in channels):
        return [("", list(channels))]
    known = dict.fromkeys(name for each in channels for name in each["severities"])
    ways: dict[tuple[str, ...], tuple[list[str], list[Mapping[str, Any]]]] = {}
    for severity in sorted(known, key=lambda name: name == _OTHER):
        some = [each for each in channels if severity in (each["severities"] or known)]
        ways.setdefault(tuple(each["by"] for each in some), ([], some))[0].append(severity)
    said = [("else" if _OTHER in names else " and ".join(names), some) for names, some in ways.values()]
    return sorted(said, key=lambda each: each[0] == "else")


def _tested(data: Mapping[str, Any]) -> Iterator[Text | Table]:
    for route in data["routes"]:
        text = Text(" ▸ ", style="dim").join(Text(each, style="cyan") for each in route["path"])
        text.append(" → ", style="dim").append(route["receiver"], style="bold green")
        yield text.append(f"   {_near(route['place'])}", style="dim")
        group = ", ".join(f"{name}={value}" for name, value in route["group"].items()) or "all alerts of this route"
        yield Text(f"  one message for {group}", style="dim")
        if route["muted_now"]:
            yield Text(f"  silent now: {route['muted_now'].replace('_', ' ')}", style="yellow")
        if route["to"]["tells_nobody"]:
            yield Text(
                f"  {route['receiver']} tells nobody: it is only a name, and what it gets is logged", style="red"
            )
    if data.get("silenced_by"):
        yield Text(f"  silenced now by {', '.join(data['silenced_by'])}", style="yellow")
    yield Text()
    yield timeline_table(data["timeline"]) if data["timeline"] else Text("nobody is told", style="red")


def _near(place: str) -> str:
    """Return a place in a file as it is seen from the working directory, where it is below."""
    return place.removeprefix(f"{Path.cwd()}{os.sep}")


def timeline_table(lines: Sequence[Mapping[str, Any]]) -> Table:
    """Return what would happen as a table; messages of one instant and reason share a line."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("after", "receiver", "who is told", "why"):
        table.add_column(name, no_wrap=name == "after", overflow="fold")
    for line in _joined(lines):
        if line["what"] == "told":
            table.add_row(_after(line["after_ms"]), line["receiver"], _people(line["told"]), line["why"])
        else:
            why = Text(f"{line['what']}: {line['why']}", style="yellow")
            table.add_row(_after(line["after_ms"]), line["receiver"], Text(line.get("to", ""), style="dim"), why)
    table.add_row(Text("…", style="dim"), "", Text("until somebody acknowledges it, or it is over", style="dim"), "")
    return table


def _joined(lines: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    merged: dict[tuple[object, ...], dict[str, Any]] = {}
    for number, line in enumerate(lines):
        told = line["what"] == "told"
        key = (line["after_ms"], line["receiver"], line["why"], line["step"]) if told else (number,)
        found = merged.setdefault(key, {**line, "told": []})
        if told:
            found["told"].append({"whom": [line["to"]], "by": line["by"], "team": "", "severities": [], "disabled": ""})
            found["why"] = f"step {line['step']}: nobody acknowledged" if line["step"] else line["why"]
    yield from merged.values()


def _after(after_ms: int) -> str:
    return f"+{format_duration(after_ms)}" if after_ms else "at once"


def _verified(receivers: Sequence[str], wanted: Sequence[str], known: Sequence[str]) -> int:
    asked = [name.strip() for text in wanted for name in text.split(",") if name.strip()]
    if list(receivers) == asked:
        return 0
    console = Screen(stderr=True)
    unknown = [f'"{name}"{suggest(name, sorted(known))}' for name in asked if known and name not in known]
    words = f"it goes to {', '.join(receivers)}, not to {', '.join(asked)}"
    if unknown:
        words += f"; there is no receiver {' nor '.join(unknown)}"
    console.print(f"burnline: {words}", style="red", markup=False, highlight=False, soft_wrap=True)
    return 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
