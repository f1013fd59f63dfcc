"""The budget engine in the agent: what it counts, when, where it is kept, and who is told when nothing is known.

A configuration without SLOs loads nothing of it. It joins the rooms slo, rules, store and journal; it computes nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.app.budgets.budgets import Budgets
    from agent.app.budgets.promises import Promises, beside, read_promises, slo_setting

__all__ = ["Budgets", "Promises", "beside", "read_promises", "slo_setting"]

__getattr__ = lazy(
    __name__, {"budgets": ("Budgets",), "promises": ("Promises", "beside", "read_promises", "slo_setting")}
)
