"""The configuration files that both sides are started with: the same targets, intervals and rules. Text in, text out."""

from __future__ import annotations

import json
from collections.abc import Sequence


def scraping(port: int, targets: int, interval: str) -> dict[str, object]:
    """Return `targets` jobs of one target each, /metrics/0 …, on `port`."""
    jobs = [
        {
            "job_name": f"page-{number}",
            "metrics_path": f"/metrics/{number}",
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        for number in range(targets)
    ]
    return {"global": {"scrape_interval": "15s"}, "scrape_configs": jobs}


def for_peer(settings: dict[str, object], *, rule_files: Sequence[str] = (), evaluation: str = "") -> str:
    """Return a file for Prometheus (JSON is YAML)."""
    return json.dumps(_with_rules(settings, rule_files, evaluation), indent=1)


def for_ours(settings: dict[str, object], *, rule_files: Sequence[str] = (), evaluation: str = "") -> str:
    """Return burnline.yml: the same, the machine's own metrics left out as Prometheus has none, samples for 15 days."""
    ours: dict[str, object] = {
        **_with_rules(settings, rule_files, evaluation),
        "system": {"enabled": False},
        "storage": {"retention": "15d", "max_memory": "8GB"},
    }
    return json.dumps(ours, indent=1)


def _with_rules(settings: dict[str, object], rule_files: Sequence[str], evaluation: str) -> dict[str, object]:
    made = dict(settings)
    if rule_files:
        made["rule_files"] = list(rule_files)
    if evaluation:
        made["global"] = {**settings["global"], "evaluation_interval": evaluation}  # type: ignore[dict-item]
    return made
