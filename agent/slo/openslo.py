"""Reads OpenSLO, v1 and v1alpha: objects are collected from all files first, since any may name any other.

Lenient where OpenSLO's own examples differ from its text, and strict where a guess would be a wrong number. An objective is an
SLO; what OpenSLO calls an SLO of several objectives is several, or a composite where each has its own indicator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, TypeVar

from agent.errors import SchemaError
from agent.schema import Document, Place, Remark, Text, WrongText, WrongValue, read_within, suggest
from agent.slo import openslo_file as file
from agent.slo.block import ANNOTATION, Block, applied
from agent.slo.model import (
    Alert,
    Alerting,
    Budgeting,
    Composite,
    Events,
    Good,
    Indicator,
    Occurrences,
    Part,
    RatioTimeslices,
    Raw,
    Slo,
    Source,
    Timeslices,
    Written,
)
from agent.slo.names import checked_name, objective, ratio
from agent.slo.notes import Notes
from agent.slo.openslo_alerts import alerting_of
from agent.slo.openslo_queries import compared, counted, has_window, ratio_of
from agent.slo.openslo_windows import alpha_window_of, slice_ms, window_of

T = TypeVar("T")
V1: Final = "openslo/v1"
V1ALPHA: Final = "openslo/v1alpha"
_PASSED_OVER: Final = "it is passed over"
KINDS: Final[dict[str, type]] = {
    "SLO": file.SloObject,
    "SLI": file.Sli,
    "Service": file.Service,
    "DataSource": file.DataSource,
    "AlertPolicy": file.AlertPolicy,
    "AlertCondition": file.AlertCondition,
    "AlertNotificationTarget": file.AlertTarget,
}
_ALPHA_KINDS: Final[dict[str, type]] = {"SLO": file.AlphaSlo, "Service": file.Service}
_PROMETHEUS: Final = (
    "prometheus",
    "promql",
    "thanos",
    "mimir",
    "cortex",
    "victoriametrics",
    "victoria-metrics",
    "sloth",
)


@dataclass(slots=True)
class Objects:
    """The objects of all files: SLOs, and by kind and name what they refer to. Two services may name an SLO alike."""

    found: dict[tuple[str, str], Any] = field(default_factory=dict)
    slos: list[tuple[Written, file.SloObject | file.AlphaSlo]] = field(default_factory=list)

    def add(self, document: Document, notes: Notes) -> None:
        """Take an object in; raise SchemaError. What is of an unknown kind is passed over with a warning."""
        version, kind = document.text("apiVersion"), document.text("kind")
        if version not in (V1, V1ALPHA):
            message = (
                f'apiVersion is "{version}", and what is read is {V1} or {V1ALPHA}{suggest(version, (V1, V1ALPHA))}'
            )
            raise SchemaError([f"{version.place}: {message}"])
        kinds = KINDS if version == V1 else _ALPHA_KINDS
        if kind not in kinds:
            notes.passed_over(
                kind.place,
                f'nothing is known of kind "{kind}" in {version}{suggest(kind, list(kinds))}; it is passed over',
            )
            return
        remarks: list[Remark] = []
        read: Any = document.read(kinds[kind], camel_case=True, remarks=remarks)
        notes.unknown(remarks, _PASSED_OVER)
        if kind == "SLO":
            self.slos.append((Written(str(version), document.number), read))
        else:
            self.keep(str(kind), read)

    def keep(self, kind: str, read: Any) -> None:
        """Keep an object under its name; raise SchemaError where the name is missing or taken."""
        name: Text = read.metadata.name
        if not name:
            raise SchemaError([f"{read.metadata.place}: {kind} needs metadata.name"])
        other = self.found.setdefault((kind, str(name)), read)
        if other is not read:
            raise SchemaError(
                [f'{name.place}: {kind} "{name}" is there already, at {other.metadata.name.place}; each name once']
            )

    def get(self, kind: str, name: Text) -> Any:
        """Return the object that `name` refers to; raise WrongText with a suggestion."""
        found = self.found.get((kind, str(name)))
        if found is None:
            known = [each for of, each in self.found if of == kind]
            raise WrongText(name.place, f'no {kind} is named "{name}" in these files{suggest(name, known)}')
        return found


def is_openslo(document: Document) -> bool:
    """Say whether a document means to be OpenSLO."""
    return document.text("apiVersion").lower().startswith("openslo/")


def resolve(objects: Objects, notes: Notes, problems: list[str]) -> list[Slo]:
    """Make SLOs of the objects; what is wrong is added to `problems`."""
    slos: list[Slo] = []
    for written, each in objects.slos:
        with _told(f'slo "{each.metadata.name}"', each.place, problems):
            made = _alpha(each, notes) if isinstance(each, file.AlphaSlo) else _of_v1(each, objects, notes)
            slos += [replace(slo, written=written) for slo in made]
    return slos


@contextmanager
def _told(about: str, place: Place, problems: list[str]) -> Iterator[None]:
    try:
        yield
    except SchemaError as error:
        problems += error.problems
    except WrongText as error:
        problems.append(f"{error.place}: {about}: {error.message}")
    except ValueError as error:
        problems.append(f"{place}: {about}: {error}")


def _at(place: Place, make: Callable[[], T]) -> T:
    """Return what `make` makes, its ValueError being one of `place`."""
    try:
        return make()
    except (WrongText, WrongValue):
        raise
    except ValueError as error:
        raise WrongText(place, str(error)) from error


def _of_v1(read: file.SloObject, objects: Objects, notes: Notes) -> list[Slo]:
    spec = read.spec
    name = _at(read.metadata.name.place, lambda: checked_name(read.metadata.name))
    if spec.budgeting_method is None:
        notes.warn(spec.place, f'slo "{name}": no budgetingMethod; Occurrences is taken')
    base = Slo(
        service=str(spec.service),
        name=str(name),
        objective=0,
        indicator=Composite(),
        description=spec.description or read.metadata.display_name,
        labels=_labels(read.metadata, notes),
        alerting=alerting_of(spec.alert_policies, objects.get, notes),
        window=window_of(spec.time_window, notes),
        source=Source.OPENSLO,
        place=read.place,
    )
    base = applied(base, _block(read.metadata, notes))
    if spec.description and read.metadata.display_name:
        notes.left_out(
            read.place, f'slo "{name}": displayName "{read.metadata.display_name}", since it has a description'
        )
    if spec.composite:
        return _composite(read, base, objects, notes)
    return [_one(each, number, read, base, objects, notes) for number, each in enumerate(spec.objectives)]


def _one(
    each: file.Objective,
    number: int,
    read: file.SloObject,
    base: Slo,
    objects: Objects,
    notes: Notes,
    *,
    part: bool = False,
) -> Slo:
    """Make the SLO of one objective: the first one has the name itself, so that a second one does not rename it."""
    sli = _sli(each if part else read.spec, objects)
    name = f"{base.name}-{number}" if number or part else base.name
    if each.display_name and len(read.spec.objectives) == 1 and not part:
        notes.left_out(each.place, f'objective: displayName "{each.display_name}"')
    return replace(
        base,
        name=name,
        objective=_percent(each),
        indicator=_indicator(sli.spec, each, objects, notes),
        description=f"{base.description} ({each.display_name})".strip()
        if number and each.display_name
        else base.description,
        budgeting=_budgeting(read.spec.budgeting_method, each, notes),
        place=each.place if number or part else base.place,
    )


def _composite(read: file.SloObject, base: Slo, objects: Objects, notes: Notes) -> list[Slo]:
    """Make an SLO of each objective, which tells nobody, and the one that is made of them."""
    silent = Alerting(page=Alert(disabled=True), ticket=Alert(disabled=True))
    parts = [
        replace(_one(each, number, read, base, objects, notes, part=True), alerting=silent)
        for number, each in enumerate(read.spec.objectives)
    ]
    weights = [each.composite_weight or 1.0 for each in read.spec.objectives]
    mean = sum(weight * part.objective for weight, part in zip(weights, parts, strict=True)) / sum(weights)
    goal = round(mean, 9)
    notes.warn(
        read.place,
        f'slo "{base.name}": OpenSLO gives a composite no target of its own; its parts\' mean by weight is taken, {goal:g} %',
    )
    whole = tuple(Part(part.id, weight) for part, weight in zip(parts, weights, strict=True))
    return [replace(base, objective=goal, parts=whole, budgeting=parts[0].budgeting), *parts]


def _percent(each: file.Objective) -> float:
    if each.target is not None:
        value = ratio(each.target, "target")
        return float(Decimal(repr(value)) * 100)
    assert each.target_percent is not None
    text = each.target_percent
    return _at(text.place, lambda: objective(text))


def _sli(at: file.SloSpec | file.Objective, objects: Objects) -> file.Sli:
    if at.indicator is not None:
        return at.indicator
    assert at.indicator_ref is not None
    found: file.Sli = objects.get("SLI", at.indicator_ref)
    return found


def _indicator(sli: file.SliSpec, each: file.Objective, objects: Objects, notes: Notes) -> Indicator:
    if sli.threshold_metric is not None:
        if each.op is None or each.value is None:
            raise WrongText(
                each.place, "a thresholdMetric is compared with something: write op (lte, lt, gte, gt) and value"
            )
        return Raw(compared(_query(sli.threshold_metric, objects, notes), each.op, each.value))
    metric = sli.ratio_metric
    assert metric is not None
    if each.op is not None or each.value is not None:
        notes.passed_over(each.place, "op and value mean nothing beside a ratioMetric; they are passed over")
    if metric.raw is not None:
        query = ratio_of(_query(metric.raw, objects, notes))
        return Raw(query if metric.raw_type == "failure" else f"1 - ({query})")
    assert metric.total is not None
    queries = [_query(part, objects, notes) for part in (metric.good, metric.bad, metric.total) if part is not None]
    if metric.counter is False and not all(has_window(query) for query in queries):
        notes.warn(
            metric.place, "counter is false: the queries are averaged over each window, and no events are counted"
        )
    some, total = (counted(query, counter=metric.counter) for query in queries)
    return Good(some, total) if metric.good is not None else Events(some, total)


def _query(metric: file.Metric, objects: Objects, notes: Notes) -> Text:
    source = metric.metric_source
    kind = source.type
    if source.metric_source_ref is not None:
        known: file.DataSource | None = objects.found.get(("DataSource", str(source.metric_source_ref)))
        if known is None and kind is None:
            objects.get("DataSource", source.metric_source_ref)
        if known is None:
            notes.warn(
                source.metric_source_ref.place, f'no DataSource is named "{source.metric_source_ref}" in these files'
            )
        kind = kind or (known.spec.type if known else None)
    if kind is None:
        raise WrongText(source.place, "a metricSource needs type: Prometheus, or metricSourceRef")
    if kind.lower() not in _PROMETHEUS:
        raise WrongText(
            kind.place, f'a query for "{kind}" cannot be asked of Prometheus; write it as PromQL with type: Prometheus'
        )
    if source.spec.query is None or not source.spec.query.strip():
        raise WrongText(source.spec.place, "the metricSource's spec needs query, in PromQL")
    return source.spec.query


def _budgeting(method: str | None, each: file.Objective, notes: Notes) -> Budgeting:
    if method in (None, "Occurrences"):
        given = each.time_slice_target or each.time_slice_window
        if given is not None:
            notes.passed_over(
                given.place, "Occurrences have no slices; timeSliceTarget and timeSliceWindow are passed over"
            )
        return Occurrences()
    if each.time_slice_window is None:
        raise WrongText(each.place, f"{method} need timeSliceWindow, such as 5m")
    length = slice_ms(each.time_slice_window)
    if method == "RatioTimeslices":
        if each.time_slice_target is not None:
            notes.passed_over(
                each.time_slice_target.place, "RatioTimeslices take each slice's ratio; timeSliceTarget is passed over"
            )
        return RatioTimeslices(length)
    if each.time_slice_target is None:
        raise WrongText(each.place, "Timeslices need timeSliceTarget, such as 0.95")
    return Timeslices(length, ratio(each.time_slice_target, "timeSliceTarget", whole=True))


def _labels(metadata: file.Metadata, notes: Notes) -> dict[str, str]:
    found = {}
    for name, value in metadata.labels.items():
        text = ",".join(str(each) for each in value) if isinstance(value, list) else str(value)
        safe = "".join(each if each.isalnum() or each == "_" else "_" for each in name)
        if safe != name:
            notes.passed_over(metadata.place, f'label "{name}" becomes "{safe}", as metrics can have it')
        found[safe] = text
    return found


def _block(metadata: file.Metadata, notes: Notes) -> Block | None:
    """Return what the annotation `burnline/spec` adds; OpenSLO has words of its own for windows and methods."""
    for name, text in metadata.annotations.items():
        if name != ANNOTATION:
            notes.left_out(text.place, f'annotation "{name}"')
    text_of = metadata.annotations.get(ANNOTATION)
    if text_of is None:
        return None
    block = read_within(Block, text_of)
    for name, value in (("timeWindow", block.window), ("budgetingMethod", block.budgeting), ("good", block.good_query)):
        if value is not None:
            raise WrongText(block.place, f"OpenSLO says this itself; write {name} into the spec")
    return block


def _alpha(read: file.AlphaSlo, notes: Notes) -> list[Slo]:
    """Make the SLOs of a v1alpha object, each named with its number and telling nobody, as sloth does."""
    spec = read.spec
    name = _at(read.metadata.name.place, lambda: checked_name(read.metadata.name))
    window = alpha_window_of(spec.time_windows, notes)
    found = []
    for number, each in enumerate(spec.objectives):
        if spec.budgeting_method == "Timeslices":
            message = "v1alpha says no length of a slice; write the SLO as openslo/v1 with timeSliceWindow"
            raise WrongText(each.place, message)
        made = Slo(
            service=str(spec.service),
            name=f"{name}-{number}",
            objective=ratio(each.target, "target") * 100,
            indicator=_alpha_indicator(spec, each, notes),
            description=spec.description,
            labels=_labels(read.metadata, notes),
            alerting=Alerting(page=Alert(disabled=True), ticket=Alert(disabled=True)),
            window=window,
            source=Source.OPENSLO,
            place=each.place,
        )
        found.append(applied(made, _block(read.metadata, notes)))
    return found


def _alpha_indicator(spec: file.AlphaSpec, each: file.AlphaObjective, notes: Notes) -> Indicator:
    if each.ratio_metrics is None:
        assert spec.indicator is not None
        if each.op is None or each.value is None:
            raise WrongText(
                each.place, "a thresholdMetric is compared with something: write op (lte, lt, gte, gt) and value"
            )
        return Raw(compared(_alpha_query(spec.indicator.threshold_metric), each.op, each.value))
    metrics = each.ratio_metrics
    if each.op is not None:
        notes.passed_over(each.place, "op means nothing beside ratioMetrics; it is passed over")
    counter = bool(metrics.incremental if metrics.incremental is not None else metrics.counter)
    good, total = (counted(_alpha_query(query), counter=counter) for query in (metrics.good, metrics.total))
    return Good(good, total)


def _alpha_query(metric: file.AlphaQuery) -> Text:
    if metric.source.lower() not in _PROMETHEUS:
        raise WrongText(metric.source.place, f'a query for "{metric.source}" cannot be asked of Prometheus')
    if metric.query_type.lower() != "promql":
        raise WrongText(
            metric.query_type.place, f'a query in "{metric.query_type}" cannot be asked of Prometheus; write PromQL'
        )
    return metric.query
