"""Service level objectives: what they promise, how much of their budget is left, and the rules that page when it burns.

Readers (sloth, its Kubernetes form, OpenSLO) make one model; the compiler makes Prometheus rules of it; the budget engine
counts good and bad events exactly. It knows no clock, no store and no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy
from agent.slo.model import (
    Alert,
    Alerting,
    Budgeting,
    BudgetStep,
    Calendar,
    Composite,
    Events,
    Exclusion,
    Good,
    Indicator,
    Occurrences,
    Part,
    Plugin,
    RatioTimeslices,
    Raw,
    Rolling,
    Severity,
    Slo,
    SloSet,
    Source,
    Timeslices,
    Window,
    Written,
)

if TYPE_CHECKING:
    from agent.slo.compile.compiler import compile_slo, compile_slos
    from agent.slo.compile.emitted import Compiled
    from agent.slo.compile.files import rule_file, warnings_of
    from agent.slo.compile.setting import Dialect, Setting
    from agent.slo.converting import Conversion, convert, write_slos
    from agent.slo.cron import Cron, parse_cron
    from agent.slo.doubles import written_twice
    from agent.slo.loading import load_slos, read_slos
    from agent.slo.names import checked_label_name
    from agent.slo.queries import queries_of, reach_ms, with_window
    from agent.slo.windows.catalog import Catalog
    from agent.slo.windows.checks import Limits


__all__ = [
    "Alert",
    "Alerting",
    "BudgetStep",
    "Budgeting",
    "Calendar",
    "Catalog",
    "Compiled",
    "Composite",
    "Conversion",
    "Cron",
    "Dialect",
    "Events",
    "Exclusion",
    "Good",
    "Indicator",
    "Limits",
    "Occurrences",
    "Part",
    "Plugin",
    "RatioTimeslices",
    "Raw",
    "Rolling",
    "Setting",
    "Severity",
    "Slo",
    "SloSet",
    "Source",
    "Timeslices",
    "Window",
    "Written",
    "checked_label_name",
    "compile_slo",
    "compile_slos",
    "convert",
    "load_slos",
    "parse_cron",
    "queries_of",
    "reach_ms",
    "read_slos",
    "rule_file",
    "warnings_of",
    "with_window",
    "write_slos",
    "written_twice",
]

__getattr__ = lazy(
    __name__,
    {
        "compile.compiler": ("compile_slo", "compile_slos"),
        "compile.emitted": ("Compiled",),
        "compile.files": ("rule_file", "warnings_of"),
        "compile.setting": ("Dialect", "Setting"),
        "windows.catalog": ("Catalog",),
        "windows.checks": ("Limits",),
        "converting": ("Conversion", "convert", "write_slos"),
        "cron": ("Cron", "parse_cron"),
        "doubles": ("written_twice",),
        "loading": ("load_slos", "read_slos"),
        "names": ("checked_label_name",),
        "queries": ("queries_of", "reach_ms", "with_window"),
    },
)
