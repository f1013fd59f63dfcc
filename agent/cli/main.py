"""The command line: verbs that parse, call and print. A verb imports what it needs when it runs, so that `check` stays fast."""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path
from typing import Any

import click

from agent import __version__
from agent.cli.options import url_option
from agent.cli.slo import slo
from agent.cli.telling import VERBS
from agent.errors import BurnlineError, SchemaError


class Verbs(click.Group):
    """A group of verbs whose own errors end in one clear message and exit code 1, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except SchemaError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            sys.exit(1)
        except BurnlineError as error:
            click.echo(f"burnline: {error}", err=True)
            sys.exit(1)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="burnline")
def burnline() -> None:
    """Watch a RAG service: collect, evaluate, tell someone, escalate until somebody acknowledges."""


for verb in (*VERBS, slo):
    burnline.add_command(verb)


@burnline.command()
@click.option("--config.file", "config_file", type=click.Path(path_type=Path), help="Default: ./burnline.yml.")
@click.option("--target", "targets", multiple=True, metavar="HOST:PORT", help="Scrape this too; repeatable.")
@click.option("--web.listen-address", "listen_address", default="", help="Default: 127.0.0.1:9477.")
@click.option("--web.external-url", "external_url", default="", help="How people reach the agent; messages link there.")
@click.option("--storage.path", "storage_path", default="", help="Where samples and state are kept. Default: data.")
@click.option("--log.level", "log_level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--log.format", "log_format", type=click.Choice(["auto", "json", "console"]), default="auto")
def run(
    config_file: Path | None,
    targets: tuple[str, ...],
    listen_address: str,
    external_url: str,
    storage_path: str,
    log_level: str,
    log_format: str,
) -> None:
    """Run the agent until SIGTERM or Ctrl-C; SIGHUP reloads its files."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # no file was read yet, so there is nothing to read again
    gc.disable()  # what a start loads is no garbage: looking for it takes a tenth of the time until it is ready

    from agent.footprint import loading, without

    with loading():
        with without("rich"):  # structlog would load it for coloured traces, which our logs do not have
            import structlog  # noqa: F401
        from agent.app import serve
        from agent.config import Flags
        from agent.telemetry import configure_logging

    configure_logging(log_level, log_format)
    serve(Flags(config_file, listen_address, external_url, storage_path, targets))


@burnline.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--lint", default="all", metavar="CODES", help="all, none, CODE,CODE, or -CODE for all but CODE.")
@click.option("--live", default="", metavar="URL", help="Ask this agent or Prometheus about the rules, too.")
@click.option(
    "--live-token-file", "token_file", type=click.Path(path_type=Path), help="A file that holds its bearer token."
)
@click.option("--json", "shape", flag_value="json", help="Print one JSON object.")
@click.option("--sarif", "shape", flag_value="sarif", help="Print SARIF 2.1.0, for code hosts.")
def check(files: tuple[Path, ...], lint: str, live: str, token_file: Path | None, shape: str | None) -> None:
    """Validate files: configuration, rules, SLOs, routes, escalation. Without FILES: ./burnline.yml and all it names.

    Prints file:line:column, what is wrong and a suggestion. Exits 1 on an error, 3 where only lints found something.
    """
    gc.disable()  # ten thousand rules are a million objects and no garbage: looking for it takes a third of the time
    try:
        from agent.cli.check import Options, check_files

        sys.exit(check_files(files, Options(lint, shape or "text", live, token_file)))
    finally:
        gc.enable()


