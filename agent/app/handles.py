"""The agent as its pages see it: the web room's Protocol, fulfilled by asking the rooms. It decides nothing."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client.exposition import choose_encoder

from agent import app, web
from agent.app import views
from agent.app.answers import plan_answer, query_answer
from agent.app.build import VERSION
from agent.app.expressions import selector_matchers, selectors_of
from agent.app.past import read_history
from agent.app.story import alert_detail, own_fingerprint
from agent.app.trying import earlier, note, notify_test, probe_files
from agent.config import runbook_folder
from agent.errors import InvalidInput
from agent.model import Exemplar, Labels, Matcher
from agent.query import Result, Scalar, String, Vector, described, parse, pretty

if TYPE_CHECKING:
    from agent.app.agent import Agent

T = TypeVar("T")
Selectors = Sequence[Sequence[Matcher]]

API_VERSION = "3.4.0"
"""The Prometheus release whose HTTP API this is."""


class Handles:
    """Fulfils `web.Handles` for one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def now_ms(self) -> int:
        """Return the agent's clock."""
        return self._agent.clock()

    def waiting_for(self) -> str:
        """Say what the agent waits for, "" once it is ready."""
        return self._agent.waiting_for

    def parse_selector(self, text: str) -> Sequence[Matcher]:
        """Parse a series selector."""
        return selector_matchers(text)

    async def format_query(self, query: str) -> str:
        """Return an expression on as many lines as it needs."""
        return await self._agent.questions.work(lambda: pretty(parse(query)))

    async def parse_query(self, query: str) -> Mapping[str, Any]:
        """Return an expression's nodes."""
        return await self._agent.questions.work(lambda: described(parse(query)))

    async def instant(self, query: str, at_ms: int, options: web.QueryOptions) -> web.QueryAnswer:
        """Answer at one instant."""
        result = await self._agent.questions.instant(
            query, at_ms, options.timeout_ms, lookback_ms=options.lookback_ms, gone=options.gone
        )
        return await _answered(result)

    async def range(
        self, query: str, start_ms: int, end_ms: int, step_ms: int, options: web.QueryOptions
    ) -> web.QueryAnswer:
        """Answer over a range."""
        result = await self._agent.questions.range(
            query,
            start_ms,
            end_ms,
            step_ms,
            options.timeout_ms,
            lookback_ms=options.lookback_ms,
            gone=options.gone,
        )
        return await _answered(result)

    async def explain(
        self, query: str, start_ms: int, end_ms: int, step_ms: int, options: web.QueryOptions
    ) -> web.PlanAnswer:
        """Answer what a query takes."""
        return plan_answer(
            await self._agent.questions.explain(
                query,
                start_ms,
                end_ms,
                step_ms,
                options.timeout_ms,
                lookback_ms=options.lookback_ms,
                gone=options.gone,
            )
        )

    async def label_names(self, selectors: Selectors, start_ms: int | None, end_ms: int | None) -> Sequence[str]:
        """Return label names."""
        store = self._agent.store
        return await self._union(selectors, lambda each: store.label_names(each, start_ms, end_ms))

    async def label_values(
        self, name: str, selectors: Selectors, start_ms: int | None, end_ms: int | None
    ) -> Sequence[str]:
        """Return a label's values."""
        store = self._agent.store
        return await self._union(selectors, lambda each: store.label_values(name, each, start_ms, end_ms))

    async def series(self, selectors: Selectors, start_ms: int | None, end_ms: int | None) -> Sequence[Labels]:
        """Return series."""
        store = self._agent.store
        return await self._union(selectors, lambda each: store.series(each, start_ms, end_ms))

    async def exemplars(self, query: str, start_ms: int | None, end_ms: int | None) -> Sequence[Exemplar]:
        """Return the exemplars of the series that an expression reads."""
        ring = self._agent.store.exemplars
        return await self._agent.questions.work(lambda: ring.select(selectors_of(query), start_ms, end_ms))

    def metadata(self) -> Mapping[str, Sequence[web.MetricMetadata]]:
        """Return what targets say of their metrics."""
        found = self._agent.collection.metadata()
        return {name: [web.MetricMetadata(*each) for each in wordings] for name, wordings in found.items()}

    async def rules(self) -> Sequence[web.RuleGroupView]:
        """Return the rule groups, put together in a thread: there may be tens of thousands of rules."""
        evaluator, told = self._agent.evaluator, self.told()
        return await asyncio.to_thread(lambda: [views.group_view(group, told) for group in evaluator.status()])

    async def alerts(self) -> Sequence[web.AlertView]:
        """Return the pending and firing alerts, firing ones first, the worst and the oldest before the others."""
        return await asyncio.to_thread(views.alert_views, self._agent.active, self.told())

    def targets(self) -> Sequence[web.TargetView]:
        """Return the scrape targets."""
        return [views.target_view(each) for each in self._agent.collection.statuses()]

    def overview(self) -> web.Overview:
        """Return the store, the channels and what deserves attention."""
        agent = self._agent
        stats, routing = agent.store.stats(), agent.dispatcher.routing
        broken = agent.dispatcher.troubles(self.now_ms())
        channels = [
            web.ChannelView(name, routing.disabled.get(name) or broken.get(name, "")) for name in routing.channels
        ]
        return web.Overview(
            version=VERSION,
            started_ms=agent.started_ms,
            storage=web.StorageView(
                series=stats.series,
                samples=stats.samples,
                bytes=stats.bytes,
                limit_bytes=agent.store.max_memory_bytes,
                oldest_ms=stats.oldest_ms,
                retention_ms=agent.store.retention_ms,
                dropped_samples=sum(stats.dropped.values()),
            ),
            channels=channels,
            notices=agent.notices(),
        )

    def buildinfo(self) -> web.BuildInfo:
        """Say which API this is."""
        return web.BuildInfo(API_VERSION, VERSION, platform.python_version())

    async def alert_detail(self, fingerprint: str) -> web.AlertDetail | None:
        """Return all that is known of one alert."""
        return await alert_detail(self._agent, fingerprint, self.told())

    async def alert_history(self, question: web.HistoryQuestion) -> web.HistoryPage:
        """Return changes of alerts' states, read from the journal in a thread."""
        if question.fingerprint:
            question = replace(question, fingerprint=await own_fingerprint(self._agent, question.fingerprint))
        return await asyncio.to_thread(read_history, self._agent.journal.newest, question)

    async def acknowledge(self, fingerprint: str, by: str, comment: str) -> web.Acknowledgement | None:
        """Stop the escalation of one alert."""
        agent = self._agent
        known = agent.evaluator.find(fingerprint)
        done = [
            each
            for name in agent.names_of(fingerprint)
            for each in agent.dispatcher.acknowledge(by, self.now_ms(), fingerprint=name, comment=comment)
        ]
        if done:
            agent.woken()
            if (written := agent.dispatcher.acknowledgements_written) is not None:
                await asyncio.wrap_future(written)
            return web.Acknowledgement(by, done[0].at_ms, comment)
        if known is None and await self.alert_detail(fingerprint) is None:
            return None
        message = "the alert is over, or nobody was told of it yet: there is nothing to acknowledge"
        raise InvalidInput(message)

    def providers(self) -> Mapping[str, Any]:
        """Return how the providers of messages do, and what waits."""
        dispatcher, at_ms = self._agent.dispatcher, self.now_ms()
        waiting = {str(channel): number for channel, number in dispatcher.outbox.waiting().items()}
        return {"providers": views.provider_list(dispatcher.providers(at_ms)), "waiting": waiting}

    async def routes(self) -> Mapping[str, Any]:
        """Return the routing tree."""
        return app.routes_json(self._agent.dispatcher.routing, self.now_ms())

    async def route_test(self, labels: Labels) -> Mapping[str, Any]:
        """Rehearse an alert in a thread, with the labels that it would be sent with; say what would silence it now."""
        agent, at_ms = self._agent, self.now_ms()
        sent = agent.as_sent(labels)
        silenced = agent.dispatcher.silences.muting(sent, at_ms)
        played = await asyncio.to_thread(
            app.route_test, agent.dispatcher.routing, sent, at_ms, external_url=agent.config.external_url
        )
        return played | {"silenced_by": silenced}

    async def notify_test(self, asked: web.NotifyTest) -> Mapping[str, Any]:
        """Try a receiver of what is in force."""
        agent = self._agent
        told = agent.dispatcher.earlier_messages() if asked.replay else {}
        found = await notify_test(
            agent.dispatcher.routing,
            asked.receiver,
            self.now_ms(),
            sample=asked.sample,
            told=earlier(told, asked.replay) if asked.replay else None,
            external_url=agent.config.external_url,
            dry_run=asked.dry_run,
            steps=asked.steps,
        )
        return note(found)

    async def notify_probe(self) -> Mapping[str, Any]:
        """Ask the providers."""
        return await probe_files(self._agent.dispatcher.routing)

    async def reload(self) -> web.ReloadAnswer:
        """Read the configuration anew."""
        found = await self._agent.reload()
        return web.ReloadAnswer(found.words(), found.plain())

    async def runbooks(self) -> Sequence[str]:
        """Return the runbooks' names."""
        return sorted(path.stem for path in await asyncio.to_thread(lambda: list(runbook_folder().glob("*.md"))))

    async def runbook(self, name: str) -> str | None:
        """Return a runbook's Markdown. Only names that `runbooks` gives are looked up, so no path can lead elsewhere."""
        name = name.removesuffix(".md")
        if name not in await self.runbooks():
            return None
        path: Path = runbook_folder() / f"{name}.md"
        return await asyncio.to_thread(path.read_text, encoding="utf-8")

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """Return the agent's own metrics."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._agent.telemetry.registry), content_type

    def told(self) -> views.Told:
        """Return what says of an alert who acknowledged it and what holds it back; any thread may ask it."""
        agent = self._agent
        seen = agent.dispatcher.view(self.now_ms())

        def told(labels: Labels) -> tuple[web.Acknowledgement | None, str]:
            fingerprint = agent.as_sent(labels).fingerprint()
            ack, known = seen.acknowledged(fingerprint), seen.find(fingerprint)
            taken = web.Acknowledgement(ack.by, ack.at_ms, ack.comment) if ack else None
            return taken, views.why_held(known, seen.name, agent.dispatcher.silences.get) if known else ""

        return told

    async def _union(self, selectors: Selectors, ask: views.Ask[T]) -> list[T]:
        sets: Selectors = selectors or [()]
        return await self._agent.questions.work(lambda: sorted({each for one in sets for each in ask(one)}))  # type: ignore[type-var]


async def _answered(result: Result) -> web.QueryAnswer:
    """Return the answer; many series are put in order in a thread, so that others do not wait for it."""
    if isinstance(result.value, Scalar | String | Vector):
        return query_answer(result)
    return await asyncio.to_thread(query_answer, result)
