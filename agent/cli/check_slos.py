"""Objectives as lints see rules: their queries and the alerts that are made of them, each at its place in the SLO file.

What a lint finds of a made rule is said of the SLO. An SLO whose rules stand in a rule file as well is found here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from agent.model import format_duration, match_all, quote
from agent.rules import Finding, Group, Rule, RuleSet
from agent.schema import Place, Text
from agent.slo import Composite, Plugin, RatioTimeslices, Slo, Timeslices, queries_of, with_window

if TYPE_CHECKING:
    from agent.cli.check_live import LiveServer
    from agent.cli.check_report import Report
    from agent.config import Config
    from agent.notify import Routing
    from agent.slo import Compiled, Setting, SloSet

_MARK: Final = "\0slo "
"""Begins the names of groups that no file can hold."""
_QUERIES, _RATIO, _ALERTS = "queries", "ratio", "alerts"
_ALL_SAID: Final = frozenset(
    {
        *("short-range", "beyond-retention", "rate-on-gauge", "rate-of-sum", "raw-counter", "quantile-range", "no-le"),
        *("contradiction", "never-matches", "join-never"),
        *("live-no-metric", "live-no-value", "live-no-label", "live-no-join", "live-no-series", "live-failed"),
    }
)
_SAID: Final = {
    _QUERIES: _ALL_SAID,
    _RATIO: frozenset({"join-never"}),
    _ALERTS: frozenset(
        {
            *(
                "no-runbook",
                "runbook-missing",
                "runbook-scheme",
                "severity-unknown",
                "value-in-label",
                "alertname-label",
            ),
            *("template-fails", "routed-nowhere"),
        }
    ),
}
"""What is said of an SLO, by what was made of it; the rest would be about the compiler."""


@dataclass(frozen=True, slots=True)
class Objectives:
    """SLOs as lints read them. `queries` are also asked of a server; what `made` reads nobody may have recorded yet."""

    slos: tuple[Slo, ...] = ()
    queries: tuple[Group, ...] = ()
    made: tuple[Group, ...] = ()

    def said(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Give findings of made rules as findings of their SLOs, others as they are; what says nothing of an SLO is left out."""
        seen: set[Finding] = set()
        for each in findings:
            if not each.group.startswith(_MARK):
                yield each
                continue
            slo, _, what = each.group.removeprefix(_MARK).partition(" ")
            message = f'SLO "{slo}": {each.message.replace("the alert has", "its alerts have")}'
            found = replace(each, group="", rule="", message=message)
            if each.code in _SAID[what] and found not in seen:
                seen.add(found)
                yield found


def setting_of(config: Config | None, report: Report) -> Setting | None:
    """Return how the agent of a configuration compiles its SLOs; None where its windows are wrong, which is noted."""
    from agent.errors import SchemaError
    from agent.slo import Setting

    if config is None:
        return Setting(recordings=False, engine=True)
    from agent.app import slo_setting

    try:
        return slo_setting(config)
    except SchemaError as error:
        report.refused(error)
        return None


def objectives(found: SloSet, setting: Setting | None, report: Report) -> Objectives:
    """Compile every SLO as the agent does, note what refuses and what is odd, and return what lints read of them.

    Without a `setting` nobody knows by which windows, and nothing is said of what would only follow from that.
    """
    from agent.errors import SchemaError
    from agent.slo import compile_slo

    queries: list[Group] = []
    made: list[Group] = []
    good: list[Slo] = []
    for slo in found.slos:
        if setting is None or isinstance(slo.indicator, Plugin | Composite):
            continue
        try:
            compiled = compile_slo(slo, setting)
        except SchemaError as error:
            report.refused(error)
            continue
        good.append(slo)
        for warning in compiled.warnings:
            report.add(warning, "slo")
        window = format_duration(setting.catalog.windows(setting.period_of(slo)).durations_ms[0])
        queries.append(_group(slo, _QUERIES, _query_rules(slo, window)))
        made += [_group(slo, _RATIO, _ratio_rules(slo, window)), _group(slo, _ALERTS, _alert_rules(compiled))]
    return Objectives(tuple(good), tuple(queries), tuple(made))


def slices(found: SloSet, config: Config) -> Iterator[str]:
    """Say of which SLOs no target of a configuration is scraped once a slice: the agent would find them SLOInvalid."""
    intervals = [job.scrape_interval for job in config.file.scrape_configs]
    if not intervals:
        return
    closest = min(intervals)
    for slo in found.slos:
        if isinstance(slo.budgeting, Timeslices | RatioTimeslices) and slo.budgeting.slice_ms < closest:
            short, apart = format_duration(slo.budgeting.slice_ms), format_duration(closest)
            fault = f"its slices of {short} are shorter than the {apart} between scrapes, so none would count"
            yield f'{_place(slo)}: SLO "{slo.id}": {fault}: make slices longer, or scrape more often'


