"""The RAG service's overview: is anybody hurt now, since when, by what. Its uid never changes.

Thresholds are those of rules/rag.yml. Ratios show 0 while nothing fails and "no traffic" where nothing is asked.
"""

from __future__ import annotations

from typing import Final

from agent.dashboards import panels
from agent.dashboards.layout import rows
from agent.dashboards.panels import BAD, GOOD, NEUTRAL, WARN, About, Query

UID: Final = "rag-overview"
_ALL: Final = 'job=~"$job",instance=~"$instance"'
_RATE: Final = "[$__rate_interval]"

_QUERIES: Final = f"sum(rate(rag_queries_total{{{_ALL}}}{_RATE}))"
_ERRORS: Final = f'sum(rate(rag_queries_total{{{_ALL},status="error"}}{_RATE}))'
_ERROR_RATIO: Final = f"({_ERRORS} or 0 * {_QUERIES}) / ({_QUERIES} > 0)"
_HITS: Final = f"sum(rate(rag_cache_hits_total{{{_ALL}}}{_RATE}))"
_MISSES: Final = f"sum(rate(rag_cache_misses_total{{{_ALL}}}{_RATE}))"
_HIT_RATIO: Final = f"{_HITS} / ({_HITS} + {_MISSES} > 0)"
_FIRING: Final = 'ALERTS{alertstate="firing",severity=~"critical|warning"}'

_ERROR_STEPS: Final = ((None, GOOD), (0.05, WARN), (0.1, BAD))
_LATENCY_STEPS: Final = ((None, GOOD), (2.0, WARN), (5.0, BAD))
_HIT_STEPS: Final = ((None, BAD), (0.2, WARN), (0.4, GOOD))
_SEVERITIES: Final = {"critical": ("critical", BAD), "warning": ("warning", WARN), "info": ("info", NEUTRAL)}


def build() -> str:
    """Return the dashboard's JSON text."""
    shown = [*_strip(), *_trends(), *_causes(), *_load(), *_tables()]
    places = rows((4, [4] * 6), (8, [12, 12]), (8, [8, 8, 8]), (8, [12, 12]), (7, [8, 8, 8]), (9, [12, 12]))
    return panels.dashboard(
        uid=UID,
        title="RAG service: overview",
        description="Is anybody hurt now, since when, by what? Built by `burnline dashboards build`: edit the code, not this.",
        tags=["rag", "burnline"],
        variables_of="rag_queries_total",
        placed=list(zip(places, shown, strict=True)),
        annotations=[
            panels.marks(
                "Firing alerts",
                f'{_FIRING[:-1]},job=~"$job"}}',
                BAD,
                title="{{alertname}}",
                text="{{severity}} {{job}} {{instance}}",
                tags="alertname,severity",
            ),
            panels.marks(
                "Starts",
                f"process_start_time_seconds{{{_ALL}}} * 1000",
                NEUTRAL,
                title="started",
                text="{{job}} {{instance}}",
                at_value=True,
            ),
        ],
    )


def _strip() -> list[panels.Panel]:
    """Answer "is it well now?" in six numbers."""
    return [
        panels.single(
            About(
                "Query Rate",
                "Questions per second, whatever came of them. A sudden fall to nothing is an outage upstream.",
                "reqps",
                1,
            ),
            Query(_QUERIES),
        ),
        panels.single(
            About(
                "Error Rate",
                "Share of the questions that failed. Above 5% somebody is paged: see the runbook high-error-rate.",
                "percentunit",
                1,
            ),
            Query(_ERROR_RATIO),
            _ERROR_STEPS,
        ),
        panels.single(
            About(
                "Latency p95",
                "One uncached answer in twenty takes longer than this. Above 2 s: see the runbook slow-responses.",
                "s",
                2,
            ),
            Query(_quantile(0.95)),
            _LATENCY_STEPS,
        ),
        panels.dial(
            About(
                "Cache Hit Rate",
                "Share of the questions that the answer cache served. Below 20%: see the runbook cache-hit-collapse.",
                "percentunit",
                0,
            ),
            Query(_HIT_RATIO),
            _HIT_STEPS,
        ),
        panels.single(
            About(
                "Active Sessions",
                "Sessions that asked something in the last five minutes: how many people an outage would reach.",
                "short",
                0,
            ),
            Query(f"sum(rag_active_sessions{{{_ALL}}})"),
            empty="no data",
        ),
        panels.single(
            About(
                "Alerts Firing",
                "Critical and warning alerts that fire now, whatever they watch. The table at the end names them.",
                "short",
                0,
            ),
            Query(f"count({_FIRING}) or vector(0)"),
            ((None, GOOD), (1, BAD)),
            spark=False,
        ),
    ]


def _trends() -> list[panels.Panel]:
    """Show traffic on the left, time on the right."""
    latency = [
        Query(_quantile(0.5), "p50", exemplar=True),
        Query(_quantile(0.95), "p95"),
        Query(_quantile(0.99), "p99"),
    ]
    return [
        panels.graph(
            About(
                "Query Rate by Outcome",
                "Questions per second, by how they ended. Errors that grow while the sum stays are the service's own.",
                "reqps",
            ),
            [Query(f"sum by (status) (rate(rag_queries_total{{{_ALL}}}{_RATE}))", "{{status}}")],
            stacked=True,
        ),
        panels.graph(
            About(
                "Latency p50, p95, p99",
                "Time of uncached answers, with the alerts' limits. p50 up: all is slow; only p99 up: a few questions are.",
                "s",
            ),
            latency,
            limits=_LATENCY_STEPS,
        ),
    ]


