"""The story: a healthy service, a fault, the pages, the end. `tell` runs it; `Verdict` says whether everybody was told.

Everything in it is real: processes, sockets, the shipped files. Only time is short, and the inbox stands in for the world.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from agent.app import Agent, wall_clock
from agent.config import Flags, load_config
from agent.demo.files import write_files
from agent.demo.objectives import objective_of, promise_of, seen_of
from agent.demo.processes import Companion, Service, port_or_free
from agent.demo.table import ShownAlert, Snapshot
from agent.notify.inbox import Arrival, Inbox

if TYPE_CHECKING:
    from agent.web import AlertView
    from agent.web.slos import StandingView

FAULT_AFTER_S: Final = 20.0
FAULT_LASTS_S: Final = 30.0
ERROR_RATIO: Final = 0.09
"""Enough to page by the budget of availability, and too little for its ticket, which would outlast the story."""
LATENCY_S: Final = 6.5
RATE: Final = 20
CHANNELS: Final = ("email", "slack", "sms")
_QUESTIONS: Final = {
    "queries/s": 'sum(rate(rag_queries_total{job="rag"}[10s]))',
    "error ratio": 'sum(rate(rag_queries_total{job="rag",status="error"}[10s])) / sum(rate(rag_queries_total{job="rag"}[10s]))',
    "p95, uncached": 'histogram_quantile(0.95, sum by (le) (rate(rag_query_duration_seconds_bucket{status!="cached"}[20s])))',
    "cache hit rate": "sum(rate(rag_cache_hits_total[20s])) / (sum(rate(rag_cache_hits_total[20s]))"
    " + sum(rate(rag_cache_misses_total[20s])))",
}
_HISTORY: Final = 60
_MARKUP: Final = re.compile(r":\w+: |[*~]")
"""What Slack would draw and a terminal would not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the story came to. `fired` and `resolved` name the service's alerts that became active after the fault."""

    queries: int
    fired: frozenset[str]
    resolved: frozenset[str]
    arrived: Mapping[str, int]
    complete: Mapping[str, bool]
    """By channel: did firing and resolved of one such alert arrive?"""
    promise: str = ""
    """What became of the objective that suffered most, in words."""

    @property
    def good(self) -> bool:
        """Say whether each channel told of a beginning and an end."""
        return all(self.complete.get(channel) for channel in CHANNELS)

    def __str__(self) -> str:
        arrived = ", ".join(f"{channel} {self.arrived.get(channel, 0)}" for channel in CHANNELS)
        alerts = f"{len(self.fired)} alert{'' if len(self.fired) == 1 else 's'}"
        told = (
            f"demo: {self.queries} queries, people told of {alerts}, {len(self.resolved)} of them resolved, {arrived}"
        )
        return f"{self.promise}\n{told}" if self.promise else told


def judge(messages: Sequence[Arrival], fault_ms: int, watched: frozenset[str], queries: int) -> Verdict:
    """Read the inbox's receipts: which of the `watched` alerts were told as firing and as over, by which channel.

    A Slack message that is updated in place counts once; its thread's replies are messages of their own.
    """
    told: dict[str, dict[str, set[str]]] = {channel: {"firing": set(), "resolved": set()} for channel in CHANNELS}
    counts = dict.fromkeys(CHANNELS, 0)
    for each in messages:
        about = _names(each) & watched
        if each.kind not in told or each.at_ms < fault_ms or not about:
            continue
        counts[each.kind] += each.method != "chat.update"
        if each.status in told[each.kind]:
            told[each.kind][each.status] |= about
    fired = frozenset[str]().union(*(each["firing"] for each in told.values()))
    resolved = frozenset[str]().union(*(each["resolved"] for each in told.values()))
    complete = {channel: bool(each["firing"] & each["resolved"]) for channel, each in told.items()}
    return Verdict(queries, fired, fired & resolved, counts, complete)


def _names(arrival: Arrival) -> set[str]:
    """Return the alerts that a message names; a text message has no header to say so, only its words."""
    return set(arrival.alert.split(",")) if arrival.alert else set(re.findall(r"\w+", arrival.text))


