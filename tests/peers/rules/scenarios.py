"""Scenarios from a seed: gauges and counters that come, go and end, and groups of rules that read them.

No sample stands where a window of a rule begins (Prometheus 2.42 counts a sample there, 3 does not): a series' samples all
lie at one phase of its pace, and phases are chosen once it is known when the groups are evaluated.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from agent.model import STALE_NAN, Labels
from tests.peers.remote import Points

PACE_MS = 500
LOOKBACK_MS = 1_350
WINDOWS_MS = (1_700, 2_300)
INSTANCES = "abcd"
GAUGES = tuple(f"gauge_{number}" for number in range(6))
COUNTERS = tuple(f"counter_{number}_total" for number in range(3))
FOR_GRACE_MS = 2_250
OUTAGE_TOLERANCE_MS = 6_000
FORS = ("500ms", "1s", "1500ms", "2s", "3s250ms", "5s250ms", "8s250ms")
"""Below the grace any; above it never a whole number of evaluations: Prometheus restores `for` by its wall clock."""

Group = dict[str, Any]
Rule = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One series: a value per tick, None where there is no sample, and which of the phases it is sampled at."""

    labels: Labels
    values: tuple[float | None, ...]
    phase: int

    def points(self, start_ms: int, phases: list[int]) -> Points:
        """Return the samples where the first tick is at `start_ms` or at the series' phase after it."""
        shift = phases[self.phase % len(phases)]
        return [
            (start_ms + tick * PACE_MS + shift, value) for tick, value in enumerate(self.values) if value is not None
        ]


@dataclass(frozen=True)
class Scenario:
    """Input series and groups of rules; each group's first and last rule record when it was evaluated."""

    columns: tuple[Column, ...]
    groups: tuple[Group, ...]

    @property
    def text(self) -> str:
        """The groups as a rule file."""
        return yaml.safe_dump({"groups": list(self.groups)}, sort_keys=False)

    def series(self, start_ms: int, phases: list[int]) -> dict[Labels, Points]:
        """Return all input samples."""
        return {each.labels: each.points(start_ms, phases) for each in self.columns}


def free_phases(instants_ms: Iterable[int]) -> list[int]:
    """Return the phases of the pace at which no window of an evaluation at one of these instants begins."""
    taken = {(instant - window) % PACE_MS for instant in instants_ms for window in (LOOKBACK_MS, *WINDOWS_MS, 0)}
    return [phase for phase in range(PACE_MS) if phase not in taken]


def scenario(seed: int, rules: int, seconds: float) -> Scenario:
    """Make a scenario of about this many rules over this many seconds."""
    dice = random.Random(seed)
    ticks = int(seconds * 1000 / PACE_MS)
    columns = [
        Column(Labels.of(name_=name, inst=inst, job="xy"[place % 2]), tuple(make(dice, ticks)), dice.randrange(1 << 16))
        for names, make in ((GAUGES, _gauge), (COUNTERS, _counter))
        for name in names
        for place, inst in enumerate(INSTANCES)
    ]
    groups: list[Group] = []
    while sum(len(group["rules"]) - 2 for group in groups) < rules:
        group = _group(dice, f"g{len(groups)}")
        if dice.random() < 0.15:
            group["rules"] += _about_alerts(dice, group)
        group["rules"].append({"record": "beat_end", "expr": "time()", "labels": {"group": group["name"]}})
        groups.append(group)
    return Scenario(tuple(columns), tuple(groups))


def _gauge(dice: random.Random, ticks: int) -> Iterable[float | None]:
    level, absent, was_there = float(dice.randrange(11)), 0, False
    for _ in range(ticks):
        if absent:
            absent -= 1
            yield None
            continue
        if was_there and dice.random() < 0.06:
            absent = dice.choice((1, 2, 3, 6, 12))
            # Half of the gaps begin with a staleness marker, as after a failed scrape; the others just begin.
            was_there = False
            yield STALE_NAN if dice.random() < 0.5 else None
            continue
        if dice.random() < 0.25:
            level = (
                dice.choice((*(float(whole) for whole in range(11)), *_ODD))
                if dice.random() < 0.9
                else dice.gauss(5, 4)
            )
        was_there = True
        yield level


_ODD = (math.nan, math.inf, -math.inf, -2.5)


def _counter(dice: random.Random, ticks: int) -> Iterable[float | None]:
    # Far from zero, where 2.42 extrapolates a rate in another way than 3; a reset leaves a tenth.
    total, pace = 1e9, dice.choice((0.0, 1.0, 5.0))
    for _ in range(ticks):
        if dice.random() < 0.15:
            pace = dice.choice((0.0, 1.0, 5.0, 20.0))
        total = total // 10 if dice.random() < 0.04 else total + pace
        yield None if dice.random() < 0.08 else STALE_NAN if dice.random() < 0.03 else total


# --- rules ---


def _group(dice: random.Random, name: str) -> Group:
    group: Group = {"name": name, "interval": dice.choice(("500ms", "500ms", "1s"))}
    if dice.random() < 0.2:
        group["limit"] = dice.randrange(1, 5)
    made: list[Rule] = [{"record": "beat", "expr": "time()", "labels": {"group": name}}]
    recorded: list[str] = []
    for number in range(dice.randrange(2, 8)):
        sources = [*GAUGES, *recorded, *recorded]
        if dice.random() < 0.3:
            recorded.append(f"{name}:r{number}")
            made.append(_recording(dice, recorded[-1], sources[: len(sources) - 1] if len(recorded) > 1 else [*GAUGES]))
        else:
            made.append(_alerting(dice, f"{name}_A{number}", sources))
    group["rules"] = made
    return group