@burnline.command("test")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--run", "names", multiple=True, metavar="REGEX", help="Only tests whose name it finds; repeatable.")
@click.option("--trace", is_flag=True, help="Draw what each alert did, tick by tick.")
@click.option("--coverage", is_flag=True, help="Say of each alert in how many tests it fires.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit's XML there too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--ignore-unknown-fields", "ignore_unknown", is_flag=True, help="Of the rule files that are tested.")
def run_tests(
    files: tuple[Path, ...],
    names: tuple[str, ...],
    trace: bool,
    coverage: bool,
    junit: Path | None,
    as_json: bool,
    ignore_unknown: bool,
) -> None:
    """Run unit tests of rules, in promtool's format; a folder means the files in it.

    Prints a line per test, and for a failure its place, a diff and what the alert was doing. Exits 1 where one failed.
    """
    from agent.footprint import without

    with without("rich"):  # as in run
        import structlog  # noqa: F401
    from agent.cli.test import Reports, run_files
    from agent.cli.test_report import Shown

    reports = Reports(Shown(trace, coverage), junit, as_json)
    sys.exit(run_files(files, names, reports, ignore_unknown=ignore_unknown))


@burnline.command()
@click.argument("expression")
@click.option("--time", "at", default="", help="Unix seconds or RFC 3339; default: now.")
@click.option("--range", "span", default="", metavar="DURATION", help="Show the last DURATION, such as 1h, as a line.")
@click.option("--start", default="", metavar="TIME", help="Begin of a range, seconds since the epoch or RFC 3339.")
@click.option("--end", default="", metavar="TIME", help="Its end.")
@click.option("--step", default="", metavar="DURATION", help="Its step, such as 15s.")
@click.option("--explain", is_flag=True, help="Say what the query does and what each part of it takes.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@url_option
def query(
    expression: str, at: str, span: str, start: str, end: str, step: str, explain: bool, as_json: bool, url: str
) -> None:
    """Ask the running agent a PromQL question."""
    from agent.cli.query import When, show_query

    show_query(url, expression, When(at, span, start, end, step), explain=explain, as_json=as_json)


@burnline.command()
@click.argument("matchers", nargs=-1)
@click.option("--history", is_flag=True, help="Show what changed instead of what is active, newest first.")
@click.option("--since", default="24h", show_default=True, metavar="DURATION", help="How far back the history goes.")
@click.option("--rule", "rules", multiple=True, help="Only alerts of this rule; repeatable.")
@click.option("--group", "groups", multiple=True, help="Only changes of this rule group; repeatable.")
@click.option("--state", "states", multiple=True, type=click.Choice(["pending", "firing", "resolved", "inactive"]))
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Lines of the history.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@click.option(
    "--storage.path", "storage", type=click.Path(path_type=Path), help="Read this folder instead of an agent."
)
@url_option
def alerts(
    matchers: tuple[str, ...],
    history: bool,
    since: str,
    rules: tuple[str, ...],
    groups: tuple[str, ...],
    states: tuple[str, ...],
    limit: int,
    as_json: bool,
    storage: Path | None,
    url: str,
) -> None:
    """Show the alerts that are active, or with --history how they came and went.

    A MATCHER is an alert's name or a condition on a label: severity=critical, 'job=~"a|b"', instance!=db.
    """
    from agent.cli.alerts import Asked, show_alerts, show_history

    asked = Asked(matchers, rules, groups, states, since, limit)
    (show_history if history else show_alerts)(url, storage, asked, as_json=as_json)


@burnline.command()
@click.argument("names", nargs=-1)
@click.option("--group", "groups", multiple=True, help="Only rules of this group; repeatable.")
@click.option("--slow", is_flag=True, help="The slowest first, by the longest of their last evaluations.")
@click.option("--failing", is_flag=True, help="Only those whose last evaluation failed.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@url_option
def rules(names: tuple[str, ...], groups: tuple[str, ...], slow: bool, failing: bool, as_json: bool, url: str) -> None:
    """Show how the rules' last evaluations went: what they read and gave, how long they took, why they failed."""
    from agent.cli.rules import show_rules

    show_rules(url, names, groups, slow=slow, failing=failing, as_json=as_json)


@burnline.command()
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@url_option
def reload(as_json: bool, url: str) -> None:
    """Have the running agent read its files anew, and say what changed; what is wrong with them is said instead."""
    from agent.cli.query import reload_files

    reload_files(url, as_json=as_json)


@burnline.command()
@click.argument("rules", nargs=-1, required=True, metavar="RULES...")
@click.option(
    "--from", "since", default="7d", show_default=True, metavar="TIME", help="A duration before --until, or a time."
)
@click.option("--until", default="", metavar="TIME", help="Default: the newest sample.")
@click.option(
    "--storage.path", "storage", type=click.Path(path_type=Path), help="Read an agent's folder, running or not."
)
@click.option("--config.file", "config_file", type=click.Path(path_type=Path), help="Default: ./burnline.yml.")
@click.option("--alertmanager", type=click.Path(path_type=Path), help="Routes to go through; default: burnline.yml's.")
@click.option("--escalation", type=click.Path(path_type=Path), help="The escalation file beside it.")
@click.option("--compare", multiple=True, metavar="RULES", help="Changed rules: say what they would have changed.")
@click.option("--rule", "names", multiple=True, metavar="NAME", help="Only these rules, and what they read.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Only these groups, and what they read.")
@click.option("--interval", default="", metavar="DURATION", help="Evaluate every group so often.")
@click.option("--step-by-step", is_flag=True, help="Evaluate instant by instant: slow, and the same.")
@click.option("-v", "--verbose", is_flag=True, help="Show each time that an alert fired or was pending.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with timelines, too.")
@url_option
def replay(
    rules: tuple[str, ...],
    since: str,
    until: str,
    storage: Path | None,
    config_file: Path | None,
    alertmanager: Path | None,
    escalation: Path | None,
    compare: tuple[str, ...],
    names: tuple[str, ...],
    groups: tuple[str, ...],
    interval: str,
    step_by_step: bool,
    verbose: bool,
    as_json: bool,
    html: Path | None,
    url: str,
) -> None:
    """Show when rules would have fired over recorded samples, and who would have been told.

    The samples are those of an agent's folder (--storage.path), or of the running agent or Prometheus at --url.
    """
    from agent.cli.replay import Options, run_replay

    sys.exit(
        run_replay(
            Options(
                files=rules,
                since=since,
                until=until,
                storage=storage,
                url=url,
                config_file=config_file,
                alertmanager=alertmanager,
                escalation=escalation,
                compare=compare,
                rules=names,
                groups=groups,
                interval=interval,
                step_by_step=step_by_step,
                verbose=verbose,
                as_json=as_json,
                html=html,
            )
        )
    )


@burnline.command()
@click.option(
    "--exit-after",
    type=click.FloatRange(min=1, max=86_400),
    default=None,
    metavar="SECONDS",
    help="Run the story once, print a summary.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the load generator.")
@click.option("--keep", type=click.Path(path_type=Path), default=None, help="Keep the demo's files and logs here.")
def demo(exit_after: float | None, seed: int, keep: Path | None) -> None:
    """Show the whole story in one terminal: a RAG service, its load, a fault, the pages, the end."""
    from agent.demo import run_demo

    sys.exit(run_demo(exit_after, seed, keep))


@burnline.command()
@click.option("--listen-address", default="127.0.0.1", show_default=True, help="Host to bind; ports are printed.")
@click.option("--http-port", type=int, default=8025, show_default=True)
@click.option("--smtp-port", type=int, default=1025, show_default=True)
@click.option(
    "--environment", is_flag=True, help="Only print the variables that lead the shipped files to it, for eval."
)
@url_option
def inbox(listen_address: str, http_port: int, smtp_port: int, url: str, *, environment: bool) -> None:
    """Run a local stand-in for SMTP, Slack and Twilio, to try receivers without accounts."""
    from agent.cli.inbox import run_inbox, show_environment

    if environment:
        show_environment(listen_address, http_port, smtp_port)
        return
    run_inbox(listen_address, http_port, smtp_port, url)


@burnline.group()
def dashboards() -> None:
    """Generate Grafana dashboards."""


@dashboards.command("build")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("dashboards"), show_default=True)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 where a file differs from a rebuild.")
def build_dashboards(out: Path, only_check: bool) -> None:
    """Write the dashboards' JSON."""
    from agent.cli.dashboards import write_dashboards

    sys.exit(write_dashboards(out, only_check=only_check))


def main() -> None:
    """Run the command line."""
    burnline()
