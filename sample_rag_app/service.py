"""The way of one question: cache, retrieval, quoted answer, and what is counted on the way.

No HTTP here. A query is counted exactly once and exclusively, as success, error or cached; one whose asker hung up
at once is none of them, since it says nothing about the service. Who gave up after the time in which answers are promised does:
it is an error, else a service that hangs would look like one that nobody asks.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sample_rag_app.answers import LOW_SCORE, Answer, compose
from sample_rag_app.cache import AnswerCache
from sample_rag_app.clients import ANONYMOUS, ClientNames, Pace, Sessions
from sample_rag_app.clock import Clock
from sample_rag_app.documents import Document, read_folder
from sample_rag_app.errors import InternalError, InvalidRequest, Overloaded, QueryTimedOut, RateLimited, RetrievalFailed
from sample_rag_app.faults import DEPENDENCIES, FAULT_NAMES, FaultBox
from sample_rag_app.metrics import INDEX, MAX_TOPICS, Metrics
from sample_rag_app.retrieval import Index, Match
from sample_rag_app.settings import Settings
from sample_rag_app.topqueries import TopQueries, TopQueriesCollector

OTHER_TOPIC: Final = "other"
PROMISED_SECONDS: Final = 2.5
"""Within which new answers are promised (rules/slos/rag.yml): who hangs up later waited for longer than that, in vain."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, whether it came from the cache, and how long it took."""

    answer: Answer
    cached: bool
    seconds: float


