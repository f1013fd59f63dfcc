"""The routing that is in force, as plain JSON in the journal: whoever reads a folder later sees the routes of then.

Routes, inhibition rules, time intervals and names are kept, and nothing that sends: no settings of channels, no texts, no
addresses. What is read back routes, groups and mutes as the original did; it tells nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.journal import Put
from agent.model import Labels, Matcher, MatchOp
from agent.notify.inhibition import InhibitRule
from agent.notify.intervals import UTC, IntervalSpec, OwnIntervalSpec
from agent.notify.matching import alert_matcher
from agent.notify.notification import Channel
from agent.notify.people import Directory, NotifyEntry, Person
from agent.notify.routing import Destination, ReceiverPlan, Route, Routing, Settings, Step
from agent.schema import Place

KIND: Final = "notify.routing"
_TIMERS: Final = ("group_wait_ms", "group_interval_ms", "repeat_interval_ms")
_SWITCHES: Final = ("strict", "renotify_on_unmute", "critical_bypass", "ack_timeout_ms", "resolve_timeout_ms")
_NOWHERE: Final = Place("the journal", 0, 0)
NOTHING: Final[Mapping[str, Any]] = {
    "root": {
        "receiver": "unknown",
        "matchers": [],
        "continue": False,
        "group_by": [],
        "by_all": False,
        "timers": [0, 300_000, 14_400_000],
        "mute": [],
        "active": [],
        "place": ["the journal", 0, 0],
        "routes": [],
    },
    "receivers": [],
    "inhibit_rules": [],
    "time_intervals": {},
    "people": [],
    "disabled": {},
    "settings": {},
}
"""Stands for the routing of an older version, which did not write it down."""


def record(routing: Routing) -> Put:
    """Return the write that keeps what is in force."""
    value = {
        "root": _route_to_json(routing.root),
        "receivers": [_plan_to_json(each) for each in routing.receivers.values()],
        "inhibit_rules": [
            [_matchers_to_json(each.sources), _matchers_to_json(each.targets), each.equal, each.name]
            for each in routing.inhibit_rules
        ],
        "time_intervals": {
            name: [_interval_to_json(each) for each in specs] for name, specs in routing.time_intervals.items()
        },
        "people": sorted(routing.directory.people),
        "disabled": dict(routing.disabled),
        "settings": {name: getattr(routing.settings, name) for name in _SWITCHES},
    }
    return Put(KIND, "", value)


def read_routing(value: Mapping[str, Any]) -> Routing:
    """Return what was in force, without anything that sends."""
    people = {name: Person(_NOWHERE) for name in value["people"]}
    return Routing(
        root=_read_route(value["root"], "", iter(range(10**9))),
        receivers={each["name"]: _read_plan(each) for each in value["receivers"]},
        inhibit_rules=tuple(
            InhibitRule(_read_matchers(sources), _read_matchers(targets), tuple(equal), name)
            for sources, targets, equal, name in value["inhibit_rules"]
        ),
        time_intervals={
            name: tuple(_read_interval(each) for each in specs) for name, specs in value["time_intervals"].items()
        },
        directory=Directory(people, {}),
        channels={},
        disabled=value["disabled"],
        settings=Settings(**value["settings"]),
    )


def _route_to_json(route: Route) -> dict[str, Any]:
    return {
        "receiver": route.receiver,
        "matchers": _matchers_to_json(route.matchers),
        "continue": route.continue_,
        "group_by": sorted(route.group_by),
        "by_all": route.group_by_all,
        "timers": [getattr(route, name) for name in _TIMERS],
        "mute": route.mute_time_intervals,
        "active": route.active_time_intervals,
        "place": [route.place.source, route.place.line, route.place.column],
        "routes": [_route_to_json(each) for each in route.routes],
    }


def _read_route(data: Mapping[str, Any], parent_key: str, numbers: Any) -> Route:
    """Read a node and what is below it; nodes are numbered as they are written, depth first."""
    number, matchers = next(numbers), _read_matchers(data["matchers"])
    made = Route(
        receiver=data["receiver"],
        matchers=matchers,
        continue_=data["continue"],
        group_by=frozenset(data["group_by"]),
        group_by_all=data["by_all"],
        **dict(zip(_TIMERS, data["timers"], strict=True)),
        mute_time_intervals=tuple(data["mute"]),
        active_time_intervals=tuple(data["active"]),
        labels=Labels(),
        parent_key=parent_key,
        index=number,
        place=Place(*data["place"]),
    )
    below = tuple(_read_route(each, made.key, numbers) for each in data["routes"])
    object.__setattr__(made, "routes", below)
    return made


def _plan_to_json(plan: ReceiverPlan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "told": [[each.key, str(each.channel), each.transport, each.entry is not None] for each in plan.destinations],
        "steps": [[step.after_ms, step.until] for step in plan.steps],
        "on_failure": plan.on_failure,
        "mute": plan.mute_time_intervals,
        "active": plan.active_time_intervals,
        "repeat_interval_ms": plan.repeat_interval_ms,
        "unsent": plan.unsent,
    }


def _read_plan(data: Mapping[str, Any]) -> ReceiverPlan:
    return ReceiverPlan(
        name=data["name"],
        destinations=tuple(
            Destination(key, Channel(channel), transport, entry=NotifyEntry(_NOWHERE, log=True) if named else None)
            for key, channel, transport, named in data["told"]
        ),
        steps=tuple(Step(after_ms, (), until) for after_ms, until in data["steps"]),
        on_failure=data["on_failure"],
        mute_time_intervals=tuple(data["mute"]),
        active_time_intervals=tuple(data["active"]),
        repeat_interval_ms=data["repeat_interval_ms"],
        unsent=tuple(data["unsent"]),
    )


def _matchers_to_json(matchers: Iterable[Matcher]) -> list[list[str]]:
    return [[each.name, str(each.op), each.value] for each in matchers]


def _read_matchers(data: Sequence[Sequence[str]]) -> tuple[Matcher, ...]:
    return tuple(alert_matcher(name, MatchOp(op), value) for name, op, value in data)


def _interval_to_json(spec: IntervalSpec) -> dict[str, Any]:
    plain = {each.name: getattr(spec, each.name) for each in fields(spec) if each.name != "location"}
    return {"own": isinstance(spec, OwnIntervalSpec), "zone": spec.location.key, **plain}


def _read_interval(data: Mapping[str, Any]) -> IntervalSpec:
    kind = OwnIntervalSpec if data["own"] else IntervalSpec
    plain = {each.name: tuple(map(tuple, data[each.name])) for each in fields(kind) if each.name != "location"}
    return kind(**plain, location=_zone(data["zone"]))


def _zone(name: str) -> ZoneInfo:
    """Return a zone; "Local" and one that this machine does not know are UTC."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
