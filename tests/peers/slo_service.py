"""A service whose pages follow from the time since it began, and objectives about it: what an agent and a Prometheus both watch.

Each objective is about one thing that may be counted otherwise: a counter that is born late, another process, a label, a bucket.
"""

from __future__ import annotations

import time

RATE = 200
"""Requests a second; 1 in 100 fails, half of them in the outage."""
BURST = 1_000
"""Requests that all fail between two scrapes: the lazy counter is born with them. The wrong service forgets that they came."""
OUTAGE = 10.0
COUNTED = ("steady", "quiet", "lazy", "restarted", "few", "fewer")
"""Objectives about `NAME_errors_total` and `NAME_requests_total`, as the wrong one is."""


def rate(selector: str) -> str:
    return f"sum(rate({selector}[{{{{.window}}}}]))"


WITHIN, WITHIN_TOO = 't_seconds_bucket{le="0.5"}', 't_seconds_bucket{le="0.50"}'
"""One bucket; the page writes its bound as 0.5, and nobody as 0.50."""
WHOLE = 't_seconds_bucket{le="+Inf"}'
QUERIES = {
    **{each: (rate(f"{each}_errors_total"), rate(f"{each}_requests_total")) for each in (*COUNTED, "wrong")},
    "tenants": tuple(rate(each).replace("sum", "sum by (tenant) ") for each in ("t_errors_total", "t_requests_total")),
    "latency": (f"{rate('t_seconds_count')} - {rate(WITHIN)}", rate("t_seconds_count")),
    "written": (f"{rate(WHOLE)} - {rate(WITHIN_TOO)}", rate(WHOLE)),
    "summed": (
        f"{rate('timeouts_total')} + {rate('steady_errors_total')}",
        f"{rate('steady_requests_total')} + {rate('misses_total')}",
    ),
}
"""Errors and all, by objective. Nobody ever sees timeouts and misses."""
_SLO = """\
  - name: {name}
    objective: 95
    sli: {{events: {{error_query: '{error}', total_query: '{total}'}}}}
    alerting: {{name: Burns}}
    burnline: {{group_by: [{group}]}}
"""


def specification(service: str) -> str:
    """Return the objectives as a file."""
    slos = [
        _SLO.format(name=name, error=error, total=total, group="tenant" if name == "tenants" else "")
        for name, (error, total) in QUERIES.items()
    ]
    return f"version: prometheus/v1\nservice: {service}\nslos:\n{''.join(slos)}"


class Counting:
    """The watched service: its counters follow from the time since it began, so every page can be recomputed; 0 until then."""

    def __init__(self) -> None:
        self.began = self.outage = float("inf")

    def page(self) -> str:
        """Return its page of now."""
        now = time.time()
        requests = int(RATE * max(now - self.began, 0.0))
        since = max(now - self.outage, 0.0)
        failing = min(since, OUTAGE)
        usual = requests // 100
        errors = usual + int(RATE * failing / 2)
        # The process of `restarted` is another one from the outage on: its counters begin at 0 again.
        anew = int(RATE * since) if since else requests
        # Seven requests at the beginning of the outage, and later again one a second.
        asked = 1_000 + min(int(1.4 * since), 7) + max(int(since - 8), 0)
        counters = {
            "steady_requests_total": requests,
            "steady_errors_total": errors,
            "quiet_requests_total": requests,
            "quiet_errors_total": usual,
            "lazy_requests_total": requests + (BURST if failing else 0),
            "wrong_requests_total": requests,
            "wrong_errors_total": BURST if failing else 0,
            "restarted_requests_total": anew,
            "restarted_errors_total": anew // 100,
            "few_requests_total": asked,
            "few_errors_total": min(int(since), 3),
            "fewer_requests_total": asked,
            "fewer_errors_total": min(int(since), 2),
        }
        if failing:
            counters["lazy_errors_total"] = BURST
        plain = "".join(f"# TYPE {name} counter\n{name} {value}\n" for name, value in counters.items())
        return plain + _by_tenant(requests, {"acme": errors, "globex": usual}) + _histogram(requests, errors)


def _by_tenant(requests: int, errors: dict[str, int]) -> str:
    found = ""
    for name, values in (("t_errors_total", errors), ("t_requests_total", dict.fromkeys(errors, requests))):
        found += f"# TYPE {name} counter\n"
        for tenant, value in values.items():
            for path, part in (("/", value // 2), ("/ask", value - value // 2)):
                found += f'{name}{{tenant="{tenant}",path="{path}"}} {part}\n'
    return found


def _histogram(requests: int, slow: int) -> str:
    whole = f"{WHOLE} {requests}\nt_seconds_sum {requests}\nt_seconds_count {requests}\n"
    return f"# TYPE t_seconds histogram\n{WITHIN} {requests - slow}\n{whole}"
