"""What escalation.yml says under `limits` of a channel."""

from __future__ import annotations

from dataclasses import dataclass

from agent.notify.limits import LimitText


@dataclass(frozen=True, slots=True)
class LimitsSection:
    """`limits` of a channel: how many messages may leave, like 5/15m; a list that is not there keeps its default."""

    __title__ = "limits"
    per_target: tuple[LimitText, ...] | None = None
    per_provider: tuple[LimitText, ...] | None = None
    updates: tuple[LimitText, ...] | None = None
