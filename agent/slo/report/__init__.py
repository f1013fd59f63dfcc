"""The report of a period: what was promised, what was kept, what burned the budget, and how much of it was seen. Pure.

`asked` turns words like last-month into instants, `make_report` adds up what an engine knows, and the rest writes it as
Markdown, HTML or CSV. It computes no ratio of its own: sums are the engine's, composites those of `weighed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.slo.conventions import INCIDENT
    from agent.slo.report.asking import Asked, asked, shared_zone
    from agent.slo.report.incidents import Turn, turns_of
    from agent.slo.report.making import Material, make_report
    from agent.slo.report.values import Override, Report
    from agent.slo.report.writing import FORMATS, checked_format, write_report

__all__ = [
    "FORMATS",
    "INCIDENT",
    "Asked",
    "Material",
    "Override",
    "Report",
    "Turn",
    "asked",
    "checked_format",
    "make_report",
    "shared_zone",
    "turns_of",
    "write_report",
]

__getattr__ = lazy(
    __name__,
    {
        "asking": ("Asked", "asked", "shared_zone"),
        "incidents": ("INCIDENT", "Turn", "turns_of"),
        "making": ("Material", "make_report"),
        "values": ("Override", "Report"),
        "writing": ("FORMATS", "checked_format", "write_report"),
    },
)
