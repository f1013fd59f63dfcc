"""A report as JSON values, for machines: times in ms since the epoch, lengths in ms."""

from __future__ import annotations

from typing import Any

from agent.model import format_float
from agent.replay.account import Report, RuleAccount, Spell, counted
from agent.replay.comparing import Comparison, Pair
from agent.replay.told import Told
from agent.replay.words import differences, headline


def report_json(report: Report, comparison: Comparison | None = None) -> dict[str, Any]:
    """Return a report, and where there is one the comparison with another."""
    found: dict[str, Any] = {
        "fromMs": report.from_ms,
        "untilMs": report.until_ms,
        "interrupted": report.interrupted,
        "headline": headline(report),
        "notes": list(report.notes),
        "evaluations": {"due": report.due, "made": report.made},
        "alerts": [_account(each) for each in report.rules],
        "failing": [
            {"rule": name, "times": each.times, "message": each.message, "lastMs": each.last_ms}
            for name, each in report.failing
        ],
        "told": None if report.told is None else [_told(each) for each in report.told],
        "withheld": None
        if report.withheld is None
        else [
            {"atMs": each.at_ms, "what": each.what, "why": each.why, "receiver": each.receiver}
            for each in report.withheld
        ],
    }
    if comparison is not None:
        found["comparison"] = {
            "words": list(differences(comparison)),
            "other": report_json(comparison.after),
            "alerts": [
                {
                    "alert": change.name,
                    "same": change.is_same,
                    "tellings": [counted(t for a in side for t in a.told) for side in (change.before, change.after)],
                    "outages": [_pair(pair) for pair in change.pairs],
                }
                for change in comparison.changes
            ],
        }
    return found


def _account(account: RuleAccount) -> dict[str, Any]:
    return {
        "alert": account.name,
        "file": account.rule.group.file,
        "group": account.rule.group.name,
        "expression": account.expression,
        "forMs": account.for_ms,
        "keepFiringForMs": account.keep_firing_for_ms,
        "severity": account.severity,
        "fired": len(account.fired),
        "pendingNeverFired": len(account.never_fired),
        "longestMs": account.longest_ms,
        "firingMs": account.firing_ms,
        "flaps": account.flaps,
        "tellings": dict(account.tellings),
        "spells": [_spell(each) for each in account.spells],
    }


def _spell(spell: Spell) -> dict[str, Any]:
    return {
        "labels": dict(spell.labels.pairs),
        "beganMs": spell.began_ms,
        "firedMs": spell.fired_ms,
        "endedMs": spell.ended_ms,
        "value": None if spell.value is None else format_float(spell.value),
        "why": spell.why,
        "kept": [list(each) for each in spell.kept],
    }


def _told(told: Told) -> dict[str, Any]:
    return {
        "atMs": told.at_ms,
        "receiver": told.receiver,
        "by": told.by,
        "to": told.to,
        "status": told.status,
        "reason": told.reason,
        "step": told.step,
        "alerts": [dict(alert.labels.pairs) for alert in (*told.firing, *told.resolved)],
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "before": None if pair.before is None else _spell(pair.before),
        "after": None if pair.after is None else _spell(pair.after),
        "laterMs": pair.later_ms,
    }
