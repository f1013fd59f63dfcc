"""SLOs as they are given, and as they might be: other objectives, other windows, another least number of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agent.errors import InvalidInput, SchemaError
from agent.schema import suggest
from agent.slo import Composite, Plugin, Setting, Severity, Slo
from agent.slo.budget import Objective, burns_of

_MOST_EVENTS: Final = 10**15


@dataclass(frozen=True, slots=True)
class Version:
    """Objectives under a name that people see, such as `as given`; `notes` are what of the files is not played."""

    name: str
    objectives: tuple[Objective, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, slos: Iterable[Slo], setting: Setting) -> Version:
        """Return the version that counts `slos`; raise SchemaError with all that is wrong."""
        objectives, notes, problems = [], [], []
        for slo in slos:
            if isinstance(slo.indicator, Plugin | Composite):
                what = "a program (plugin)" if isinstance(slo.indicator, Plugin) else "other SLOs"
                notes.append(f"{slo.id} is made of {what} and has no alerts of its own: it is not replayed.")
                continue
            try:
                objectives.append(_objective(slo, setting))
            except (InvalidInput, ValueError) as error:
                problems.append(f'{slo.place or "-"}: SLO "{slo.id}": {error}')
        if problems:
            raise SchemaError(problems)
        return cls(name, tuple(objectives), tuple(notes))


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be otherwise: objectives as NAME=PERCENT, a least number of events, the SLOs, how they are compiled.

    `option` is what whoever asked calls the first, for what is said of it.
    """

    objectives: Sequence[str] = ()
    min_events: int | None = None
    slos: Sequence[Slo] | None = None
    setting: Setting | None = None
    option: str = "--objective"


def given_and_changed(slos: Sequence[Slo], setting: Setting, change: Change) -> tuple[Version, ...]:
    """Return the SLOs as they are given and, where anything is changed, as they would be then; raise InvalidInput."""
    given = Version.of("as given", slos, setting)
    if change == Change(option=change.option):
        return (given,)
    changed = slos if change.slos is None else change.slos
    objectives = dict(_percent(each, change.option) for each in change.objectives)
    changed = with_objectives(changed, objectives, change.option)
    if change.min_events is not None:
        changed = with_least_events(changed, change.min_events)
    return given, Version.of("as changed", changed, change.setting or setting)


def _percent(text: str, option: str) -> tuple[str, float]:
    name, _, percent = text.partition("=")
    try:
        return name.strip(), float(percent.strip().removesuffix("%"))
    except ValueError as error:
        message = f'{option} is written NAME=PERCENT, such as answers=99.5; found "{text}"'
        raise InvalidInput(message) from error


def _objective(slo: Slo, setting: Setting) -> Objective:
    """Return the SLO as the agent runs it, without the tiers of alerts that are disabled."""
    burns = burns_of(setting.catalog.windows(setting.period_of(slo)))
    disabled = {Severity.PAGE: slo.alerting.page.disabled, Severity.TICKET: slo.alerting.ticket.disabled}
    return Objective.of(slo, [each for each in burns if not disabled[each.severity]], setting.period_ms)


def with_objectives(
    slos: Sequence[Slo], objectives: Mapping[str, float], option: str = "--objective"
) -> tuple[Slo, ...]:
    """Return the SLOs with other objectives (percent), by id or by name; raise InvalidInput for one that is not there."""
    known = {each.id for each in slos} | {each.name for each in slos}
    for name, percent in objectives.items():
        if name not in known:
            ids = [each.id for each in slos]
            hint = suggest(name, sorted(known)) or f"; there are {', '.join(ids[:8])}{' …' if len(ids) > 8 else ''}"
            message = f'{option}: there is no SLO "{name}" among these{hint}'
            raise InvalidInput(message)
        if not 0 < percent < 100:
            message = f"{option}: {percent:g} % for {name} leaves no budget, or no promise: it lies between 0 and 100"
            raise InvalidInput(message)
    return tuple(
        replace(each, objective=objectives.get(each.id, objectives.get(each.name, each.objective))) for each in slos
    )


def with_least_events(slos: Iterable[Slo], min_events: int) -> tuple[Slo, ...]:
    """Return the SLOs with another number of events below which traffic is low; raise InvalidInput for one beyond counting."""
    if min_events > _MOST_EVENTS:
        message = f"least number of events: {_MOST_EVENTS:g} is the most that is counted"
        raise InvalidInput(message)
    return tuple(replace(each, min_events=min_events) for each in slos)
