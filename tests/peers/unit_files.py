"""Random unit-test files that promtool 2.42 can read, with right and wrong expectations, from a seed.

What is right is said by a slow reference of its own: one sample at a time, no engine. Instants are chosen so that what Prometheus
3 changed cannot matter: no sample is ever exactly as old as a window or the lookback.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from agent.model import format_duration, format_float

LOOKBACK_MS = 300_000
STALE = "stale"
WINDOW_MS = 121_000
TESTS = 12


@dataclass
class Series:
    """One input series: its job, its values (None is a gap) and how they are written."""

    job: str
    values: list[float | str | None]
    written: str


@dataclass
class Threshold:
    """An alert `m > limit`, or `half:m > limit`."""

    name: str
    metric: str
    limit: int
    for_ms: int
    keep_ms: int

    def rule(self):
        made = {
            "alert": self.name,
            "expr": f"{self.metric} > {self.limit}",
            "labels": {"severity": "page", "at": "{{ $labels.job }}"},
            "annotations": {"text": "{{ $labels.job }} at {{ $value }} ({{ humanize $value }})", "void": ""},
        }
        if self.for_ms:
            made["for"] = format_duration(self.for_ms)
        if self.keep_ms:
            made["keep_firing_for"] = format_duration(self.keep_ms)
        return made


@dataclass
class Scenario:
    """A rule file and a test file, as values; `right` counts the cases whose expectation was left as it should be."""

    rules: dict
    tests: dict
    cases: int = 0
    right: int = 0
    alerts: list[Threshold] = field(default_factory=list)


def scenario(seed: int) -> Scenario:
    """Make a rule file and a file of tests for it."""
    dice = random.Random(seed)
    step_ms = dice.choice([30_000, 60_000, 90_000])
    alerts = [
        Threshold(
            f"A{number}",
            dice.choice(["m", "half:m"]),
            dice.randrange(1, 8),
            dice.choice([0, 0, 30_000, 60_000, 120_000, 200_000]),
            dice.choice([0, 0, 60_000, 150_000]),
        )
        for number in range(4)
    ]
    recording = {"record": "half:m", "expr": "m / 2", "labels": {"kind": "half"}}
    rules = {
        "groups": [
            {"name": "b", "rules": [each.rule() for each in alerts[2:]]},
            {"name": "a", "rules": [recording, *(each.rule() for each in alerts[:2])]},
        ]
    }
    file = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": format_duration(step_ms),
        "group_eval_order": ["a", "b"],
        "tests": [],
    }
    made = Scenario(rules, file, alerts=alerts)
    for number in range(TESTS):
        made.tests["tests"].append(_Test(dice, f"t{number}", step_ms, made).made())
    return made


class _Test:
    def __init__(self, dice: random.Random, name: str, step_ms: int, into: Scenario) -> None:
        self.dice, self.name, self.step_ms, self.into = dice, name, step_ms, into
        self.interval_ms = dice.choice([15_000, 30_000, 60_000])
        self.series = [self.one(job) for job in ("x", "y", "z")[: dice.randrange(1, 4)]]
        self.evals = [dice.randrange(0, 240) * 5_000 for _ in range(8)]

    def one(self, job: str) -> Series:
        values: list[float | str | None] = []
        written = []
        while len(values) * self.interval_ms < 1_300_000:
            item, more = self.item()
            written.append(item)
            values += more
        return Series(job, values, " ".join(written))

    def item(self) -> tuple[str, list[float | str | None]]:
        dice = self.dice
        level, count, change = dice.randrange(0, 11), dice.randrange(1, 9), dice.randrange(1, 4)
        match dice.randrange(7):
            case 0:
                return str(level), [float(level)]
            case 1:
                return f"{level}x{count}", [float(level)] * (count + 1)
            case 2:
                return f"{level}+{change}x{count}", [float(level + change * each) for each in range(count + 1)]
            case 3:
                return f"{level}-{change}x{count}", [float(level - change * each) for each in range(count + 1)]
            case 4:
                return "_", [None]
            case 5:
                gap = dice.randrange(1, 180_000 // self.interval_ms + 1)
                return f"{level} _x{gap} {level}", [float(level), *[None] * gap, float(level)]
            case _:
                return STALE, [STALE]

    # --- the slow reference ---

    def value(self, series: Series, at_ms: int, seen_ms: int) -> float | None:
        """Return the newest sample at `at_ms` among those loaded up to `seen_ms`."""
        place = min(at_ms, seen_ms) // self.interval_ms
        for each in range(min(place, len(series.values) - 1), -1, -1):
            found = series.values[each]
            if at_ms - each * self.interval_ms >= LOOKBACK_MS:
                return None
            if found is not None:
                return None if found == STALE else float(found)
        return None

    def metric(self, alert: Threshold, series: Series, tick_ms: int) -> float | None:
        found = self.value(series, tick_ms, tick_ms)
        return found if found is None or alert.metric == "m" else found / 2

    def alert_at(self, alert: Threshold, series: Series, last_ms: int) -> tuple[str, float]:
        """Return the state and the value of an alert after the tick `last_ms`."""
        state, since, kept, shown = "", 0, None, 0.0
        for tick_ms in range(0, last_ms + 1, self.step_ms):
            found = self.metric(alert, series, tick_ms)
            if found is not None and found > alert.limit:
                since = tick_ms if not state else since
                state = "firing" if tick_ms - since >= alert.for_ms else "pending"
                kept, shown = None, found
            elif state == "firing" and alert.keep_ms:
                kept = tick_ms if kept is None else kept
                state = state if tick_ms - kept < alert.keep_ms else ""
            else:
                state = ""
        return state, shown

    # --- cases ---

    def made(self) -> dict:
        last_ms = max(self.evals) // self.step_ms * self.step_ms
        asked = sorted({(self.dice.choice(self.into.alerts).name, at_ms) for at_ms in self.evals})
        alert_cases = [self.alert_case(name, at_ms) for name, at_ms in asked]
        return {
            "name": self.name,
            "interval": format_duration(self.interval_ms),
            "input_series": [{"series": f'm{{job="{each.job}"}}', "values": each.written} for each in self.series],
            "alert_rule_test": alert_cases,
            "promql_expr_test": [self.expression_case(at_ms, last_ms) for at_ms in self.evals],
        }

    def alert_case(self, name: str, at_ms: int) -> dict:
        (alert,) = (each for each in self.into.alerts if each.name == name)
        tick_ms = at_ms // self.step_ms * self.step_ms
        expected = []
        for series in self.series:
            state, value = self.alert_at(alert, series, tick_ms)
            if state == "firing":
                kind = {"kind": "half"} if alert.metric == "half:m" else {}
                labels = {"severity": "page", "at": series.job, "job": series.job, **kind}
                shown = format_float(value)
                text = f"{series.job} at {shown} ({shown})"
                expected.append({"exp_labels": labels, "exp_annotations": {"text": text, "void": ""}})
        return {
            "alertname": name,
            "eval_time": format_duration(at_ms),
            "exp_alerts": self.spoiled(expected, self.spoil_alert),
        }

    def spoil_alert(self, alert: dict) -> None:
        match self.dice.randrange(5):
            case 0:
                alert["exp_labels"]["severity"] = "ticket"
            case 1:
                del alert["exp_labels"]["at"]
            case 2:
                alert["exp_annotations"]["text"] += "!"
            case 3:
                del alert["exp_annotations"]["void"]
            case _:
                alert["exp_labels"]["none"] = ""

    def spoiled(self, expected: list[dict], spoil) -> list[dict]:
        """Return what is expected, or something wrong: one thing changed, one left out, or one too many."""
        self.into.cases += 1
        if self.dice.random() < 0.6:
            self.into.right += 1
        elif not expected:
            expected.append({"labels": "m", "value": 1.0} if spoil == self.spoil_sample else {"exp_labels": {}})
        elif self.dice.random() < 0.3:
            expected.pop()
        else:
            spoil(self.dice.choice(expected))
        return expected

    def expression_case(self, at_ms: int, last_ms: int) -> dict:
        seen = {each.job: self.value(each, at_ms, last_ms) for each in self.series}
        tick_ms = min(at_ms, last_ms) // self.step_ms * self.step_ms
        match self.dice.randrange(5):
            case 0:
                text, found = "m", {f'm{{job="{job}"}}': value for job, value in seen.items()}
            case 1:
                values = [value for value in seen.values() if value is not None]
                text, found = "sum(m)", {"{}": sum(values) if values else None}
            case 2:
                text = f"count_over_time(m[{WINDOW_MS // 1000}s])"
                found = {f'{{job="{each.job}"}}': self.count(each, at_ms, last_ms) for each in self.series}
            case 3:
                halves = {each.job: self.value(each, tick_ms, tick_ms) for each in self.series}
                text = "half:m"
                found = {
                    f'half:m{{job="{job}",kind="half"}}': None if value is None else value / 2
                    for job, value in halves.items()
                }
            case _:
                text, found = self.alerts_series(tick_ms)
        samples = [{"labels": labels, "value": value} for labels, value in found.items() if value is not None]
        return {
            "expr": f"{text} # {self.into.cases}",
            "eval_time": format_duration(at_ms),
            "exp_samples": self.spoiled(samples, self.spoil_sample),
        }

    def count(self, series: Series, at_ms: int, last_ms: int) -> float | None:
        stamps = (
            (place * self.interval_ms, value) for place, value in enumerate(series.values) if value not in (None, STALE)
        )
        count = sum(at_ms - WINDOW_MS < stamp <= min(at_ms, last_ms) for stamp, _ in stamps)
        return float(count) or None

    def alerts_series(self, tick_ms: int) -> tuple[str, dict[str, float | None]]:
        alert = self.dice.choice(self.into.alerts)
        found: dict[str, float | None] = {}
        for series in self.series:
            state, _ = self.alert_at(alert, series, tick_ms)
            kind = ',kind="half"' if alert.metric == "half:m" else ""
            labels = f'alertname="{alert.name}",alertstate="{state}",at="{series.job}",job="{series.job}"{kind}'
            found[f'ALERTS{{{labels},severity="page"}}'] = 1.0 if state else None
        return f'ALERTS{{alertname="{alert.name}"}}', found

    def spoil_sample(self, sample: dict) -> None:
        if self.dice.random() < 0.5:
            sample["value"] += self.dice.choice([1e-9, 1, -0.5])
        else:
            sample["labels"] = sample["labels"].replace(
                "{", '{more="x",' if "=" in sample["labels"] else '{more="x"', 1
            )
            if sample["labels"] == "m":
                sample["labels"] = "mm"
