"""The verbs about who is told: acknowledge, explain, silence, routes, on call, drills, heartbeats and trying a receiver.

As everywhere on the command line they parse, call and print, and import what they need when they run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agent.cli.options import routing_option, url_option


@click.command()
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


@click.command()
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


@click.command("explain")
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


@click.group()
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


@click.group()
def routes() -> None:
    """Who is told of what: the routing tree, and where an alert would go."""


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


@click.command()
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


@click.command()
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


@click.group()
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


@click.group()
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


VERBS = (ack, unack, explain_alert, silence, routes, oncall, drill, heartbeat, notify)
