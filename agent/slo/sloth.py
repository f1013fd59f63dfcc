"""Reads sloth's files: `prometheus/v1`, and its Kubernetes object `sloth.slok.dev/v1 PrometheusServiceLevel`.

What sloth refuses is refused, at its place; what it passes over is a warning. Two things are stricter: an objective of 100,
and an unknown key in our own block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from agent.errors import SchemaError
from agent.schema import Convert, Document, Place, Remark, Text, WrongText, WrongValue, read_within, suggest
from agent.slo.block import ANNOTATION, AnnotationBlock, Block, applied
from agent.slo.model import Alert, Alerting, Events, Good, Indicator, Plugin, Raw, Slo, Source, Written
from agent.slo.names import LabelMap, Name, Objective, ServiceName, TemplateMap
from agent.slo.notes import Notes
from agent.slo.queries import checked_query, parsed

VERSION: Final = "prometheus/v1"
API_VERSION: Final = "sloth.slok.dev/v1"
KIND: Final = "PrometheusServiceLevel"
_PASSED_OVER: Final = "sloth passes over it as well"
Query = Annotated[Text, Convert(checked_query, "a PromQL query")]


@dataclass(frozen=True, slots=True)
class _Events:
    __title__ = "events"
    error_query: Query
    total_query: Query

    def __post_init__(self) -> None:
        if self.error_query == self.total_query:
            raise WrongValue("error_query", "error_query and total_query are the same: everything would be an error")


@dataclass(frozen=True, slots=True)
class _Raw:
    __title__ = "raw"
    error_ratio_query: Query


@dataclass(frozen=True, slots=True)
class _Plugin:
    __title__ = "plugin"
    id: Text
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Sli:
    __title__ = "sli"
    events: _Events | None = None
    raw: _Raw | None = None
    plugin: _Plugin | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("events", "raw", "plugin") if getattr(self, name) is not None]
        if not given:
            message = "an SLI is events, raw or plugin; none is here"
            raise ValueError(message)
        if len(given) > 1:
            raise WrongValue(given[1], f"an SLI is one of {' and '.join(given)}, not both")


@dataclass(frozen=True, slots=True)
class _Alert:
    __title__ = "alert"
    disable: bool = False
    labels: TemplateMap = field(default_factory=dict)
    annotations: TemplateMap = field(default_factory=dict)

    def value(self) -> Alert:
        return Alert(self.disable, dict(self.labels), dict(self.annotations))


@dataclass(frozen=True, slots=True)
class _Alerting:
    __title__ = "alerting"
    name: str = ""
    labels: TemplateMap = field(default_factory=dict)
    annotations: TemplateMap = field(default_factory=dict)
    page_alert: _Alert = field(default_factory=_Alert)
    ticket_alert: _Alert = field(default_factory=_Alert)

    def __post_init__(self) -> None:
        if not self.name and not (self.page_alert.disable and self.ticket_alert.disable):
            raise WrongValue("name", "the alerts need a name, unless both page and ticket are disabled")

    def value(self) -> Alerting:
        page, ticket = self.page_alert.value(), self.ticket_alert.value()
        return Alerting(self.name, dict(self.labels), dict(self.annotations), page, ticket)


@dataclass(frozen=True, slots=True)
class _Slo:
    __title__ = "slo"
    __named_by__ = ("name",)
    name: Name
    objective: Objective
    sli: _Sli
    alerting: _Alerting | None = None
    description: str = ""
    labels: LabelMap = field(default_factory=dict)
    plugins: Any = None
    burnline: Block | None = None
    place: Place = field(default=Place("", 1, 1))

    def __post_init__(self) -> None:
        if self.alerting is None:
            message = "an SLO has alerting with a name, or with both page and ticket disabled"
            raise ValueError(message)
        if self.burnline is not None and self.burnline.good_query is not None:
            _agree(self.burnline.good_query, self.sli)


@dataclass(frozen=True, slots=True)
class _Spec:
    __title__ = "spec"
    service: ServiceName
    slos: tuple[_Slo, ...] = ()
    labels: LabelMap = field(default_factory=dict)
    slo_plugins: Any = None
    burnline: Block | None = None
    place: Place = field(default=Place("", 1, 1))

    def __post_init__(self) -> None:
        if not self.slos:
            message = "no SLO is here; at least one stands under slos"
            raise ValueError(message)
        if self.burnline is not None and self.burnline.good_query is not None:
            raise WrongText(
                self.burnline.good_query.place, "good_query belongs to one SLO; write it into that one's block"
            )


@dataclass(frozen=True, slots=True)
class _File(_Spec):
    version: str = VERSION


@dataclass(frozen=True, slots=True)
class _Metadata:
    __open__ = True
    name: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Object:
    __title__ = KIND
    spec: _Spec
    metadata: _Metadata = field(default_factory=_Metadata)
    api_version: str = ""
    kind: str = ""
    status: Any = None


def is_sloth(document: Document) -> bool:
    """Say whether a document means to be a sloth file."""
    return "version" in document.keys() and {"service", "slos"} & set(document.keys()) != set()  # noqa: SIM118


def is_object(document: Document) -> bool:
    """Say whether a document means to be sloth's Kubernetes object."""
    return document.text("apiVersion").startswith("sloth.slok.dev/")


