"""The agent's metrics about itself, each name in this one place, and the set-up of its logs.

A `Telemetry` is made once by `app` and passed to the rooms that count; tests make their own.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LATENCY: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Telemetry:
    """Counters, gauges and histograms on one registry. Names of the peers are kept where public dashboards use them."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = made = registry or CollectorRegistry(auto_describe=False)
        self.build_info = Gauge("burnline_build_info", "Always 1; the version is a label.", ["version"], registry=made)
        self.samples_ingested = Counter(
            "burnline_samples_ingested_total", "Samples written to the store.", registry=made
        )
        self.samples_dropped = Counter(
            "burnline_samples_dropped_total", "Samples that were not kept, by reason.", ["reason"], registry=made
        )
        self.exemplars_dropped = Counter(
            "burnline_exemplars_dropped_total", "Exemplars that were not kept, by reason.", ["reason"], registry=made
        )
        self.scrapes_failed = Counter(
            "burnline_scrapes_failed_total", "Scrapes that gave no usable page, by reason.", ["reason"], registry=made
        )
        self.scrapes_missed = Counter(
            "burnline_scrapes_missed_total", "Scrape slots skipped because the one before was late.", registry=made
        )
        self.store_series = Gauge("burnline_store_series", "Series that have samples in memory.", registry=made)
        self.store_bytes = Gauge("burnline_store_bytes", "Bytes that the samples and labels take.", registry=made)
        self.store_durable = Gauge(
            "burnline_store_durable", "1 while new samples reach the disk and none is missing there.", registry=made
        )
        self.store_disk_bytes = Gauge(
            "burnline_store_disk_bytes",
            "Bytes on the disk: block files, and the log before them.",
            ["kind"],
            registry=made,
        )
        self.store_damaged = Gauge(
            "burnline_store_damaged_files", "Damaged files set aside since the start.", registry=made
        )
        self.rule_evaluations = Counter(
            "prometheus_rule_evaluations_total", "Rule evaluations.", ["rule_group"], registry=made
        )
        self.rule_failures = Counter(
            "prometheus_rule_evaluation_failures_total", "Rule evaluations that failed.", ["rule_group"], registry=made
        )
        self.group_duration = Gauge(
            "prometheus_rule_group_last_duration_seconds",
            "How long the group's last evaluation took.",
            ["rule_group"],
            registry=made,
        )
        self.group_missed = Counter(
            "prometheus_rule_group_iterations_missed_total",
            "Evaluation slots skipped because the one before was late.",
            ["rule_group"],
            registry=made,
        )
        self.scrape_to_evaluation = Histogram(
            "burnline_rule_scrape_to_evaluation_seconds",
            "From the landing of the last scrape that a group waits for to the end of the group's evaluation.",
            buckets=_LATENCY,
            registry=made,
        )
        self.slo_budgets = Gauge(
            "burnline_slo_budgets",
            "Error budgets by state: value, no traffic, SLONoData, SLOInvalid.",
            ["state"],
            registry=made,
        )
        self.slo_row_duration = Histogram(
            "burnline_slo_row_duration_seconds",
            "From when a row of all budgets is due until it is counted, written down and judged.",
            buckets=_LATENCY,
            registry=made,
        )
        self.slo_bytes = Gauge("burnline_slo_bytes", "Bytes that the history of the budgets takes.", registry=made)
        self.slo_durable = Gauge(
            "burnline_slo_durable", "1 while error budgets are written to the disk.", registry=made
        )
        self.slo_durable.set(1)
        self.rounds_overdue = Counter(
            "burnline_rule_rounds_overdue_total",
            "Rounds in which groups were evaluated although a scrape that they wait for had not landed in time.",
            registry=made,
        )
        self.reload_successful = Gauge(
            "burnline_config_last_reload_successful", "1 if the last reload was taken over.", registry=made
        )
        self.reload_at = Gauge(
            "burnline_config_last_reload_success_timestamp_seconds", "When a reload was last taken over.", registry=made
        )
        self.notifications = Counter(
            "alertmanager_notifications_total", "Messages that were to be sent.", ["integration"], registry=made
        )
        self.alerts_received = Counter(
            "alertmanager_alerts_received_total",
            "Alerts that others handed over.",
            ["status", "version"],
            registry=made,
        )
        self.alerts_invalid = Counter(
            "alertmanager_alerts_invalid_total",
            "Alerts that others handed over and that are none.",
            ["version"],
            registry=made,
        )
        self.notifications_failed = Counter(
            "alertmanager_notifications_failed_total",
            "Attempts to send that failed.",
            ["integration", "reason"],
            registry=made,
        )
        self.notifications_suppressed = Counter(
            "alertmanager_notifications_suppressed_total",
            "Alerts that were held back, by reason.",
            ["reason"],
            registry=made,
        )
        self.notification_latency = Histogram(
            "alertmanager_notification_latency_seconds",
            "How long one attempt to send took.",
            ["integration"],
            buckets=_LATENCY,
            registry=made,
        )
        self.outbox_pending = Gauge(
            "burnline_outbox_pending", "Messages written down and not yet delivered.", ["integration"], registry=made
        )
        self.channel_disabled = Gauge(
            "burnline_channel_disabled", "1 for a channel that has no credentials.", ["channel"], registry=made
        )
        self.circuit_open = Gauge(
            "burnline_circuit_open",
            "1 for a provider that failed again and again and is given a rest; one message at a time tries it.",
            ["provider"],
            registry=made,
        )
        self.channel_failing = Gauge(
            "burnline_channel_failing",
            "1 for a channel whose last messages were given up or keep failing.",
            ["channel"],
            registry=made,
        )
        self.channel_probe = Gauge(
            "burnline_channel_probe_success",
            "1 for a channel whose provider answered a harmless question at the start, 0 for one whose did not.",
            ["channel"],
            registry=made,
        )
        self.part_works = Gauge(
            "burnline_heartbeat_part_works",
            "1 for a part of the agent without which no heartbeat is sent, while it works.",
            ["part"],
            registry=made,
        )
        self.heartbeats_sent = Counter(
            "burnline_heartbeats_sent_total",
            "Heartbeats sent, failed attempts, and those withheld because a part does not work.",
            ["heartbeat", "result"],
            registry=made,
        )
        self.heartbeat_sent_at = Gauge(
            "burnline_heartbeat_last_sent_timestamp_seconds",
            "When the heartbeat was last accepted.",
            ["heartbeat"],
            registry=made,
        )
        self.heartbeats_received = Counter(
            "burnline_heartbeats_received_total",
            "Heartbeats that came: ok, start or fail.",
            ["heartbeat", "kind"],
            registry=made,
        )
        self.heartbeats_refused = Counter(
            "burnline_heartbeats_refused_total",
            "Heartbeats that were refused: of an unknown name or with a wrong token, or too many.",
            ["reason"],
            registry=made,
        )
        self.heartbeat_received_at = Gauge(
            "burnline_heartbeat_last_received_timestamp_seconds",
            "When the heartbeat came last.",
            ["heartbeat"],
            registry=made,
        )
        self.heartbeat_missing = Gauge(
            "burnline_heartbeat_missing", "1 for a heartbeat that is owed and missing.", ["heartbeat"], registry=made
        )
        self.heartbeat_failed = Gauge(
            "burnline_heartbeat_failed", "1 for one that last said that it failed.", ["heartbeat"], registry=made
        )
        self.heartbeat_took = Gauge(
            "burnline_heartbeat_last_duration_seconds",
            "How long the work took whose beginning and end were told last.",
            ["heartbeat"],
            registry=made,
        )
        self.drills = Counter(
            "burnline_drills_total", "Drills that are over, by result.", ["drill", "result"], registry=made
        )
        self.drill_passed = Gauge(
            "burnline_drill_last_passed", "1 if the last drill of this name passed.", ["drill"], registry=made
        )
        self.drill_passed_at = Gauge(
            "burnline_drill_last_passed_timestamp_seconds", "When a drill last passed.", ["drill"], registry=made
        )
        self.request_duration = Histogram(
            "burnline_http_request_duration_seconds",
            "How long an answer of the agent's own pages took.",
            ["handler"],
            buckets=_LATENCY,
            registry=made,
        )
        self.store_oldest = Gauge(
            "burnline_store_oldest_timestamp_seconds", "The oldest sample that is still kept.", registry=made
        )


def configure_logging(level: str = "info", form: str = "auto") -> None:
    """Set up structlog: `form` is auto (JSON unless standard error is a terminal), json or console.

    Exceptions are rendered without local variables: locals may hold secrets.
    """
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=shared + renderer,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
