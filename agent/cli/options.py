"""Options that several verbs share, said in the same words everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

DEFAULT_URL: Final = "http://127.0.0.1:9477"


def url_option(function: Any) -> Any:
    """Add `--url`, the running agent to talk to."""
    return click.option(
        "--url", envvar="BURNLINE_URL", default=DEFAULT_URL, show_default=True, help="The running agent."
    )(function)


def routing_option(function: Any) -> Any:
    """Add `--config.file`, which reads files in place of a running agent."""
    words = "Read this burnline.yml, or alertmanager.yml with the escalation.yml beside it, instead of an agent."
    return click.option("--config.file", "config_file", type=click.Path(path_type=Path), help=words)(function)
