"""What a change of a tier says to people: how many of how many, how fast, and when the budget is gone. Pure."""

from __future__ import annotations

from agent.model import format_duration
from agent.slo.budget.engine import Change
from agent.slo.budget.objective import Unit
from agent.slo.budget.readings import Reading, WindowReading

_UNITS = {Unit.EVENTS: "events", Unit.TIME: "seconds", Unit.SLICES: "slices"}


def said(change: Change) -> str:
    """Return one sentence: `page: 3 of 7 events in 1h were bad (42.9 %), 429 times what the budget allows; …`."""
    reading, burn = change.reading.of(change.number), change.burn
    long, short = reading.window(burn.long_ms), reading.window(burn.short_ms)
    severity = f"{burn.severity} {reading.key}"
    over_long = f"{counts(reading, long)} in {lasted(long.window_ms)}"
    over_short = f"{counts(reading, short)} in {lasted(short.window_ms)}"
    if not change.opened:
        return f"{severity} over: {over_short}, {over_long}"
    pace = times(long) if long.burn is not None else "no traffic"
    return f"{severity}: {over_long} were bad ({_percent(long)}), {pace}, and still {over_short}; {gone(reading)}"


def gone(reading: Reading) -> str:
    """Return what is left of a budget and when it will be gone, in words; of one that is young, that nobody knows."""
    if reading.left is None:
        return "nothing is known of the budget yet"
    if not reading.earned:
        seen = f"{rough(reading.seen_ms)} of {lasted(reading.length_ms)}"
        return f"only {seen} were seen, too little to say what is left of the budget"
    left = remaining(reading.left)
    if reading.exhaustion_ms is None or reading.left <= 0:
        return left
    return f"{left}, and at this pace it is gone in {rough(reading.exhaustion_ms - reading.at_ms)}"


def remaining(left: float) -> str:
    """Return what is left in words: `62 % of the budget is left`, `the budget is overspent by 38 %`."""
    if left <= 0:
        return f"the budget is overspent by {_share(-left)}" if left < 0 else "the budget is spent"
    return f"{_share(left)} of the budget is left"


def _share(fraction: float) -> str:
    percent = 100 * fraction
    return f"{percent:,.0f} %" if percent >= 1000 else f"{percent:.3g} %"


def counts(reading: Reading, window: WindowReading) -> str:
    """Return `3 of 7 events`, in the unit of the budget; time is in seconds."""
    unit = reading.objective.budget_unit
    scale = 1e-3 if unit is Unit.TIME else 1.0
    return f"{_whole(window.bad * scale)} of {_whole(window.total * scale)} {_UNITS[unit]}"


def _whole(value: float) -> str:
    return f"{value:,.0f}" if abs(value - round(value)) < 1e-9 else f"{value:,.1f}"


def _percent(window: WindowReading) -> str:
    return "no traffic" if window.ratio is None else f"{100 * window.ratio:.3g} %"


def times(window: WindowReading) -> str:
    """Return how fast a budget burned over a window that had traffic: `14.4 times what the budget allows`."""
    burn = window.burn or 0.0
    return f"{f'{burn:,.0f}' if burn >= 100 else f'{burn:.3g}'} times what the budget allows"


def lasted(span_ms: int) -> str:
    """Return a duration in Prometheus form whose largest unit is the day: `28d`, not `4w`."""
    days, rest = divmod(span_ms, 86_400_000)
    return (f"{days}d" if days else "") + (format_duration(rest) if rest or not days else "")


def rough(span_ms: int) -> str:
    """Return a duration in its two largest units: 5h20m, 3d4h, 40s."""
    minute, hour, day = 60_000, 3_600_000, 86_400_000
    step = hour if span_ms >= day else minute if span_ms >= hour else 1_000
    return lasted(max(round(span_ms / step), 0) * step)
