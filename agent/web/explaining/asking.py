"""What explanations are asked for by: a question, and the Protocol that `app` fulfils. The answers are in `values`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agent.model import Matcher
    from agent.web.explaining.values import Explanation, PersonAccount


@dataclass(frozen=True, slots=True)
class Question:
    """Which alert is meant: by an id (a fingerprint, a message's or an incident's), or by matchers on its labels.

    `at_ms` explains an earlier instant; `since_ms` is from when on it is told, None for the alert's last life.
    """

    id: str = ""
    matchers: Sequence[Matcher] = field(default=())
    at_ms: int | None = None
    since_ms: int | None = None


class Explainer(Protocol):
    """Answers; reads the journal, and does its work off the event loop."""

    async def explain(self, question: Question) -> Explanation:
        """Explain an alert."""
        ...

    async def explain_person(self, name: str, since_ms: int, at_ms: int | None) -> PersonAccount:
        """Explain what somebody was told since an instant."""
        ...

    def now_ms(self) -> int:
        """Return the agent's clock."""
        ...
