"""`burnline slo`: the verbs about service level objectives. Each parses its words and loads what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from agent.cli.options import url_option


@click.group()
def slo() -> None:
    """Service level objectives: what they promise, and the rules that page when their budget burns."""


@slo.command("compile")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--compat", "dialect", type=click.Choice(["sloth"]), help="The rules that sloth would make, to the last digit."
)
@click.option(
    "--default-period", "period", default="30d", show_default=True, help="Of an SLO that names none; at least 1d."
)
@click.option(
    "--windows", type=click.Path(path_type=Path), help="A folder of AlertWindows files: burn rates by period."
)
@click.option("--extra-label", "extra_labels", multiple=True, metavar="NAME=VALUE", help="On each series; repeatable.")
@click.option("--disable-recordings", is_flag=True, help="Only the alerts.")
@click.option("--disable-alerts", is_flag=True, help="Only what is recorded.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write there, not to standard output.")
def slo_compile(
    files: tuple[Path, ...],
    dialect: str | None,
    period: str,
    windows: Path | None,
    extra_labels: tuple[str, ...],
    disable_recordings: bool,
    disable_alerts: bool,
    out: Path | None,
) -> None:
    """Make Prometheus rules of objectives: sloth's files, their Kubernetes form, OpenSLO.

    Every window is a ratio of sums. Prints file:line:column of what is wrong, and exits 1; warnings change nothing.
    """
    from agent.cli.slo_compile import Wanted, compile_files

    wanted = Wanted(
        dialect or "burnline", period, windows, extra_labels, out, not disable_recordings, not disable_alerts
    )
    compile_files(files, wanted)


@slo.command("convert")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", required=True, type=click.Choice(["sloth", "kubernetes", "openslo"]), help="The format wanted.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: standard output.")
@click.option("--lossy", is_flag=True, help="Write it even where something is lost.")
def convert_slos(files: tuple[Path, ...], to: str, out: Path | None, lossy: bool) -> None:
    """Convert SLO files between sloth, its Kubernetes object and OpenSLO v1.

    Exits 1 and writes nothing where something would be lost, and lists it with its place.
    """
    from agent.cli.slo_convert import convert_files

    sys.exit(convert_files(files, to, out, lossy=lossy))


@slo.command("status")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@click.option("--watch", is_flag=True, help="Show it again every 5 s, until Ctrl-C.")
@url_option
def slo_status(names: tuple[str, ...], as_json: bool, watch: bool, url: str) -> None:
    """Show how objectives stand: what is good, what is left of the budgets, how fast they burn, what fires.

    A NAME is the id of an SLO, a service or a glob of these. The worst come first.
    """
    from agent.cli.slo_status import show_status, watch_status

    if watch:
        watch_status(url, names)
    else:
        show_status(url, names, as_json=as_json)


@slo.command("report")
@click.argument("names", nargs=-1)
@click.option(
    "--period",
    default="last-month",
    show_default=True,
    metavar="PERIOD",
    help="this-month, last-week, last-quarter, 30d, 2026-10, 2026-Q3, 2026-10-05, 2026-10-01..2026-10-14 …",
)
@click.option(
    "--format", "form", type=click.Choice(["md", "html", "csv", "json"]), help="Default: of --out's name, else md."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write there, not to standard output.")
@click.option("--time-zone", "zone", default="", metavar="ZONE", help="Default: that of the calendars, else UTC.")
@click.option(
    "--storage.path", "storage", type=click.Path(path_type=Path), help="Read this folder instead of an agent."
)
@click.option(
    "--config.file",
    "config_file",
    type=click.Path(path_type=Path),
    help="Names the SLOs of that folder; ./burnline.yml.",
)
@url_option
def slo_report(
    names: tuple[str, ...],
    period: str,
    form: str | None,
    out: Path | None,
    zone: str,
    storage: Path | None,
    config_file: Path | None,
    url: str,
) -> None:
    """Report on a period: which promises were kept, what burned the budgets and when, and what was not seen.

    A NAME is the id of an SLO, a service or a glob; without, all. Markdown pastes into a ticket, HTML is one file.
    """
    from agent.cli.slo_report import Wanted, write_report

    write_report(Wanted(names, period, form, out, zone, storage, config_file, url))


@slo.command("gate")
@click.argument("names", nargs=-1, required=True)
@click.option("--min-budget", default="10%", show_default=True, metavar="PERCENT", help="That has to be left of each.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@click.option("--override", "reason", default=None, metavar="REASON", help="Let the change through; it is recorded.")
@click.option("--by", default="", metavar="NAME", help="Who overrides.")
@url_option
def slo_gate(names: tuple[str, ...], min_budget: str, as_json: bool, reason: str | None, by: str, url: str) -> None:
    """Say whether error budgets let a deploy through: exit 0 go, 1 stop, 2 unknown.

    A NAME is the id of an SLO, a service (all of it), all, or a glob. What an SLO depends on is looked at, too.
    """
    from agent.cli.slo_gate import pass_gate

    sys.exit(pass_gate(url, names, min_budget, reason, by, as_json=as_json))


@slo.command("replay")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--from", "since", default="7d", show_default=True, metavar="TIME", help="A duration before --to, or a time."
)
@click.option("--to", "until", default="", metavar="TIME", help="Default: now, or the newest sample of --storage.path.")
@click.option(
    "--storage.path", "storage", type=click.Path(path_type=Path), help="Read an agent's folder, running or not."
)
@click.option("--config.file", "config_file", type=click.Path(path_type=Path), help="Default: ./burnline.yml.")
@click.option("--objective", "objectives", multiple=True, metavar="NAME=PERCENT", help="Another one; repeatable.")
@click.option("--windows", type=click.Path(path_type=Path), help="Other burn rates: a folder of AlertWindows files.")
@click.option("--min-events", type=click.IntRange(min=0), help="Another number of events below which traffic is low.")
@click.option(
    "--compare", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="SLOs as they might be."
)
@click.option("--default-period", default="", metavar="DURATION", help="Of an SLO that names none.")
@click.option("--step", default="", metavar="DURATION", help="How far apart to look; default: the scrape interval.")
@click.option(
    "--false-below", default=1.0, show_default=True, metavar="PERCENT", help="A page that cost less budget is false."
)
@click.option("-v", "--verbose", is_flag=True, help="Show every incident.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@url_option
def replay_slos(**words: Any) -> None:
    """Show when objectives would have paged over recorded samples, and what others would have changed.

    The samples are those of an agent's folder (--storage.path), or of the running agent or Prometheus at --url.
    """
    from agent.cli.slo_replay import Options, run_slo_replay

    sys.exit(run_slo_replay(Options(**words)))
