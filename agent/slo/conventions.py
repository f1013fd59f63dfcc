"""Every name of a metric and a label that SLOs are known by, and nothing else: no other page spells one of them.

The names that sloth gave (`slo:*`, `sloth_*`) are kept, so that its public dashboards show our numbers; the rest are ours.
"""

from __future__ import annotations

from typing import Final

from agent.model import format_duration

ERROR_RATIO: Final = "slo:sli_error:ratio_rate"
"""The share of bad events in a window; the window's duration follows (`slo:sli_error:ratio_rate5m`)."""
CERTAIN_RATIO: Final = "slo:sli_error:ratio_atleast"
"""The share that is certain: the error ratio itself where traffic is high, a lower bound of it where it is low."""
BAD_EVENTS: Final = "slo:bad_events:increase"
"""How many events of a window were bad."""
TOTAL_EVENTS: Final = "slo:total_events:increase"
"""How many events a window had."""
OBJECTIVE: Final = "slo:objective:ratio"
ERROR_BUDGET: Final = "slo:error_budget:ratio"
TIME_PERIOD_DAYS: Final = "slo:time_period:days"
CURRENT_BURN_RATE: Final = "slo:current_burn_rate:ratio"
PERIOD_BURN_RATE: Final = "slo:period_burn_rate:ratio"
BUDGET_REMAINING: Final = "slo:period_error_budget_remaining:ratio"
PERIOD_COVERAGE: Final = "slo:period_coverage:ratio"
"""Which part of the period was seen; only the budget engine knows."""
INFO: Final = "sloth_slo_info"

ID: Final = "sloth_id"
SERVICE: Final = "sloth_service"
SLO: Final = "sloth_slo"
WINDOW: Final = "sloth_window"
SEVERITY: Final = "sloth_severity"
"""page or ticket."""
MODE: Final = "sloth_mode"
SPEC: Final = "sloth_spec"
VERSION: Final = "sloth_version"
INFO_OBJECTIVE: Final = "sloth_objective"
INCIDENT: Final = "burnline_slo"
"""On the alerts: the SLO's id. Routes group by it and inhibition compares it, so that an SLO has one incident."""
COUNTED: Final = "burnline_counts"
"""On the info series: what the budget counts (events, slices, or time where there is only a ratio)."""
ALERT_SEVERITY: Final = "severity"

IDENTITY: Final = (ID, SERVICE, SLO)
"""The labels that every series of an SLO has."""


def windowed(metric: str, window_ms: int) -> str:
    """Return the name of a metric that has its window in it: `slo:sli_error:ratio_rate` + 1 h → `…ratio_rate1h`."""
    return metric + format_duration(window_ms)
