"""Readings of budgets as the web room shows them: the same numbers under the names of the API. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from agent.web.slos import (
    BudgetView,
    OverrideView,
    ShareView,
    SloView,
    StepView,
    TierView,
    WindowView,
    urgency,
)

if TYPE_CHECKING:
    from agent.slo import Slo
    from agent.slo.budget import CompositeReading, Reading, Readings, WindowReading

HOUR_MS: Final = 3_600_000
PACES_MS: Final = (HOUR_MS, 6 * HOUR_MS)
"""The windows of the burn rates that a composite is shown with."""


def slo_view(
    slo: Slo,
    readings: Sequence[Reading],
    budgets: Sequence[BudgetView],
    composite: CompositeReading | None,
    overrides: Sequence[OverrideView],
) -> SloView:
    """Return one objective, its budgets sorted, the worst first. Texts of files know their place, which no answer does."""
    from agent.slo.budget import certain_left, step_of

    whole = composite.left if composite is not None and all(each.earned for each in budgets) else None
    step = step_of(slo, certain_left(readings) if composite is None else whole)
    first = readings[0] if readings else None
    shares = composite.shares if composite is not None else {}
    return SloView(
        id=slo.id,
        service=str(slo.service),
        name=str(slo.name),
        objective=slo.objective,
        unit=_unit(slo, first),
        period=period_words(slo, first),
        budgets=tuple(sorted(budgets, key=urgency)),
        description=str(slo.description).strip(),
        period_start_ms=first.period_start_ms if first else 0,
        period_end_ms=first.period_end_ms if first else 0,
        labels={str(name): str(value) for name, value in slo.labels.items()},
        blame=tuple(ShareView(str(name), share) for name, share in shares.items()),
        policy=tuple(StepView(each.below, str(each.action), each is step) for each in slo.budget_policy),
        depends_on=tuple(map(str, slo.depends_on)),
        overrides=tuple(overrides),
        never_bad=first.never_bad if first and not any(each.period.bad for each in readings) else "",
        file=str(slo.place) if slo.place else "",
    )


def _unit(slo: Slo, reading: Reading | None) -> str:
    if slo.parts:
        return "composite"
    return reading.objective.budget_unit.value if reading else "events"


def group_budgets(
    slo: Slo, readings: Sequence[Reading], composite: CompositeReading | None, all_of: Readings
) -> list[BudgetView]:
    """Return the budgets of an SLO: one, or one per group; one that says why there is none, where none is kept."""
    from agent.slo.budget import State

    if composite is not None:
        return [_of_composite(composite, all_of)]
    if readings:
        return [budget_view(each) for each in readings]
    why = (
        f"no group was seen yet: no series of it has {', '.join(slo.group_by)}"
        if slo.group_by
        else "the agent keeps no budget of it; burnline check says why"
    )
    state = State.NO_DATA if slo.group_by else State.INVALID
    return [BudgetView(state.value, WindowView(0, None, None, None, None, 0.0), why=why, earned=False)]


def budget_view(reading: Reading) -> BudgetView:
    """Return one budget."""
    from agent.slo.budget import ENOUGH

    return BudgetView(
        state=reading.state.value,
        period=_window(reading.period),
        group=dict(reading.key.group.items()),
        why=reading.words,
        since_ms=reading.since_ms,
        windows=tuple(_window(each) for each in reading.windows),
        left=reading.left,
        left_events=reading.left_events,
        left_ms=reading.left_ms,
        gone_ms=reading.exhaustion_ms,
        seen_ms=reading.seen_ms,
        elapsed_ms=reading.at_ms - reading.period_start_ms,
        whole_ms=reading.length_ms,
        earned=reading.earned,
        tiers=tuple(
            TierView(
                each.burn.severity.value,
                each.burn.name,
                each.burn.long_ms,
                each.burn.short_ms,
                each.burn.factor,
                each.open,
                each.since_ms,
                reading.window(each.burn.long_ms).coverage < ENOUGH,
            )
            for each in reading.told
        ),
    )


def override_view(at_ms: int, value: Mapping[str, Any]) -> OverrideView:
    """Return an override as the journal has it."""
    return OverrideView(
        at_ms,
        str(value.get("by", "")),
        str(value.get("reason", "")),
        str(value.get("verdict", "")),
        value.get("left"),
        tuple(value.get("why", ())),
    )


def period_words(slo: Slo, reading: Reading | None) -> str:
    """Return a period in words: `30d`, `month in Europe/Paris`."""
    from agent.slo import Calendar
    from agent.slo.budget import lasted

    if isinstance(slo.window, Calendar):
        count = f"{slo.window.count} {slo.window.unit}s" if slo.window.count > 1 else slo.window.unit
        return f"{count} in {slo.window.time_zone}"
    length_ms = slo.window.period_ms or (reading.period.window_ms if reading else 0)
    return lasted(length_ms) if length_ms else ""


def _window(window: WindowReading) -> WindowView:
    return WindowView(window.window_ms, window.bad, window.total, window.ratio, window.burn, window.coverage)


def _of_composite(composite: CompositeReading, readings: Readings) -> BudgetView:
    from agent.slo.budget import Key, State
    from agent.slo.budget import composite as over

    slo = composite.slo
    parts = [readings.find(Key(each.id)) for each in slo.parts]
    length = max((each.period.window_ms for each in parts), default=0)
    windows = [
        (length_ms, over(slo, [readings], length_ms))
        for length_ms in PACES_MS
        if length_ms in readings.layout.windows_ms
    ]
    silent = [each for each in parts if each.words]
    known = State.VALUE if composite.ratio is not None else State.NO_TRAFFIC
    return BudgetView(
        state=(silent[0].state if silent else known).value,
        why=f"its part {silent[0].key}: {silent[0].words}" if silent else "",
        since_ms=silent[0].since_ms if silent else None,
        period=WindowView(length, None, None, composite.ratio, composite.burn, composite.coverage),
        windows=tuple(
            WindowView(length_ms, None, None, each.ratio, each.burn, each.coverage) for length_ms, each in windows
        ),
        left=composite.left,
        left_ms=composite.left * slo.budget * length if composite.left is not None else None,
        seen_ms=min((each.seen_ms for each in parts), default=0),
        elapsed_ms=max((each.at_ms - each.period_start_ms for each in parts), default=0),
        whole_ms=length,
        earned=bool(parts) and all(each.earned for each in parts),
    )
