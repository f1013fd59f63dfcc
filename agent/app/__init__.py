"""Wiring: the one place that knows all rooms, and joins them by passing callables. It decides nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.app.agent import Agent
    from agent.app.bench import Bench
    from agent.app.budgets import slo_setting
    from agent.app.build import rule_settings
    from agent.app.explanation.kept import explain_kept, explain_person_kept
    from agent.app.loops import Clock, wall_clock
    from agent.app.past import kept_alerts, offline, read_history
    from agent.app.people import on_call_json
    from agent.app.questions import limits_of
    from agent.app.replaying import Samples, length_ms, replay_over
    from agent.app.routes import route_test, routes_json
    from agent.app.serving import serve
    from agent.app.slo_records import Api, StoreRecords
    from agent.app.slo_reports import report_kept
    from agent.app.trying import notify_test, probe_files


__all__ = [
    "Agent",
    "Api",
    "Bench",
    "Clock",
    "Samples",
    "StoreRecords",
    "explain_kept",
    "explain_person_kept",
    "kept_alerts",
    "length_ms",
    "limits_of",
    "notify_test",
    "offline",
    "on_call_json",
    "probe_files",
    "read_history",
    "replay_over",
    "report_kept",
    "route_test",
    "routes_json",
    "rule_settings",
    "serve",
    "slo_setting",
    "wall_clock",
]

__getattr__ = lazy(
    __name__,
    {
        "explanation.kept": (
            "explain_kept",
            "explain_person_kept",
        ),
        "agent": ("Agent",),
        "bench": ("Bench",),
        "budgets": ("slo_setting",),
        "build": ("rule_settings",),
        "loops": (
            "Clock",
            "wall_clock",
        ),
        "past": (
            "kept_alerts",
            "offline",
            "read_history",
        ),
        "people": ("on_call_json",),
        "questions": ("limits_of",),
        "replaying": (
            "Samples",
            "length_ms",
            "replay_over",
        ),
        "routes": ("route_test", "routes_json"),
        "trying": ("notify_test", "probe_files"),
        "slo_reports": ("report_kept",),
        "serving": ("serve",),
        "slo_records": ("Api", "StoreRecords"),
    },
)
