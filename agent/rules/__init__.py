"""Rule files and what they do: groups of recording and alerting rules, evaluated at explicit instants.

`load_rules` reads and refuses files as strictly as Prometheus; `step` is the life of an alert as a pure function; `Evaluator`
runs groups over callables (query, sink, notify, journal). It knows no store, no routing and no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy
from agent.rules.expressions import recovery_of
from agent.rules.loading import load_rules, read_rules
from agent.rules.spec import Group, GroupKey, Rule, RuleSet, checked_template
from agent.rules.states import Absence, ActiveAlert, LimitExceeded, Observation, State, Transition, step

if TYPE_CHECKING:
    from agent.rules.evaluations import PastEvaluation, Tally
    from agent.rules.evaluator import Evaluated, Evaluator
    from agent.rules.expansion import Expander
    from agent.rules.history import Events, Page, Past, Wanted, past, read_transition
    from agent.rules.lints import CODES, Accepted, Code, Finding, LintSetting, Routes, Severity, lint
    from agent.rules.lints.live import live
    from agent.rules.ordering import Writers, feeders, in_order
    from agent.rules.reading import Reads, Selector, may_feed, reads, written
    from agent.rules.records import ALERT_KIND, GROUP_KIND, TRANSITION_KIND, RuleKey, append_transition, read_alert
    from agent.rules.rounds import Due, Rounds, targets_read
    from agent.rules.running import Settings
    from agent.rules.schedule import Cadence, newest_of_rounds, next_slot, offset_of, period_of, slot_at, slots
    from agent.rules.sending import labels_as_sent, to_send
    from agent.rules.status import GroupStatus, Health, RuleStatus


__all__ = [
    "ALERT_KIND",
    "CODES",
    "GROUP_KIND",
    "TRANSITION_KIND",
    "Absence",
    "Accepted",
    "ActiveAlert",
    "Cadence",
    "Code",
    "Due",
    "Evaluated",
    "Evaluator",
    "Events",
    "Expander",
    "Finding",
    "Group",
    "GroupKey",
    "GroupStatus",
    "Health",
    "LimitExceeded",
    "LintSetting",
    "Observation",
    "Page",
    "Past",
    "PastEvaluation",
    "Reads",
    "Rounds",
    "Routes",
    "Rule",
    "RuleKey",
    "RuleSet",
    "RuleStatus",
    "Selector",
    "Settings",
    "Severity",
    "State",
    "Tally",
    "Transition",
    "Wanted",
    "Writers",
    "append_transition",
    "checked_template",
    "feeders",
    "in_order",
    "labels_as_sent",
    "lint",
    "live",
    "load_rules",
    "may_feed",
    "newest_of_rounds",
    "next_slot",
    "offset_of",
    "past",
    "period_of",
    "read_alert",
    "read_rules",
    "read_transition",
    "reads",
    "recovery_of",
    "slot_at",
    "slots",
    "step",
    "targets_read",
    "to_send",
    "written",
]

__getattr__ = lazy(
    __name__,
    {
        "evaluations": (
            "PastEvaluation",
            "Tally",
        ),
        "evaluator": (
            "Evaluated",
            "Evaluator",
        ),
        "expansion": ("Expander",),
        "ordering": ("Writers", "feeders", "in_order"),
        "reading": (
            "Reads",
            "Selector",
            "may_feed",
            "reads",
            "written",
        ),
        "history": (
            "Events",
            "Page",
            "Past",
            "Wanted",
            "past",
            "read_transition",
        ),
        "lints": ("CODES", "Accepted", "Code", "Finding", "LintSetting", "Routes", "Severity", "lint"),
        "lints.live": ("live",),
        "records": (
            "ALERT_KIND",
            "GROUP_KIND",
            "TRANSITION_KIND",
            "RuleKey",
            "append_transition",
            "read_alert",
        ),
        "rounds": (
            "Due",
            "Rounds",
            "targets_read",
        ),
        "running": ("Settings",),
        "schedule": (
            "Cadence",
            "newest_of_rounds",
            "next_slot",
            "offset_of",
            "period_of",
            "slot_at",
            "slots",
        ),
        "sending": ("labels_as_sent", "to_send"),
        "status": (
            "GroupStatus",
            "Health",
            "RuleStatus",
        ),
    },
)
