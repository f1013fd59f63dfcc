"""What OpenSLO's objects look like in a file, v1 and v1alpha: values with their places, nothing resolved.

Read with camel case, leniently: what other tools add is remarked on and passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agent.schema import Place, Text, WrongValue
from agent.slo.names import Ratio, ServiceName

NOWHERE: Final = Place("", 1, 1)
NAMELESS: Final = Text("", NOWHERE)
Method = Literal["Occurrences", "Timeslices", "RatioTimeslices"]
Operator = Literal["lte", "gte", "lt", "gt"]


@dataclass(frozen=True, slots=True)
class Metadata:
    """An object's name and what is said of it."""

    __title__ = "metadata"
    name: Text = NAMELESS
    display_name: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    annotations: Mapping[str, Text] = field(default_factory=dict)
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class QuerySpec:
    """What a data source is asked; only `query` means something to Prometheus."""

    __open__ = True
    query: Text | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class MetricSource:
    """Where a metric comes from: a DataSource by name, or its type, and the query."""

    __title__ = "metricSource"
    spec: QuerySpec
    metric_source_ref: Text | None = None
    type: Text | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Metric:
    """`{metricSource: …}`."""

    __title__ = "metric"
    metric_source: MetricSource


@dataclass(frozen=True, slots=True)
class RatioMetric:
    """Good or bad events and all, or a ratio that is computed elsewhere."""

    __title__ = "ratioMetric"
    counter: bool = False
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    raw_type: Literal["success", "failure"] | None = None
    raw: Metric | None = None
    place: Place = NOWHERE

    def __post_init__(self) -> None:
        """Refuse what is no ratio, and what is two."""
        if self.good is not None and self.bad is not None:
            raise WrongValue("bad", "good and bad are two ways to say one thing; one of them")
        if self.raw is not None:
            other = next((name for name in ("good", "bad", "total") if getattr(self, name) is not None), "")
            if other:
                raise WrongValue(other, f"raw is a ratio already; remove it or {other}")
            if self.raw_type is None:
                raise WrongValue("raw", "raw needs rawType: success or failure")
        elif self.total is None or (self.good is None and self.bad is None):
            message = "a ratio is good or bad, and total; or raw and rawType"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class SliSpec:
    """How a service level is measured."""

    __title__ = "SLI"
    description: str = ""
    ratio_metric: RatioMetric | None = None
    threshold_metric: Metric | None = None

    def __post_init__(self) -> None:
        """Refuse none and both."""
        if (self.ratio_metric is None) == (self.threshold_metric is None):
            message = "an SLI is ratioMetric or thresholdMetric, one of them"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Sli:
    """An SLI as an object of its own, or inline."""

    __title__ = "indicator"
    spec: SliSpec
    metadata: Metadata = field(default_factory=Metadata)
    api_version: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """Where a calendar window begins."""

    __title__ = "calendar"
    start_time: Text
    time_zone: Text
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A window of v1."""

    __title__ = "timeWindow"
    duration: Text
    is_rolling: bool | None = None
    calendar: CalendarSpec | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Objective:
    """What is promised, and with `indicator` or `indicatorRef` a part of a composite."""

    __title__ = "objective"
    display_name: str = ""
    op: Operator | None = None
    value: float | None = None
    target: Ratio | None = None
    target_percent: Text | None = None
    time_slice_target: Ratio | None = None
    time_slice_window: Text | None = None
    indicator: Sli | None = None
    indicator_ref: Text | None = None
    composite_weight: float | None = None
    place: Place = NOWHERE

    def __post_init__(self) -> None:
        """Refuse no promise and two, and a part that weighs nothing."""
        if (self.target is None) == (self.target_percent is None):
            message = "an objective needs target (such as 0.999) or targetPercent (such as 99.9), one of them"
            raise ValueError(message)
        if self.composite_weight is not None and not self.composite_weight > 0:
            raise WrongValue("compositeWeight", "a part weighs more than 0")
        if self.indicator is not None and self.indicator_ref is not None:
            raise WrongValue("indicatorRef", "indicator and indicatorRef are two indicators; one of them")


@dataclass(frozen=True, slots=True)
class Condition:
    """When a policy tells somebody."""

    __title__ = "condition"
    kind: str = "burnrate"
    op: Operator | None = None
    threshold: float | None = None
    lookback_window: Text | None = None
    alert_after: Text | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class AlertConditionSpec:
    """A condition and how urgent it is."""

    __title__ = "AlertCondition"
    severity: Text
    condition: Condition = field(default_factory=Condition)
    description: str = ""


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """A condition as an object, inline, or by name (`conditionRef`)."""

    __title__ = "AlertCondition"
    spec: AlertConditionSpec | None = None
    metadata: Metadata = field(default_factory=Metadata)
    condition_ref: Text | None = None
    api_version: str = ""
    kind: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """Where a notification goes, in the words of whoever sends it."""

    __title__ = "AlertNotificationTarget"
    target: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """A notification target as an object, inline, or by name (`targetRef`)."""

    __title__ = "AlertNotificationTarget"
    spec: TargetSpec | None = None
    metadata: Metadata = field(default_factory=Metadata)
    target_ref: Text | None = None
    api_version: str = ""
    kind: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class AlertPolicySpec:
    """Conditions, and who is told."""

    __title__ = "AlertPolicy"
    description: str = ""
    alert_when_no_data: bool = False
    alert_when_resolved: bool = False
    alert_when_breaching: bool | None = None
    conditions: tuple[AlertCondition, ...] = ()
    notification_targets: tuple[AlertTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """A policy as an object, inline, or by name (`alertPolicyRef`)."""

    __title__ = "AlertPolicy"
    spec: AlertPolicySpec | None = None
    metadata: Metadata = field(default_factory=Metadata)
    alert_policy_ref: Text | None = None
    api_version: str = ""
    kind: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class SloSpec:
    """An SLO of v1."""

    __title__ = "SLO"
    service: ServiceName
    objectives: tuple[Objective, ...]
    description: str = ""
    indicator: Sli | None = None
    indicator_ref: Text | None = None
    budgeting_method: Method | None = None
    time_window: tuple[TimeWindow, ...] = ()
    alert_policies: tuple[AlertPolicy, ...] = ()
    place: Place = NOWHERE

    def __post_init__(self) -> None:
        """Refuse what is measured by nothing, or by two things."""
        if not self.objectives:
            raise WrongValue("objectives", "no objective is here; write one with a target")
        if len(self.time_window) > 1:
            raise WrongValue("timeWindow", "an SLO has one time window; write a second SLO for another")
        parts = [each for each in self.objectives if each.indicator is not None or each.indicator_ref is not None]
        own = self.indicator is not None or self.indicator_ref is not None
        if self.indicator is not None and self.indicator_ref is not None:
            raise WrongValue("indicatorRef", "indicator and indicatorRef are two indicators; one of them")
        if own and parts:
            message = "an indicator stands at the SLO or at each objective (then it is a composite), not at both"
            raise ValueError(message)
        if not own and len(parts) < len(self.objectives):
            message = "nothing is measured; write indicator or indicatorRef, at the SLO or (for a composite) at each objective"
            raise ValueError(message)

    @property
    def composite(self) -> bool:
        """Say whether its objectives are measured by indicators of their own."""
        return self.indicator is None and self.indicator_ref is None


@dataclass(frozen=True, slots=True)
class SloObject:
    """`kind: SLO` of v1."""

    __title__ = "SLO"
    metadata: Metadata
    spec: SloSpec
    api_version: str = ""
    kind: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class DataSourceSpec:
    """Which kind of server answers; how it is reached is nobody's business here."""

    __title__ = "DataSource"
    type: Text
    description: str = ""
    connection_details: Any = None


