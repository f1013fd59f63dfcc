"""From an SLO to its rules: which windows, which dialect, and what refuses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.errors import InvalidInput, SchemaError
from agent.query import ast, parse
from agent.slo.budget.exclusions import excluded_ms
from agent.slo.compile.alerts import alert_group
from agent.slo.compile.counting import counts_of
from agent.slo.compile.emitted import AlertRule, Compiled, RuleGroup, in_window
from agent.slo.compile.recordings import Recorder
from agent.slo.compile.setting import Dialect, Setting
from agent.slo.compile.sloth import compile_as_sloth
from agent.slo.model import Calendar, Slo
from agent.slo.queries import queries_of
from agent.slo.shapes import Counted, Sampled, shape
from agent.slo.windows import Windows, problems_of, remarks_on

_ANY_WINDOW_MS = 300_000
_WEEK_MS = 7 * 86_400_000


def compile_slos(slos: Iterable[Slo], setting: Setting | None = None) -> list[Compiled]:
    """Compile every SLO; raise SchemaError with the problems of all of them, each with its place."""
    compiled, problems = [], []
    for slo in slos:
        try:
            compiled.append(compile_slo(slo, setting))
        except SchemaError as error:
            problems += error.problems
    if problems:
        raise SchemaError(problems)
    return compiled


def compile_slo(slo: Slo, setting: Setting | None = None) -> Compiled:
    """Return an SLO's rules; raise SchemaError with its place where it can have none that work."""
    setting = setting or Setting()
    try:
        windows = setting.catalog.windows(setting.period_of(slo))
        compiled = _compiled(slo, windows, setting)
    except SchemaError:
        raise
    except (InvalidInput, ValueError) as error:
        raise SchemaError([_placed(slo, str(error))]) from error
    return replace(
        compiled,
        recordings=compiled.recordings if setting.recordings else (),
        alerts=compiled.alerts if setting.alerts else (),
    )


def _compiled(slo: Slo, windows: Windows, setting: Setting) -> Compiled:
    problems = [*problems_of(slo, windows, setting.limits), *_ungrouped(slo), *_never_counting(slo)]
    unsaid = _uncounted(slo) if setting.engine else _unsaid(slo, windows)
    remarks = [*remarks_on(slo, windows), *unsaid, *_several(slo)]
    if setting.dialect is Dialect.SLOTH:  # it would have made them, so what cannot work is only said
        return _warned(compile_as_sloth(slo, windows, setting), [*problems, *remarks])
    if problems:
        raise SchemaError([_placed(slo, problem) for problem in problems])
    recorder = Recorder(slo, windows, setting.labels_of(slo), setting)
    counted = recorder.certain or (setting.engine and recorder.counted == "slices")
    alerts = alert_group(slo, windows, certain=recorder.certain or setting.engine, counted=counted)
    found = Compiled(slo, recorder.groups(), (alerts,))
    if taken := _overwritten(slo, found.alerts if setting.engine else found.groups):
        raise SchemaError([_placed(slo, taken)])
    return _warned(found, remarks)


def _warned(compiled: Compiled, remarks: list[str]) -> Compiled:
    return replace(compiled, warnings=tuple(_placed(compiled.slo, remark) for remark in remarks))


def _placed(slo: Slo, message: str) -> str:
    about = f'SLO "{slo.id}": {message}'
    return f"{slo.place}: {about}" if slo.place else about


def _unsaid(slo: Slo, windows: Windows) -> list[str]:
    """Return what of the SLO Prometheus' rules cannot say."""
    unsaid = []
    if isinstance(slo.window, Calendar):
        unsaid.append(
            f"rules cannot say a window that begins with a {slo.window.unit}: what is left of its budget is not recorded "
            f"(the agent computes it), and its burn rates count {windows.period_ms // 86_400_000} days"
        )
    if slo.exclusions:
        unsaid.append("rules cannot leave time out: its exclusions hold in the agent only")
    return unsaid


def _uncounted(slo: Slo) -> list[str]:
    """Say that events are no events to the budget engine, where their author may think so."""
    found = shape(slo.indicator)
    if not isinstance(found, Sampled) or counts_of(slo) is None:
        return []
    weighs = "asks for their ratio at each evaluation and weighs time: a quiet hour counts as much as a busy one"
    return [f"its events cannot be counted ({found.why}), so the agent {weighs}"]


def _several(slo: Slo) -> Iterator[str]:
    """Say that a counted indicator may give more than one series where its budget is one."""
    found = shape(slo.indicator)
    for term in (*found.bad, *found.total) if isinstance(found, Counted) else ():
        kept = None if term.by is None or term.without else set(term.by) - set(slo.group_by)
        if term.without or kept:
            whose = f"each value of {', '.join(sorted(kept))}" if kept else "each set of labels"
            yield (
                f"{term.text} may give several series, one for {whose}, and a budget is made of one: write sum(…), or "
                "name the labels in group_by; with two of them it is SLOInvalid"
            )
            return


def _never_counting(slo: Slo) -> Iterator[str]:
    """Give a problem where what recurs leaves no time over; any week shows that."""
    recurring = [each for each in slo.exclusions if each.cron]
    if recurring and excluded_ms(recurring, 0, _WEEK_MS) == _WEEK_MS:
        yield "its exclusions leave no time over, so nothing would ever count; give them shorter durations"


def _ungrouped(slo: Slo) -> list[str]:
    """Return a problem where a query drops a label that the SLO is grouped by."""
    queries = queries_of(slo.indicator)
    missing = {label for query in queries for label in _dropped(query, slo.group_by)}
    names = ", ".join(label for label in slo.group_by if label in missing)
    advice = f"its queries drop the labels that it is grouped by: write sum by ({names}) (…)"
    return [advice] if missing else []


def _overwritten(slo: Slo, groups: Iterable[RuleGroup]) -> str:
    """Say that rules give all groups of an SLO one value of a label that tells them apart; "" where they do not."""
    rules = [rule for group in groups for rule in group.rules]
    own = {name for rule in rules for name, value in rule.labels.items() if "{{" not in value}
    if any(isinstance(rule, AlertRule) for rule in rules):
        own.add("alertname")
    names = ", ".join(label for label in slo.group_by if label in own)
    advice = "two groups would be one series; group by another label, or take that one out of the labels"
    return f"it is grouped by {names}, and its rules give that label one value: {advice}" if names else ""


def _dropped(query: str, labels: Iterable[str]) -> list[str]:
    sums = [node for node in ast.walk(parse(in_window(query, _ANY_WINDOW_MS))) if isinstance(node, ast.AggregateExpr)]
    return [label for label in labels if any((label in each.grouping) is each.without for each in sums)]
