"""A what-if as plain values for JSON. Instants are RFC 3339, lengths seconds, parts of a budget fractions."""

from __future__ import annotations

from typing import Any

from agent.model import format_rfc3339
from agent.replay.slos.account import BudgetAccount, SloReport, Spell
from agent.replay.slos.words import caveats, differences, headline
from agent.slo import Severity


def slo_report_json(report: SloReport) -> dict[str, Any]:
    """Return the whole report."""
    found: dict[str, Any] = {
        "from": format_rfc3339(report.from_ms),
        "until": format_rfc3339(report.until_ms),
        "step_seconds": report.step_ms / 1000,
        "scrape_interval_seconds": report.interval_ms / 1000,
        "samples_from": None if report.oldest_ms is None else format_rfc3339(report.oldest_ms),
        "false_below": report.false_below,
        "interrupted": report.interrupted,
        "caveats": list(caveats(report)),
        "versions": [
            {
                "name": version.name,
                "summary": headline(report, version),
                "slos": [_account(report, each) for each in version.budgets],
            }
            for version in report.versions
        ],
    }
    if len(report.versions) > 1:
        found["differences"] = list(differences(report))
    return found


def _account(report: SloReport, account: BudgetAccount) -> dict[str, Any]:
    period = account.reading.period
    return {
        "slo": account.key.slo,
        "group": dict(account.key.group),
        "objective": account.objective.slo.objective,
        "min_events": account.objective.slo.min_events,
        "unit": account.objective.budget_unit.value,
        "left": account.reading.left,
        "bad": period.bad,
        "total": period.total,
        "coverage": period.coverage,
        "pages": len(account.of(Severity.PAGE)),
        "false_pages": len(account.false(report.false_below)),
        "tickets": len(account.of(Severity.TICKET)),
        "no_data_seconds": account.no_data_ms / 1000,
        "invalid_seconds": account.invalid_ms / 1000,
        "words": account.words,
        "incidents": [_spell(each) for each in account.spells],
        "held": [_spell(each) for each in account.held],
    }


def _spell(spell: Spell) -> dict[str, Any]:
    return {
        "severity": spell.severity.value,
        "tier": spell.tier,
        "trouble_since": _instant(spell.onset_ms),
        "opened": _instant(spell.opened_ms),
        "closed": _instant(spell.closed_ms),
        "detection_seconds": None if spell.detection_ms is None else spell.detection_ms / 1000,
        "reset_seconds": None if spell.reset_ms is None else spell.reset_ms / 1000,
        "bad": spell.bad,
        "total": spell.total,
        "burned": spell.burned,
    }


def _instant(at_ms: int | None) -> str | None:
    return None if at_ms is None else format_rfc3339(at_ms)