@dataclass(frozen=True, slots=True)
class DataSource:
    """`kind: DataSource`."""

    __title__ = "DataSource"
    spec: DataSourceSpec
    metadata: Metadata
    api_version: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """`kind: Service`."""

    __title__ = "Service"
    metadata: Metadata
    spec: Any = None
    api_version: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class AlphaQuery:
    """A query of v1alpha."""

    __title__ = "metric"
    query: Text
    source: Text
    query_type: Text


@dataclass(frozen=True, slots=True)
class AlphaRatio:
    """Good events of all."""

    __title__ = "ratioMetrics"
    good: AlphaQuery
    total: AlphaQuery
    incremental: bool | None = None
    counter: bool | None = None


@dataclass(frozen=True, slots=True)
class AlphaIndicator:
    """A metric that is compared with the objectives' values."""

    __title__ = "indicator"
    threshold_metric: AlphaQuery


@dataclass(frozen=True, slots=True)
class AlphaObjective:
    """What is promised."""

    __title__ = "objective"
    target: Ratio
    display_name: str = ""
    value: float | None = None
    op: Operator | None = None
    ratio_metrics: AlphaRatio | None = None
    time_slice_target: Ratio | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class AlphaWindow:
    """A window of v1alpha."""

    __title__ = "timeWindows"
    unit: Text
    count: int
    is_rolling: bool | None = None
    calendar: CalendarSpec | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class AlphaSpec:
    """An SLO of v1alpha."""

    __title__ = "SLO"
    service: ServiceName
    objectives: tuple[AlphaObjective, ...]
    description: str = ""
    budgeting_method: Literal["Occurrences", "Timeslices"] | None = None
    time_windows: tuple[AlphaWindow, ...] = ()
    indicator: AlphaIndicator | None = None
    place: Place = NOWHERE

    def __post_init__(self) -> None:
        """Refuse what is measured by nothing, or by two things."""
        if not self.objectives:
            raise WrongValue("objectives", "no objective is here; write one with a target")
        if len(self.time_windows) > 1:
            raise WrongValue("timeWindows", "an SLO has one time window; write a second SLO for another")
        for each in self.objectives:
            if (each.ratio_metrics is None) == (self.indicator is None):
                message = "each objective is measured by ratioMetrics, or all by the SLO's indicator; one of them"
                raise ValueError(message)


@dataclass(frozen=True, slots=True)
class AlphaSlo:
    """`kind: SLO` of v1alpha."""

    __title__ = "SLO"
    metadata: Metadata
    spec: AlphaSpec
    api_version: str = ""
    kind: str = ""
    place: Place = NOWHERE
