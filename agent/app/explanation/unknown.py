"""The negative: why nothing is known of an alert (misspelt, never fired, other labels), and which rules could give it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from agent import notify, rules
from agent.app.explanation.evidence import Evidence, Live
from agent.app.explanation.finding import REMEMBERED_MS
from agent.app.explanation.words import listed, named
from agent.app.expressions import condition_of
from agent.model import Labels, Matcher, format_duration, format_float, match_all
from agent.schema import suggest
from agent.web.explaining import Candidate, Question, Unknown

_MOST: Final = 8
_MOST_LINES: Final = 20_000


def unknown(evidence: Evidence, question: Question) -> Unknown:
    """Say why there is nothing to explain."""
    if question.id:
        kind = "message or incident" if len(question.id) != 16 else "alert with this fingerprint"
        return Unknown(f"no {kind} {question.id} is known; the history reaches back {format_duration(REMEMBERED_MS)}")
    span = format_duration(evidence.at_ms - (question.since_ms or evidence.at_ms - REMEMBERED_MS))
    when = f"in the {span} before that instant" if question.at_ms else f"in the last {span}"
    matchers = ", ".join(str(each) for each in question.matchers)
    text = f"no alert with {matchers} was pending or fired {when}"
    name = next((each.value for each in question.matchers if each.name == "alertname" and str(each.op) == "="), "")
    known = _labels_seen(evidence, question.since_ms or evidence.at_ms - REMEMBERED_MS)
    same = [each for each in known if not name or each.get("alertname") == name]
    candidates = list(_candidates(evidence, question.matchers))
    if name and not same and not _rule_names(evidence, name):
        names = sorted({each.get("alertname") for each in known} | set(_rule_names(evidence)))
        return Unknown(
            f'{text}: nothing is named "{name}"{suggest(name, names)}', tuple(_close(name, names)), tuple(candidates)
        )
    suggestions = tuple(named(each) for each in same[:_MOST]) if name else ()
    if same and name:
        text += f"; alerts of this name had other labels: {listed(_differences(question.matchers, same)[:3])}"
    return Unknown(text, suggestions, tuple(candidates))


def _close(name: str, names: Sequence[str]) -> Iterable[str]:
    near = suggest(name, names)
    return [each for each in names if f'"{each}"' in near]


def _differences(matchers: Iterable[Matcher], same: Sequence[Labels]) -> list[str]:
    """Say of each matcher that no alert fulfilled which values there were."""
    found = []
    for each in matchers:
        if not any(match_all([each], dict(labels.pairs)) for labels in same):
            values = sorted({labels.get(each.name) or "nothing" for labels in same})
            found.append(f"{each.name} was {listed(values)}")
    return found or ["no single one had them all"]


def _labels_seen(evidence: Evidence, since_ms: int) -> list[Labels]:
    """Return the labels of all alerts that are remembered, each once, the newest first."""
    found: dict[Labels, None] = {evidence.as_sent(each.alert.labels): None for each in evidence.seen()}
    found.update((alert.labels, None) for alert in evidence.view.known())
    wanted = rules.Wanted(since_ms=since_ms, limit=1_000)
    found.update((evidence.as_sent(line.labels), None) for line in rules.past(evidence.newest, wanted).lines)
    for event in notify.history_lines(evidence.events, since_ms=since_ms, limit=_MOST_LINES):
        if labels := event.value.get("labels"):
            found[Labels(labels)] = None
    return list(found)


def _rule_names(evidence: Evidence, name: str = "") -> list[str]:
    groups = evidence.live.rules() if evidence.live else ()
    return [rule.name for group in groups for rule in group.rules if rule.is_alert and name in ("", rule.name)]


def _candidates(evidence: Evidence, matchers: Sequence[Matcher]) -> Iterator[Candidate]:
    """Give the alerting rules whose own labels contradict no matcher, with what they give now."""
    live, count = evidence.live, 0
    for group in live.rules() if live else ():
        for rule in group.rules:
            fixed = {**evidence.external, **dict(rule.labels.pairs), "alertname": rule.name}
            apply = [each for each in matchers if each.name in fixed and "{{" not in fixed[each.name]]
            named_here = any(each.name in fixed for each in matchers)
            if not rule.is_alert or not named_here or not match_all(apply, fixed):
                continue
            count += 1
            if live is None or count > _MOST:
                return
            text = how_near(live, rule, evidence.at_ms)
            yield Candidate(rule.name, group.key.name, group.key.file, text, rule.expression)


def how_near(live: Live, rule: rules.RuleStatus, at_ms: int) -> str:
    """Say where a rule stands: pending since, firing, failing, or its value beside its threshold."""
    if rule.last_error:
        return f"its last evaluation failed: {rule.last_error}"
    firing = [each for each in rule.alerts if each.state is rules.State.FIRING]
    if firing:
        return f"it fires with {listed([named(each.labels) for each in firing], 3)}"
    condition = condition_of(rule.expression)
    wanted = f", it fires when {condition}" if condition else ""
    held = f" for {format_duration(rule.for_ms)}" if condition and rule.for_ms else ""
    if rule.alerts:
        lasted = format_duration(max(0, at_ms - min(each.active_at_ms for each in rule.alerts)) // 1000 * 1000)
        values = listed([_number(each.value) for each in rule.alerts], 3)
        return f"pending for {lasted} at {values}{wanted}{held}"
    operand = rules.recovery_of(rule.expression)
    found = live.values(operand) if operand else ()
    if not found:
        return f"it gives nothing now{wanted}{held}" + (f": {operand} has no sample" if operand else "")
    numbers = [value for _, value in found]
    low, high = _number(min(numbers)), _number(max(numbers))
    now = f"now {low}" if low == high else f"now between {low} and {high}, of {len(numbers)} series"
    return f"{now}{wanted}{held}"


def _number(value: float) -> str:
    return format_float(float(f"{value:.6g}"))
