"""An agent made of plain values, for tests of what talks to the API: the real application over it, no engine behind.

Queries are answered from `answers` (text → answer or error to raise), catalogues from `stored`. What was asked for and
done is kept in `calls`, in order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agent.errors import BurnlineError, InvalidInput, ParseError
from agent.model import METRIC_NAME, Exemplar, Labels, Matcher, MatchOp, match_all
from agent.web.views import (
    Acknowledgement,
    AlertDetail,
    AlertState,
    AlertView,
    BuildInfo,
    HistoryLine,
    HistoryPage,
    HistoryQuestion,
    MetricMetadata,
    NotifyTest,
    Overview,
    PlanAnswer,
    PlanNode,
    QueryAnswer,
    QueryOptions,
    ReloadAnswer,
    RuleGroupView,
    StorageView,
    TargetView,
)

if TYPE_CHECKING:
    from agent.web.handles import Handles

_SELECTOR = re.compile(r'\s*([a-zA-Z_:][\w:]*)?\s*(?:\{\s*((?:[^"}]|"[^"]*")*)\})?\s*')
_CONDITION = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"\s*,?')


def _storage() -> StorageView:
    return StorageView(series=0, samples=0, bytes=0)


@dataclass
class FakeHandles:
    """Fulfil `Handles` from these fields; change them at will between requests."""

    now: int = 0
    waiting: str = ""
    answers: dict[str, QueryAnswer | BurnlineError] = field(default_factory=dict)
    stored: list[Labels] = field(default_factory=list)
    known_metadata: dict[str, list[MetricMetadata]] = field(default_factory=dict)
    rule_groups: list[RuleGroupView] = field(default_factory=list)
    active: list[AlertView] = field(default_factory=list)
    scraped: list[TargetView] = field(default_factory=list)
    history: list[HistoryLine] = field(default_factory=list)
    details: dict[str, AlertDetail] = field(default_factory=dict)
    shown: Overview = field(default_factory=lambda: Overview(version="0.0.0", started_ms=0, storage=_storage()))
    reload_error: BurnlineError | None = None
    books: dict[str, str] = field(default_factory=dict)
    kept_exemplars: list[Exemplar] = field(default_factory=list)
    own_metrics: bytes = b"# HELP up 1\n"
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def now_ms(self) -> int:
        """Return `now`."""
        return self.now

    def waiting_for(self) -> str:
        """Return `waiting`."""
        return self.waiting

    def parse_selector(self, text: str) -> Sequence[Matcher]:
        """Parse the plain cases of a selector: no escapes, no quoted names."""
        found = _SELECTOR.fullmatch(text)
        if not text.strip() or found is None:
            message = "no selector found"
            raise ParseError(message)
        name, inside = found.groups()
        matchers = [Matcher(METRIC_NAME, MatchOp.EQUAL, name)] if name else []
        return matchers + [Matcher(label, MatchOp(op), value) for label, op, value in _CONDITION.findall(inside or "")]

    async def format_query(self, query: str) -> str:
        """Take white space away; refuse an empty expression."""
        return self._expression(query)

    async def parse_query(self, query: str) -> Mapping[str, Any]:
        """Call every expression one node."""
        return {"type": "parenExpr", "expr": self._expression(query)}

    def _expression(self, query: str) -> str:
        if not query.strip():
            message = "no expression found in input"
            raise ParseError(message, 1, 1)
        return query.strip()

    async def instant(self, query: str, at_ms: int, options: QueryOptions) -> QueryAnswer:
        """Return or raise what `answers` has for `query`."""
        self.calls.append(("instant", query, at_ms, options))
        return self._answer(query)

    async def range(self, query: str, start_ms: int, end_ms: int, step_ms: int, options: QueryOptions) -> QueryAnswer:
        """Return or raise what `answers` has for `query`."""
        self.calls.append(("range", query, start_ms, end_ms, step_ms, options))
        return self._answer(query)

    async def exemplars(self, query: str, start_ms: int | None, end_ms: int | None) -> Sequence[Exemplar]:
        """Return `kept_exemplars`."""
        self.calls.append(("exemplars", query, start_ms, end_ms))
        if not query:
            message = "no expression found in input"
            raise ParseError(message)
        return self.kept_exemplars

    async def explain(self, query: str, start_ms: int, end_ms: int, step_ms: int, options: QueryOptions) -> PlanAnswer:
        """Return one node that took nothing."""
        self.calls.append(("explain", query, start_ms, end_ms, step_ms, options))
        return PlanAnswer(PlanNode(query, "newest samples", 1, 1, "computed", 0, 0.0), 1, 1, 8, 0.0, planned=False)

    def _answer(self, query: str) -> QueryAnswer:
        found = self.answers.get(query)
        if found is None:
            message = "unexpected end of input" if not query else f"the fake has no answer for {query!r}"
            raise ParseError(message)
        if isinstance(found, BurnlineError):
            raise found
        return found

    def _select(self, selectors: Sequence[Sequence[Matcher]]) -> list[Labels]:
        return sorted(
            each for each in self.stored if not selectors or any(match_all(list(set_), each) for set_ in selectors)
        )

    async def label_names(
        self, selectors: Sequence[Sequence[Matcher]], start_ms: int | None, end_ms: int | None
    ) -> Sequence[str]:
        """Return the label names among `stored`."""
        self.calls.append(("label_names", start_ms, end_ms))
        return sorted({name for labels in self._select(selectors) for name in labels})

    async def label_values(
        self, name: str, selectors: Sequence[Sequence[Matcher]], start_ms: int | None, end_ms: int | None
    ) -> Sequence[str]:
        """Return the values of `name` among `stored`."""
        self.calls.append(("label_values", name, start_ms, end_ms))
        return sorted({labels.get(name) for labels in self._select(selectors)} - {""})

    async def series(
        self, selectors: Sequence[Sequence[Matcher]], start_ms: int | None, end_ms: int | None
    ) -> Sequence[Labels]:
        """Return what of `stored` is selected."""
        self.calls.append(("series", start_ms, end_ms))
        return self._select(selectors)

    def metadata(self) -> Mapping[str, Sequence[MetricMetadata]]:
        """Return `known_metadata`."""
        return self.known_metadata

    async def rules(self) -> Sequence[RuleGroupView]:
        """Return `rule_groups`."""
        return self.rule_groups

    async def alerts(self) -> Sequence[AlertView]:
        """Return `active`."""
        return self.active

    def targets(self) -> Sequence[TargetView]:
        """Return `scraped`."""
        return self.scraped

    def overview(self) -> Overview:
        """Return `shown`."""
        return self.shown

    def buildinfo(self) -> BuildInfo:
        """Return fixed versions."""
        return BuildInfo(compatible_version="3.5.0", version="0.0.0", python_version="3.11")

    async def alert_detail(self, fingerprint: str) -> AlertDetail | None:
        """Return what `details` has."""
        return self.details.get(fingerprint)

    async def alert_history(self, question: HistoryQuestion) -> HistoryPage:
        """Return the first lines of `history`, whatever else is asked; the rest is behind a token."""
        self.calls.append(("alert_history", question))
        start = question.token[1] if question.token else 0
        lines = self.history[start : start + question.limit]
        more = start + len(lines) < len(self.history)
        return HistoryPage(lines, f"0-{start + len(lines)}" if more else "")

    async def acknowledge(self, fingerprint: str, by: str, comment: str) -> Acknowledgement | None:
        """Mark the alert as taken, at `now`; refuse where it is over."""
        self.calls.append(("acknowledge", fingerprint, by, comment))
        found = self.details.get(fingerprint)
        if found is None:
            return None
        if found.alert.state is AlertState.RESOLVED:
            message = f"cannot acknowledge {found.alert.name}: it is over; there is nothing to stop"
            raise InvalidInput(message)
        made = Acknowledgement(by, self.now, comment)
        self.details[fingerprint] = replace(found, alert=replace(found.alert, acknowledgement=made), next_steps=())
        return made

    def providers(self) -> Mapping[str, Any]:
        """Return one provider that works."""
        return {"providers": [{"name": "slack", "circuit": "closed", "failures": 0}], "waiting": {"slack": 0}}

    async def routes(self) -> Mapping[str, Any]:
        """Return a tree of one route."""
        return {"route": {"receiver": "log", "routes": []}, "receivers": {"log": {}}}

    async def route_test(self, labels: Labels) -> Mapping[str, Any]:
        """Let every alert take that route."""
        return {"labels": dict(labels.pairs), "receivers": ["log"]}

    async def notify_test(self, asked: NotifyTest) -> Mapping[str, Any]:
        """Remember what was asked, and let one target answer."""
        self.calls.append(("notify_test", asked))
        return {"receiver": asked.receiver, "dry_run": asked.dry_run, "tried": []}

    async def notify_probe(self) -> Mapping[str, Any]:
        """Have no provider."""
        return {"tried": []}

    async def reload(self) -> ReloadAnswer:
        """Raise `reload_error` if there is one."""
        self.calls.append(("reload",))
        if self.reload_error is not None:
            raise self.reload_error
        return ReloadAnswer("nothing", {"groups": {"added": [], "removed": [], "changed": []}})

    async def runbooks(self) -> Sequence[str]:
        """Return the names in `books`."""
        return sorted(self.books)

    async def runbook(self, name: str) -> str | None:
        """Return what `books` has."""
        return self.books.get(name)

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """Return `own_metrics`, as OpenMetrics if `accept` names it."""
        if "openmetrics" in accept:
            return self.own_metrics + b"# EOF\n", "application/openmetrics-text; version=1.0.0; charset=utf-8"
        return self.own_metrics, "text/plain; version=0.0.4; charset=utf-8"


if TYPE_CHECKING:
    _fulfils: type[Handles] = FakeHandles
