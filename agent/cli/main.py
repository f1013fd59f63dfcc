"""The command line: verbs that parse, call and print. A verb imports what it needs when it runs, so that `check` stays fast."""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path
from typing import Any

import click

from agent import __version__
from agent.errors import BurnlineError, SchemaError

DEFAULT_URL = "http://127.0.0.1:9477"


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


def url_option(function: Any) -> Any:
    """Add `--url`, the running agent to talk to."""
    return click.option(
        "--url", envvar="BURNLINE_URL", default=DEFAULT_URL, show_default=True, help="The running agent."
    )(function)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="burnline")
def burnline() -> None:
    """Watch a RAG service: collect, evaluate, tell someone, escalate until somebody acknowledges."""


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

    from agent.footprint import share_one_heap, without

    share_one_heap()
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
    """Validate files: configuration, rules, routes, escalation. Without FILES: ./burnline.yml and all it names.

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
@click.argument("what", nargs=-1)
@click.option(
    "--by", default="", envvar="USER", help="Who acknowledges: a name of escalation.yml is reminded in person."
)
@click.option("--comment", default="", help="What you are doing about it: whoever was told reads it.")
@click.option("--for", "duration", default="", metavar="DURATION", help="In place of settings.ack_timeout: 2h.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def ack(what: tuple[str, ...], by: str, comment: str, duration: str, as_json: bool, url: str) -> None:
    """Acknowledge what is open: its escalation stops. Without WHAT, show what is open and who has it.

    WHAT is an alert's fingerprint or an incident's id, as messages say them, or matchers: an alert's name, job=rag.
    """
    from agent.cli.ack import acknowledge, show_incidents

    if not what:
        show_incidents(url, as_json=as_json)
        return
    if not by:
        raise click.UsageError("say who has it: --by NAME")
    acknowledge(url, what, by, comment, duration, as_json=as_json)


@burnline.command()
@click.argument("what", nargs=-1, required=True)
@click.option("--by", default="", envvar="USER", help="Who gives it back.")
@click.option("--comment", default="", help="Why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def unack(what: tuple[str, ...], by: str, comment: str, as_json: bool, url: str) -> None:
    """Give back what was acknowledged: its escalation starts over. WHAT is written as for `burnline ack`."""
    from agent.cli.ack import give_back

    if not by:
        raise click.UsageError("say who gives it back: --by NAME")
    give_back(url, what, by, comment, as_json=as_json)


@burnline.command("explain")
@click.argument("words", nargs=-1, metavar="[ALERT]...")
@click.option("--person", default="", metavar="NAME", help="What was for somebody, and what was not.")
@click.option("--at", default="", metavar="TIME", help="As it was then: 2026-01-05T18:30 or 18:30. Default: now.")
@click.option(
    "--since", default="", metavar="TIME", help="How far back: 12h, or a time. Default: the alert's last life."
)
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@click.option(
    "--storage.path", "storage", type=click.Path(path_type=Path), help="Read this folder instead of an agent."
)
@url_option
def explain_alert(
    words: tuple[str, ...], person: str, at: str, since: str, as_json: bool, storage: Path | None, url: str
) -> None:
    """Say why somebody was told of an alert or not, link by link, and what happens next.

    ALERT is a name with labels (HighErrorRate severity=critical 'job=~"a|b"'), a fingerprint, or the id of a message or of
    an incident. Exits 1 where nothing is known of it.
    """
    from agent.cli.account import Asked, show_account

    sys.exit(show_account(url, storage, Asked(words, person, at, since), as_json=as_json))


@burnline.group()
def silence() -> None:
    """Hold messages back for a while: add, list, change, expire, import."""


@silence.command("add")
@click.argument("matchers", nargs=-1, required=True)
@click.option("-d", "--duration", default="", metavar="DURATION", help="How long, such as 2h or 1h30m. Default: 1h.")
@click.option("--start", default="", metavar="TIME", help="2026-01-05T18:30, 18:30 or +30m. Default: now.")
@click.option("--end", default="", metavar="TIME", help="In place of --duration.")
@click.option("-a", "--author", default="", envvar="USER", help="Who wants it.")
@click.option("-c", "--comment", default="", help="Why: whoever is not told will ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def silence_add(
    matchers: tuple[str, ...], duration: str, start: str, end: str, author: str, comment: str, as_json: bool, url: str
) -> None:
    """Hold back the alerts that fulfil every MATCHER: an alert's name, job=rag, 'instance=~"db.*"', env!=dev."""
    from agent.cli.silence import Span, add

    if not comment:
        raise click.UsageError('say why, for whoever is not told: --comment "deploying 1.4"')
    if not author:
        raise click.UsageError("say who wants it: --author NAME")
    add(url, matchers, Span(duration, start, end), author, comment, as_json=as_json)


