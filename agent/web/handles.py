"""What the room needs of the agent, as one Protocol that `app` fulfils. The room calls these and nothing else.

A verb is asynchronous where it may read the store, the journal or a file, or has to put together much, and then does its
work off the event loop; the others return what is already in memory. Verbs raise the errors of agent.errors; the room turns
them into HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from agent.model import Exemplar, Labels, Matcher
    from agent.web.views import (
        Acknowledgement,
        AlertDetail,
        AlertView,
        BuildInfo,
        HistoryPage,
        HistoryQuestion,
        MetricMetadata,
        NotifyTest,
        Overview,
        PlanAnswer,
        QueryAnswer,
        QueryOptions,
        ReloadAnswer,
        RuleGroupView,
        TargetView,
    )


class Handles(Protocol):
    """The agent, as its pages see it. Selectors are sets of matchers; several sets mean any of them; none means all.

    `start_ms` and `end_ms` are None where the client did not say: from the first sample, to the last.
    """

    def now_ms(self) -> int:
        """Return the agent's clock."""
        ...

    def waiting_for(self) -> str:
        """Say what the agent still waits for before it can answer, "" once it is ready."""
        ...

    def parse_selector(self, text: str) -> Sequence[Matcher]:
        """Parse a PromQL series selector; raise ParseError."""
        ...

    async def format_query(self, query: str) -> str:
        """Return an expression as it is best read; raise ParseError."""
        ...

    async def parse_query(self, query: str) -> Mapping[str, Any]:
        """Return an expression's nodes as parse_query answers them; raise ParseError."""
        ...

    async def instant(self, query: str, at_ms: int, options: QueryOptions) -> QueryAnswer:
        """Answer `query` at one instant; raise ParseError, ExecutionError or QueryLimit."""
        ...

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int, options: QueryOptions) -> QueryAnswer:
        """Answer `query` at start, start + step, … ≤ end; raise ParseError, ExecutionError or QueryLimit."""
        ...

    async def explain(self, query: str, start_ms: int, end_ms: int, step_ms: int, options: QueryOptions) -> PlanAnswer:
        """Evaluate `query` (at `start_ms` where the step is 0) and say what each part took; raise as `range`."""
        ...

    async def label_names(
        self, selectors: Sequence[Sequence[Matcher]], start_ms: int | None, end_ms: int | None
    ) -> Sequence[str]:
        """Return the label names of the selected series, sorted."""
        ...

    async def label_values(
        self, name: str, selectors: Sequence[Sequence[Matcher]], start_ms: int | None, end_ms: int | None
    ) -> Sequence[str]:
        """Return the values of label `name` among the selected series, sorted."""
        ...

    async def series(
        self, selectors: Sequence[Sequence[Matcher]], start_ms: int | None, end_ms: int | None
    ) -> Sequence[Labels]:
        """Return the selected series, sorted."""
        ...

    async def exemplars(self, query: str, start_ms: int | None, end_ms: int | None) -> Sequence[Exemplar]:
        """Return the exemplars of the series that an expression reads, by series and time; raise ParseError."""
        ...

    def metadata(self) -> Mapping[str, Sequence[MetricMetadata]]:
        """Return what targets say of each metric, by the metric's name."""
        ...

    async def rules(self) -> Sequence[RuleGroupView]:
        """Return the rule groups in the order of their files."""
        ...

    async def alerts(self) -> Sequence[AlertView]:
        """Return the pending and firing alerts."""
        ...

    def targets(self) -> Sequence[TargetView]:
        """Return the scrape targets."""
        ...

    def overview(self) -> Overview:
        """Return the rest of what the first page shows."""
        ...

    def buildinfo(self) -> BuildInfo:
        """Say which API this is and who serves it."""
        ...

    async def alert_detail(self, fingerprint: str) -> AlertDetail | None:
        """Return all that is known of one alert, active or over; None where nothing is (any more)."""
        ...

    async def alert_history(self, question: HistoryQuestion) -> HistoryPage:
        """Return what is asked for of the changes of alerts' states."""
        ...

    async def acknowledge(self, fingerprint: str, by: str, comment: str) -> Acknowledgement | None:
        """Stop the escalation of one alert; None where it is unknown, InvalidInput where there is nothing to stop."""
        ...

    def providers(self) -> Mapping[str, Any]:
        """Return how the providers of messages do, and how many messages wait for each channel."""
        ...

    async def routes(self) -> Mapping[str, Any]:
        """Return the routing tree, and what stands behind each receiver now."""
        ...

    async def route_test(self, labels: Labels) -> Mapping[str, Any]:
        """Return which routes an alert that begins now would take, and who would be told when."""
        ...

    async def notify_test(self, asked: NotifyTest) -> Mapping[str, Any]:
        """Send a marked message through a receiver, or show it; raise InvalidInput where there is no such receiver."""
        ...

    async def notify_probe(self) -> Mapping[str, Any]:
        """Ask every provider a harmless question."""
        ...

    async def reload(self) -> ReloadAnswer:
        """Read the configuration anew, say what changed; raise with each problem's place, and keep the old one, if it is bad."""
        ...

    async def runbooks(self) -> Sequence[str]:
        """Return the names of the runbooks, sorted."""
        ...

    async def runbook(self, name: str) -> str | None:
        """Return a runbook's Markdown, or None where there is none of that name."""
        ...

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """Return the agent's own metrics and their content type, in the form that the Accept header prefers."""
        ...
