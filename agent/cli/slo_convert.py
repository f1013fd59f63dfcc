"""`burnline slo convert`: from one format of SLO files to another. Reading and writing them is the slo room's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from agent.cli.kinds import expanded
from agent.cli.out import write_out
from agent.schema import Remark
from agent.slo import Source, convert, load_slos


def convert_files(files: Sequence[Path], to: str, out: Path | None, *, lossy: bool = False) -> int:
    """Convert SLO files to another format; print it or write it to `out`. Return 0, or 1 where something would be lost.

    Then nothing is written, unless `lossy`; what is lost is listed on standard error either way.
    """
    found = load_slos([str(each) for each in expanded(files)])
    made = convert(found, Source(to))
    unkept = set(made.losses)
    _say([each for each in found.warnings if each not in unkept])
    _say(replace(each, message=f"lost: {each.message}") for each in made.losses)
    if made.losses and not lossy:
        click.echo(f"nothing was written: {to} cannot say all of this (--lossy writes the rest)", err=True)
        return 1
    if out is None:
        click.echo(made.text, nl=False)
    else:
        write_out(out, made.text, "the converted SLOs")
    return 0


def _say(remarks: Iterable[Remark]) -> None:
    color = False if os.environ.get("NO_COLOR") else None  # None: only on a terminal
    for each in remarks:
        click.echo(f"{click.style(f'{each.place}:', bold=True)} {each.message}", err=True, color=color)
