"""Three situations to look at: everything well, an outage at night, and an agent that was just installed."""

from __future__ import annotations

from agent.model import Labels
from agent.web import (
    Acknowledgement,
    AlertDetail,
    AlertState,
    AlertView,
    ChannelView,
    Delivery,
    FakeHandles,
    NextStep,
    Overview,
    RuleGroupView,
    RuleHealth,
    RuleView,
    StorageView,
    TargetHealth,
    TargetView,
    Transition,
)

NOW = 1_767_582_764_000  # 2026-01-05T03:12:44Z
MINUTE = 60_000

HIGH_ERRORS = AlertView(
    Labels.of(alertname="HighErrorRate", severity="critical", job="rag", service="rag"),
    Labels.of(
        summary="12.3 % of the answers of rag fail",
        description="More than 10 % of the queries of job rag ended in an error for 2 minutes. Users see error pages.",
        runbook_url="http://localhost:8000/runbooks/high-error-rate",
    ),
    AlertState.FIRING,
    active_at_ms=NOW - 16 * MINUTE,
    value=0.12345678,
    fired_at_ms=NOW - 14 * MINUTE,
)
SLOW = AlertView(
    Labels.of(alertname="SlowAnswers", severity="warning", job="rag"),
    Labels.of(summary="p95 of rag is 6.2 s"),
    AlertState.FIRING,
    active_at_ms=NOW - 20 * MINUTE,
    value=6.2,
    fired_at_ms=NOW - 15 * MINUTE,
    acknowledgement=Acknowledgement("ana", NOW - 5 * MINUTE, "looking at the retriever"),
)
MEMORY = AlertView(
    Labels.of(alertname="MemoryHigh", severity="warning", instance="rag-1"),
    Labels.of(summary="memory at 83 % of the limit"),
    AlertState.PENDING,
    active_at_ms=NOW - MINUTE,
    value=83.0,
)
WATCHDOG = AlertView(
    Labels.of(alertname="Watchdog", severity="none"),
    Labels.of(summary="Alerting works: this one always fires"),
    AlertState.FIRING,
    active_at_ms=NOW - 3 * 86_400_000,
    value=1.0,
    fired_at_ms=NOW - 3 * 86_400_000,
)
HIGH_ERRORS_DETAIL = AlertDetail(
    HIGH_ERRORS,
    expression="error_rate > 0.10",
    condition="> 0.10",
    for_ms=2 * MINUTE,
    group="rag-critical",
    file="rules/rag.yml",
    transitions=[
        Transition(NOW - 16 * MINUTE, AlertState.INACTIVE, AlertState.PENDING, 0.11, "the expression gave a value"),
        Transition(NOW - 14 * MINUTE, AlertState.PENDING, AlertState.FIRING, 0.123, "it held for 2m"),
    ],
    deliveries=[
        Delivery(NOW - 14 * MINUTE, "slack", "#oncall", "delivered", "first notification", "", 1, "1767581924.0021"),
        Delivery(NOW - 14 * MINUTE, "sms", "+33 ••• 678", "delivered", "first notification", "ana", 1, "SM09f2"),
        Delivery(
            NOW - 9 * MINUTE,
            "email",
            "sre@example.org",
            "failed",
            "escalation step 1",
            "",
            4,
            "",
            "smtp.example.org:587 answered 550 5.1.1: no such mailbox; correct the address in escalation.yml",
        ),
    ],
    next_steps=[NextStep(NOW + MINUTE, "SMS to bob, unless somebody acknowledges before")],
    people=["ana", "bob"],
)


