"""What a unit-test file says, as frozen values with their places: promtool's format, key by key. Nothing here runs.

Unknown keys are refused, as promtool does. What stands inside a text (a series, its values, an expression) is read when the
test is prepared, so that one test's mistake leaves the others standing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, ClassVar, Final

from agent.schema import Convert, Duration, Place, Text, key

DEFAULT_INTERVAL_MS: Final = 60_000
_OCTAL: Final = re.compile(r"[+-]?0[0-7]+")
_BASED: Final = re.compile(r"[+-]?0(?:x[0-9a-f]+|o[0-7]+|b[01]+)")
_DECIMAL: Final = re.compile(r"[+-]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[+-]?[0-9]+)?")
_SPECIAL: Final = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
_SPECIAL_NAMES: Final = {"inf": ".inf", "infinity": ".inf", "nan": ".nan"}


def parse_instant(text: str) -> int:
    """Return milliseconds of Unix seconds or an RFC 3339 instant; raise ValueError."""
    try:
        return round(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = f'not an instant: "{text}"; write Unix seconds or RFC 3339 like 2026-01-05T09:00:00Z'
        raise ValueError(message)
    return round(moment.timestamp() * 1000)


def parse_number(text: str) -> float:
    """Return a number as promtool's YAML reads it (`017` is octal, `.inf` is infinite); raise ValueError."""
    plain = text.replace("_", "").lower()
    special = _SPECIAL.get(plain)
    if special is not None:
        return special
    if text[:1] != "_":
        if _OCTAL.fullmatch(plain):
            return float(int(plain, 8))
        if _BASED.fullmatch(plain):
            return float(int(plain, 0))
        if _DECIMAL.fullmatch(plain) and math.isfinite(float(plain)):
            return float(plain)
    near = _SPECIAL_NAMES.get(plain.lstrip("+-"))
    advice = f'; YAML writes "{near}"' if near else ""
    message = f'expected a number, found "{text}"{advice}'
    raise ValueError(message)


Instant = Annotated[int, Convert(parse_instant, "Unix seconds or an RFC 3339 instant")]
Number = Annotated[float, Convert(parse_number, "a number")]


@dataclass(frozen=True, slots=True)
class InputSeries:
    """One series and its samples, in Prometheus' series notation."""

    __title__: ClassVar[str] = "input series"
    __named_by__: ClassVar[tuple[str, ...]] = ("series",)

    place: Place
    series: Text | None = None
    values: Text | None = None


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert that should fire: its labels but for alertname, and its annotations."""

    __title__: ClassVar[str] = "expected alert"

    place: Place
    exp_labels: Mapping[str, str] = field(default_factory=dict)
    exp_annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertCase:
    """The alerts called `alertname` that should fire `eval_time_ms` after the start, and no others."""

    __title__: ClassVar[str] = "alert test"
    __named_by__: ClassVar[tuple[str, ...]] = ("alertname",)

    place: Place
    alertname: str = ""
    eval_time_ms: Duration = key("eval_time", default=0)
    exp_alerts: tuple[ExpectedAlert, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    """A sample that an expression should give: a number, or a native histogram in Prometheus' notation."""

    __title__: ClassVar[str] = "expected sample"

    place: Place
    labels: Text | None = None
    value: Number = 0.0
    histogram: Text | None = None


@dataclass(frozen=True, slots=True)
class ExpressionCase:
    """What `expr` should give `eval_time_ms` after the start, in any order."""

    __title__: ClassVar[str] = "expression test"

    place: Place
    expr: Text | None = None
    eval_time_ms: Duration = key("eval_time", default=0)
    exp_samples: tuple[ExpectedSample, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitTest:
    """One test: series over time, and what rules and expressions should make of them."""

    __title__: ClassVar[str] = "test"
    __named_by__: ClassVar[tuple[str, ...]] = ("name",)

    place: Place
    name: str = ""
    interval_ms: Duration = key("interval", default=0)
    input_series: tuple[InputSeries, ...] = ()
    alert_rule_test: tuple[AlertCase, ...] = ()
    promql_expr_test: tuple[ExpressionCase, ...] = ()
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    start_ms: Instant = key("start_timestamp", default=0)

    @property
    def last_ms(self) -> int:
        """How long after the start the last question is asked."""
        alerts = (case.eval_time_ms for case in self.alert_rule_test)
        return max((*alerts, *(case.eval_time_ms for case in self.promql_expr_test)), default=0)


@dataclass(frozen=True, slots=True)
class UnitTestFile:
    """A whole file of unit tests."""

    rule_files: tuple[Text, ...] = ()
    evaluation_interval_ms: Duration = key("evaluation_interval", default=0)
    group_eval_order: tuple[Text, ...] = ()
    tests: tuple[UnitTest, ...] = ()
    fuzzy_compare: bool = False

    @property
    def step_ms(self) -> int:
        """The time between two evaluations of the rules."""
        return self.evaluation_interval_ms or DEFAULT_INTERVAL_MS
