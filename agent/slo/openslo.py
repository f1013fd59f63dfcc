"""Reads the SLOs of OpenSLO v1 and, through openslo_alpha, of v1alpha.

Lenient where OpenSLO's own examples differ from its text, and strict where a guess would be a wrong number. An objective is an
SLO; what OpenSLO calls an SLO of several objectives is several, or a composite where each has its own indicator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from agent.errors import SchemaError
from agent.schema import Place, Text, WrongText
from agent.slo import openslo_file as file
from agent.slo.block import applied
from agent.slo.model import (
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
)
from agent.slo.names import checked_name, objective, ratio
from agent.slo.notes import Notes
from agent.slo.openslo_alerts import alerting_of
from agent.slo.openslo_alpha import alpha_slos
from agent.slo.openslo_objects import Objects
from agent.slo.openslo_queries import compared, counted, has_window, ratio_of
from agent.slo.openslo_shared import SILENT, at, block_of, check_source, labels_of
from agent.slo.openslo_windows import slice_ms, window_of


def resolve(objects: Objects, notes: Notes, problems: list[str]) -> list[Slo]:
    """Make SLOs of the objects; what is wrong is added to `problems`."""
    slos: list[Slo] = []
    for written, each in objects.slos:
        with _told(f'slo "{each.metadata.name}"', each.place, problems):
            made = alpha_slos(each, notes) if isinstance(each, file.AlphaSlo) else _of_v1(each, objects, notes)
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


def _of_v1(read: file.SloObject, objects: Objects, notes: Notes) -> list[Slo]:
    spec = read.spec
    name = at(read.metadata.name.place, lambda: checked_name(read.metadata.name))
    if spec.budgeting_method is None:
        notes.warn(spec.place, f'slo "{name}": no budgetingMethod; Occurrences is taken')
    base = Slo(
        service=str(spec.service),
        name=str(name),
        objective=0,
        indicator=Composite(),
        description=spec.description or read.metadata.display_name,
        labels=labels_of(read.metadata, notes),
        alerting=alerting_of(spec.alert_policies, objects.get, notes),
        window=window_of(spec.time_window, notes),
        source=Source.OPENSLO,
        place=read.place,
    )
    base = applied(base, block_of(read.metadata, notes))
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
    parts = [
        replace(_one(each, number, read, base, objects, notes, part=True), alerting=SILENT)
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
    return at(text.place, lambda: objective(text))


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
    check_source(kind)
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
