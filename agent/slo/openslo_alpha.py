"""Reads the SLOs of OpenSLO v1alpha as sloth does: each objective numbered, and telling nobody."""

from __future__ import annotations

from agent.schema import Text, WrongText
from agent.slo import openslo_file as file
from agent.slo.block import applied
from agent.slo.model import Good, Indicator, Raw, Slo, Source
from agent.slo.names import checked_name, ratio
from agent.slo.notes import Notes
from agent.slo.openslo_queries import compared, counted
from agent.slo.openslo_shared import SILENT, at, block_of, check_source, labels_of
from agent.slo.openslo_windows import alpha_window_of


def alpha_slos(read: file.AlphaSlo, notes: Notes) -> list[Slo]:
    """Make the SLOs of an object; raise WrongText or SchemaError."""
    spec = read.spec
    name = at(read.metadata.name.place, lambda: checked_name(read.metadata.name))
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
            labels=labels_of(read.metadata, notes),
            alerting=SILENT,
            window=window,
            source=Source.OPENSLO,
            place=each.place,
        )
        found.append(applied(made, block_of(read.metadata, notes)))
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
    check_source(metric.source)
    if metric.query_type.lower() != "promql":
        raise WrongText(
            metric.query_type.place, f'a query in "{metric.query_type}" cannot be asked of Prometheus; write PromQL'
        )
    return metric.query
