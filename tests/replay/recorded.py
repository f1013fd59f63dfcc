"""A storage folder with a day of samples of a small service, in which it fails twice and is down once."""

from __future__ import annotations

import numpy as np

from agent.model import STALE_NAN, Columns, Labels, Row
from agent.store import Store

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
BEGIN = 1_699_920_000_000
"""14 November 2023, 0:00 UTC."""


def record(folder, *, hours=24, interval_ms=30 * SECOND, begin_ms=BEGIN):
    """Write `error_share` and `up` of one target: errors from 02:00 for 20 min and from 14:02 for 3 min; down 16:00 to 16:10."""
    store = Store.open(folder / "samples", retention_ms=10**13, max_memory_bytes=2**27)
    own = {"job": "rag", "instance": "h:1"}
    columns = Columns(Labels({"__name__": name, **own}) for name in ("up", "error_share", "queries_total"))
    queries = 0.0
    for at_ms in range(begin_ms, begin_ms + hours * HOUR + 1, interval_ms):
        minute = (at_ms - begin_ms) / MINUTE
        queries += 30
        share = 0.3 if 120 <= minute < 140 else 0.08 if 842 <= minute < 845 else 0.01
        down = 960 <= minute < 970
        store.append(Row(columns, at_ms, np.array([0, STALE_NAN, STALE_NAN] if down else [1, share, queries])))
    store.close()


RULES = """
groups:
  - name: service
    rules:
      - {alert: Errors, expr: error_share > 0.05, for: 1m, labels: {severity: critical}}
      - {alert: Down, expr: up == 0, for: 5m, labels: {severity: critical}}
      - {alert: Slow, expr: error_share > 0.02, for: 10m, labels: {severity: warning}}
      - {alert: Never, expr: error_share > 0.9}
"""
CHANGED = RULES.replace("for: 1m", "for: 5m").replace("error_share > 0.9", "error_share > 0.25")
ROUTES = """
route: {receiver: oncall, group_by: [alertname], group_wait: 0s, group_interval: 5m, repeat_interval: 4h}
receivers:
  - name: oncall
    webhook_configs: [{url: "http://127.0.0.1:1/"}]
"""