def rule_groups() -> list[RuleGroupView]:
    return [
        RuleGroupView(
            "rag-words",
            "rules/rag.yml",
            15_000,
            [
                RuleView(
                    "error_rate",
                    "sum(rate(rag_errors_total[5m])) / sum(rate(rag_queries_total[5m]))",
                    False,
                    health=RuleHealth.OK,
                ),
                RuleView(
                    "p95_response_time",
                    "histogram_quantile(0.95, sum by (le) (rate(x[5m])))",
                    False,
                    health=RuleHealth.OK,
                ),
            ],
            last_evaluation_ms=NOW - 4_000,
        ),
        RuleGroupView(
            "rag-critical",
            "rules/rag.yml",
            15_000,
            [
                RuleView(
                    "HighErrorRate",
                    "error_rate > 0.10",
                    True,
                    Labels.of(severity="critical"),
                    HIGH_ERRORS.annotations,
                    for_ms=2 * MINUTE,
                    health=RuleHealth.OK,
                    last_evaluation_ms=NOW - 4_000,
                    evaluation_seconds=0.0005,
                ),
                RuleView("ServiceDown", "up == 0", True, Labels.of(severity="critical"), health=RuleHealth.OK),
            ],
            last_evaluation_ms=NOW - 4_000,
        ),
    ]


def _overview(**changes: object) -> Overview:
    stored = StorageView(1_204, 3_482_113, 41_300_000, 512_000_000, NOW - 9 * 3_600_000, 15 * 86_400_000)
    return Overview(
        **{
            "version": "0.1.0",
            "started_ms": NOW - 9 * 3_600_000,
            "storage": stored,
            "channels": [ChannelView("email"), ChannelView("slack"), ChannelView("sms")],
            "links": {"Dashboards": "http://localhost:3000/d/rag"},
        }
        | changes
    )


def _targets() -> list[TargetView]:
    return [
        TargetView(
            "rag",
            "http://127.0.0.1:8000/metrics",
            Labels.of(job="rag", instance="127.0.0.1:8000"),
            TargetHealth.UP,
            Labels.of(__address__="127.0.0.1:8000"),
            last_scrape_ms=NOW - 6_000,
            last_scrape_seconds=0.004,
        ),
        TargetView(
            "system", "local", Labels.of(job="system"), TargetHealth.UP, last_scrape_ms=NOW - 6_000, interval_ms=15_000
        ),
    ]


BOOK = """# High error rate

**First** look at `rag_dependency_up`.

1. Is the database there? See [service down](service-down.md).
2. Roll back if a deployment came just before.

| sign | cause |
|---|---|
| `timeout` | the retriever |
"""


def healthy() -> FakeHandles:
    return FakeHandles(
        now=NOW,
        rule_groups=rule_groups(),
        active=[WATCHDOG],
        scraped=_targets(),
        shown=_overview(),
        books={"high-error-rate": BOOK, "service-down": "# Service down\n"},
    )


def firing() -> FakeHandles:
    made = healthy()
    made.active = [WATCHDOG, SLOW, MEMORY, HIGH_ERRORS]
    made.details = {
        HIGH_ERRORS.fingerprint: HIGH_ERRORS_DETAIL,
        SLOW.fingerprint: AlertDetail(SLOW, "p95_response_time > 5.0", "> 5.0"),
    }
    made.scraped.append(
        TargetView(
            "reranker",
            "http://10.0.0.7:9000/metrics",
            Labels.of(job="reranker"),
            TargetHealth.DOWN,
            last_error="cannot scrape http://10.0.0.7:9000/metrics: connection refused; is the service running?",
            last_scrape_ms=NOW - 11_000,
        )
    )
    words, critical = made.rule_groups
    first, second = critical.rules
    made.rule_groups = [
        words,
        RuleGroupView(
            critical.name,
            critical.file,
            critical.interval_ms,
            [
                RuleView(
                    first.name,
                    first.query,
                    True,
                    first.labels,
                    first.annotations,
                    first.for_ms,
                    health=RuleHealth.OK,
                    last_evaluation_ms=NOW - 4_000,
                    evaluation_seconds=0.0005,
                    alerts=[HIGH_ERRORS],
                ),
                RuleView(
                    second.name,
                    second.query,
                    True,
                    second.labels,
                    health=RuleHealth.ERROR,
                    last_error="vector cannot contain metrics with the same labelset",
                ),
            ],
            last_evaluation_ms=NOW - 4_000,
        ),
    ]
    made.shown = _overview(
        channels=[
            ChannelView("email"),
            ChannelView("slack"),
            ChannelView("sms", "no account_sid, auth_token for Twilio"),
        ]
    )
    return made


def empty() -> FakeHandles:
    return FakeHandles(now=NOW, shown=Overview("0.1.0", NOW - 12_000, StorageView(0, 0, 0)))
