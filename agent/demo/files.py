"""The demo's working folder: the shipped files, living faster, and a configuration that points at this run's ports."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.config import shipped
from agent.demo.overlay import divided, write_overlay

SCRAPE_INTERVAL = divided("15s")
SCRAPE_TIMEOUT = divided("10s")


def write_files(folder: Path, service: str, listen: str) -> Path:
    """Write rules, routes, escalation, templates and burnline.yml into `folder`; return the configuration's path.

    `service` and `listen` are host:port.
    """
    rules, routes = shipped("rules"), shipped("alertmanager")
    sources = {path: folder / "rules" / path.name for path in rules.glob("*.yml")}
    sources |= {path: folder / "alertmanager" / path.name for path in routes.glob("*.yml")}
    write_overlay(sources)
    shutil.copytree(routes / "templates", folder / "alertmanager" / "templates", dirs_exist_ok=True)
    (folder / "textfiles").mkdir(exist_ok=True)
    configuration = folder / "burnline.yml"
    configuration.write_text(_configuration(service, listen), encoding="utf-8")
    return configuration


def _configuration(service: str, listen: str) -> str:
    return f"""\
global: {{scrape_interval: {SCRAPE_INTERVAL}, scrape_timeout: {SCRAPE_TIMEOUT}}}
scrape_configs:
  - {{job_name: rag, static_configs: [{{targets: ["{service}"]}}]}}
system: {{enabled: true, textfile_directory: textfiles}}
rule_files: ["rules/*.yml"]
notify: {{config_file: alertmanager/alertmanager.yml, escalation_file: alertmanager/escalation.yml}}
storage: {{path: data, retention: 1h, max_memory: 256MB}}
web: {{listen_address: "{listen}"}}
"""
