"""What the SLO files of a configuration come to: objectives that are counted, and alerting rules that read what is recorded.

Everything that is wrong is said at once, with the place in the SLO file; nothing here runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from agent.config import BackfillSection, Config
from agent.errors import InvalidInput, SchemaError
from agent.model import format_duration
from agent.rules import Group, GroupKey, Rule, RuleSet, Selector, checked_template, reads
from agent.schema import Place, Remark, Text, WrongText
from agent.slo import Composite, Plugin, Slo, SloSet

if TYPE_CHECKING:
    from agent.slo import Compiled, Setting
    from agent.slo.budget import Objective

_ANY_WINDOW: Final = "5m"


@dataclass(frozen=True, slots=True)
class Promises:
    """The SLOs of a configuration. `objectives` are those that have a budget, `groups` the alerts of all of them.

    Without SLOs there is no `setting`, and nothing of the room slo but its model is loaded.
    """

    slos: SloSet = field(default_factory=SloSet)
    setting: Setting | None = None
    objectives: tuple[Objective, ...] = ()
    groups: tuple[Group, ...] = ()
    slo_of: Mapping[GroupKey, str] = field(default_factory=dict)
    """The SLO of each group, by id."""
    warnings: tuple[Remark | str, ...] = ()
    backfill: BackfillSection = field(default_factory=BackfillSection)

    def counts_like(self, other: Promises) -> bool:
        """Say whether the budgets are the same; places, alerts and their words may differ."""
        return [_unplaced(each) for each in self.objectives] == [_unplaced(each) for each in other.objectives] and (
            self.setting == other.setting or not self.objectives
        )


def read_promises(config: Config) -> Promises:
    """Read the SLO files that `config` names; raise SchemaError with the problems of all of them."""
    if not config.file.slo_files:
        return Promises()
    from agent.slo import load_slos  # only an agent with SLOs pays for it

    problems: list[str] = []
    slos = load_slos(config.file.slo_files, config.root, into=problems)
    try:
        setting = slo_setting(config)
    except SchemaError as error:
        raise SchemaError([*problems, *error.problems]) from error  # what else is wrong may only follow from this
    found = _promised(slos, setting, problems)
    if problems:
        raise SchemaError(problems)
    beyond = _beyond(slos, config.file.storage.retention)
    return replace(found, warnings=(*found.warnings, *beyond), backfill=config.file.slo.backfill)


def slo_setting(config: Config) -> Setting:
    """Return how the agent of a configuration compiles its SLOs; raise SchemaError where its windows are wrong."""
    from agent.slo import Catalog, Setting

    section = config.file.slo
    catalog = Catalog.load(config.under(section.windows) if section.windows else None)
    return Setting(period_ms=section.default_period, catalog=catalog, recordings=False, engine=True)


def beside(promises: Promises, rules: RuleSet) -> Promises:
    """Return the promises with a warning of each SLO whose compiled rules stand in the rule files too."""
    if not promises.slos.slos:
        return promises
    from agent.slo import written_twice

    found = (Remark(each.rule.place, str(each)) for each in written_twice(promises.slos.slos, rules))
    return replace(promises, warnings=(*promises.warnings, *found))


def _beyond(slos: SloSet, retention_ms: int) -> Iterator[Remark]:
    """Say which queries ask for samples that are gone; the budgets themselves need none."""
    from agent.slo import queries_of, reach_ms

    for slo in slos.slos:
        reach = max(map(reach_ms, queries_of(slo.indicator)), default=0)
        if reach > retention_ms > 0:
            asked, kept = format_duration(reach), format_duration(retention_ms)
            message = (
                f'SLO "{slo.id}": its query reaches {asked} back, and samples are kept for {kept} (storage.retention)'
            )
            yield Remark(slo.place or Place("", 1, 1), f"{message}: there is nothing before")


def _promised(slos: SloSet, setting: Setting, problems: list[str]) -> Promises:
    """Make what is counted and who is told of each SLO; what cannot be is added to `problems`."""
    objectives: list[Objective] = []
    groups: list[Group] = []
    slo_of: dict[GroupKey, str] = {}
    warnings: list[Remark | str] = [*slos.warnings]
    counted = {slo.id for slo in slos.slos if not isinstance(slo.indicator, Plugin | Composite)}
    for slo in slos.slos:
        if slo.id not in counted:
            warnings += _uncounted(slo, slos)
            continue
        try:
            objectives.append(_objective(slo, setting))
            compiled = _compiled(slo, setting)
        except SchemaError as error:
            problems += error.problems
            continue
        warnings += compiled.warnings
        try:
            made = _groups(compiled)
            groups += made
            slo_of |= {group.key: slo.id for group in made}
        except WrongText as error:
            problems.append(f'{error.place}: SLO "{slo.id}": {error.message}')
    return Promises(slos, setting, tuple(objectives), tuple(groups), slo_of, tuple(warnings))


def _uncounted(slo: Slo, slos: SloSet) -> list[Remark]:
    """Return why an SLO has no budget of its own where somebody may expect one."""
    place = slo.place or Place("", 1, 1)
    if isinstance(slo.indicator, Plugin):
        return [Remark(place, f'SLO "{slo.id}" is computed by a program (plugin) that is not run: it has no budget')]
    whole = {each.id for each in slos.slos if not each.group_by}
    parts = [part.id for part in slo.parts if part.id not in whole]
    if not parts:
        return []
    return [Remark(place, f'SLO "{slo.id}" is not computed: {", ".join(parts)} has no budget as a whole (group_by)')]


def _objective(slo: Slo, setting: Setting) -> Objective:
    from agent.slo.budget import Objective, burns_of

    try:
        windows = setting.catalog.windows(setting.period_of(slo))
        return Objective.of(slo, burns_of(windows), setting.period_ms)
    except SchemaError:
        raise
    except (InvalidInput, ValueError) as error:
        raise SchemaError([f'{slo.place}: SLO "{slo.id}": {error}']) from error


def _compiled(slo: Slo, setting: Setting) -> Compiled:
    from agent.slo import compile_slo

    return compile_slo(slo, setting)


def _groups(compiled: Compiled) -> list[Group]:
    """Return the alerts as groups of rules; whatever is said of them names the place of the SLO in its file."""
    place = compiled.slo.place or Place("", 1, 1)
    found = []
    for each in compiled.groups:
        rules = []
        for rule in each.rules:
            annotations = {name: checked_template(Text(text, place)) for name, text in _texts(rule, "annotations")}
            labels = {name: Text(text, place) for name, text in _texts(rule, "labels")}
            made = Rule(
                expr=Text(rule.expr, place),
                place=place,
                alert=Text(rule.name, place),
                labels=labels,
                annotations=annotations,
            )
            rules.append(made)
        group = Group(name=Text(each.name, place), place=place, rules=tuple(rules), interval_ms=each.interval_ms)
        object.__setattr__(group, "file", place.source)  # not yet shared with anybody
        found.append(group)
    return found


def _texts(rule: object, kind: str) -> list[tuple[str, str]]:
    return [(str(name), str(text)) for name, text in getattr(rule, kind).items()]


def _unplaced(objective: Objective) -> Objective:
    return replace(objective, slo=replace(objective.slo, place=None))


def selectors_of(slo: Slo) -> tuple[Selector, ...]:
    """Return what the queries of an SLO read."""
    from agent.slo import queries_of, with_window

    queries = queries_of(slo.indicator)
    return tuple(selector for query in queries for selector in reads(with_window(query, _ANY_WINDOW)).selectors)
