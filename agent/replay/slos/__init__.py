"""What objectives would have told, and what budgets were, from recorded samples: the same engine, fed with the past.

History gives the rows that live scrapes would have given; a past budget fills a new one, and a what-if plays SLOs over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.replay.slos.account import FALSE_BELOW, BudgetAccount, SloReport, Spell, VersionAccount, median
    from agent.replay.slos.history import STRETCH_MS, History, Step
    from agent.replay.slos.plain import slo_report_json
    from agent.replay.slos.prior import Past, past_of
    from agent.replay.slos.records import Records, Series, selectors
    from agent.replay.slos.remote import Remote
    from agent.replay.slos.stretches import interval_of
    from agent.replay.slos.trying import Wanted, try_slos
    from agent.replay.slos.versions import Change, Version, given_and_changed
    from agent.replay.slos.words import caveats, differences, headline, left, share

__all__ = [
    "FALSE_BELOW",
    "STRETCH_MS",
    "BudgetAccount",
    "Change",
    "History",
    "Past",
    "Records",
    "Remote",
    "Series",
    "SloReport",
    "Spell",
    "Step",
    "Version",
    "VersionAccount",
    "Wanted",
    "caveats",
    "differences",
    "given_and_changed",
    "headline",
    "interval_of",
    "left",
    "median",
    "past_of",
    "selectors",
    "share",
    "slo_report_json",
    "try_slos",
]

__getattr__ = lazy(
    __name__,
    {
        "account": ("FALSE_BELOW", "BudgetAccount", "SloReport", "Spell", "VersionAccount", "median"),
        "history": ("STRETCH_MS", "History", "Step"),
        "plain": ("slo_report_json",),
        "prior": ("Past", "past_of"),
        "records": ("Records", "Series", "selectors"),
        "remote": ("Remote",),
        "stretches": ("interval_of",),
        "trying": ("Wanted", "try_slos"),
        "versions": ("Change", "Version", "given_and_changed"),
        "words": ("caveats", "differences", "headline", "left", "share"),
    },
)
