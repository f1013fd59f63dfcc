"""A report as CSV (RFC 4180): a line per budget and day, with plain numbers, for whoever wants to reckon on.

Text that somebody else wrote and that a spreadsheet would take for a formula gets a ' before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from agent.slo.report.values import Report, SloReport

COLUMNS: Final = (
    "slo",
    "service",
    "group",
    "objective_percent",
    "verdict",
    "day",
    "time_zone",
    "from",
    "until",
    "unit",
    "bad",
    "total",
    "good_percent",
    "burn_rate",
    "budget_spent_percent",
    "coverage_percent",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def spreadsheet(report: Report) -> str:
    """Return the lines with their header; `verdict` is that of the period, `budget_spent_percent` of the period's budget."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for each in report.slos:
        writer.writerows(_lines(each, report.zone))
    return text.getvalue()


def _lines(slo: SloReport, zone: str) -> Iterator[tuple[str, ...]]:
    group = ", ".join(f"{name}={value}" for name, value in slo.group.items())
    head = (harmless(slo.id), harmless(slo.service), harmless(group), f"{slo.objective:.12g}", slo.verdict.value)
    for day in slo.days:
        figures = day.figures
        good = None if figures.ratio is None else 100 * (1 - figures.ratio)
        share = None if day.share is None else 100 * day.share
        yield (
            *head,
            day.date,
            zone,
            _instant(day.start_ms),
            _instant(day.end_ms),
            slo.unit,
            *(_number(each) for each in (figures.bad, figures.total, good, figures.spent, share)),
            _number(100 * figures.coverage),
        )


def harmless(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _instant(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