@silence.command("list")
@click.argument("matchers", nargs=-1)
@click.option("--expired", is_flag=True, help="Those of the last days that are over, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@url_option
def silence_list(matchers: tuple[str, ...], expired: bool, as_json: bool, url: str) -> None:
    """Show the silences, those that end next first; with MATCHERS the ones that have these very matchers."""
    from agent.cli.silence import show

    show(url, matchers, expired=expired, as_json=as_json)


@silence.command("expire")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--matching", multiple=True, metavar="MATCHER", help="All that have this very matcher; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def silence_expire(ids: tuple[str, ...], matching: tuple[str, ...], as_json: bool, url: str) -> None:
    """End silences now. The first characters of an ID are enough."""
    from agent.cli.silence import expire

    expire(url, ids, matching, as_json=as_json)


@silence.command("update")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("-d", "--duration", default="", metavar="DURATION", help="How long from now (or from its begin) on.")
@click.option("--start", default="", metavar="TIME", help="Of one that has not begun.")
@click.option("--end", default="", metavar="TIME", help="In place of --duration.")
@click.option("-a", "--author", default="", help="Who has it now.")
@click.option("-c", "--comment", default="", help="Why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def silence_update(
    ids: tuple[str, ...], duration: str, start: str, end: str, author: str, comment: str, as_json: bool, url: str
) -> None:
    """Change when silences end, who has them, or why."""
    from agent.cli.silence import Span, update

    update(url, ids, Span(duration, start, end), author, comment, as_json=as_json)


@silence.command("import")
@click.argument("file", default="-")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def silence_import(file: str, as_json: bool, url: str) -> None:
    """Make the silences of a FILE (- is standard input), as `silence list --json` and amtool write it."""
    from agent.cli.silence import import_file

    sys.exit(import_file(url, file, as_json=as_json))


@burnline.group()
def routes() -> None:
    """Who is told of what: the routing tree, and where an alert would go."""


def routing_option(function: Any) -> Any:
    """Add `--config.file`, which reads files in place of a running agent."""
    words = "Read this burnline.yml, or alertmanager.yml with the escalation.yml beside it, instead of an agent."
    return click.option("--config.file", "config_file", type=click.Path(path_type=Path), help=words)(function)


@routes.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@routing_option
@url_option
def routes_show(config_file: Path | None, as_json: bool, url: str) -> None:
    """Draw the routing tree with its timers, and whom each receiver tells, at once and later."""
    from agent.cli.routes import show_routes

    show_routes(url, config_file, as_json=as_json)


@routes.command("test")
@click.argument("labels", nargs=-1, required=True)
@click.option(
    "--verify-receivers", "wanted", multiple=True, metavar="NAMES", help="Exit 1 unless it goes to these, in order."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@routing_option
@url_option
def routes_test(
    labels: tuple[str, ...], wanted: tuple[str, ...], as_json: bool, config_file: Path | None, url: str
) -> None:
    """Say who would be told of an alert with these LABELS, by which route and channel, and when it escalates.

    A label is written severity=critical; a bare word is the alert's name. Nothing is sent.
    """
    from agent.cli.routes import show_test

    sys.exit(show_test(url, config_file, labels, wanted, as_json=as_json))


@burnline.command()
@click.argument("team", default="")
@click.option("--at", default="", metavar="TIME", help="2026-01-05T18:30, 18:30 or +30m. Default: now.")
@click.option("--weeks", type=click.IntRange(1, 104), help="Also the shifts of so many weeks; of a calendar 8.")
@click.option("--person", default="", help="Only this person's shifts.")
@click.option("--ical", is_flag=True, help="Print a calendar (RFC 5545).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@routing_option
@url_option
def oncall(
    team: str, at: str, weeks: int | None, person: str, ical: bool, as_json: bool, config_file: Path | None, url: str
) -> None:
    """Say who is on call and who is next, for TEAM with its shifts; --config.file may be an escalation.yml, too."""
    from agent.cli.oncall import Asked, print_calendar, show_on_call

    asked = Asked(team, person, at, weeks or 0)
    if ical and (at or as_json):
        raise click.UsageError("a calendar begins now and is no JSON; leave out --at and --json")
    if ical:
        print_calendar(url, config_file, asked)
    else:
        show_on_call(url, config_file, asked, as_json=as_json)


@burnline.command()
@click.argument("name", default="")
@click.option("--labels", "-l", multiple=True, metavar="NAME=VALUE", help="Of its alert; default: severity=critical.")
@click.option("--receiver", default="", help="Try this one, whatever the routes say.")
@click.option("--expect", type=click.Choice(["delivery", "ack"]), help="What must happen. Default: delivery.")
@click.option("--within", default="", metavar="DURATION", help="Default: 10m.")
@click.option("--escalate", is_flag=True, help="Let the steps of escalation run, too.")
@click.option("--wait/--no-wait", default=True, help="Follow it until it is over.")
@click.option("--show", default="", metavar="ID", help="Begin none; show this one.")
@click.option("--list", "list_them", is_flag=True, help="Begin none; show when they come, and how they went.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def drill(
    name: str,
    labels: tuple[str, ...],
    receiver: str,
    expect: str | None,
    within: str,
    escalate: bool,
    wait: bool,
    show: str,
    list_them: bool,
    as_json: bool,
    url: str,
) -> None:
    """Page on purpose: send a [TEST] alert the way of a real one, and see whether it arrives at everybody.

    With NAME, as escalation.yml says under `drill`. Exits 1 where it failed.
    """
    from agent.cli.drill import Wanted, list_drills, run_drill, show_drill

    if list_them or show:
        sys.exit(list_drills(url, as_json=as_json) if list_them else show_drill(url, show, as_json=as_json))
    wanted = Wanted(name, labels, receiver, expect or "", within, escalate)
    sys.exit(run_drill(url, wanted, wait=wait, as_json=as_json))


@burnline.group()
def heartbeat() -> None:
    """Heartbeats: those that this agent sends, and those that others owe it."""


@heartbeat.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def heartbeat_list(as_json: bool, url: str) -> None:
    """Show how each heartbeat stands. Exits 1 where one is missing, failed or does not get out."""
    from agent.cli.heartbeat import list_heartbeats

    sys.exit(list_heartbeats(url, as_json=as_json))


@heartbeat.command("ping")
@click.argument("name")
@click.option("--start", "word", flag_value="start", help="The work begins; the ping without it says that it is done.")
@click.option("--fail", "word", flag_value="fail", help="The work failed.")
@click.option("--message", "-m", default="", help="What it says; shown when it is missing later.")
@click.option("--token-file", type=click.Path(path_type=Path), help="A file that holds its token.")
@click.option("--token", envvar="BURNLINE_HEARTBEAT_TOKEN", default="", help="Better in the variable than here.")
@url_option
def heartbeat_ping(name: str, word: str | None, message: str, token_file: Path | None, token: str, url: str) -> None:
    """Send the heartbeat NAME to the agent, as the last line of a job does."""
    from agent.cli.heartbeat import ping

    ping(url, name, word or "ok", message, token_file, token)


@burnline.group()
def notify() -> None:
    """Receivers: try them before they are needed."""


@notify.command("test")
@click.argument("receiver", default="")
@click.option("--dry-run", is_flag=True, help="Only print what would be sent, to the byte, without secrets.")
@click.option(
    "--sample",
    type=click.Choice(["firing", "resolved", "mixed", "huge", "bare", "empty"]),
    default="firing",
    show_default=True,
    help="The made-up message.",
)
@click.option(
    "--replay", default="", metavar="ID", help="What the agent sent under this id, in place of a made-up message."
)
@click.option("--steps", is_flag=True, help="Also to those whom it tells later, when nobody acknowledges.")
@click.option("--probe", is_flag=True, help="Send nothing: ask every provider whether it is there and knows us.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@routing_option
@url_option
def notify_test(
    receiver: str,
    dry_run: bool,
    sample: str,
    replay: str,
    steps: bool,
    probe: bool,
    as_json: bool,
    config_file: Path | None,
    url: str,
) -> None:
    """Send a message marked [TEST] to all whom RECEIVER tells, and say what each provider answered.

    It goes past routes, silences, limits and quiet hours. Exits 1 where anything did not get through.
    """
    from agent.cli.notify import Asked, run_test

    asked = Asked(receiver, sample, replay, dry_run, steps, probe)
    sys.exit(run_test(url, config_file, asked, as_json=as_json))


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
