"""The rules' unit tests, passed by the real promtool, also pass on Burnline's own engine, state machine and templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.model import STALE_NAN, Labels, Row, is_missing, is_stale, parse_duration
from agent.query import Engine, MemoryQueryable, parse
from agent.rules import Evaluator, Settings, State, load_rules

FILES = ("backup", "burnline", "events", "host", "outage", "rag", "service")
# What promtool's series notation has and the shipped tests use: 1  -3  1x4  0+5x10  _  _x3  stale.
ITEM = re.compile(r"(?P<word>_|stale|-?[\d.]+)(?:(?P<step>[+-][\d.]+))?(?:x(?P<times>\d+))?")


def _values(notation: str) -> Iterator[float | None]:
    for item in str(notation).split():
        match = ITEM.fullmatch(item)
        assert match, item
        times = int(match["times"] or 0)
        if match["word"] == "_":
            yield from [None] * (times or 1)
        elif match["word"] == "stale":
            yield STALE_NAN
        else:
            step = float(match["step"] or 0)
            yield from (float(match["word"]) + step * number for number in range(times + 1))


def _labels(selector: str) -> Labels:
    name, _, rest = selector.partition("{")
    pairs = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    return Labels({**pairs, **({"__name__": name} if name else {})})


class _Story:
    """One unit test: its series in memory, its rules evaluated one instant after the other."""

    def __init__(self, rules_file: Path, test: Mapping[str, Any], interval_ms: int) -> None:
        self.memory = MemoryQueryable()
        self.engine = Engine(self.memory)
        self.interval_ms = interval_ms
        between = parse_duration(test["interval"])
        for series in test["input_series"]:
            stamped = [(each, value) for each, value in enumerate(_values(series["values"])) if value is not None]
            self.memory.add(_labels(series["series"]), [each * between for each, _ in stamped], [v for _, v in stamped])
        self.evaluator = Evaluator(
            load_rules([rules_file]),
            query=lambda expr, at_ms: self.engine.instant(expr, at_ms).value,
            sink=self._keep,
            notify=lambda alerts, at_ms: None,
            settings=Settings(interval_ms=interval_ms, resend_delay_ms=60_000),
        )

    def _keep(self, row: Row) -> None:
        stale, missing = is_stale(row.values), is_missing(row.values)
        for column, value in enumerate(row.values.tolist()):
            if stale[column] or not missing[column]:
                kept = STALE_NAN if stale[column] else value
                self.memory.add(row.columns.labels[column], [row.timestamp_ms], [kept])

    def firing(self, until: Mapping[int, set[str]]) -> dict[tuple[int, str], list[tuple[Labels, Labels]]]:
        """Evaluate step by step; return who fires, by the instants and names in `until`."""
        found = {}
        for at_ms in range(0, max(until, default=0) + 1, self.interval_ms):
            for key in self.evaluator.keys:
                done = self.evaluator.evaluate(key, at_ms)
                assert done.failures == ()
            rules = [rule for group in self.evaluator.status() for rule in group.rules]
            for name in until.get(at_ms, ()):
                found[at_ms, name] = [
                    (alert.labels, alert.annotations)
                    for rule in rules
                    if rule.name == name
                    for alert in rule.alerts
                    if alert.state is State.FIRING
                ]
        return found


def _tests(root: Path, name: str) -> Iterator[tuple[Mapping[str, Any], _Story]]:
    document = yaml.safe_load((root / "rules" / "tests" / f"{name}.yml").read_text(encoding="utf-8"))
    for test in document["tests"]:
        yield test, _Story(root / "rules" / f"{name}.yml", test, parse_duration(document["evaluation_interval"]))


@pytest.mark.parametrize("name", FILES)
def test_the_alerts_of_the_unit_tests_fire_with_the_same_labels_and_words(root: Path, name):
    for test, story in _tests(root, name):
        wanted = {}
        instants: dict[int, set[str]] = {}
        for case in test.get("alert_rule_test", ()):
            at_ms = parse_duration(case["eval_time"])
            instants.setdefault(at_ms, set()).add(case["alertname"])
            wanted[at_ms, case["alertname"]] = [
                (Labels({**each["exp_labels"], "alertname": case["alertname"]}), Labels(each["exp_annotations"]))
                for each in case["exp_alerts"]
            ]
        found = story.firing(instants)
        assert {key: sorted(each) for key, each in found.items()} == {
            key: sorted(each) for key, each in wanted.items()
        }, test["name"]


@pytest.mark.parametrize("name", ["host", "rag", "service"])
def test_the_words_have_the_values_of_the_unit_tests(root: Path, name):
    checked = 0
    for test, story in _tests(root, name):
        cases = test.get("promql_expr_test", ())
        story.firing({parse_duration(case["eval_time"]): set() for case in cases})
        for case in cases:
            vector = story.engine.instant(parse(case["expr"]), parse_duration(case["eval_time"])).value
            found = dict(zip(vector.labels, vector.values.tolist(), strict=True))
            wanted = {_labels(each["labels"]): each["value"] for each in case["exp_samples"]}
            assert found == pytest.approx(wanted), test["name"]
            checked += 1
    assert checked
