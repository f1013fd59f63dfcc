"""What OpenSLO's versions share: what is said of an object, whom a query is for, and errors at a place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from agent.schema import Place, Text, WrongText, WrongValue, read_within
from agent.slo import openslo_file as file
from agent.slo.block import ANNOTATION, Block
from agent.slo.model import Alert, Alerting
from agent.slo.notes import Notes

T = TypeVar("T")
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
SILENT: Final = Alerting(page=Alert(disabled=True), ticket=Alert(disabled=True))
"""The alerts of an SLO that tells nobody."""


def check_source(kind: Text) -> None:
    """Raise WrongText where a query is for something else than Prometheus and its kin."""
    if kind.lower() not in _PROMETHEUS:
        message = f'a query for "{kind}" cannot be asked of Prometheus; write it as PromQL with type: Prometheus'
        raise WrongText(kind.place, message)


def at(place: Place, make: Callable[[], T]) -> T:
    """Return what `make` makes, its ValueError being one of `place`."""
    try:
        return make()
    except (WrongText, WrongValue):
        raise
    except ValueError as error:
        raise WrongText(place, str(error)) from error


def labels_of(metadata: file.Metadata, notes: Notes) -> dict[str, str]:
    """Return the labels as metrics can have them; several values of one have commas between them."""
    found = {}
    for name, value in metadata.labels.items():
        text = ",".join(str(each) for each in value) if isinstance(value, list) else str(value)
        safe = "".join(each if each.isalnum() or each == "_" else "_" for each in name)
        if safe != name:
            notes.passed_over(metadata.place, f'label "{name}" becomes "{safe}", as metrics can have it')
        found[safe] = text
    return found


def block_of(metadata: file.Metadata, notes: Notes) -> Block | None:
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
