"""What the pages of objectives need of the agent, as one Protocol that `app` fulfils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from agent.web.slos.values import GateAnswer, GateAsked, ReplayAsked, ReportAnswer, ReportAsked, StandingView


class SloHandles(Protocol):
    """The agent, as whoever promised something sees it. Verbs work off the event loop.

    Names are ids, services, `all`, or globs of these. Raises InvalidInput, with a suggestion, for a name that nothing has.
    """

    async def status(self, names: Sequence[str] = ()) -> StandingView:
        """Return how objectives stand, worst first; all of them without names."""
        ...

    async def gate(self, asked: GateAsked) -> GateAnswer:
        """Say whether budgets let a change through."""
        ...

    async def override(self, asked: GateAsked, by: str, reason: str) -> GateAnswer:
        """Let a change through and record it durably, where the gate is not open; raise StorageError where that cannot be."""
        ...

    async def report(self, asked: ReportAsked) -> ReportAnswer:
        """Report on a period; raise InvalidInput for a period, a zone or a format that there is not."""
        ...

    async def replay(self, asked: ReplayAsked) -> Mapping[str, Any]:
        """Play objectives over the samples that are kept, and return the report, plain values; cancelled, it reads no further.

        Raises InvalidInput for what cannot be played, NotNow while another replay is under way.
        """
        ...
