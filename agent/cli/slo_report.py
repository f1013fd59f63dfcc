"""`burnline slo report`: what became of promises over a period, from a running agent or from its folder."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import click

from agent.cli.client import call, read_text
from agent.cli.out import write_out
from agent.errors import InvalidInput

_SUFFIXES: Final = {
    "": "md",
    ".txt": "md",
    ".md": "md",
    ".html": "html",
    ".htm": "html",
    ".csv": "csv",
    ".json": "json",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. `form` None is that of the file's name, else md; with `storage` no agent is asked."""

    names: tuple[str, ...] = ()
    period: str = "last-month"
    form: str | None = None
    out: Path | None = None
    zone: str = ""
    storage: Path | None = None
    config_file: Path | None = None
    url: str = ""

    @property
    def format(self) -> str:
        """The format to write; raises InvalidInput for a file whose name speaks of one that there is not."""
        if self.form is not None:
            return self.form
        suffix = self.out.suffix.lower() if self.out is not None else ""
        if suffix not in _SUFFIXES:
            message = f"cannot write a report as {suffix}: name it .md, .html, .csv or .json, or say --format"
            raise InvalidInput(message)
        return _SUFFIXES[suffix]


def write_report(wanted: Wanted) -> None:
    """Print or write a report; raise BurnlineError where it cannot be made or written."""
    if wanted.config_file is not None and wanted.storage is None:
        message = "--config.file goes with --storage.path: a running agent knows its own objectives"
        raise InvalidInput(message)
    text = _of_agent(wanted) if wanted.storage is None else _of_folder(wanted, wanted.storage)
    if wanted.out is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    write_out(wanted.out, text, "the report")
    click.echo(f"wrote {wanted.out}", err=True)


def _of_agent(wanted: Wanted) -> str:
    asked = [("period", wanted.period), ("format", wanted.format), ("time_zone", wanted.zone)]
    path = f"/api/v1/slos/report?{urlencode([*asked, *(('name', name) for name in wanted.names)])}"
    if wanted.format == "json":
        return json.dumps(call(wanted.url, path, method="GET"), indent=2, ensure_ascii=False)
    return read_text(wanted.url, path)


def _of_folder(wanted: Wanted, storage: Path) -> str:
    from agent.app import report_kept
    from agent.config import Flags, load_config
    from agent.web.slos import ReportAsked

    config = load_config(Flags(config_file=wanted.config_file), os.environ, Path.cwd())
    asked = ReportAsked(wanted.names, wanted.period, wanted.zone, wanted.format)
    return report_kept(storage, config, asked, time.time_ns() // 1_000_000).text
