"""Every metric of the service: names, labels and bucket ladders in one place, on a registry of its own.

Every value a label can have is there from the start, so that the first error is a rise from 0 and not a new series.
Nothing a person types becomes a label, except the shared questions of `topqueries` where that is switched on.
Every threshold an alert or objective may use is a bucket bound.
"""

from __future__ import annotations

from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from sample_rag_app.answers import KINDS
from sample_rag_app.cache import EVICTION_REASONS, STALE_REASONS
from sample_rag_app.errors import ERROR_TYPES
from sample_rag_app.settings import VERSION

LATENCY: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 5, 7.5, 10, 20, 30, 60)
STAGE: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SCORE: Final = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
RETRIEVED: Final = (0, 1, 2, 3, 5, 8, 10, 20, 50)

INDEX: Final = "documents"
STATUSES: Final = ("success", "error", "cached")
STAGES: Final = ("cache", "retrieve", "generate")
"""The stages this version has; embedding, reranking, prompting and grounding have none to time."""
OUTCOMES: Final = ("ok", "empty", "low_score", "error")
RESULTS: Final = ("success", "error")
MAX_TOPICS: Final = 20


class Metrics:
    """The service's instruments. `registry` is what /metrics shows; one per application, so that tests share nothing."""

    def __init__(self) -> None:
        # `_created` series would double the page and no rule reads them; the switch is the library's, for the process.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._queries()
        self._requests()
        self._cache()
        self._retrieval()
        self._state()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def _queries(self) -> None:
        self.queries = self._counter(
            "rag_queries_total", "Questions run, by how they ended; a client's own fault is in none.", "status"
        )
        self.query_duration = self._histogram(
            "rag_query_duration_seconds", "Time to answer a question, by how it ended.", LATENCY, "status"
        )
        self.stage_duration = self._histogram(
            "rag_stage_duration_seconds", "Time spent in one stage of answering.", STAGE, "stage"
        )
        self.answers = self._counter("rag_answers_total", "New answers, by how sure they are.", "kind")
        self.topics = self._counter(
            "rag_query_topics_total", "New answers, by the topic of their first source.", "topic"
        )
        self.inflight = self._gauge("rag_inflight_queries", "Questions being answered now.")
        self.concurrency_limit = self._gauge("rag_concurrency_limit", "Questions that may be answered at once.")
        self.load_shed = self._counter("rag_load_shed_total", "Questions turned away to protect the rest.", "reason")
        self.top_query_share = self._gauge(
            "rag_top_query_share", "Share of all questions that the first 1 or 10 have, at most.", "rank"
        )
        _initialise(self.queries, STATUSES)
        _initialise(self.query_duration, STATUSES)
        _initialise(self.stage_duration, STAGES)
        _initialise(self.answers, KINDS)
        _initialise(self.load_shed, ("concurrency",))

    def _requests(self) -> None:
        self.requests = self._counter(
            "rag_requests_total", "HTTP requests, whatever came of them.", "client_id", "endpoint"
        )
        self.request_errors = self._counter(
            "rag_requests_error_total", "Requests that failed, the client's faults included, by cause.", "error_type"
        )
        self.response_time = self._histogram(
            "rag_response_time_seconds", "Time from a request's head to its finished answer.", LATENCY, "endpoint"
        )
        self.rate_limited = self._counter("rag_rate_limited_total", "Requests beyond a client's pace.", "scope")
        self.label_overflow = self._counter(
            "rag_label_overflow_total",
            "Label values collapsed to keep the number of series bounded.",
            "metric",
            "label",
        )
        self.loop_lag = self._histogram(
            "rag_event_loop_lag_seconds",
            "How late the event loop woke a sleeper; long means something blocks it.",
            STAGE,
        )
        _initialise(self.request_errors, ERROR_TYPES)
        _initialise(self.rate_limited, ("client",))
        self.label_overflow.labels("rag_requests_total", "client_id")
        self.label_overflow.labels("rag_query_topics_total", "topic")

    def _cache(self) -> None:
        self.cache_hits = self._counter("rag_cache_hits_total", "Questions answered from the cache.")
        self.cache_misses = self._counter("rag_cache_misses_total", "Questions the cache had no answer for.")
        self.cache_stale_hits = self._counter(
            "rag_cache_stale_hits_total", "Misses that found an answer too old to give.", "reason"
        )
        self.cache_entries = self._gauge("rag_cache_entries", "Answers in the cache.")
        self.cache_evictions = self._counter("rag_cache_evictions_total", "Answers dropped from the cache.", "reason")
        _initialise(self.cache_stale_hits, STALE_REASONS)
        _initialise(self.cache_evictions, EVICTION_REASONS)

    def _retrieval(self) -> None:
        self.retrievals = self._counter("rag_retrievals_total", "Searches, by what they found.", "index", "outcome")
        self.retrieved = self._histogram(
            "rag_retrieval_documents", "Documents that fitted a question.", RETRIEVED, "index"
        )
        self.top_score = self._histogram(
            "rag_retrieval_top_score", "Best passage's share of the question's informative words.", SCORE, "index"
        )
        self.index_documents = self._gauge("rag_index_documents", "Documents that can be searched.", "index")
        self.index_success = self._gauge(
            "rag_index_last_success_timestamp_seconds", "When the index was last built or grew.", "index"
        )
        self.index_source = self._gauge(
            "rag_index_source_last_modified_timestamp_seconds", "When the newest indexed document was changed.", "index"
        )
        self.index_builds = self._counter(
            "rag_index_builds_total", "Builds and additions, by result.", "index", "result"
        )
        self.index_info = self._gauge(
            "rag_index_info", "What the index is made of.", "index", "embedding_model", "dim", "version"
        )
        for outcome in OUTCOMES:
            self.retrievals.labels(INDEX, outcome)
        self.ingested = self._counter(
            "rag_ingested_documents_total",
            "Documents handed in, by whether they can be searched and are kept; a client's own fault is in none.",
            "result",
        )
        for result in RESULTS:
            self.index_builds.labels(INDEX, result)
        _initialise(self.ingested, RESULTS)
        _initialise(self.retrieved, (INDEX,))
        _initialise(self.top_score, (INDEX,))

    def _state(self) -> None:
        self.active_sessions = self._gauge("rag_active_sessions", "Sessions that asked something in the last minutes.")
        self.dependency_up = self._gauge("rag_dependency_up", "Whether a dependency answers, 1 or 0.", "dependency")
        self.fault_injected = self._gauge(
            "rag_fault_injected", "Whether a fault is injected on purpose, 1 or 0.", "fault"
        )
        build = self._gauge("rag_build_info", "The running version.", "version")
        build.labels(VERSION).set(1)

    def show_index(self, *, documents: int, version: str, built_seconds: float, modified_seconds: float) -> None:
        """Show what the index holds now; the earlier version's info goes away."""
        self.index_documents.labels(INDEX).set(documents)
        self.index_success.labels(INDEX).set(built_seconds)
        self.index_source.labels(INDEX).set(modified_seconds)
        self.index_info.clear()
        self.index_info.labels(INDEX, "none", "0", version).set(1)
        self.index_builds.labels(INDEX, "success").inc()


def _initialise(metric: Counter | Histogram, values: tuple[str, ...]) -> None:
    for value in values:
        metric.labels(value)