class Story:
    """Holds what runs, looks at it once a second, puts the fault in and takes it out."""

    def __init__(self, agent: Agent, inbox: Inbox, service: Service, ends_at_s: float | None) -> None:
        self.agent, self.inbox, self.service, self.ends_at_s = agent, inbox, service, ends_at_s
        self.started_ms = self.fault_ms = wall_clock()
        self.chapter = "all is well"
        self.history: dict[str, deque[float]] = {name: deque(maxlen=_HISTORY) for name in _QUESTIONS}
        self.standing: StandingView | None = None
        self.before: set[str] = set()
        self.watched: set[str] = set()
        self.queries = 0
        self.places = {
            "what is going on": agent.url,
            "mail, Slack, phone": inbox.url,
            "the service": service.url,
            "ask": f'burnline query --url {agent.url} "error_rate"',
        }

    async def step(self) -> Snapshot:
        """Move the story on to now, and return what there is to see."""
        now_ms = wall_clock()
        elapsed = (now_ms - self.started_ms) / 1000
        await self._turn(elapsed, now_ms)
        alerts = [each for each in self.agent.alerts() if _belongs(each)]
        firing = {each.name for each in alerts if each.fired_at_ms}
        if self.chapter == "all is well":
            self.before |= {each.name for each in alerts}
        else:
            self.watched |= firing - self.before
        numbers = {name: await self.agent.number(question, now_ms) for name, question in _QUESTIONS.items()}
        for name, value in numbers.items():
            self.history[name].append(value or 0.0)
        self.standing = await self.agent.slo_desk.status()
        self.queries = int(await self.agent.number('sum(rag_queries_total{job="rag"})', now_ms) or self.queries)
        return Snapshot(
            elapsed_s=elapsed,
            chapter=self.chapter,
            places=self.places,
            queries_per_second=numbers["queries/s"],
            error_ratio=numbers["error ratio"],
            p95_seconds=numbers["p95, uncached"],
            cache_hit_ratio=numbers["cache hit rate"],
            history=self.history,
            objectives=[objective_of(slo) for slo in self.standing.slos],
            seen=seen_of(self.standing),
            alerts=[_shown(each, now_ms) for each in alerts],
            arrived={channel: len(self.inbox.messages(channel)) for channel in CHANNELS},
            messages=[line_of(each) for each in self.inbox.messages()[-6:]],
            ends_at_s=self.ends_at_s,
        )

    async def _turn(self, elapsed_s: float, now_ms: int) -> None:
        if self.chapter == "all is well" and elapsed_s >= FAULT_AFTER_S:
            await self.service.break_it(
                error_ratio=ERROR_RATIO, latency_seconds=LATENCY_S, duration_seconds=FAULT_LASTS_S
            )
            self.chapter, self.fault_ms = "the service breaks: one query in eleven fails, the rest are slow", now_ms
        elif self.chapter.startswith("the service breaks") and elapsed_s >= FAULT_AFTER_S + FAULT_LASTS_S:
            await self.service.mend_it()
            self.chapter = "the service is mended; the alerts resolve"
        elif self.chapter.startswith("the service is mended") and self.verdict().good and not self.ends_at_s:
            self.chapter = "everybody was told of the beginning and the end"

    def verdict(self) -> Verdict:
        """Judge by what has arrived so far."""
        found = judge(self.inbox.messages(), self.fault_ms, frozenset(self.watched), self.queries)
        return replace(found, promise=promise_of(self.standing)) if self.standing else found


async def tell(
    folder: Path, seed: int, ends_at_s: float | None, show: Callable[[Snapshot], None], stop: asyncio.Event
) -> Verdict:
    """Run the story in `folder` until `ends_at_s` or `stop`; call `show` about once a second; return the verdict.

    Raises BurnlineError where a part of it cannot be started.
    """
    token = secrets.token_urlsafe(24)
    service_port = port_or_free(8000)
    url = f"http://127.0.0.1:{service_port}"
    arguments = ["--listen-address", f"127.0.0.1:{service_port}", "--top-queries", "readable"]
    app = Companion("sample_rag_app", arguments, folder / "service.log", {"RAG_ADMIN_TOKEN": token})
    arguments = ["--url", url, "--rate", str(RATE), "--seed", str(seed)]
    load = Companion("sample_rag_app.load", arguments, folder / "load.log")
    async with aiohttp.ClientSession() as session, Inbox(http_port=port_or_free(8025)) as inbox:
        variables = inbox.environment()
        configuration = write_files(folder, f"127.0.0.1:{service_port}", f"127.0.0.1:{port_or_free(9477)}")
        agent = Agent(load_config(Flags(config_file=configuration), variables, folder), environment=variables)
        service = Service(url, token, session)
        try:
            await app.start()
            await service.ready(app)
            await load.start()
            await agent.start()
            inbox.phone.callback_base = agent.url
            story = Story(agent, inbox, service, ends_at_s)
            await _watch(story, (app, load), show, stop)
            return story.verdict()
        finally:
            await load.stop()
            await agent.stop()
            await app.stop()


async def _watch(
    story: Story, companions: Sequence[Companion], show: Callable[[Snapshot], None], stop: asyncio.Event
) -> None:
    while not stop.is_set():
        snapshot = await story.step()
        show(snapshot)
        for each in companions:
            each.check()
        if story.ends_at_s is not None and snapshot.elapsed_s >= story.ends_at_s:
            return
        try:
            async with asyncio.timeout(1):
                await stop.wait()
        except TimeoutError:
            continue


def _belongs(alert: AlertView) -> bool:
    """Leave out what is not about the service: the Watchdog, the machine, the agent itself."""
    return alert.labels.get("job") == "rag" and alert.severity != "info"


def _shown(alert: AlertView, now_ms: int) -> ShownAlert:
    since_s = (now_ms - (alert.fired_at_ms or alert.active_at_ms)) / 1000
    return ShownAlert(alert.name, alert.severity, str(alert.state), since_s, alert.summary)


def line_of(arrival: Arrival) -> str:
    """Return a message as one line: its subject, or how it begins; a reply in a thread and an edit say that they are one."""
    begins = arrival.text.partition("\n")[0] if arrival.kind == "slack" else arrival.text
    text = _MARKUP.sub("", " ".join((arrival.subject or begins).split()))
    if arrival.kind == "slack" and arrival.thread:
        text = f"↳ {text}"
    if arrival.method == "chat.update":
        text += " (edited)"
    elif arrival.kind == "email" and arrival.status == "resolved":
        text += " (over)"
    return f"{arrival.kind:<5} → {arrival.to:<24.24} {text}"