def _causes() -> list[panels.Panel]:
    """Show what the errors are and where the time goes."""
    stage = f"histogram_quantile(0.95, sum by (le, stage) (rate(rag_stage_duration_seconds_bucket{{{_ALL}}}{_RATE})))"
    return [
        panels.graph(
            About(
                "Error Ratio",
                "Share of the questions that failed, over time. The lines are the limits of HighErrorRate and VeryHighErrorRate.",
                "percentunit",
            ),
            [Query(_ERROR_RATIO, "errors")],
            limits=_ERROR_STEPS,
        ),
        panels.graph(
            About(
                "Errors by Type",
                "Failed requests per second by cause, the clients' own faults included. The tallest bar is where to start.",
                "reqps",
            ),
            [Query(f"sum by (error_type) (rate(rag_requests_error_total{{{_ALL}}}{_RATE}))", "{{error_type}}")],
            bars=True,
            stacked=True,
        ),
        panels.graph(
            About(
                "Latency p95 by Stage",
                "Where an answer's time goes: looking into the cache, retrieving, generating. The stage that grew is the cause.",
                "s",
            ),
            [Query(stage, "{{stage}}")],
        ),
    ]


def _load() -> list[panels.Panel]:
    """Show how latency is spread, and what the cache does about it."""
    bucket = f'rag_query_duration_seconds_bucket{{{_ALL},status!="cached"}}'
    return [
        panels.distribution(
            About(
                "Latency Distribution",
                "How many uncached answers fell into each span of time. Two bands mean two kinds of question, or of instance.",
                "s",
            ),
            Query(f"sum by (le) (increase({bucket}{_RATE}))", "{{le}}"),
        ),
        panels.graph(
            About(
                "Cache Hits and Stale Hits",
                "Look-ups that hit, and those that found an answer too old to give, with CacheHitCollapse's limit.",
                "percentunit",
            ),
            [
                Query(_HIT_RATIO, "hit"),
                Query(
                    f"sum(rate(rag_cache_stale_hits_total{{{_ALL}}}{_RATE})) / ({_HITS} + {_MISSES} > 0)",
                    "stale",
                ),
            ],
            limits=((None, "transparent"), (0.2, BAD)),
        ),
        panels.graph(
            About(
                "Active Sessions by Instance",
                "Sessions that asked something in the last five minutes, by instance: an uneven spread shows a balancer's fault.",
                "short",
            ),
            [Query(f"sum by (instance) (rag_active_sessions{{{_ALL}}})", "{{instance}}")],
        ),
        panels.graph(
            About(
                "Saturation",
                "Questions being answered now, against how many may be at once. Where the lines meet, questions are turned away.",
                "short",
            ),
            [
                Query(f"sum(rag_inflight_queries{{{_ALL}}})", "in flight"),
                Query(f"sum(rag_concurrency_limit{{{_ALL}}})", "limit"),
            ],
        ),
        panels.states(
            About(
                "Dependencies",
                "Whether what the service needs answers it. A red band pages at once: see the runbook dependency-down.",
                "none",
            ),
            Query(f"min by (dependency) (rag_dependency_up{{{_ALL}}})", "{{dependency}}"),
            {"0": ("down", BAD), "1": ("up", GOOD)},
        ),
    ]


def _tables() -> list[panels.Panel]:
    """Show what is asked most, and what fires."""
    return [
        panels.listing(
            About(
                "Top Queries",
                "The ten most frequent questions since the start, estimated. Texts are hidden unless switched on there.",
                "short",
            ),
            Query(f"topk(10, sum by (query_id, query) (rag_top_queries{{{_ALL}}}))"),
            columns={"query": "Query", "query_id": "Id", "Value": "Asked"},
            hidden=["Time"],
            order=("Asked", True),
            empty="nothing was asked yet",
        ),
        panels.listing(
            About(
                "Firing Alerts",
                "What fires now, the worst first. Its page in Burnline says who was told and which runbook helps.",
                "none",
            ),
            Query(_FIRING),
            columns={"severity": "Severity", "alertname": "Alert", "job": "Job", "instance": "Instance"},
            hidden=["Time", "Value", "__name__", "alertstate", "channels"],
            order=("Severity", False),
            colours={"Severity": _SEVERITIES},
            empty="nothing fires",
        ),
    ]


def _quantile(share: float) -> str:
    """Return the PromQL of a quantile of uncached answers' time; a hit of 5 ms would hide a bad one."""
    uncached = f'{_ALL},status!="cached"'
    quantile = (
        f"histogram_quantile({share}, sum by (le) (rate(rag_query_duration_seconds_bucket{{{uncached}}}{_RATE})))"
    )
    return f"{quantile} and sum(rate(rag_query_duration_seconds_count{{{uncached}}}{_RATE})) > 0"