def muted_groups(known: Objectives, routing: Routing) -> Iterator[str]:
    """Say of which SLOs the page of one group mutes the tickets of all others: an inhibit rule that does not tell them apart."""
    for slo in known.slos:
        made = [group for group in known.made if group.name == f"{_MARK}{slo.id} {_ALERTS}" and slo.group_by]
        alerts = [{**slo.identity, **rule.labels, "alertname": rule.name} for group in made for rule in group.rules]
        for rule in routing.inhibit_rules:
            missing = [label for label in slo.group_by if label not in rule.equal]
            source = any(match_all(rule.sources, each) for each in alerts)
            target = any(match_all(rule.targets, each) and not match_all(rule.sources, each) for each in alerts)
            if missing and source and target:
                now, then = ", ".join(rule.equal), ", ".join((*rule.equal, *missing))
                fault = f"one group that pages mutes the tickets of all others, by the inhibit rule with equal: [{now}]"
                yield f'{_place(slo)}: SLO "{slo.id}": {fault}; write equal: [{then}]'


def _query_rules(slo: Slo, window: str) -> Iterator[Rule]:
    for number, query in enumerate(queries_of(slo.indicator)):
        yield _record(slo, number, _windowed(query, window, _place(slo)))


def _ratio_rules(slo: Slo, window: str) -> Iterator[Rule]:
    """Give the ratio of two queries: their labels have to meet."""
    queries = queries_of(slo.indicator)
    if len(queries) > 1:
        first, second = (with_window(each, window) for each in queries)
        yield _record(slo, len(queries), Text(f"\n({first}\n)\n/\n({second}\n)", _place(slo)))


def _record(slo: Slo, number: int, expr: Text) -> Rule:
    return Rule(expr=expr, place=_place(slo), record=Text(f"{_MARK}{slo.id} {number}", _place(slo)))


def _windowed(query: str, window: str, place: Place) -> Text:
    """Return a query over a window, its characters where they were; of one that a reader has made no place is known inside."""
    if isinstance(query, Text):
        return query.rewritten(with_window(query, window, padded=True))
    return Text("\n" + with_window(query, window), place)


def _alert_rules(compiled: Compiled) -> Iterator[Rule]:
    """Give the alerts with the texts that their author wrote; ours are known to be right."""
    slo = compiled.slo
    series = ", ".join(f"{name}={quote(value)}" for name, value in slo.identity.items())
    for rule in (rule for group in compiled.alerts for rule in group.rules):
        annotations: Mapping[str, str] = getattr(rule, "annotations", {})
        yield Rule(
            expr=Text(f"\n{{{series}}}", _place(slo)),
            place=_place(slo),
            alert=Text(rule.name, _place(slo)),
            labels=_texts(rule.labels, slo),
            annotations={name: text for name, text in annotations.items() if isinstance(text, Text)},
        )


def _texts(texts: Mapping[str, str], slo: Slo) -> dict[str, Text]:
    return {str(name): text if isinstance(text, Text) else Text(f"{text}", _place(slo)) for name, text in texts.items()}


def _group(slo: Slo, what: str, rules: Iterable[Rule]) -> Group:
    return Group.made(Text(f"{_MARK}{slo.id} {what}", _place(slo)), _place(slo), rules)


def _place(slo: Slo) -> Place:
    return slo.place or Place("", 1, 1)


def twice(slos: Iterable[Slo], rules: RuleSet) -> Iterator[Finding]:
    """Find SLOs of which a rule file holds the rules too."""
    from agent.slo import written_twice

    for each in written_twice(slos, rules):
        place = each.rule.place
        yield Finding(place, str(each.group.name), each.rule.name, "slo-twice", str(each), rule_line=place.line)


def several(known: Objectives, server: LiveServer) -> Iterator[Finding]:
    """Find queries that give more than one series now where a budget is made of one."""
    from agent.errors import QueryError

    def count(rule: Rule) -> int:
        try:
            return server.count(str(rule.expr))
        except QueryError:
            return 0  # that it fails is said already

    pairs = [
        (slo, rule)
        for slo, group in zip(known.slos, known.queries, strict=True)
        for rule in group.rules
        if not slo.group_by
    ]
    counts = server.spread("indicators", lambda each: count(each[1]), pairs)
    for (slo, rule), found in zip(pairs, counts, strict=True):
        if found > 1:
            message = (
                f'SLO "{slo.id}": its query gives {found} series now: add them (sum), or name the label in group_by'
            )
            yield Finding(rule.expr.locate(1, 1), "", "", "slo", message, rule_line=rule.place.line)