class RagService:
    """Answers questions over its documents and keeps its own metrics."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self._started = self.clock.elapsed()
        self.metrics = Metrics()
        self.index = Index(read_folder(settings.documents_dir, shipped=True))
        if settings.data_dir is not None:
            for document in read_folder(settings.data_dir / "documents", shipped=False):
                self._add_if_new(document)
        self.faults = FaultBox(settings.seed)
        self.clients = ClientNames(settings.clients)
        self.top_queries = TopQueries(readable=settings.readable_top_queries)
        self._cache = AnswerCache(int(settings.cache_ttl_seconds * 1000), settings.cache_entries)
        self._pace = Pace(settings.requests_per_second, settings.burst)
        self._sessions = Sessions(int(settings.session_ttl_seconds * 1000))
        self._inflight = 0
        self._ingesting: set[asyncio.Task[None]] = set()
        shipped = {document.topic for document in self.index.documents() if document.shipped}
        self._topics = {*sorted(shipped - {"none", OTHER_TOPIC})[: MAX_TOPICS - 2], "none", OTHER_TOPIC}
        self._wire_metrics()
        self._show_index()

    def _add_if_new(self, document: Document) -> None:
        # A release may ship a document under a name that somebody added before; the shipped one wins.
        if document.name not in self.index:
            self.index.add(document)

    def _wire_metrics(self) -> None:
        metrics = self.metrics
        metrics.registry.register(TopQueriesCollector(self.top_queries))
        metrics.concurrency_limit.set(self.settings.concurrency_limit)
        metrics.inflight.set_function(lambda: self._inflight)
        metrics.cache_entries.set_function(lambda: len(self._cache))
        metrics.active_sessions.set_function(lambda: self._sessions.active(self.clock.now_ms()))
        for rank in (1, 10):
            metrics.top_query_share.labels(str(rank)).set_function(partial(self.top_queries.share, rank))
        for name in DEPENDENCIES:
            metrics.dependency_up.labels(name).set_function(partial(self.dependency_up, name))
        for fault in FAULT_NAMES:
            metrics.fault_injected.labels(fault).set_function(partial(self._fault_active, fault))
        for topic in sorted(self._topics):
            metrics.topics.labels(topic)

    def _fault_active(self, fault: str) -> bool:
        return self.faults.current(self.clock.now_ms()).active(fault)

    def _show_index(self) -> None:
        self.metrics.show_index(
            documents=len(self.index),
            version=self.index.version,
            built_seconds=self.clock.unix(),
            modified_seconds=max((document.modified_seconds for document in self.index.documents()), default=0.0),
        )

    def dependency_up(self, name: str) -> bool:
        """Whether `database` or `cache` answers now; the cache lives in this process and is down only by a fault."""
        if name in self.faults.current(self.clock.now_ms()).dependency_down:
            return False
        return name != "database" or self.index.alive()

    def admit(self, client: str) -> None:
        """Let a client's request in; raises RateLimited when it comes too soon."""
        try:
            self._pace.take(client, self.clock.now_ms())
        except RateLimited:
            self.metrics.rate_limited.labels("client").inc()
            raise

    def client_label(self, client_id: str | None) -> str:
        """Return the bounded label of a client, and count it when its own name does not fit."""
        before = self.clients.overflowed
        label = self.clients.label(client_id)
        if self.clients.overflowed > before:
            self.metrics.label_overflow.labels("rag_requests_total", "client_id").inc()
        return label

    async def ask(self, question: str, *, session_id: str | None = None, asker: str = ANONYMOUS) -> Answered:
        """Answer a question; `asker` tells people apart where there is no session.

        Raises QueryFailed (RetrievalFailed, Overloaded, QueryTimedOut, InternalError) when there is no answer.
        """
        if session_id:
            self._sessions.touch(session_id, self.clock.now_ms())
        self.top_queries.add(question, session_id or asker)
        started = self.clock.elapsed()
        status: str | None = "error"
        try:
            answer, cached = await self._answer_in_time(question)
            status = "cached" if cached else "success"
        except asyncio.CancelledError:
            if self.clock.elapsed() - started < PROMISED_SECONDS:
                status = None
            raise
        finally:
            seconds = self.clock.elapsed() - started
            if status is not None:
                self.metrics.queries.labels(status).inc()
                self.metrics.query_duration.labels(status).observe(seconds)
        return Answered(answer, cached, seconds)

    async def _answer_in_time(self, question: str) -> tuple[Answer, bool]:
        limit = self.settings.concurrency_limit
        if self._inflight >= limit:
            self.metrics.load_shed.labels("concurrency").inc()
            raise Overloaded(f"{limit} questions are being answered, as many as may be; ask again in a second")
        self._inflight += 1
        try:
            async with asyncio.timeout(self.settings.query_timeout_seconds):
                return await self._answer(question)
        except TimeoutError as error:
            raise QueryTimedOut(f"no answer within {self.settings.query_timeout_seconds:g} s; ask again") from error
        finally:
            self._inflight -= 1

    async def _answer(self, question: str) -> tuple[Answer, bool]:
        if self.faults.strikes(self.clock.now_ms()):
            raise InternalError("this query failed on purpose: an error fault is injected (see GET /admin/faults)")
        with self._timed("cache"):
            cached = self._from_cache(question)
        if cached is not None:
            return cached, True
        if delay := self.faults.delay_seconds(self.clock.now_ms()):
            await self.clock.sleep(delay)
        with self._timed("retrieve"):
            matches = self._retrieve(question)
        with self._timed("generate"):
            answer = compose(matches)
        self._count_answer(answer)
        self._keep(question, answer)
        return answer, False

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = self.clock.elapsed()
        try:
            yield
        finally:
            self.metrics.stage_duration.labels(stage).observe(self.clock.elapsed() - started)

    def _cache_usable(self) -> bool:
        faults = self.faults.current(self.clock.now_ms())
        return not faults.cache_disabled and "cache" not in faults.dependency_down

    def _from_cache(self, question: str) -> Answer | None:
        metrics = self.metrics
        if self._cache_usable():
            found = self._cache.get(question, self.index.version, self.clock.now_ms())
            if found.answer is not None:
                metrics.cache_hits.inc()
                return found.answer
            if found.stale is not None:
                metrics.cache_stale_hits.labels(found.stale).inc()
                metrics.cache_evictions.labels(found.stale).inc()
        metrics.cache_misses.inc()
        return None

    def _keep(self, question: str, answer: Answer) -> None:
        if self._cache_usable():
            evicted = self._cache.put(question, answer, self.index.version, self.clock.now_ms())
            self.metrics.cache_evictions.labels("capacity").inc(evicted)

    def _retrieve(self, question: str) -> list[Match]:
        metrics = self.metrics
        try:
            if not self.dependency_up("database"):
                raise RetrievalFailed("the document database does not answer; GET /health/ready says what is down")
            matches = self.index.search(question)
        except sqlite3.Error as error:
            metrics.retrievals.labels(INDEX, "error").inc()
            raise RetrievalFailed(f"the document database did not answer: {error}") from error
        except RetrievalFailed:
            metrics.retrievals.labels(INDEX, "error").inc()
            raise
        top = matches[0].score if matches else 0.0
        outcome = "empty" if not matches else "low_score" if top < LOW_SCORE else "ok"
        metrics.retrievals.labels(INDEX, outcome).inc()
        metrics.retrieved.labels(INDEX).observe(len({match.document.name for match in matches}))
        metrics.top_score.labels(INDEX).observe(top)
        return matches

    def _count_answer(self, answer: Answer) -> None:
        self.metrics.answers.labels(answer.kind).inc()
        topic = answer.topic
        if topic not in self._topics:
            self.metrics.label_overflow.labels("rag_query_topics_total", "topic").inc()
            topic = OTHER_TOPIC
        self.metrics.topics.labels(topic).inc()

    async def add_documents(self, documents: list[Document]) -> None:
        """Make documents searchable, all or none, and save them where there is a data folder.

        Answers of the earlier index version are not given any more. Raises InvalidRequest (409) when a name is taken
        or the service is full, RetrievalFailed when the database does not answer, InternalError when the disk refuses;
        the documents are searchable even then.
        """
        for document in documents:
            if document.name in self.index:
                raise InvalidRequest(f"a document named {document.name!r} is already there; choose another name", 409)
        if len(self.index) + len(documents) > self.settings.max_documents:
            raise InvalidRequest(f"there is room for {self.settings.max_documents} documents and no more", 409)
        # Who hangs up while the disk is slow does not end the work, nor hide how it went: it goes on, and is counted.
        work = asyncio.create_task(self._ingest(documents))
        self._ingesting.add(work)
        work.add_done_callback(self._ingested)
        await asyncio.shield(work)

    async def _ingest(self, documents: list[Document]) -> None:
        result = "error"
        try:
            self._make_searchable(documents)
            if self.settings.data_dir is not None:
                await asyncio.to_thread(self._save, self.settings.data_dir / "documents", documents)
            result = "success"
        finally:
            self.metrics.ingested.labels(result).inc(len(documents))

    def _ingested(self, work: asyncio.Task[None]) -> None:
        self._ingesting.discard(work)
        if not work.cancelled():
            work.exception()  # looked at, so that nobody is told that nobody did: it may be that nobody waits any more

    def _make_searchable(self, documents: list[Document]) -> None:
        if not self.dependency_up("database"):
            raise RetrievalFailed("the document database does not answer; nothing was added, send the documents again")
        for document in documents:
            self.index.add(document)
        self._show_index()

    def _save(self, folder: Path, documents: list[Document]) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for document in documents:
                draft = folder / f".{document.name}.part"
                draft.write_text(document.text, encoding="utf-8")
                draft.replace(folder / f"{document.name}.md")
        except OSError as error:
            self.metrics.index_builds.labels(INDEX, "error").inc()
            raise InternalError(
                f"the documents can be searched but could not be saved in {folder}: {error.strerror}"
            ) from error

    def checks(self) -> dict[str, bool]:
        """Return for each dependency whether it answers now."""
        return {name: self.dependency_up(name) for name in DEPENDENCIES}

    def uptime_seconds(self) -> float:
        """Return how long the service has been there."""
        return self.clock.elapsed() - self._started
