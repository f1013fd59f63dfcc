"""`burnline slo compile`: files of objectives in, Prometheus rules out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from agent import __version__
from agent.cli.out import write_out
from agent.errors import InvalidInput
from agent.model import parse_length
from agent.slo import Catalog, Dialect, Setting, checked_label_name, compile_slos, load_slos, rule_file, warnings_of

_LABEL: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for, as it was written."""

    dialect: str = "burnline"
    period: str = "30d"
    windows: Path | None = None
    extra_labels: Sequence[str] = ()
    out: Path | None = None
    recordings: bool = True
    alerts: bool = True


def compile_files(files: Iterable[Path], wanted: Wanted) -> None:
    """Compile the files and print or write the rules; raise InvalidInput with every place that is wrong, and write nothing.

    What should be known besides goes to standard error.
    """
    setting = Setting(
        dialect=Dialect(wanted.dialect),
        period_ms=parse_length(wanted.period, "--default-period"),
        catalog=Catalog.load(wanted.windows),
        extra_labels=dict(_label(each) for each in wanted.extra_labels),
        version=f"burnline {__version__}",
        recordings=wanted.recordings,
        alerts=wanted.alerts,
    )
    read = load_slos(files)
    compiled = compile_slos(read.slos, setting)
    text = rule_file(compiled, setting.dialect)
    for warning in (*map(str, read.warnings), *warnings_of(compiled)):
        click.echo(f"{warning} (warning)", err=True)
    if wanted.out is None:
        click.echo(text, nl=False)
    else:
        write_out(wanted.out, text, "the rules")


def _label(text: str) -> tuple[str, str]:
    match = _LABEL.fullmatch(text)
    if match is None:
        message = f'--extra-label is written name=value, the name of letters, digits and underscores; found "{text}"'
        raise InvalidInput(message)
    try:
        return checked_label_name(match[1]), match[2]
    except ValueError as error:
        raise InvalidInput(f"--extra-label: {error}") from error