def read_sloth(document: Document, notes: Notes) -> list[Slo]:
    """Read a `prometheus/v1` document; raise SchemaError."""
    written = Written(VERSION, document.number)
    _is_one_of(document, "version", (VERSION,))
    remarks: list[Remark] = []
    read = document.read(_File, remarks=remarks)
    notes.unknown(remarks, _PASSED_OVER)
    return [_slo(read, each, written, (read.burnline, each.burnline), notes) for each in read.slos]


def read_object(document: Document, notes: Notes) -> list[Slo]:
    """Read a PrometheusServiceLevel, what we add to it being in the annotation `burnline/spec`; raise SchemaError."""
    _is_one_of(document, "apiVersion", (API_VERSION,))
    _is_one_of(document, "kind", (KIND,))
    remarks: list[Remark] = []
    read = document.read(_Object, camel_case=True, remarks=remarks)
    notes.unknown(remarks, _PASSED_OVER)
    misplaced = [each for each in (read.spec.burnline, *(slo.burnline for slo in read.spec.slos)) if each is not None]
    if misplaced:
        message = f"Kubernetes drops keys that the object's schema lacks; write this into the annotation {ANNOTATION}"
        raise SchemaError([f"{each.place}: {message}" for each in misplaced])
    text = read.metadata.annotations.get(ANNOTATION)
    block = read_within(AnnotationBlock, text) if text is not None else AnnotationBlock()
    _check_annotation(block, text, read.spec)
    about = read.metadata
    kept = {name: str(value) for name, value in about.annotations.items() if name != ANNOTATION}
    written = Written(API_VERSION, document.number, about.name, about.namespace, dict(about.labels), kept)
    return [_slo(read.spec, each, written, (block, block.slos.get(each.name)), notes) for each in read.spec.slos]


def _is_one_of(document: Document, name: str, known: tuple[str, ...]) -> None:
    text = document.text(name)
    if text not in known:
        message = f'{name} is "{text}", and what is read is {" or ".join(known)}{suggest(text, known)}'
        raise SchemaError([f"{text.place}: {message}"])


def _check_annotation(block: AnnotationBlock, text: Text | None, spec: _Spec) -> None:
    problems = []
    names = [str(each.name) for each in spec.slos]
    if text is not None and block.good_query is not None:
        problems.append(f"{block.good_query.place}: good_query belongs to one SLO; write it under slos: and its name")
    for name, each in block.slos.items():
        if name not in names:
            problems.append(f'{each.place}: no SLO is named "{name}" here{suggest(name, names)}')
    for slo in spec.slos:
        own = block.slos.get(slo.name)
        try:
            _agree(own.good_query if own else None, slo.sli)
        except WrongText as error:
            problems.append(f"{error.place}: {error.message}")
    if problems:
        raise SchemaError(problems)


def _agree(good_query: Text | None, sli: _Sli) -> None:
    """Refuse a good_query beside an error_query that counts something else than what is not good."""
    if good_query is None:
        return
    if sli.events is None:
        raise WrongText(good_query.place, "good_query goes with events: the total, and the errors as total - good")
    if parsed(not_good(good_query, sli.events.total_query)) != parsed(sli.events.error_query):
        message = "good_query and error_query disagree: with good_query, error_query is (total_query) - (good_query)"
        raise WrongText(good_query.place, message)


def not_good(good_query: str, total_query: str) -> str:
    """Return the query of what is not good, for a reader that counts errors."""
    return f"(\n{total_query.strip()}\n)\n-\n(\n{good_query.strip()}\n)"


def _slo(spec: _Spec, each: _Slo, written: Written, blocks: tuple[Block | None, ...], notes: Notes) -> Slo:
    for _ in _plugged(spec, each):
        notes.passed_over(each.place, f'slo "{each.name}": SLO plugins are programs for sloth; they are not run here')
    own = blocks[-1]
    slo = Slo(
        service=spec.service,
        name=each.name,
        objective=each.objective,
        indicator=_indicator(each.sli, own.good_query if own else None),
        description=each.description,
        labels={**spec.labels, **each.labels},
        alerting=each.alerting.value() if each.alerting else Alerting(),
        source=Source.SLOTH if written.version == VERSION else Source.KUBERNETES,
        written=written,
        place=each.place,
    )
    if isinstance(slo.indicator, Plugin):
        notes.warn(
            each.place,
            f'slo "{each.name}": its SLI is a program for sloth; write events or raw to have it evaluated here',
        )
    return applied(slo, *blocks)


def _plugged(spec: _Spec, each: _Slo) -> Iterator[Any]:
    for chain in (spec.slo_plugins, each.plugins):
        if isinstance(chain, dict) and chain.get("chain"):
            yield chain
            return


def _indicator(sli: _Sli, good_query: Text | None) -> Indicator:
    if sli.events is not None:
        events = sli.events
        return Good(good_query, events.total_query) if good_query else Events(events.error_query, events.total_query)
    if sli.raw is not None:
        return Raw(sli.raw.error_ratio_query)
    assert sli.plugin is not None
    return Plugin(str(sli.plugin.id), dict(sli.plugin.options))