def _recording(dice: random.Random, name: str, sources: list[str]) -> Rule:
    rule: Rule = {"record": name, "expr": _vector(dice, sources)}
    if dice.random() < 0.4:
        rule["labels"] = dice.choice(({"kind": "r"}, {"job": ""}, {"inst": "one"}, {"kind": "r", "inst": ""}))
    return rule


def _alerting(dice: random.Random, name: str, sources: list[str]) -> Rule:
    rule: Rule = {"alert": name, "expr": _condition(dice, sources)}
    if dice.random() < 0.7:
        rule["for"] = dice.choice(FORS)
    if dice.random() < 0.4:
        rule["keep_firing_for"] = dice.choice(("500ms", "1s", "2s", "4s", "750ms"))
    if dice.random() < 0.8:
        rule["labels"] = dict(dice.sample(_LABELS, dice.randrange(1, 4)))
    rule["annotations"] = dict(dice.sample(_ANNOTATIONS, dice.randrange(0, 3)))
    return rule


_LABELS = (
    ("severity", "page"),
    ("where", "{{ $labels.job }}/{{ $labels.inst }}"),
    ("level", "{{ if gt $value 7.0 }}high{{ else }}low{{ end }}"),
    ("value", "{{ $value }}"),
    ("maybe", "{{ with $labels.kind }}{{ . }}{{ end }}"),
    ("inst", "fixed"),
    ("job", ""),
    ("broken", "{{ index $labels 1 }}"),
    ("asked", "{{ with query \"gauge_0{inst='a'}\" }}{{ . | first | value | humanize }}{{ end }}"),
    ("alertname", "Mine"),
    ("alertstate", "odd"),
)
_ANNOTATIONS = (
    ("summary", "{{ $labels.inst }} of {{ $labels.job }} is at {{ humanize $value }}"),
    ("value", "{{ $value }} {{ printf `%.3f` $value }}"),
    ("all", "{{ $labels }}"),
    ("others", "{{ range query `gauge_1` | sortByLabel `inst` }}{{ .Labels.inst }}={{ .Value }} {{ end }}"),
    ("broken", "{{ $value.x }}"),
)


def _about_alerts(dice: random.Random, group: Group) -> list[Rule]:
    """Return rules about the group's own alerts, which see those of the same evaluation."""
    names = [rule["alert"] for rule in group["rules"] if "alert" in rule]
    name = dice.choice(names) if names else "none"
    return [
        {"alert": f"{group['name']}_Meta", "expr": f'ALERTS{{alertname="{name}",alertstate="firing"}} > 0', "for": "1s"},
        {"record": f"{group['name']}:since", "expr": f'ALERTS_FOR_STATE{{alertname="{name}"}} > bool 1'},
        {"record": f"{group['name']}:states", "expr": f'count by (alertstate) (ALERTS{{alertname="{name}"}})'},
    ]  # fmt: skip


def _condition(dice: random.Random, sources: list[str]) -> str:
    """Return an expression whose series come and go, as alerts' do."""
    one, two = dice.choice(sources), dice.choice(sources)
    threshold = dice.randrange(10)
    match dice.randrange(14):
        case 0 | 1 | 2 | 3:
            return f"{one} {dice.choice(('>', '<', '>=', '==', '!='))} {threshold}"
        case 4:
            return f"{one} > {threshold} and on (inst) {two} > {dice.randrange(10)}"
        case 5:
            return f"{one} unless {two} < {threshold}"
        case 6:
            return f"sum by (job) ({one}) > {threshold * 2}"
        case 7:
            return f"rate({dice.choice(COUNTERS)}[{dice.choice(WINDOWS_MS)}ms]) > {dice.choice((0, 1, 3))}"
        case 8:
            return f'absent({one}{{inst="{dice.choice(INSTANCES)}"}})'
        case 9:
            return f'scalar({one}{{inst="a"}}) > bool {threshold}'
        case 10:
            return f"{threshold}" if dice.random() < 0.5 else f"vector({threshold}) > 4"
        case 11:
            return f"vector(time() % {dice.randrange(3, 9)}) > {dice.randrange(1, 3)}"
        case 12:
            return f"({one} > {threshold}) or ({two} < {dice.randrange(4)})"
        case _:
            return f"{one} * on (job) {two} > {threshold}"  # many-to-many as soon as two of a job are there


def _vector(dice: random.Random, sources: list[str]) -> str:
    """Return an expression of any kind, as recording rules have."""
    one, two = dice.choice(sources), dice.choice(sources)
    match dice.randrange(8):
        case 0:
            return f"{one} * 2"
        case 1:
            return f"sum by ({dice.choice(('job', 'inst'))}) ({one})"
        case 2:
            return f"increase({dice.choice(COUNTERS)}[{dice.choice(WINDOWS_MS)}ms])"
        case 3:
            return f"max_over_time({one}[{dice.choice(WINDOWS_MS)}ms])"
        case 4:
            return f"{one} > {dice.randrange(8)}"
        case 5:
            return f"{one} - ignoring (kind) {two}"
        case 6:
            return f"scalar({one})"
        case _:
            return f"{one}"
