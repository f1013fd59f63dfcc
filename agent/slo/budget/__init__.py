"""Error budgets: how many events were bad, over any window, exactly; how fast a budget burns, and what is left of it.

`Engine.row` takes an instant and what happened since the one before, `Engine.read` gives every budget as arrays. Pure: instants
and increases come in, numbers and words go out, and bytes to whoever keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.slo.budget.composites import CompositeReading, composite, weighed
    from agent.slo.budget.counters import START_TIME, Deltas, Increases, Scrapes, began_anew
    from agent.slo.budget.engine import Change, Engine
    from agent.slo.budget.exclusions import intervals
    from agent.slo.budget.gate import Judgement, Reason, Verdict, certain_left, judge, judge_composite, step_of, worst
    from agent.slo.budget.keeping import Kept
    from agent.slo.budget.objective import Burn, Key, Objective, Unit, burns_of
    from agent.slo.budget.past import Slot
    from agent.slo.budget.periods import Period, period
    from agent.slo.budget.readings import ENOUGH, Reading, Readings, State, TierReading, WindowReading
    from agent.slo.budget.sampling import sampling_window_ms
    from agent.slo.budget.series import Recorder, series_of
    from agent.slo.budget.stretch import Stretch
    from agent.slo.budget.wording import gone, lasted, said

__all__ = [
    "ENOUGH",
    "START_TIME",
    "Burn",
    "Change",
    "CompositeReading",
    "Deltas",
    "Engine",
    "Increases",
    "Judgement",
    "Kept",
    "Key",
    "Objective",
    "Period",
    "Reading",
    "Readings",
    "Reason",
    "Recorder",
    "Scrapes",
    "Slot",
    "State",
    "Stretch",
    "TierReading",
    "Unit",
    "Verdict",
    "WindowReading",
    "began_anew",
    "burns_of",
    "certain_left",
    "composite",
    "gone",
    "intervals",
    "judge",
    "judge_composite",
    "lasted",
    "period",
    "said",
    "sampling_window_ms",
    "series_of",
    "step_of",
    "weighed",
    "worst",
]

__getattr__ = lazy(
    __name__,
    {
        "composites": ("CompositeReading", "composite", "weighed"),
        "counters": ("START_TIME", "Deltas", "Increases", "Scrapes", "began_anew"),
        "engine": ("Change", "Engine"),
        "exclusions": ("intervals",),
        "gate": ("Judgement", "Reason", "Verdict", "certain_left", "judge", "judge_composite", "step_of", "worst"),
        "keeping": ("Kept",),
        "objective": ("Burn", "Key", "Objective", "Unit", "burns_of"),
        "past": ("Slot",),
        "periods": ("Period", "period"),
        "readings": ("ENOUGH", "Reading", "Readings", "State", "TierReading", "WindowReading"),
        "sampling": ("sampling_window_ms",),
        "series": ("Recorder", "series_of"),
        "stretch": ("Stretch",),
        "wording": ("gone", "lasted", "said"),
    },
)
