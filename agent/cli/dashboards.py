"""Write the dashboards, or say which committed file is not what a build makes."""

from __future__ import annotations

from pathlib import Path

import click

from agent.dashboards import check, write
from agent.errors import BurnlineError


def write_dashboards(folder: Path, *, only_check: bool) -> int:
    """Return the exit code; raise BurnlineError where a file cannot be written."""
    if only_check:
        found = check(folder)
        for sentence in found:
            click.echo(sentence, err=True)
        return 1 if found else 0
    try:
        for path in write(folder):
            click.echo(f"wrote {path}")
    except OSError as error:
        message = f"cannot write the dashboards to {folder}: {error.strerror}; choose another --out"
        raise BurnlineError(message) from error
    return 0
