"""The demo's working folder: the shipped files, living faster, and a configuration that points at this run's ports."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from agent.config import shipped
from agent.demo.overlay import divided, write_overlay
from agent.model import format_duration, parse_duration
from agent.slo import Catalog

SCRAPE_INTERVAL = divided("15s")
SCRAPE_TIMEOUT = divided("10s")
PERIOD = "1d"
"""Of objectives: the shortest that there is."""
WINDOWS_SPEED = 60
"""An hour is a minute: so the page of an outage of seconds opens within seconds, and is over within the story."""


def write_files(folder: Path, service: str, listen: str) -> Path:
    """Write rules, routes, escalation, templates and burnline.yml into `folder`; return the configuration's path.

    `service` and `listen` are host:port.
    """
    rules, routes = shipped("rules"), shipped("alertmanager")
    sources = {path: folder / "rules" / path.name for path in rules.glob("*.yml")}
    sources |= {path: folder / "alertmanager" / path.name for path in routes.glob("*.yml")}
    sources |= {path: folder / "rules" / "slos" / path.name for path in rules.glob("slos/*.yml")}
    write_overlay(sources)
    (folder / "windows").mkdir(exist_ok=True)
    (folder / "windows" / f"{PERIOD}.yml").write_text(windows(), encoding="utf-8")
    shutil.copytree(routes / "templates", folder / "alertmanager" / "templates", dirs_exist_ok=True)
    (folder / "textfiles").mkdir(exist_ok=True)
    configuration = folder / "burnline.yml"
    configuration.write_text(_configuration(service, listen), encoding="utf-8")
    return configuration


def windows() -> str:
    """Return burn-rate windows for the demo's period: the burn rates of 30 days, over windows that are sixty times shorter."""
    period_ms = parse_duration(PERIOD)
    month = Catalog().windows(parse_duration("30d"))
    spec: dict[str, Any] = {"sloPeriod": PERIOD, "page": {}, "ticket": {}}
    for tier in month.tiers:
        short_ms, long_ms = tier.short_ms // WINDOWS_SPEED, tier.long_ms // WINDOWS_SPEED
        spec[tier.severity.value]["quick" if tier.quick else "slow"] = {
            "errorBudgetPercent": month.factor(tier) * 100 * long_ms / period_ms,
            "shortWindow": format_duration(short_ms),
            "longWindow": format_duration(long_ms),
        }
    return yaml.safe_dump({"apiVersion": "sloth.slok.dev/v1", "kind": "AlertWindows", "spec": spec}, sort_keys=False)


def _configuration(service: str, listen: str) -> str:
    return f"""\
global: {{scrape_interval: {SCRAPE_INTERVAL}, scrape_timeout: {SCRAPE_TIMEOUT}}}
scrape_configs:
  - {{job_name: rag, static_configs: [{{targets: ["{service}"]}}]}}
system: {{enabled: true, textfile_directory: textfiles}}
rule_files: ["rules/*.yml"]
slo_files: ["rules/slos/*.yml"]
slo: {{default_period: {PERIOD}, windows: windows}}
notify: {{config_file: alertmanager/alertmanager.yml, escalation_file: alertmanager/escalation.yml}}
storage: {{path: data, retention: 1h, max_memory: 256MB}}
web: {{listen_address: "{listen}"}}
"""
