"""SLOs as they are given, and as they might be: other objectives, other windows, another least number of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.errors import InvalidInput, SchemaError
from agent.schema import suggest
from agent.slo import Composite, Plugin, Setting, Severity, Slo
from agent.slo.budget import Objective, burns_of


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


def _objective(slo: Slo, setting: Setting) -> Objective:
    """Return the SLO as the agent runs it, without the tiers of alerts that are disabled."""
    burns = burns_of(setting.catalog.windows(setting.period_of(slo)))
    disabled = {Severity.PAGE: slo.alerting.page.disabled, Severity.TICKET: slo.alerting.ticket.disabled}
    return Objective.of(slo, [each for each in burns if not disabled[each.severity]], setting.period_ms)


def with_objectives(slos: Sequence[Slo], objectives: Mapping[str, float]) -> tuple[Slo, ...]:
    """Return the SLOs with other objectives (percent), by id or by name; raise InvalidInput for one that is not there."""
    known = {each.id for each in slos} | {each.name for each in slos}
    for name, percent in objectives.items():
        if name not in known:
            ids = [each.id for each in slos]
            hint = suggest(name, sorted(known)) or f"; there are {', '.join(ids[:8])}{' …' if len(ids) > 8 else ''}"
            message = f'--objective: there is no SLO "{name}" in these files{hint}'
            raise InvalidInput(message)
        if not 0 < percent < 100:
            message = (
                f"--objective: {percent:g} % for {name} leaves no budget, or no promise: it lies between 0 and 100"
            )
            raise InvalidInput(message)
    return tuple(
        replace(each, objective=objectives.get(each.id, objectives.get(each.name, each.objective))) for each in slos
    )


def with_least_events(slos: Iterable[Slo], min_events: int) -> tuple[Slo, ...]:
    """Return the SLOs with another number of events below which traffic is low."""
    return tuple(replace(each, min_events=min_events) for each in slos)
