"""A wide rule file: objectives in the shape that sloth compiles them to, and quantiles over many buckets. Pure."""

from __future__ import annotations

import json
from typing import Any

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
PAGES = (("5m", "1h", 14.4), ("30m", "6h", 6.0))
TICKETS = (("2h", "1d", 3.0), ("6h", "3d", 1.0))
QUANTILES = (0.5, 0.9, 0.99)
OBJECTIVE = 0.999
GROUPINGS = (("all", ("le",)), ("service", ("le", "service")), ("route", ("le", "service", "route")))

SEVERITIES = ("critical", "warning", "info")
CONDITIONS = (
    (
        "ErrorRatioHigh",
        """sum by (service, instance) (rate(http_requests_total{service="SERVICE", code=~"5.."}[5m]))
  / sum by (service, instance) (rate(http_requests_total{service="SERVICE"}[5m])) > 0.05""",
        "humanizePercentage",
    ),
    (
        "LatencyHigh",
        """histogram_quantile(0.99, sum by (le, service, instance) (
  rate(http_request_duration_seconds_bucket{service="SERVICE"}[5m]))) > 2.5""",
        "humanizeDuration",
    ),
    (
        "DiskFillsUp",
        """predict_linear(node_filesystem_avail_bytes{service="SERVICE", fstype!~"tmpfs|ramfs"}[6h], 4 * 3600) < 0
  and node_filesystem_avail_bytes{service="SERVICE"} / node_filesystem_size_bytes{service="SERVICE"} < 0.2""",
        "humanize1024",
    ),
)


def wide_rules(objectives: int) -> str:
    """Return a rule file (JSON is YAML): `objectives` SLOs, three groups each, and three groups of quantiles."""
    groups: list[dict[str, Any]] = []
    for number in range(objectives):
        groups += _objective(f"svc-{number:03d}")
    groups += [_quantiles(name, by) for name, by in GROUPINGS]
    return json.dumps({"groups": groups}, indent=1)


def _objective(service: str) -> list[dict[str, Any]]:
    identity = {"sloth_service": service, "sloth_slo": "availability", "sloth_id": f"{service}-availability"}
    picked = ", ".join(f'{name}="{value}"' for name, value in identity.items())
    sli = [_recording(f"slo:sli_error:ratio_rate{each}", _ratio(service, each), {**identity, "sloth_window": each})
           for each in WINDOWS]  # fmt: skip
    over = f"slo:sli_error:ratio_rate5m{{{picked}}}[30d]"
    month = f"sum_over_time({over}) / ignoring (sloth_window) count_over_time({over})"
    sli.append(_recording("slo:sli_error:ratio_rate30d", month, {**identity, "sloth_window": "30d"}))
    budget = f"on(sloth_id, sloth_slo, sloth_service) group_left slo:error_budget:ratio{{{picked}}}"
    meta = [
        _recording("slo:objective:ratio", f"vector({OBJECTIVE})", identity),
        _recording("slo:error_budget:ratio", f"vector(1-{OBJECTIVE})", identity),
        _recording("slo:time_period:days", "vector(30)", identity),
        _recording("slo:current_burn_rate:ratio", f"slo:sli_error:ratio_rate5m{{{picked}}} / {budget}", identity),
        _recording("slo:period_burn_rate:ratio", f"slo:sli_error:ratio_rate30d{{{picked}}} / {budget}", identity),
        _recording("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{{{picked}}}", identity),
    ]
    alerts = [_alert(service, "page", PAGES, picked), _alert(service, "ticket", TICKETS, picked)]
    return [
        {"name": f"slo-sli-recordings-{service}", "rules": sli},
        {"name": f"slo-meta-recordings-{service}", "rules": meta},
        {"name": f"slo-alerts-{service}", "rules": alerts},
    ]


def _ratio(service: str, window: str) -> str:
    picked = f'service="{service}"'
    failed = f'sum(rate(http_requests_total{{{picked},code=~"(5..|429)"}}[{window}]))'
    return f"({failed}) / (sum(rate(http_requests_total{{{picked}}}[{window}])))"


def _alert(service: str, severity: str, pairs: tuple[tuple[str, str, float], ...], picked: str) -> dict[str, Any]:
    def burns(window: str, factor: float) -> str:
        error = f"slo:sli_error:ratio_rate{window}{{{picked}}}"
        return f"max({error} > ({factor:g} * {1 - OBJECTIVE:.6g})) without (sloth_window)"

    expression = " or ".join(f"({burns(short, factor)} and {burns(long, factor)})" for short, long, factor in pairs)
    return {"alert": f"ErrorBudgetBurn-{service}", "expr": expression, "labels": {"severity": severity}}


def _quantiles(name: str, by: tuple[str, ...]) -> dict[str, Any]:
    rates = f"sum by ({', '.join(by)}) (rate(http_request_duration_seconds_bucket[5m]))"
    rules = [
        _recording(f"{name}:latency_seconds:quantile", f"histogram_quantile({q}, {rates})", {"quantile": str(q)})
        for q in QUANTILES
    ]
    return {"name": f"latency-{name}", "rules": rules}


def _recording(name: str, expression: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"record": name, "expr": expression, "labels": labels}


def alerts_with_templates(count: int, per_group: int) -> str:
    """Return a rule file of `count` alerts as people write them: ratios, thresholds and quantiles, four templates each."""
    lines = ["groups:"]
    for number in range(count):
        if number % per_group == 0:
            lines += [f"- name: group-{number // per_group}", "  rules:"]
        service, (alert, expression, humane) = f"svc-{number:05d}", CONDITIONS[number % len(CONDITIONS)]
        lines += [
            f"  - alert: {alert}{number}",
            "    expr: |",
            *(f"      {line}" for line in expression.replace("SERVICE", service).splitlines()),
            "    for: 5m",
            f"    labels: {{severity: {SEVERITIES[number % len(SEVERITIES)]}, team: team-{number % 17}}}",
            "    annotations:",
            f'      summary: "{{{{ $labels.instance }}}} of {service}: {{{{ $value | {humane} }}}}"',
            "      description: |",
            f"        {{{{ with printf `up{{service='{service}', instance='%s'}}` $labels.instance | query }}}}up is",
            "        {{ . | first | value | humanize }}, {{ end }}",
            "        seen from {{ $externalLabels.region }}: {{ if gt $value 10.0 }}much{{ else }}some{{ end }}.",
            f"      runbook_url: https://runbooks.example.org/{service}/{alert}",
            "      dashboard: '{{ $externalURL }}/d/{{ $labels.service | toLower }}'",
        ]
    return "\n".join(lines) + "\n"
