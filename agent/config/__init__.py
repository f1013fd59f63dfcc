"""Reading what burnline.yml and the flags say into one resolved Config. Nothing here runs."""

from __future__ import annotations

from agent.config.file import BackfillSection, ConfigFile, QuerySection, parse_listen_address
from agent.config.loading import Config, Flags, load_config
from agent.config.shipped import runbook_folder, shipped

__all__ = [
    "BackfillSection",
    "Config",
    "ConfigFile",
    "Flags",
    "QuerySection",
    "load_config",
    "parse_listen_address",
    "runbook_folder",
    "shipped",
]
