"""Converts SLOs from one format to another, and says what would be lost on the way.

Nothing is taken on trust: what was written is read again, and what is not the same then is a loss, whatever the reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.errors import SchemaError
from agent.schema import Place, Remark
from agent.slo import openslo_text, sloth_text
from agent.slo.loading import read_slos
from agent.slo.model import Slo, SloSet, Source

_WRITTEN: Final = "converted.yml"
_NOT_COMPARED: Final = frozenset({"source", "written", "place"})
"""Where an SLO stands, which a conversion changes."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """The text in the other format, and what is not in it, each with the place where it stands now."""

    text: str
    losses: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Format:
    text: Callable[[Sequence[Slo]], str]
    losses: Callable[[Slo], list[str]]
    unspeakable: Callable[[Slo, Sequence[Slo]], str]
    """Says why there is no way at all to write an SLO; "" where there is."""


_FORMATS: Final = {
    Source.SLOTH: _Format(sloth_text.sloth_text, lambda _: [], sloth_text.unspeakable),
    Source.KUBERNETES: _Format(sloth_text.kubernetes_text, lambda _: [], sloth_text.unspeakable),
    Source.OPENSLO: _Format(openslo_text.openslo_text, openslo_text.losses, openslo_text.unspeakable),
}


def write_slos(slos: Sequence[Slo], to: Source) -> Conversion:
    """Write SLOs in a format; `losses` is what of them it cannot say. Those that it cannot say at all are left out."""
    form = _FORMATS[to]
    lost = [_lost(each, reason) for each in slos if (reason := form.unspeakable(each, slos))]
    spoken = [each for each in slos if not form.unspeakable(each, slos)]
    text = form.text(spoken)
    for each, again in zip(spoken, _read_again(spoken, text, lost), strict=True):
        told = form.losses(each)
        lost += [_lost(each, what) for what in told or _differences(each, again)]
    return Conversion(text, tuple(lost))


def convert(found: SloSet, to: Source) -> Conversion:
    """Convert what was read to a format; what the reader did not keep is lost as well."""
    written = write_slos(found.slos, to)
    return Conversion(written.text, tuple(sorted((*found.unkept, *written.losses), key=_position)))


def _position(remark: Remark) -> tuple[str, int, int]:
    return remark.place.source, remark.place.line, remark.place.column


def _place(slo: Slo) -> Place:
    return slo.place or Place(slo.id, 1, 1)


def _lost(slo: Slo, what: str) -> Remark:
    return Remark(_place(slo), f'slo "{slo.name}": {what}')


def _read_again(slos: Sequence[Slo], text: str, lost: list[Remark]) -> list[Slo | None]:
    """Return the SLOs as they are read from `text`, None for one that is not there."""
    try:
        again = {each.id: each for each in read_slos(text, _WRITTEN).slos} if text else {}
    except SchemaError as error:
        reason = error.problems[0].removeprefix(f"{_WRITTEN}:")
        lost += [_lost(each, f"what is written could not be read again: {reason}") for each in slos[:1]]
        return list(slos)
    return [again.get(each.id) for each in slos]


def _differences(slo: Slo, again: Slo | None) -> list[str]:
    """Return what is not the same once it is read again."""
    if again is None:
        return ["it would not be found again"]
    names = [each.name for each in dataclasses.fields(Slo) if each.name not in _NOT_COMPARED]
    changed = [name for name in names if getattr(slo, name) != getattr(again, name)]
    return [f"its {name}: it would be read as {getattr(again, name)!r}" for name in changed]
